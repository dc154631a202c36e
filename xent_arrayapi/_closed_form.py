"""Derivatives in closed form, for torch and JAX where they are what differentiates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent_arrayapi import _tensors
from xent_arrayapi._logits import at_temperature
from xent_arrayapi._namespace import is_traced

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._rows import Rows
    from xent_arrayapi._softmax_rows import RowFunction
    from xent_arrayapi._typing import Array

SINGLE = 4
"""Bytes of a logit from which on the gradient of a loss is not rounded to half precision before it is scaled."""


def is_differentiated(x: Array) -> bool:
    """Tell whether torch differentiates x backwards, or JAX may differentiate it."""
    return _tensors.is_differentiated(x, ()) or is_traced(x)


def differentiable(loss: Any, logits: Array, value: Callable[[Any, Array], Array], axis: int | None) -> Array:
    """Return the value of a loss: whoever differentiates it by the logits is given its own gradient.

    Through the formulas of the value a derivative takes several times as long, and is 1 − Σ S at the maximum.  The axis
    is what the losses of the rows have not.
    """
    axis = axis if loss.reduction == "none" else None
    if _tensors.is_differentiated(logits, vars(loss).values()) and logits.element_size() >= SINGLE:
        from xent_arrayapi import _by_torch  # noqa: PLC0415  # which imports torch

        return _by_torch.differentiable(loss, logits, axis)
    if is_traced(logits) and logits.dtype.itemsize >= SINGLE:
        from xent_arrayapi import _by_jax  # noqa: PLC0415  # which imports JAX

        return _by_jax.differentiable(loss, logits, value, axis)
    return value(loss, logits)


def differentiable_rows(
    function: RowFunction, rows: Rows, where: Array | None, temperature: float, value: Callable[..., Array]
) -> Array:
    """Return a function of rows of logits: whoever differentiates it by the logits is given its own derivative.

    What is done to logits first, and to masked classes last, is differentiated as it is.
    """
    x, xp, axis = rows.cast(rows.like), rows.xp, rows.axes if len(rows.axes) != 1 else rows.axes[0]
    if where is not None:
        x = xp.where(where, x, -xp.inf)
    x = at_temperature(x, temperature, xp)
    if is_traced(x):
        from xent_arrayapi import _by_jax  # noqa: PLC0415  # which imports JAX

        y = _by_jax.differentiable_rows(function, x, axis)
    else:
        from xent_arrayapi import _by_torch  # noqa: PLC0415  # which imports torch

        y = _by_torch.differentiable_rows(function, x, axis, value)
    if function.kind == "column":
        return y
    return rows.in_dtype(y if where is None else xp.where(where, y, function.masked))
