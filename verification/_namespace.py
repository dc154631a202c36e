"""An array namespace on symbolic shapes: what the library calls, on generic elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Integer

from verification._atoms import Exp, Log, Reciprocal
from verification._cases import apply, choose
from verification._options import HUGE, TINY, Option
from verification._results import UndecidedError
from verification._shapes import INFINITE, Elements, SymbolicArray, exponential, free_real, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification._atoms import Facts

KINDS = {
    "real floating": ("float32", "float64"),
    "integral": ("int8", "int32", "int64"),
    "signed integer": ("int8", "int32", "int64"),
    "bool": ("bool",),
}


class _Limits:
    """What `finfo` and `iinfo` say: of floating dtypes the two ends as symbols."""

    def __init__(self, dtype: str) -> None:
        self.bits = int("".join(filter(str.isdigit, dtype)))
        if dtype in KINDS["integral"]:
            self.min, self.max = -(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1
        else:
            self.smallest_normal = Option(sympy.Symbol("tiny", positive=True), *TINY)
            self.max = Option(sympy.Symbol("huge", positive=True), *HUGE)


class _Info:
    """What `__array_namespace_info__` gives."""

    def default_dtypes(self, *, device: Any = None) -> dict[str, str]:  # noqa: ARG002  # there is one
        """Return what is taken by default."""
        return {"real floating": "float64", "integral": "int64"}


class ShapesNamespace:
    """The functions of the standard that the library calls; a run makes one of its own."""

    __name__ = "verification.shapes"
    float64, float32, int64, int32, int8 = "float64", "float32", "int64", "int32", "int8"
    inf, nan = math.inf, math.nan
    finfo = iinfo = _Limits
    __array_namespace_info__ = _Info

    def __init__(self, facts: Facts) -> None:
        """Compute with what is known, and keep arrays of a class of its own."""
        self.facts, self.elements = facts, Elements(facts)
        self.array_type = type("Array", (SymbolicArray,), {})
        self._indices: dict[tuple[int, Any], Any] = {}

    def array(self, element: Any, axes: Any, dtype: str = "float64") -> SymbolicArray:
        """Return an array."""
        return self.array_type(self, element, axes, dtype)

    def isdtype(self, dtype: str, kind: str) -> bool:
        """Tell the kind of a dtype."""
        return dtype in KINDS.get(kind, (kind,))

    def _lifted(self, x: Any, dtype: str) -> SymbolicArray:
        return x if isinstance(x, SymbolicArray) else self.array(leaf_of(x), (), dtype)

    def _index(self, axis: int, size: Any) -> Any:
        """Return the index of an axis, counted from the last: one for each size, so that most arrays agree."""
        if (axis, size) not in self._indices:
            self._indices[axis, size] = self.facts.index("i", size)
        return self._indices[axis, size]

    def _aligned(self, *arrays: SymbolicArray) -> tuple[list[Any], list[Any]]:
        ndim = max(x.ndim for x in arrays)
        axes: list[Any] = [None] * ndim
        substitutions: list[dict[Any, Any]] = []
        for x in arrays:
            by = {}
            for k, axis in enumerate((None,) * (ndim - x.ndim) + x.axes):
                if axis is None:
                    continue
                if axes[k] is None:
                    axes[k] = (self._index(k - ndim, axis[1]), axis[1])
                elif axes[k][1] != axis[1]:
                    msg = "shapes that do not broadcast"
                    raise UndecidedError(msg, f"{axes[k][1]} and {axis[1]}")
                if axis[0] != axes[k][0]:
                    by[axis[0]] = axes[k][0]
            substitutions.append(by)
        elements = [
            self.elements.substitute(x.element, by) if by else x.element
            for x, by in zip(arrays, substitutions, strict=True)
        ]
        return elements, axes

    def _of(self, f: Callable[..., Any], *arrays: Any, dtype: str | None = None) -> SymbolicArray:
        like = next(x.dtype for x in arrays if isinstance(x, SymbolicArray))
        lifted = [self._lifted(x, like) for x in arrays]
        values, axes = self._aligned(*lifted)
        return self.array(apply(f, *values), axes, dtype or like)

    def add(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x + y."""
        return self._of(self.elements.add, x, y)

    def subtract(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x − y."""
        return self._of(lambda a, b: self.elements.add(a, -b), x, y)

    def multiply(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x y."""
        return self._of(self.elements.multiply, x, y)

    def divide(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x / y."""
        return self._of(self.elements.divide, x, y)

    def less(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x < y."""
        return self._of(self.elements.less, x, y, dtype="bool")

    def greater(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x > y."""
        return self.less(y, x)

    def greater_equal(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x ≥ y, of numbers that are no nan."""
        return self.logical_and(self.logical_not(self.less(x, y)), self.equal(x, x))

    def less_equal(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x ≤ y."""
        return self.greater_equal(y, x)

    def equal(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x = y."""
        return self._of(self.elements.equal, x, y, dtype="bool")

    def not_equal(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return x ≠ y."""
        return self.logical_not(self.equal(x, y))

    def logical_not(self, x: Any, /) -> SymbolicArray:
        """Return the opposite of a condition."""
        return self._of(lambda a: not a, x)

    def logical_and(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return whether both conditions hold."""
        return self._of(lambda a, b: a and b, x, y)

    def logical_or(self, x: Any, y: Any, /) -> SymbolicArray:
        """Return whether one of two conditions holds."""
        return self._of(lambda a, b: a or b, x, y)

    def isfinite(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return whether x is finite: a term is."""
        return self._of(lambda a: a not in INFINITE, x, dtype="bool")

    def isinf(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return whether x is infinite."""
        return self._of(lambda a: a in (sympy.oo, -sympy.oo), x, dtype="bool")

    def isnan(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return whether x is nan."""
        return self._of(lambda a: a is sympy.nan, x, dtype="bool")

    def exp(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return the exponential."""
        return self._of(exponential, x)

    def log(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return the logarithm."""
        return self._of(lambda a: -sympy.oo if a == 0 else Integer(0) if a == 1 else Log(a), x)

    def log1p(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return log(1 + x)."""
        return self.log(self.add(1, x))

    def tanh(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return the hyperbolic tangent, by the exponential."""
        return self._of(lambda a: (Exp(2 * a) - 1) * Reciprocal(Exp(2 * a) + 1), x)

    def abs(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return the absolute value."""
        return self.where(self.less(x, 0), self.multiply(x, -1), x)

    def where(self, condition: SymbolicArray, x: Any, y: Any, /) -> SymbolicArray:
        """Return x where a condition holds, else y."""
        like = next((v.dtype for v in (x, y) if isinstance(v, SymbolicArray)), "float64")
        (c, a, b), axes = self._aligned(condition, self._lifted(x, like), self._lifted(y, like))
        return self.array(choose(c, a, b), axes, like)

    def _reduced(self, x: SymbolicArray, axis: Any, f: Any, *, keepdims: bool) -> SymbolicArray:
        axes = range(x.ndim) if axis is None else [axis % x.ndim]
        value, left = x.element, list(x.axes)
        for k in axes:
            if left[k] is not None:
                value = f(value, *left[k])
                left[k] = None
        kept = left if keepdims else [a for k, a in enumerate(left) if k not in axes]
        return self.array(value, kept, x.dtype)

    def sum(self, x: SymbolicArray, /, *, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
        """Return the sum."""
        return self._reduced(x, axis, self.elements.summed, keepdims=keepdims)

    def matmul(self, x: SymbolicArray, y: SymbolicArray, /) -> SymbolicArray:
        """Return the product of two matrices."""
        return self.sum(self.multiply(x[:, :, None], y[None, :, :]), axis=1)

    def matrix_transpose(self, x: SymbolicArray, /) -> SymbolicArray:
        """Return a matrix with rows and columns exchanged."""
        return self.permute_dims(x, (1, 0))

    def max(self, x: SymbolicArray, /, *, axis: int, keepdims: bool = False) -> SymbolicArray:
        """Return a free real number for each row: what holds for all of them holds for the maximum."""
        rows = [a[0] for k, a in enumerate(x.axes) if a is not None and k != axis % x.ndim]
        return self._reduced(x, axis, lambda *_: free_real(rows), keepdims=keepdims)

    def any(self, x: SymbolicArray, /, *, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
        """Return whether a condition holds for any element."""
        return self._reduced(x, axis, self.elements.some, keepdims=keepdims)

    def all(self, x: SymbolicArray, /, *, axis: Any = None, keepdims: bool = False) -> SymbolicArray:
        """Return whether a condition holds for all elements."""
        return self.logical_not(self.any(self.logical_not(x), axis=axis, keepdims=keepdims))

    def squeeze(self, x: SymbolicArray, /, axis: int) -> SymbolicArray:
        """Return an array without an axis of size 1."""
        k = axis % x.ndim
        if x.axes[k] is not None:
            msg = "an axis that is not of size 1"
            raise UndecidedError(msg, str(x.axes[k]))
        return self.array(x.element, x.axes[:k] + x.axes[k + 1 :], x.dtype)

    def expand_dims(self, x: SymbolicArray, /, *, axis: int) -> SymbolicArray:
        """Return an array with another axis of size 1."""
        k = axis % (x.ndim + 1)
        return self.array(x.element, (*x.axes[:k], None, *x.axes[k:]), x.dtype)

    def permute_dims(self, x: SymbolicArray, /, axes: tuple[int, ...]) -> SymbolicArray:
        """Return an array with its axes in another order."""
        return self.array(x.element, tuple(x.axes[k] for k in axes), x.dtype)

    def reshape(self, x: SymbolicArray, /, shape: tuple[Any, ...]) -> SymbolicArray:
        """Return an array in the shape that it has."""
        if tuple(shape) != x.shape:
            msg = "another shape"
            raise UndecidedError(msg, f"{x.shape} as {shape}")
        return x

    def broadcast_to(self, x: SymbolicArray, /, shape: tuple[Any, ...]) -> SymbolicArray:
        """Return an array with an index for each size of a shape."""
        like = self.array(Integer(0), [(self.facts.index("i", n), n) if n != 1 else None for n in shape])
        (element, _), axes = self._aligned(x, like)
        return self.array(element, axes, x.dtype)

    def broadcast_arrays(self, *arrays: SymbolicArray) -> list[SymbolicArray]:
        """Return arrays with all their axes."""
        values, axes = self._aligned(*arrays)
        return [self.array(v, axes, x.dtype) for v, x in zip(values, arrays, strict=True)]

    def stack(self, arrays: list[SymbolicArray], /, *, axis: int = 0) -> SymbolicArray:
        """Return arrays along a new axis of a known size."""
        values, axes = self._aligned(*arrays)
        size = Integer(len(arrays))
        index = self.facts.index("i", size)
        element = values[-1]
        for n, value in reversed(list(enumerate(values[:-1]))):
            element = choose(self.elements.equal(index, Integer(n)), value, element)
        k = axis % (len(axes) + 1)
        return self.array(element, [*axes[:k], (index, size), *axes[k:]], arrays[0].dtype)

    def arange(self, n: Any, /, *, dtype: str = "int64", device: Any = None) -> SymbolicArray:  # noqa: ARG002
        """Return the indices of an axis."""
        size = sympy.sympify(n)
        index = self.facts.index("i", size)
        return self.array(index, [(index, size)], dtype)

    def astype(self, x: SymbolicArray, dtype: str, /, *, copy: bool = True) -> SymbolicArray:  # noqa: ARG002
        """Return an array in another dtype."""
        return x.with_element(apply(lambda a: Integer(int(a)) if isinstance(a, bool) else a, x.element), dtype)

    def full_like(self, x: SymbolicArray, value: Any, /, *, dtype: str | None = None) -> SymbolicArray:
        """Return an array of one value."""
        return x.with_element(leaf_of(value), dtype)

    def zeros_like(self, x: SymbolicArray, /, *, dtype: str | None = None) -> SymbolicArray:
        """Return zeros."""
        return self.full_like(x, 0, dtype=dtype)

    def ones_like(self, x: SymbolicArray, /, *, dtype: str | None = None) -> SymbolicArray:
        """Return ones."""
        return self.full_like(x, 1, dtype=dtype)

    def zeros(self, shape: tuple[Any, ...], *, dtype: str = "float64", device: Any = None) -> SymbolicArray:  # noqa: ARG002
        """Return zeros of a shape."""
        return self.array(Integer(0), [(self.facts.index("i", n), n) for n in shape], dtype)
