"""The loss of a linear model, and its derivatives by the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def second_moments(x: Array, s: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return Σ s_n x_n x_nᵀ and Σ s_n x_n, for a column s."""
    weighted = s * x
    return xp.matmul(xp.matrix_transpose(weighted), x), xp.sum(weighted, axis=0)


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

    def linearize(
        self, w: Array, b: Array
    ) -> tuple[Array, Array, Array, Callable[[Array, Array], tuple[Array, Array]]]:
        """Return the loss, its gradient by W and by b, and (V, c) ↦ ∇²f (V, c): the logits are linear in W and b."""
        value, gradient, product = self.h.linearize(logits_of(self.x, w, b, self.xp))

        def along(v: Array, c: Array) -> tuple[Array, Array]:
            return pulled_back(self.x, product(logits_of(self.x, v, c, self.xp)), self.xp)

        return value, *pulled_back(self.x, gradient, self.xp), along


def stochastic_gradient(loss: LinearLoss, w: Array, b: Array, rate: Array, alpha: float) -> tuple[Array, Array]:
    """Return the gradient by W and b of f = rate Σ s h + α/2 ‖W‖² over the rows of a batch."""
    _, of_w, of_b = loss.value_and_grad(w, b)
    return rate * of_w + alpha * w, rate * of_b
