"""Put stand-ins for CUDA's runtime and driver into CuPy's Cython modules, before CuPy binds them to each other.

A Cython module offers its C functions to others as capsules in `__pyx_capi__`, each named by its signature, and binds
those of others when it is imported: whoever exchanges the capsules first decides what the others call.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.abc
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tests.cupy_emulation import build

if TYPE_CHECKING:
    from types import ModuleType

SIGNATURE = re.compile(r"(.+?) ?\((?!\*)(.*)\)")
TYPES = {
    "PyObject *": (ctypes.py_object, 0),
    "int": (ctypes.c_int, -1),
    "intptr_t": (ctypes.c_ssize_t, 0),
    "size_t": (ctypes.c_size_t, -1),
    "uintmax_t": (ctypes.c_uint64, 0),
    "unsigned int": (ctypes.c_uint, -1),
    "float": (ctypes.c_float, -1),
}
"""What the functions take and return, and what they return when they have raised."""
PURE = {"check_status", "get_build_version", "_getCUDAMajorVersion", "make_Extent", "make_PitchedPtr", "make_Pos"}
"""Functions that need no device, and are left as they are."""

capsule_new = ctypes.pythonapi.PyCapsule_New
capsule_new.restype, capsule_new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
capsule_name = ctypes.pythonapi.PyCapsule_GetName
capsule_name.restype, capsule_name.argtypes = ctypes.c_char_p, [ctypes.py_object]


def put_in(cuda_version: int, *modules: ModuleType) -> ctypes.PyDLL:
    """Exchange every function of the modules for its stand-in or for a refusal, and return the library of them."""
    declared = {
        name: capsule_name(capsule).decode()
        for module in modules
        for name, capsule in module.__pyx_capi__.items()
        if name not in PURE
    }
    signatures = {name: match.groups() for name, it in declared.items() if (match := SIGNATURE.fullmatch(it))}
    there = set(re.findall(r"\bemu_(\w+)\(", (build.HERE / "shim.c").read_text(encoding="utf-8")))
    refused = {
        name: (returned, TYPES[returned][1])
        for name, (returned, _) in signatures.items()
        if name not in there and returned in TYPES
    }
    expected = {name: declared[name] for name in sorted(signatures.keys() & there)}
    library = ctypes.PyDLL(str(build.shim(cuda_version, expected, refused)), mode=ctypes.RTLD_GLOBAL)
    for module in modules:
        for name in module.__pyx_capi__:
            if name in there or name in refused:
                _exchange(module, name, getattr(library, f"emu_{name}"), *signatures[name])
        for name in vars(module).keys() - there - PURE:
            if type(getattr(module, name)).__name__ == "cython_function_or_method":
                setattr(module, name, functools.partial(refuse, f"do CUDA's {name}"))
    _tell_of_pointers(modules[0], library)
    return library


def _tell_of_pointers(runtime: ModuleType, library: ctypes.PyDLL) -> None:
    """Put in the one function whose result is an object of CuPy's: CuPy 13 asks it for the kind of a pointer."""

    def of(pointer: int, _skip: int = 0) -> Any:
        on_device = library.emu_is_on_device(ctypes.c_ssize_t(pointer), ctypes.c_size_t(0))
        return runtime.PointerAttributes(0, pointer, pointer, runtime.memoryTypeDevice if on_device else 0)

    function = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_ssize_t, ctypes.c_int)(of)
    named = capsule_name(runtime.__pyx_capi__["pointerGetAttributes"])
    address = ctypes.cast(function, ctypes.c_void_p).value
    runtime.__pyx_capi__["pointerGetAttributes"] = capsule_new(address, named, None)
    runtime.pointerGetAttributes = of
    _KEPT.extend([function, named])


def _exchange(module: ModuleType, name: str, function: Any, returned: str, taken: str) -> None:
    """Exchange a function for Cython's callers and, where it has any, for Python's."""
    named = capsule_name(module.__pyx_capi__[name])
    _KEPT.append(named)  # a capsule keeps the address of its name alone
    address = ctypes.cast(function, ctypes.c_void_p).value
    module.__pyx_capi__[name] = capsule_new(address, named, None)
    if name in vars(module):
        types = [it for it in taken.split(", ") if it != "void" and "__pyx" not in it]
        function.restype = TYPES[returned][0]
        function.argtypes = [*(TYPES.get(it, TYPES["intptr_t"])[0] for it in types), ctypes.c_int]
        setattr(module, name, lambda *arguments: function(*arguments, 0))


_KEPT: list[Any] = []


def refuse(what: str, *_: Any, **__: Any) -> NoReturn:
    """Say what needs a GPU."""
    msg = f"emulated CuPy can't {what}"
    raise build.CannotEmulateError(msg)


def refuse_functions(module: ModuleType, *names: str) -> None:
    """Make functions of a module refuse."""
    for name in names:
        setattr(module, name, functools.partial(refuse, f"use {module.__name__}.{name}"))


class CannotImportError(build.CannotEmulateError, ImportError):
    """A library of NVIDIA is asked for."""

    def __init__(self, library: str) -> None:
        super().__init__(f"emulated CuPy can't use {library}: it runs the kernels that CuPy generates, and no library")


LIBRARIES = {"curand", "cusolver", "cusparse", "cusparselt", "cudnn", "cufft", "cutensor", "nccl", "jitify"}


class NoLibraries(importlib.abc.MetaPathFinder):
    """Refuse CUDA's libraries, whether they are installed or not."""

    def find_spec(self, name: str, *_: Any) -> None:
        parent, _dot, library = name.rpartition(".")
        if parent in ("cupy_backends.cuda.libs", "cupy.cuda") and library in LIBRARIES:
            raise CannotImportError(library)


def refuse_libraries() -> None:
    """Refuse what is not a kernel that CuPy generates."""
    sys.meta_path.insert(0, NoLibraries())
    if importlib.util.find_spec("cuda"):  # CuPy 14 looks for a library before it imports what calls it
        pathfinder = importlib.import_module("cuda.pathfinder")
        original = pathfinder.load_nvidia_dynamic_lib

        def load(name: str) -> Any:
            if name != "nvrtc":
                raise pathfinder.DynamicLibNotFoundError(str(CannotImportError(name)))  # which CuPy expects
            return original(name)

        pathfinder.load_nvidia_dynamic_lib = load


def find_cuda() -> None:
    """Show CuPy 13 the parts of CUDA 12 that pip installed: CuPy 14 finds those of CUDA 13 by itself."""
    (site,) = importlib.util.find_spec("nvidia").submodule_search_locations
    if Path(site, "cuda_nvrtc").is_dir():
        os.environ["CUDA_PATH"] = str(Path(site, "cuda_runtime"))
        ctypes.CDLL(str(Path(site, "cuda_nvrtc", "lib", "libnvrtc.so.12")), mode=ctypes.RTLD_GLOBAL)
