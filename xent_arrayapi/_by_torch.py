"""The gradient of a loss as the backward derivative that torch asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array


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
