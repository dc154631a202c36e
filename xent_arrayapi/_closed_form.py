"""The derivative of a loss in closed form, for torch and JAX where they are what differentiates it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xent_arrayapi._namespace import is_traced
from xent_arrayapi._tensors import is_differentiated

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._typing import Array

SINGLE = 4
"""Bytes of a logit from which on its gradient is not rounded to half precision before it is scaled."""


def differentiable(loss: Any, logits: Array, value: Callable[[Any, Array], Array], axis: int | None) -> Array:
    """Return the value of a loss: whoever differentiates it by the logits is given its own gradient.

    Through the formulas of the value a derivative takes several times as long, and is 1 − Σ S at the maximum.  The axis
    is what the losses of the rows have not.
    """
    axis = axis if loss.reduction == "none" else None
    if is_differentiated(logits, vars(loss).values()) and logits.element_size() >= SINGLE:
        from xent_arrayapi import _by_torch  # noqa: PLC0415  # which imports torch

        return _by_torch.differentiable(loss, logits, axis)
    if is_traced(logits) and logits.dtype.itemsize >= SINGLE:
        from xent_arrayapi import _by_jax  # noqa: PLC0415  # which imports JAX

        return _by_jax.differentiable(loss, logits, value, axis)
    return value(loss, logits)
