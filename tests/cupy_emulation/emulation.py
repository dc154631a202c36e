"""CuPy on two pretended devices: what was launched, moved and waited for, and where that is forbidden."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cupy_emulation import blas, build, stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class HostAccessError(AssertionError):
    """The host waits for the device, or moves values to it or from it, where it must not."""


class Counts(NamedTuple):
    """What was done since the start."""

    launches: int
    to_device: int
    to_host: int
    on_device: int
    synchronisations: int
    overruns: int


class Emulation:
    """The stand-ins, in force from the moment that this is made: make it by `install`."""

    def __init__(self) -> None:
        if "cupy" in sys.modules or os.environ.get("CUPY_ACCELERATORS"):
            stand_ins.refuse("start where CuPy is imported already, or accelerators such as CUB are on")
        os.environ.update(CUPY_ACCELERATORS="", CUPY_CACHE_IN_MEMORY="1")
        stand_ins.find_cuda()
        stand_ins.refuse_libraries()
        api = [importlib.import_module(f"cupy_backends.cuda.api.{name}") for name in ("runtime", "driver")]
        self._library = stand_ins.put_in(api[1].get_build_version(), *api)
        ctypes.py_object.in_dll(self._library, "emu_cannot").value = build.CannotEmulateError
        ctypes.py_object.in_dll(self._library, "emu_host_access").value = HostAccessError
        blas.put_in(self._library)
        self.kernels: list[Path] = []
        """The kernels that this process has loaded."""
        self.compiled = 0
        """How many of them it compiled; the others were compiled, and checked by NVRTC, before."""
        self.cupy = importlib.import_module("cupy")
        self._take_over()

    def _take_over(self) -> None:
        """Compile by both compilers, allocate without a pool, which would hide what is freed, and refuse the rest."""
        compiler = importlib.import_module("cupy.cuda.compiler")
        name = "_compile_using_nvrtc_no_warning"
        if not hasattr(compiler, name):  # CuPy 13
            name = "compile_using_nvrtc"
        self._nvrtc = getattr(compiler, name)
        setattr(compiler, name, self._compile)
        compiler._preprocess = lambda *_: "emulated"  # noqa: SLF001  # a part of the key of a cache that is off
        self.cupy.cuda.set_allocator(None)
        self.cupy.cuda.set_pinned_memory_allocator(None)
        accelerators = importlib.import_module("cupy._core._accelerator")
        if accelerators.get_reduction_accelerators() or accelerators.get_routine_accelerators():
            stand_ins.refuse("use accelerators such as CUB")
        setters = ("set_reduction_accelerators", "set_routine_accelerators")
        stand_ins.refuse_functions(accelerators, *setters)
        stand_ins.refuse_functions(importlib.import_module("cupy._core"), *setters)
        stand_ins.refuse_functions(self.cupy.cuda.thrust, "argsort", "lexsort", "sort")

    def _compile(self, source: str, options: tuple[str, ...] = (), *rest: Any, **more: Any) -> tuple[bytes, None]:
        """Have NVRTC check a kernel, and hand over the one for the host under the name that shim.c expects."""
        named = more.get("name_expressions", rest[2] if len(rest) > 2 else None)
        if named or "<cub/" in source:
            stand_ins.refuse("run templates or CUB")

        def check() -> None:
            self._nvrtc(source, options, *rest, **more)
            self.compiled += 1

        self.kernels.append(build.kernel(source, options, check))
        return b"emulated:" + bytes(self.kernels[-1]), None

    def counts(self) -> Counts:
        """Return the counters."""
        return Counts(*(ctypes.c_long.in_dll(self._library, f"emu_{name}").value for name in Counts._fields))

    def forgive(self) -> None:
        """Launch again, after a kernel that wrote outside of its array."""
        ctypes.c_long.in_dll(self._library, "emu_overruns").value = 0

    def summary(self) -> dict[str, int]:
        """Return all that was counted, in words."""
        done = self.counts()
        return {
            "kernels loaded": len(self.kernels),
            "kernels compiled by NVRTC for sm_90 and by g++, the others being kept from before": self.compiled,
            **{name.replace("_", " "): count for name, count in done._asdict().items()},
        }

    @property
    def forbidden(self) -> bool:
        """Whether `HostAccessError` is raised where the host waits for a device, or exchanges values with it."""
        return bool(self._flag.value)

    @forbidden.setter
    def forbidden(self, forbidden: bool) -> None:
        self._flag.value = forbidden

    @property
    def _flag(self) -> ctypes.c_int:
        return ctypes.c_int.in_dll(self._library, "emu_forbidden")

    @contextlib.contextmanager
    def allowing(self) -> Iterator[None]:
        """Allow for a while what is forbidden."""
        before, self.forbidden = self.forbidden, False
        try:
            yield
        finally:
            self.forbidden = before


@functools.cache
def install() -> Emulation:
    """Start the emulation, once a process and before anything imports CuPy."""
    return Emulation()
