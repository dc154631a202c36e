"""Count what a call on NumPy arrays does: operations on arrays, what they allocate, and calls of Python functions.

The functions of NumPy that the library calls return arrays that count, and what is computed from those counts as well:
the operators on them, and the functions applied to them, in any thread.  A call is given plain arrays and takes the way
it always takes.  A view is no operation; an assignment is not seen.
"""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import array_api_compat.numpy as xp
import numpy as np

import xent_arrayapi
from xent_arrayapi._namespace import NEEDED

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    import pytest

PACKAGE = str(Path(xent_arrayapi.__file__).parent)


class Operation(NamedTuple):
    """One function, operator, reduction or index applied to arrays."""

    name: str
    elements: int
    """Of the largest array that it reads or writes."""
    allocated: int
    """Bytes of what it returns, 0 where it writes into an array that is there."""


class Counted(np.ndarray):
    """An array whose operations are counted."""

    operations: list[Operation]

    def __array_finalize__(self, origin: Any) -> None:
        """Count where the array does that this one is made from."""
        if isinstance(origin, Counted):
            self.operations = origin.operations

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """Apply an operator or a function to plain arrays, and count it."""
        plain = options | ({} if out is None else {"out": unwrapped(out)})
        plain |= {"where": unwrapped(options["where"])} if "where" in options else {}
        got = getattr(ufunc, method)(*unwrapped(inputs), **plain)
        return counted(ufunc.__name__, (*inputs, *(out or ())), got, self.operations, new=out is None)

    def __array_function__(self, function: Callable[..., Any], types: Any, inputs: Any, options: Any) -> Any:
        """Apply any other function to plain arrays, and count it."""
        del types
        plain = {name: unwrapped(x) for name, x in options.items()}
        got, new = function(*unwrapped(inputs), **plain), options.get("out") is None
        return counted(function.__name__, inputs, got, self.operations, new=new)

    def __getitem__(self, key: Any) -> Any:
        """Look entries up."""
        got = np.asarray(self)[unwrapped(key)]
        return counted("getitem", (self,), got, self.operations)

    def take(self, indices: Any) -> Any:  # type: ignore[override]
        """Look entries up by their place: no others are read."""
        return counted("take", (), np.asarray(self).take(unwrapped(indices)), self.operations)

    def argmax(self, **options: Any) -> Any:  # type: ignore[override]
        """Look for the largest entries."""
        return counted("argmax", (self,), np.asarray(self).argmax(**options), self.operations)


def unwrapped(x: Any) -> Any:
    """Return x with plain arrays in it."""
    if isinstance(x, Counted):
        return x.view(np.ndarray)
    if isinstance(x, (tuple, list)):
        return type(x)(map(unwrapped, x))
    return x


def arrays(inputs: Any) -> list[np.ndarray]:
    """Return the arrays among arguments."""
    if isinstance(inputs, (tuple, list)):
        return [x for part in inputs for x in arrays(part)]
    return [inputs] if isinstance(inputs, np.ndarray) else []


def counted(name: str, inputs: Any, got: Any, operations: list[Operation], *, new: bool = True) -> Any:
    """Count an operation, unless it only looks at an array in another way, and return what counts the next."""
    if isinstance(got, (tuple, list)):
        return type(got)(counted(name, inputs, x, operations, new=new) for x in got)
    if not isinstance(got, (np.ndarray, np.generic)):
        return got
    given = arrays(inputs)
    if not new or not any(np.may_share_memory(got, x) for x in given):
        elements = max([np.size(got), *(x.size for x in given)])
        operations.append(Operation(name, elements, got.nbytes if new else 0))
    view = np.asarray(got).view(Counted)
    view.operations = operations
    return view


def counting(function: Callable[..., Any], operations: list[Operation]) -> Callable[..., Any]:
    """Return a function of a namespace that counts."""

    def call(*inputs: Any, **options: Any) -> Any:
        got = function(*unwrapped(inputs), **{name: unwrapped(x) for name, x in options.items()})
        new = options.get("out") is None
        return counted(function.__name__, (*inputs, *options.values()), got, operations, new=new)

    return call


def operations_of(call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> list[Operation]:
    """Return what a call does to arrays, in the order of one thread."""
    operations: list[Operation] = []
    with monkeypatch.context() as patch:
        for name in NEEDED:
            function = getattr(xp, name)
            if callable(function) and not isinstance(function, type) and not name.startswith("_"):
                patch.setattr(xp, name, counting(function, operations))
        call()
    return operations


def beyond_outputs(call: Callable[[], Any]) -> int:
    """Return the most bytes at a time during a call, without those that it returns."""
    call()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    outputs = call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - before - sum(x.nbytes for x in arrays(outputs))


def python_calls(call: Callable[[], Any]) -> int:
    """Count the calls of functions of the library, comprehensions not among them: newer Pythons make no call of one."""
    call()
    count = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        code = frame.f_code
        own = code.co_filename.startswith(PACKAGE) and not code.co_name.startswith("<")
        count += event == "call" and own

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    return count
