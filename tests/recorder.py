"""Record what the library asks of an array library, and bind it to CuPy's own functions.

The library runs on a device of array-api-strict whose values the host can read, so that nothing raises; each function,
operator and index that it uses is recorded, with dtypes and options. `fault` then holds each of them to CuPy's real
objects: the name, the signature, for a ufunc the loop over these dtypes. That needs CuPy's wheel and nothing of CUDA.
What dtypes a function takes that is not a ufunc, such as `sum`, is left to the emulation.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import array_api_strict
import numpy as np

from xent_arrayapi import _namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

UFUNCS = {
    **dict.fromkeys(("add", "radd", "iadd"), "add"),
    **dict.fromkeys(("sub", "rsub", "isub"), "subtract"),
    **dict.fromkeys(("mul", "rmul", "imul"), "multiply"),
    **dict.fromkeys(("truediv", "rtruediv", "itruediv"), "divide"),
    **dict.fromkeys(("floordiv", "rfloordiv"), "floor_divide"),
    **dict.fromkeys(("mod", "rmod"), "remainder"),
    **dict.fromkeys(("pow", "rpow"), "power"),
    **dict(zip(("neg", "abs", "invert"), ("negative", "abs", "invert"), strict=True)),
    **dict(zip(("and", "or", "xor"), ("bitwise_and", "bitwise_or", "bitwise_xor"), strict=True)),
    **dict(zip(("eq", "ne", "lt"), ("equal", "not_equal", "less"), strict=True)),
    **dict(zip(("le", "gt", "ge"), ("less_equal", "greater", "greater_equal"), strict=True)),
}
"""The ufunc behind each operator."""
READS = ("float", "int", "bool", "index", "complex", "iter", "array")
"""Operators that give the host a value."""
Device1 = array_api_strict.Device("device1")


class OfDtype(NamedTuple):
    """What is kept of an array."""

    dtype: str
    ndim: int

    def stand_in(self) -> np.ndarray:
        return np.zeros((1,) * self.ndim, self.dtype)


class Call(NamedTuple):
    """A use of the array library: every argument is an `OfDtype`, or printed."""

    name: str
    arguments: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Call:
        return cls(name, tuple(kept(x) for x in arguments), tuple((key, kept(x)) for key, x in sorted(options.items())))

    def dtypes(self) -> list[np.dtype[Any]]:
        return [np.dtype(x.dtype) for x in self.arguments if isinstance(x, OfDtype)]


def kept(x: Any) -> Any:
    """Return what two calls have to share in order to count as one."""
    if isinstance(x, array_api_strict._array_object.Array):  # noqa: SLF001  # it has no public name
        return OfDtype(name_of(x.dtype), x.ndim)
    return tuple(kept(y) for y in x) if isinstance(x, (tuple, list)) else repr(x)


def name_of(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


class Recorder:
    """A namespace that records which of its functions are called; it is neither NumPy nor array-api-strict by name."""

    __name__ = "recorder"

    def __init__(self, namespace: Any, calls: set[Call]) -> None:
        self._namespace, self._calls = namespace, calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._namespace, name)
        if isinstance(value, type) or not callable(value):
            return value

        @functools.wraps(value)
        def recorded(*arguments: Any, **options: Any) -> Any:
            self._calls.add(Call.of(name, arguments, options))
            return value(*arguments, **options)

        return recorded


def record(monkeypatch: pytest.MonkeyPatch) -> set[Call]:
    """Record all that the library asks of array-api-strict from now on."""
    calls: set[Call] = set()
    array = type(array_api_strict.asarray(0.0))
    monkeypatch.setitem(_namespace._NAMESPACES, array, Recorder(array_api_strict, calls))  # noqa: SLF001  # where it looks
    for name in (*UFUNCS, *READS, "getitem", "setitem"):
        dunder = f"__{name}__"
        if hasattr(array, dunder):
            monkeypatch.setattr(array, dunder, recording(dunder, getattr(array, dunder), calls))
    return calls


def recording(name: str, original: Any, calls: set[Call]) -> Any:
    def recorded(*arguments: Any, **options: Any) -> Any:
        calls.add(Call.of(name, arguments, options))
        return original(*arguments, **options)

    return recorded


def array(data: Any, dtype: str) -> Any:
    """Make an array on the device that is not the host."""
    return array_api_strict.asarray(np.asarray(data), dtype=getattr(array_api_strict, dtype), device=Device1)


def faults(calls: set[Call]) -> list[str]:
    """Return what of the calls CuPy cannot do."""
    return sorted(f"{call.name}: {found}" for call in calls for found in fault(call))


def fault(call: Call) -> Iterator[str]:
    """Yield what is wrong with a call, nothing for a good one."""
    operator = call.name.strip("_")
    if call.name.startswith("__") and operator in READS:
        yield "reads a value on the host, which is a synchronisation"
    elif operator in ("getitem", "setitem"):
        if any(isinstance(x, OfDtype) for x in flat(call.arguments[1])):
            yield "indexes by an array, which is a synchronisation where it is a mask"
    else:
        name = UFUNCS.get(operator, call.name) if call.name.startswith("__") else call.name
        function = getattr(importlib.import_module("array_api_compat.cupy"), name, None)
        if function is None:
            yield "CuPy lacks it"
        elif isinstance(function, importlib.import_module("cupy").ufunc):
            yield from fault_of_ufunc(function, call)
        else:
            yield from fault_of_function(function, name, call)


def flat(x: Any) -> Iterator[Any]:
    if isinstance(x, tuple) and not isinstance(x, OfDtype):
        for y in x:
            yield from flat(y)
    else:
        yield x


def fault_of_ufunc(ufunc: Any, call: Call) -> Iterator[str]:
    """Look for a loop whose inputs are of the kinds of the arguments and no narrower."""
    if call.options:
        yield f"a ufunc of CuPy is given {[name for name, _ in call.options]}"
    given = call.dtypes()
    loops = [loop.partition("->")[0] for loop in ufunc.types if len(loop.partition("->")[0]) == len(call.arguments)]
    common = np.result_type(*given)
    if not any(all(np.dtype(c).kind == common.kind and np.can_cast(common, c) for c in loop) for loop in loops):
        yield f"no loop of CuPy's takes {[str(dtype) for dtype in given]}"


def fault_of_function(function: Any, name: str, call: Call) -> Iterator[str]:
    """Bind the arguments to the signature, and what array-api-compat hands on to that of CuPy's function."""
    arguments = [x.stand_in() if isinstance(x, OfDtype) else x for x in call.arguments]
    try:
        bound = inspect.signature(function).bind(*arguments, **dict(call.options))
    except TypeError as error:
        yield str(error)
        return
    rest = [p.name for p in bound.signature.parameters.values() if p.kind is p.VAR_KEYWORD]
    handed_on = {key for parameter in rest for key in bound.arguments.get(parameter, {})}
    own = inspect.signature(getattr(importlib.import_module("cupy"), name, function)).parameters
    for key in sorted(handed_on - own.keys()):
        yield f"CuPy's has no argument {key!r}"
