"""Arrays of objects with the functions of the array API standard that the library calls: it runs on them unchanged."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from numbers import Real
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from verification._cases import Cases, apply, branch, choose
from verification._elements import Element
from verification._object_array import ObjectArray, boxed, mapped
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verification._domain import Domain

FLOATING = ("float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
KINDS = {
    "bool": ("bool",),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": SIGNED + UNSIGNED,
    "real floating": FLOATING,
    "complex floating": (),
    "numeric": SIGNED + UNSIGNED + FLOATING,
}
OF_INTEGERS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "negative": operator.neg,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "absolute": abs,
}
KNOWING = ("absolute", "divide", "exp", "log", "log1p")
"""What a domain wants to know the facts for."""


@dataclass(frozen=True)
class Limits:
    """The limits of a dtype."""

    bits: int
    min: Any
    max: Any
    eps: Any = None
    smallest_normal: Any = None


def numpy_limits(dtype: str) -> Limits:
    """Return the limits of a floating dtype as Python numbers."""
    known = np.finfo(dtype)
    return Limits(known.bits, *(float(x) for x in (known.min, known.max, known.eps, known.smallest_normal)))


def held_by(f: Callable[[tuple[bool, ...]], bool]) -> Callable[[list[Any]], Any]:
    """Return `any` or `all` of conditions."""
    return lambda conditions: apply(lambda *held: f(held), *conditions)


class ObjectNamespace:
    """The namespace of the arrays of one domain: what `xent_arrayapi` needs of the standard, and no more."""

    inf, nan, pi = math.inf, math.nan, math.pi
    bool, int8, int32, int64, uint8, float32, float64 = "bool", "int8", "int32", "int64", "uint8", "float32", "float64"
    __array_api_version__ = "2024.12"

    def __init__(self, domain: Domain, limits: Callable[[str], Limits] = numpy_limits) -> None:
        """Make the namespace of a domain, with an array type of its own, and the limits of its floating dtypes."""
        self.domain, self._limits, self.__name__ = domain, limits, f"{__name__}.{domain.name}"
        self.array: type[ObjectArray] = type("ObjectArray", (ObjectArray,), {"namespace": self, "__slots__": ()})

    def __array_namespace_info__(self) -> SimpleNamespace:
        """Return the default dtypes."""
        defaults = {"real floating": "float64", "integral": "int64", "indexing": "int64"}
        return SimpleNamespace(default_dtypes=lambda *, device=None: dict(defaults))  # noqa: ARG005  # one device

    def isdtype(self, dtype: str, kind: str | tuple[str, ...]) -> Any:
        """Tell whether a dtype is of a kind."""
        kinds = kind if isinstance(kind, tuple) else (kind,)
        return any(dtype in KINDS.get(one, (one,)) for one in kinds)

    def finfo(self, dtype: str) -> Limits:
        """Return the limits of a floating dtype, for what the library decides by them."""
        return self._limits(dtype)

    def iinfo(self, dtype: str) -> Limits:
        """Return the limits of an integer dtype."""
        known = np.iinfo(dtype)
        return Limits(known.bits, int(known.min), int(known.max))

    # Making arrays

    def lifted(self, value: Any, dtype: str) -> Any:
        """Return a Python number, or an element, as an element of a dtype."""
        if dtype in FLOATING:
            return self.domain.lift(value)
        if dtype == "bool":
            return bool(value)
        known = value.domain.constant(value) if isinstance(value, Element) else None
        return operator.index(value if known is None or known.denominator != 1 else known.numerator)

    def asarray(self, values: Any, *, dtype: str = "float64") -> ObjectArray:
        """Return nested sequences of Python numbers or elements as an array."""
        return self.array(mapped(lambda x: self.lifted(x, dtype), boxed(np.array(values, dtype=object))), dtype)

    def full(self, shape: Any, value: Any, *, dtype: str = "float64", device: str | None = None) -> ObjectArray:  # noqa: ARG002
        """Return an array of one value."""
        data = np.empty(shape, dtype=object)
        data.fill(self.lifted(value, dtype))
        return self.array(data, dtype)

    def full_like(
        self, x: ObjectArray, value: Any, *, dtype: str | None = None, device: str | None = None
    ) -> ObjectArray:
        """Return an array of one value, of the shape of another."""
        return self.full(x.shape, value, dtype=dtype or x.dtype, device=device)

    def zeros(self, shape: Any, *, dtype: str = "float64", device: str | None = None) -> ObjectArray:
        """Return zeros."""
        return self.full(shape, 0, dtype=dtype, device=device)

    def zeros_like(self, x: ObjectArray, *, dtype: str | None = None, device: str | None = None) -> ObjectArray:
        """Return zeros of the shape of another array."""
        return self.full_like(x, 0, dtype=dtype, device=device)

    def ones_like(self, x: ObjectArray, *, dtype: str | None = None, device: str | None = None) -> ObjectArray:
        """Return ones of the shape of another array."""
        return self.full_like(x, 1, dtype=dtype, device=device)

    def arange(self, stop: int, *, dtype: str = "int64", device: str | None = None) -> ObjectArray:  # noqa: ARG002
        """Return 0, 1, ..., stop − 1."""
        return self.asarray(list(range(stop)), dtype=dtype)

    def astype(self, x: ObjectArray, dtype: str) -> ObjectArray:
        """Return an array in another dtype; what is not whole has no integer."""
        if x.dtype == dtype or (x.dtype in FLOATING and dtype in FLOATING):
            return self.array(x.data, dtype)
        return self.array(mapped(lambda x: apply(lambda leaf: self.lifted(leaf, dtype), x), x.data), dtype)

    # Elements

    def each(self, f: Callable[..., Any], *arrays: ObjectArray, dtype: str | None = None) -> ObjectArray:
        """Apply a function of facts and leaves to each element."""
        data = mapped(lambda *values: branch(f, *values), *(x.data for x in arrays))
        return self.array(data, dtype or arrays[0].dtype)

    def function(self, name: str, dtype: str) -> Callable[..., Any]:
        """Return a function of facts and leaves by its name."""
        f = getattr(self.domain, name) if dtype in FLOATING else OF_INTEGERS[name]
        told = dtype in FLOATING and name in KNOWING
        return lambda facts, *leaves: f(*leaves, facts) if told else f(*leaves)

    def elementwise(self, name: str, x: ObjectArray) -> ObjectArray:
        """Apply a function of numbers."""
        self._refuse(name, x.dtype, "bool")
        return self.each(self.function(name, x.dtype), x)

    def pair(self, x: Any, y: Any) -> tuple[ObjectArray, ObjectArray] | None:
        """Return two operands as arrays of one dtype, None for what is none."""
        dtype = next(z.dtype for z in (x, y) if isinstance(z, self.array))
        x, y = (self.full((), z, dtype=dtype) if isinstance(z, Real) else z for z in (x, y))
        if not (isinstance(x, self.array) and isinstance(y, self.array)):
            return None
        both = [x.dtype, y.dtype]
        if x.dtype != y.dtype and not all(one in FLOATING for one in both):
            msg = f"The standard does not mix {x.dtype} and {y.dtype}."
            raise TypeError(msg)
        wider = max(both)  # of float32 and float64
        return self.array(x.data, wider), self.array(y.data, wider)

    def binary(self, name: str, x: Any, y: Any) -> Any:
        """Apply an operator to two arrays, or an array and a number."""
        operands = self.pair(x, y)
        if operands is None:
            return NotImplemented
        self._refuse(name, operands[0].dtype, "bool")
        return self.each(self.function(name, operands[0].dtype), *operands)

    def comparison(self, name: str, x: Any, y: Any) -> Any:
        """Compare two arrays, or an array and a number."""
        operands = self.pair(x, y)
        if operands is None:
            return NotImplemented
        return self.each(self.function(name, operands[0].dtype), *operands, dtype="bool")

    def _refuse(self, name: str, dtype: str, *kinds: str) -> None:
        if self.isdtype(dtype, kinds):
            msg = f"The standard has no `{name}` of {dtype}."
            raise TypeError(msg)

    def _of_reals(self, name: str, x: ObjectArray) -> ObjectArray:
        self._refuse(name, x.dtype, "bool", "integral")
        return self.each(self.function(name, x.dtype), x)

    def abs(self, x: ObjectArray) -> ObjectArray:
        """Return absolute values."""
        return self.elementwise("absolute", x)

    def exp(self, x: ObjectArray) -> ObjectArray:
        """Return exponentials."""
        return self._of_reals("exp", x)

    def log(self, x: ObjectArray) -> ObjectArray:
        """Return logarithms."""
        return self._of_reals("log", x)

    def log1p(self, x: ObjectArray) -> ObjectArray:
        """Return logarithms of 1 + x."""
        return self._of_reals("log1p", x)

    def tanh(self, x: ObjectArray) -> ObjectArray:
        """Return hyperbolic tangents."""
        return self._of_reals("tanh", x)

    def _asked(self, name: str, x: ObjectArray, *, of_integers: Any) -> ObjectArray:
        if x.dtype not in FLOATING:
            return self.full(x.shape, of_integers, dtype="bool")
        ask = getattr(self.domain, name)
        return self.each(lambda _, leaf: ask(leaf), x, dtype="bool")

    def isfinite(self, x: ObjectArray) -> ObjectArray:
        """Tell which elements are finite."""
        return self._asked("isfinite", x, of_integers=True)

    def isinf(self, x: ObjectArray) -> ObjectArray:
        """Tell which elements are infinite."""
        return self._asked("isinf", x, of_integers=False)

    def isnan(self, x: ObjectArray) -> ObjectArray:
        """Tell which elements are nan."""
        return self._asked("isnan", x, of_integers=False)

    def _conditions(self, f: Callable[..., Any], *conditions: ObjectArray) -> ObjectArray:
        for condition in conditions:
            if condition.dtype != "bool":
                msg = f"A condition must be a boolean array, not {condition.dtype}."
                raise TypeError(msg)
        return self.array(mapped(lambda *held: apply(f, *held), *(c.data for c in conditions)), "bool")

    def logical_not(self, x: ObjectArray) -> ObjectArray:
        """Return where a condition does not hold."""
        return self._conditions(operator.not_, x)

    def logical_and(self, x: ObjectArray, y: ObjectArray) -> ObjectArray:
        """Return where two conditions hold."""
        return self._conditions(operator.and_, x, y)

    def logical_or(self, x: ObjectArray, y: ObjectArray) -> ObjectArray:
        """Return where one of two conditions holds."""
        return self._conditions(operator.or_, x, y)

    def where(self, condition: ObjectArray, x: Any, y: Any) -> ObjectArray:
        """Return one or the other by a condition."""
        if condition.dtype != "bool":
            msg = f"`where` needs a boolean array, not {condition.dtype}."
            raise TypeError(msg)
        operands = self.pair(x, y)
        if operands is None:
            msg = "`where` chooses between arrays of one namespace, and numbers."
            raise TypeError(msg)
        tidy = self.domain.tidy if operands[0].dtype in FLOATING else lambda value: value

        def chosen(held: Any, one: Any, other: Any) -> Any:
            return tidy(choose(held, one, other)) if isinstance(held, Cases) else one if held else other

        data = mapped(chosen, condition.data, *(z.data for z in operands))
        return self.array(data, operands[0].dtype)

    # Axes

    def _reduced(
        self, f: Callable[[list[Any]], Any], x: ObjectArray, axis: Any, dtype: str, **keep: Any
    ) -> ObjectArray:
        axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
        gone = tuple(sorted(one % x.ndim for one in axes))
        rest = tuple(k for k in range(x.ndim) if k not in gone)
        shape = tuple(x.shape[k] for k in rest)
        rows = np.transpose(x.data, rest + gone)
        out = np.empty(shape, dtype=object)
        for index in np.ndindex(*shape):
            out[index] = f(list(boxed(rows[index]).ravel()))
        return self.array(np.expand_dims(out, gone) if keep.get("keepdims") else out, dtype)

    def sum(self, x: ObjectArray, *, axis: Any = None, dtype: str | None = None, keepdims: Any = False) -> ObjectArray:
        """Return sums."""
        x = x if dtype is None else self.astype(x, dtype)
        self._refuse("sum", x.dtype, "bool")
        f = self.domain.total if x.dtype in FLOATING else sum
        return self._reduced(f, x, axis, x.dtype, keepdims=keepdims)

    def prod(self, x: ObjectArray, *, axis: Any = None, keepdims: Any = False) -> ObjectArray:
        """Return products of integers."""
        self._refuse("prod", x.dtype, "bool", "real floating")
        return self._reduced(math.prod, x, axis, x.dtype, keepdims=keepdims)

    def max(self, x: ObjectArray, *, axis: Any = None, keepdims: Any = False) -> ObjectArray:
        """Return maxima, or what stands for them."""
        self._refuse("max", x.dtype, "bool")
        return self._reduced(self._maximum(x), x, axis, x.dtype, keepdims=keepdims)

    def min(self, x: ObjectArray, *, axis: Any = None, keepdims: Any = False) -> ObjectArray:
        """Return minima of integers."""
        self._refuse("min", x.dtype, "bool", "real floating")
        return self._reduced(min, x, axis, x.dtype, keepdims=keepdims)

    def _maximum(self, x: ObjectArray) -> Callable[[Sequence[Any]], Any]:
        if x.size == 0:
            msg = "Nothing has no maximum."
            raise ValueError(msg)
        return self.domain.maximum if x.dtype in FLOATING else max

    def argmax(self, x: ObjectArray) -> ObjectArray:
        """Return the place of the first maximum of integers, in row-major order."""
        self._refuse("argmax", x.dtype, "bool", "real floating")
        if any(isinstance(value, Cases) for value in x.data.ravel()):
            claim = "the place of a maximum"
            raise UndecidedError(claim)
        return self.asarray(int(np.argmax(x.data.astype(int))), dtype="int64")

    def cumulative_sum(self, x: ObjectArray, *, axis: int) -> ObjectArray:
        """Return the sums of the first elements along the last axis."""
        if axis != -1:
            claim = "cumulative sums along another axis than the last"
            raise UndecidedError(claim)
        return self.stack([self.sum(x[..., : k + 1], axis=-1) for k in range(x.shape[-1])], axis=-1)

    def any(self, x: ObjectArray, *, axis: Any = None, keepdims: Any = False) -> ObjectArray:
        """Return whether a condition holds anywhere."""
        return self._reduced(held_by(any), x, axis, "bool", keepdims=keepdims)

    def all(self, x: ObjectArray, *, axis: Any = None, keepdims: Any = False) -> ObjectArray:
        """Return whether a condition holds everywhere."""
        return self._reduced(held_by(all), x, axis, "bool", keepdims=keepdims)

    # Shapes

    def _shaped(self, f: Callable[..., Any], x: ObjectArray, *arguments: Any) -> ObjectArray:
        return self.array(f(x.data, *arguments), x.dtype)

    def reshape(self, x: ObjectArray, shape: Any) -> ObjectArray:
        """Return an array in another shape."""
        return self._shaped(np.reshape, x, shape)

    def squeeze(self, x: ObjectArray, *, axis: Any) -> ObjectArray:
        """Return an array without axes of size 1."""
        return self._shaped(np.squeeze, x, axis)

    def expand_dims(self, x: ObjectArray, *, axis: Any = 0) -> ObjectArray:
        """Return an array with an axis of size 1 more."""
        return self._shaped(np.expand_dims, x, axis)

    def permute_dims(self, x: ObjectArray, axes: Any) -> ObjectArray:
        """Return an array with its axes in another order."""
        return self._shaped(np.transpose, x, axes)

    def matrix_transpose(self, x: ObjectArray) -> ObjectArray:
        """Return a matrix with rows and columns exchanged."""
        return self._shaped(np.transpose, x, (1, 0))

    def matmul(self, x: ObjectArray, y: ObjectArray) -> ObjectArray:
        """Return the product of two matrices."""
        return self.sum(x[:, :, None] * y[None, :, :], axis=1)

    def broadcast_to(self, x: ObjectArray, shape: Any) -> ObjectArray:
        """Return an array repeated to a shape."""
        return self._shaped(np.broadcast_to, x, shape)

    def broadcast_arrays(self, *arrays: ObjectArray) -> list[ObjectArray]:
        """Return arrays repeated to their common shape."""
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
        return [self.broadcast_to(x, shape) for x in arrays]

    def concat(self, arrays: Sequence[ObjectArray], *, axis: int = 0) -> ObjectArray:
        """Return arrays joined along an axis."""
        return self.array(np.concatenate([x.data for x in arrays], axis=axis), self._common(arrays))

    def stack(self, arrays: Sequence[ObjectArray], *, axis: int = 0) -> ObjectArray:
        """Return arrays along a new axis."""
        return self.array(np.stack([x.data for x in arrays], axis=axis), self._common(arrays))

    def _common(self, arrays: Sequence[ObjectArray]) -> str:
        dtypes = {x.dtype for x in arrays}
        if len(dtypes) > 1 and not self.isdtype(min(dtypes), "real floating"):
            msg = f"The standard does not join {' and '.join(sorted(dtypes))}."
            raise TypeError(msg)
        return max(dtypes)
