"""Derivatives in closed form as the backward ones that torch asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from xent_arrayapi._blocks import Parts, entered
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._libraries import on_host
from xent_arrayapi._namespace import quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._softmax_rows import SOFTMAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._blocks import Part
    from xent_arrayapi._softmax_rows import RowFunction
    from xent_arrayapi._typing import Array, Axis


class _Loss(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
    """A loss of logits, which keeps its gradient for the way back."""

    @staticmethod
    def forward(ctx: Any, logits: Array, loss: Any, axis: int | None) -> Array:
        value, gradient = loss.value_and_grad(logits)
        ctx.loss, ctx.axis = loss, axis
        ctx.save_for_backward(logits, gradient)
        return value

    @staticmethod
    def backward(ctx: Any, cotangent: Array) -> tuple[Array, None, None]:
        """Return the cotangent of each row times its gradient, which is made anew where that is differentiated."""
        logits, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():
            gradient = ctx.loss.grad(logits)
        return (cotangent if ctx.axis is None else cotangent.unsqueeze(ctx.axis)) * gradient, None, None


def differentiable(loss: Any, logits: Array, axis: int | None) -> Array:
    """Return the loss of logits that are differentiated backwards."""
    return _Loss.apply(logits, loss, axis)


class _OfRows(torch.autograd.Function):  # type: ignore[misc]  # torch has no types here
    """A function of rows of logits, which keeps these for the way back, or softmax where it is that."""

    @staticmethod
    def forward(ctx: Any, x: Array, function: RowFunction, axis: Axis, value: Callable[..., Array]) -> Array:
        y = value(x, axis=axis)
        ctx.function, ctx.axis = function, axis
        ctx.save_for_backward(y if function is SOFTMAX else x)
        return y

    @staticmethod
    def backward(ctx: Any, cotangent: Array) -> tuple[Array, None, None, None]:
        """Return what its derivative brings a cotangent back to."""
        (kept,) = ctx.saved_tensors
        return brought_back(ctx.function, kept, cotangent, ctx.axis), None, None, None


def differentiable_rows(function: RowFunction, x: Array, axis: Axis, value: Callable[..., Array]) -> Array:
    """Return a function of rows of logits that are differentiated backwards."""
    return _OfRows.apply(x, function, axis, value)


def brought_back(function: RowFunction, kept: Array, cotangent: Array, axis: Axis) -> Array:
    """Bring a cotangent back through a function of rows, of which logits or softmax are kept."""
    xp, back, x, g = entered(axis, x=kept, cotangent=cotangent)
    rows = Rows.of("x", x, axis, xp)
    brought, column = rows.bring(x), function.kind == "column"
    g = g if column else rows.bring(g)

    def work(part: Part) -> tuple[Array]:
        xp, u = part.frame.xp, part.rows(brought)
        asked = {"quotients": True} if on_host(xp) else function.asked  # what the way there has evaluated
        probs = u if function is SOFTMAX else Evaluation.of(u, xp, in_place=part.in_place, **asked).last_probs()
        return (function.back(probs, part.column(g) if column else part.rows(g), xp, part.room),)

    with quiet(xp):
        (found,) = Parts(rows, g).run(work, "rows")
        return back(found)
