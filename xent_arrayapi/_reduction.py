"""none, sum, mean: what a mean divides by, and sums that merge."""

from __future__ import annotations

import sys
from numbers import Real
from typing import TYPE_CHECKING, Any

from xent_arrayapi._namespace import is_floating, is_integral
from xent_arrayapi._validate import choice, dtype_name, number

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Namespace

REDUCTIONS = ("none", "sum", "mean")
NORMALIZERS = ("weights", "count", "batch")


def check_normalizer(normalizer: Any) -> None:
    """Check the name or the number, or leave it to be a 0-d array."""
    if isinstance(normalizer, str):
        choice("normalizer", normalizer, NORMALIZERS)
    elif array_normalizer(normalizer) is None:
        number("normalizer", normalizer, low=0, high=sys.float_info.max, closed=True)


def array_normalizer(normalizer: Any) -> Array | None:
    """Return a normalizer that is an array, None for one that is a name or a number."""
    return normalizer if hasattr(normalizer, "shape") and not isinstance(normalizer, Real) else None


def check_normalizer_array(x: Array, xp: Namespace) -> None:
    """Check the shape and dtype of a normalizer that is an array."""
    if not (is_floating(x.dtype, xp) or is_integral(x.dtype, xp)):
        msg = f"`normalizer` must be real, not an array of dtype {dtype_name(x.dtype)}."
        raise TypeError(msg)
    if x.ndim != 0:
        msg = f"`normalizer` must be a 0-d array, not one of shape {tuple(x.shape)}: sum it first."
        raise ValueError(msg)


def divisor_of(normalizer: str, unsmoothed: Array, s: Array | None, kept: Array | None, xp: Namespace) -> Array:
    """Return what the mean divides by, row by row: s w t, 1 for a row that is kept, 1, or 0 where it is given."""
    if normalizer == "weights":
        return _over(kept, unsmoothed if s is None else s * unsmoothed, xp)
    one = xp.ones_like(unsmoothed)
    if normalizer == "count":
        return _over(kept, one, xp)
    return one if normalizer == "batch" else xp.zeros_like(one)


def _over(kept: Array | None, column: Array, xp: Namespace) -> Array:
    return column if kept is None else xp.where(kept, column, 0)


def quotient(x: Array, by: Array, something: Array | None, xp: Namespace) -> Array:
    """Return x / by; over 0 it is 0 where there is nothing to divide, and else nan, as it is over less than 0."""
    nothing = xp.zeros_like(by)
    if something is not None:
        nothing = xp.where(something, xp.nan, nothing)
    return xp.where(by > 0, x / xp.where(by > 0, by, 1), nothing + 0 * by)
