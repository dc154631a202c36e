"""Compile what is run on the host: the stand-ins for CUDA, and the kernels that CuPy generates."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
C_FLAGS = ("-O2", "-w", "-shared", "-fPIC")
CXX_FLAGS = ("-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-fno-math-errno")

PRELUDE = """
#include "device.h"
#include <cupy/complex.cuh>
#include <cupy/carray.cuh>
#include <cupy/atomics.cuh>
#include <cupy/math_constants.h>
"""
"""What every kernel includes: compiled once, for it is most of the time that a kernel takes."""

KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(')
DYNAMIC_SHARED = re.compile(r"extern\s+__shared__\s+(?:__align__\(\w+\)\s+)?(\w+)\s+(\w+)\s*\[\s*\]\s*;")


class CannotEmulateError(RuntimeError):
    """What is asked for needs a GPU."""


def folder() -> Path:
    """Return where the compiled is kept: `XENT_CUPY_KERNELS`, else a folder beside nox's environments."""
    path = Path(os.environ.get("XENT_CUPY_KERNELS", HERE.parents[1] / ".nox" / "cupy-kernels"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def shim(cuda_version: int, expected: dict[str, str], refused: dict[str, tuple[str, int]]) -> Path:
    """Compile the stand-ins, and hold them to the signatures that CuPy expects.

    Refusals are compiled beside them: by name, the type and the value that each returns.
    """
    include = f"-I{sysconfig.get_path('include')}"
    source = "\n".join(
        [
            f"#define EMU_CUDA_VERSION {cuda_version}",
            (HERE / "shim.c").read_text(encoding="utf-8"),
            *(f"REFUSE({kind}, {name}, {result})" for name, (kind, result) in refused.items()),
            *(f"EXPECT({name}, {signature})" for name, signature in expected.items()),
        ]
    )

    def build(made: Path) -> None:
        text = made.with_suffix(".c")
        text.write_text(source, encoding="utf-8")
        _run("gcc", *C_FLAGS, include, text, "-o", made)

    return kept(f"{include}\n{source}", "shim.so", build)


def kernel(source: str, options: Sequence[str], check: Callable[[], None]) -> Path:
    """Compile a source of CuPy's, with the options that NVRTC takes, once `check` has had NVRTC take it."""
    includes = (*(option for option in options if option.startswith("-I")), *_more_headers())
    defines = tuple(option for option in options if option.startswith("-D"))
    text = for_host(source, flushes="-ftz=true" in options)

    def build(made: Path) -> None:
        check()
        host = made.with_suffix(".cpp")
        host.write_text(text, encoding="utf-8")
        _run("g++", *CXX_FLAGS, *includes, *defines, "-include", _prelude(includes), host, "-o", made)

    return kept("\n".join([*options, text]), "kernel.so", build)


def for_host(source: str, *, flushes: bool) -> str:
    """Rewrite what the host's compiler cannot take, and add to each kernel what shim.c has to know of it.

    The device flushes subnormals of float32 alone, the host those of either type or of none: it does so in the kernels
    that have no float64 in them.
    """
    host = DYNAMIC_SHARED.sub(r"\1* \2 = reinterpret_cast<\1*>(emu_shared);", source)
    host = re.sub(r"\b__shared__\b", "static", host)
    waits, flushes = "__syncthreads" in source, flushes and not re.search(r"\bdouble\b", source)
    entries = "".join(
        f"static void emu_run_{name}(void** parameters) {{ emu::run(&{name}, parameters); }}\n"
        f'extern "C" const EmuKernel emu_{name};\n'
        f"const EmuKernel emu_{name} = {{emu_run_{name}, {waits:d}, {flushes:d}}};\n"
        for name in KERNEL.findall(source)
    )
    return f"{host}\n{entries}"


def _more_headers() -> list[str]:
    """Return the folder of the headers that the host's compiler needs and NVRTC does not, where pip has it apart."""
    (site,) = importlib.util.find_spec("nvidia").submodule_search_locations
    return [f"-I{folder}" for folder in Path(site).glob("cuda_nvcc/include")]


@functools.cache
def _prelude(includes: tuple[str, ...]) -> Path:
    """Return a header with its compiled form beside it."""

    def build(made: Path) -> None:
        made.mkdir()
        header = made / "prelude.h"
        header.write_text(PRELUDE, encoding="utf-8")
        _run("g++", *CXX_FLAGS, *includes, f"-I{HERE}", "-x", "c++-header", header, "-o", made / "prelude.h.gch")

    return kept("\n".join(includes), "prelude", build) / "prelude.h"


def kept(key: str, suffix: str, build: Callable[[Path], None]) -> Path:
    """Return what `build` makes, unless it was made before: by one process at a time, and whole or not at all."""
    digest = hashlib.sha256(f"{_toolchain()}\n{key}".encode()).hexdigest()
    made = folder() / f"{digest[:32]}-{suffix}"
    if not made.exists():
        with made.with_name(f"{made.name}.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=folder()) as own:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
            if not made.exists():
                build(Path(own) / made.name)
                (Path(own) / made.name).replace(made)
    return made


@functools.cache
def _toolchain() -> str:
    """Return what the compiled depends on beside its source."""
    wheels = sorted(
        f"{wheel.name} {wheel.version}"
        for wheel in importlib.metadata.distributions()
        if wheel.name.startswith(("cupy-cuda", "nvidia-cuda"))
    )
    device = (HERE / "device.h").read_text(encoding="utf-8")
    return "\n".join([_run("g++", "--version"), str(C_FLAGS + CXX_FLAGS), PRELUDE, device, *wheels])


def _run(*command: str | Path) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    if done.returncode:
        msg = f"emulated CuPy can't compile this for the host: {done.stderr}"
        raise CannotEmulateError(msg)
    return done.stdout
