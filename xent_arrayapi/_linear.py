"""The loss of a linear model, and its derivatives by the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._objective import RowwiseLoss
    from xent_arrayapi._typing import Array, Namespace


def logits_of(x: Array, w: Array, b: Array, xp: Namespace) -> Array:
    """Return u = X Wᵀ + b."""
    return xp.matmul(x, xp.matrix_transpose(w)) + b


def pulled_back(x: Array, cotangent: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return Σ c_n x_nᵀ and Σ c_n: what a derivative by the logits is by W and b."""
    return xp.matmul(xp.matrix_transpose(cotangent), x), xp.sum(cotangent, axis=0)


def second_moments(x: Array, s: Array | None, xp: Namespace) -> tuple[Array, Array]:
    """Return Σ s_n x_n x_nᵀ and Σ s_n x_n, for a column s, which None stands for ones in."""
    weighted = x if s is None else s * x
    return xp.matmul(xp.matrix_transpose(weighted), x), xp.sum(weighted, axis=0)


class Along(NamedTuple):
    """Products with the Hessian of a linear model."""

    both: Callable[[Array, Array], tuple[Array, Array]]
    """(V, c) ↦ ∇²f (V, c), by W and by b."""
    intercept: Callable[[Array], Array]
    """c ↦ ∇²f (0, c), by b alone, for which the features are not read."""


@dataclass(frozen=True, eq=False)
class LinearLoss:
    """h(X Wᵀ + b) as a function of W, one row for each logit, and b."""

    x: Array
    h: RowwiseLoss
    xp: Namespace

    def value_and_grad(self, w: Array, b: Array) -> tuple[Array, Array, Array]:
        """Return the loss, and its gradient by W and by b: E_est − E_obs of the features, summed."""
        value, gradient = self.h.value_and_grad(logits_of(self.x, w, b, self.xp))
        return value, *pulled_back(self.x, gradient, self.xp)

    def linearize(self, w: Array, b: Array) -> tuple[Array, Array, Array, Along]:
        """Return the loss, its gradient by W and by b, and products with its Hessian: the logits are linear in them."""
        u = logits_of(self.x, w, b, self.xp)
        value, gradient, product = self.h.linearize(u)

        def along(v: Array, c: Array) -> tuple[Array, Array]:
            return pulled_back(self.x, product(logits_of(self.x, v, c, self.xp)), self.xp)

        def along_b(c: Array) -> Array:
            return self.xp.sum(product(self.xp.broadcast_to(c, u.shape)), axis=0)

        return value, *pulled_back(self.x, gradient, self.xp), Along(along, along_b)


def stochastic_gradient(loss: LinearLoss, w: Array, b: Array, rate: Array, alpha: float) -> tuple[Array, Array]:
    """Return the gradient by W and b of f = rate Σ s h + α/2 ‖W‖² over the rows of a batch."""
    _, of_w, of_b = loss.value_and_grad(w, b)
    return rate * of_w + alpha * w, rate * of_b
