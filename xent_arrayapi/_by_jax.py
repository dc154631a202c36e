"""Derivatives in closed form as the forward ones that JAX asks for, and transposes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.custom_derivatives import SymbolicZero

from xent_arrayapi._blocks import Parts
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._namespace import namespace_of
from xent_arrayapi._rows import Rows
from xent_arrayapi._softmax_rows import covariances

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._blocks import Part
    from xent_arrayapi._softmax_rows import RowFunction
    from xent_arrayapi._typing import Array, Axis


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


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _with_softmax(x: Array, function: RowFunction, axis: Axis) -> tuple[Array, ...]:
    """Return a function of rows, and softmax of them, of one evaluation."""
    rows = Rows.of("x", x, axis, namespace_of(x=x)).unmoved()
    brought = rows.bring(x)

    def work(part: Part) -> tuple[Array, Array]:
        got = Evaluation.of(part.rows(brought), part.frame.xp, **function.asked)
        return function.value(got), got.probs()

    return Parts(rows).run(work, function.kind, "rows")


@_with_softmax.defjvp  # type: ignore[untyped-decorator]  # JAX has no type here
def _(function: RowFunction, axis: Axis, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Return both, and their derivatives: that of softmax is asked for by second ones alone."""
    (x,), (tangent,) = primals, tangents
    value, probs = _with_softmax(x, function, axis)
    rows = Rows.of("x", x, axis, namespace_of(x=x)).unmoved()
    s, v = rows.bring(probs), rows.bring(tangent)

    def work(part: Part) -> tuple[Array, Array]:
        given = part.rows(s), part.rows(v), part.frame.xp
        return function.along(*given), covariances(*given)

    return (value, probs), Parts(rows).run(work, function.kind, "rows")


def differentiable_rows(function: RowFunction, x: Array, axis: Axis) -> Array:
    """Return a function of rows of logits that may be differentiated."""
    return _with_softmax(x, function, axis)[0]
