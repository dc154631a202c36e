"""What an admissible argument is, and what we say when it is not."""

from __future__ import annotations

import math
import operator
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from xent_arrayapi._namespace import is_boolean, is_floating, is_integral

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Axis, DType, Namespace


class AxisError(ValueError, IndexError):
    """An axis that the array does not have."""


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes as distinct nonnegative integers, all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    wanted = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(axis_of(one, ndim) for one in wanted)
    if len(set(axes)) < len(axes):
        msg = f"`axis` must name each axis once, not {axis}."
        raise ValueError(msg)
    return axes


def axis_of(axis: int, ndim: int) -> int:
    """Return the axis as a nonnegative integer."""
    index = whole_number("axis", axis)
    if not -ndim <= index < ndim:
        msg = f"`axis` must be an axis of an array with {ndim} axes, not {index}."
        raise AxisError(msg)
    return index % ndim


def shown(value: Any) -> str:
    """Return how an error prints an argument: an array without its values, for to read them is to wait for a device."""
    return "an array" if hasattr(value, "shape") and not isinstance(value, Real) else repr(value)


def dtype_name(dtype: DType) -> str:
    """Return how an error calls a dtype: by its name in the standard, whichever library's it is."""
    return str(dtype).rpartition(".")[-1]


def whole_number(name: str, value: Any) -> int:
    """Return an integer option as int."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        msg = f"`{name}` must be a Python integer, not {shown(value)}."
        raise TypeError(msg)
    return operator.index(value)


def class_of(name: str, value: Any, classes: int | None) -> int:
    """Return a class that is counted from either end, the first one as 0 and the last one as −1."""
    index = whole_number(name, value)
    if classes is None:
        return index
    if not -classes <= index < classes:
        msg = f"`{name}` must be one of the {classes} classes, in {-classes}..{classes - 1}, not {index}."
        raise ValueError(msg)
    return {-classes: 0, classes - 1: -1}.get(index, index)


def number(name: str, value: Any, *, low: float, high: float, closed: bool) -> float:
    """Return a real option within its bounds as float."""
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        msg = f"`{name}` must be a Python number, not {shown(value)}."
        raise TypeError(msg)
    result = float(value)
    inside = low <= result <= high if closed else low < result < high
    if not inside:
        sign = "<=" if closed else "<"
        msg = f"`{name}` must be a number with {low:g} {sign} {name} {sign} {high:g}, not {shown(value)}."
        raise ValueError(msg)
    return result


def choice(name: str, value: Any, among: tuple[str, ...]) -> None:
    """Check an option that is one of a few words."""
    if not isinstance(value, str) or value not in among:
        msg = f"`{name}` must be one of {', '.join(map(repr, among))}, not {shown(value)}."
        raise ValueError(msg)


def logits_dtype(name: str, x: Array, xp: Namespace) -> None:
    """Check the dtype of logits: real floating, or integer or bool, which are promoted."""
    if not (is_floating(x.dtype, xp) or is_integral(x.dtype, xp) or is_boolean(x.dtype, xp)):
        msg = f"`{name}` must be real: floating, integer or bool, not {dtype_name(x.dtype)}."
        raise TypeError(msg)


def known_shape(name: str, shape: tuple[Any, ...]) -> None:
    """Check that each axis has a size: Dask calls those nan that depend on values it has not computed."""
    if any(size != size for size in shape):  # noqa: PLR0124  # only nan is
        msg = f"`{name}` must have a known shape, not {shape}: have its chunk sizes computed first."
        raise ValueError(msg)


def floating_dtype_only(name: str, x: Array, xp: Namespace) -> None:
    """Check that an array is real floating."""
    if not is_floating(x.dtype, xp):
        msg = f"`{name}` must be real floating, not {dtype_name(x.dtype)}: convert it first."
        raise TypeError(msg)


def real_dtype(name: str, x: Array, xp: Namespace) -> None:
    """Check that an array holds real numbers: floating or integer."""
    if not (is_floating(x.dtype, xp) or is_integral(x.dtype, xp)):
        msg = f"`{name}` must be floating or integer, not {dtype_name(x.dtype)}: convert it first."
        raise TypeError(msg)


def mask_dtype(name: str, x: Array, xp: Namespace) -> None:
    """Check that a mask is boolean."""
    if not is_boolean(x.dtype, xp):
        msg = f"`{name}` must be a boolean array, not {dtype_name(x.dtype)}: compare it, as in `x != 0`."
        raise TypeError(msg)


def same_shape(name: str, x: Array, shape: tuple[int | None, ...], like: str) -> None:
    """Check the shape of an array against the one that another argument fixes."""
    if tuple(x.shape) != tuple(shape) and not may_be_equal(x.shape, shape):
        msg = f"`{name}` must have the shape {tuple(shape)} of {like}, not {tuple(x.shape)}."
        raise ValueError(msg)


def ends_with(name: str, x: Array, shape: tuple[int | None, ...], like: str) -> None:
    """Check that the last axes of an array are those that another argument fixes: any before them are its own."""
    if x.ndim < len(shape) or not may_be_equal(tuple(x.shape)[x.ndim - len(shape) :], shape):
        msg = f"`{name}` must have the shape {tuple(shape)} of {like}, after axes of samples, not {tuple(x.shape)}."
        raise ValueError(msg)


def may_be_equal(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    """Tell whether two shapes agree as far as they are known: a size of None is not, before a graph runs."""
    return len(one) == len(other) and all(a == b or a is None or b is None for a, b in zip(one, other, strict=True))


def broadcasts_to(name: str, x: Array, shape: tuple[int | None, ...]) -> None:
    """Check that an array broadcasts to a shape."""
    trailing = tuple(shape)[len(shape) - x.ndim :] if x.ndim <= len(shape) else ()
    ones = tuple(1 if mine == 1 else size for mine, size in zip(x.shape, trailing, strict=False))
    if len(trailing) != x.ndim or not may_be_equal(x.shape, ones):
        msg = f"`{name}` must broadcast to the shape {tuple(shape)} of the logits, not have shape {tuple(x.shape)}."
        raise ValueError(msg)


def broadcasts_against(name: str, x: Array, shape: tuple[int | None, ...], like: str) -> None:
    """Check that an array and a shape broadcast against each other."""
    pairs = zip(reversed(x.shape), reversed(shape), strict=False)
    if not all(1 in pair or None in pair or pair[0] == pair[1] for pair in pairs):
        msg = f"`{name}` must broadcast against the shape {tuple(shape)} of {like}, not have shape {tuple(x.shape)}."
        raise ValueError(msg)


def refuse_values(name: str, x: Array, bad: Array, must: str, xp: Namespace) -> None:
    """Raise for the first element where `bad` holds; reads values."""
    if not bool(xp.any(bad)):
        return
    first = int(xp.argmax(xp.reshape(xp.astype(bad, xp.int8), (-1,))))
    value = xp.reshape(x, (-1,))[first]
    offender = float(value) if is_floating(x.dtype, xp) else int(value)
    at = unravel(first, tuple(x.shape))
    where = f" at {at}" if at else ""
    msg = f"`{name}` must {must}, not {offender}{where}."
    raise ValueError(msg)


def unravel(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of an element from its place in row-major order."""
    index = []
    for axis in range(len(shape)):
        size = math.prod(shape[axis + 1 :])
        index.append(flat // size)
        flat %= size
    return tuple(index)
