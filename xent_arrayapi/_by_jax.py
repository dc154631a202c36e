"""The gradient of a loss as the forward derivative that JAX asks for, and transposes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.custom_derivatives import SymbolicZero

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._typing import Array


def differentiable(loss: Any, logits: Array, value: Callable[[Any, Array], Array], axis: int | None) -> Array:
    """Return the loss of logits that may be differentiated; by what it holds, through the formulas of its value.

    What it holds may be differentiated, batched or traced as well, and must be an argument for that.
    """

    def of_all(logits: Array, held: dict[str, Array]) -> Array:
        return value(replace(loss, **held), logits)

    function = jax.custom_jvp(of_all)

    @partial(function.defjvp, symbolic_zeros=True)
    def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
        (x, held), (along, others) = primals, tangents
        if _is_zero(along) or not all(map(_is_zero, others.values())):
            result: tuple[Array, Array] = jax.jvp(of_all, primals, jax.tree.map(_zeros, tangents, is_leaf=_is_zero))
            return result
        h, gradient = replace(loss, **held).value_and_grad(x)
        change = gradient * along
        return h, change if h.ndim == change.ndim else jax.numpy.sum(change, axis=axis)

    result: Array = function(logits, {name: x for name, x in vars(loss).items() if isinstance(x, jax.Array)})
    return result


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, SymbolicZero)


def _zeros(tangent: Any) -> Any:
    """Return a tangent as an array."""
    return np.zeros(tangent.shape, tangent.dtype) if _is_zero(tangent) else tangent
