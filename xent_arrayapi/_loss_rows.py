"""The loss of each row of logits and its derivatives: the formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._jacobian import jacobian_blocks, jacobian_product
from xent_arrayapi._targets import times

if TYPE_CHECKING:
    from xent_arrayapi._targets import TargetWeights
    from xent_arrayapi._typing import Array


def row_values(got: Evaluation, q: TargetWeights, z_loss: float) -> Array:
    """Return h = −Σ Q log S + z r A²."""
    value = q.dot(Evaluation.surprisals, got)
    return value + times(q.unsmoothed, z_loss * got.log_partition**2, got.xp) if z_loss else value


def row_gradients(got: Evaluation, q: TargetWeights, z_loss: float, *, last: bool = False) -> Array:
    """Return ∇h = S (ΣQ − Q) − Q (1 − S) + 2 z r A S; 0 at a masked class.

    What is last to ask for exponentials may compute in their memory.
    """
    if q.unit and not z_loss:  # S − Q, divided once
        spare = got.spare(last=last)
        return got.masked(got.shares(q.each(lambda one, at: spare if one is None else -at.others(), got)), 0)
    gradient = q.each(lambda one, at: _of_class(one, at, q), got)
    if z_loss:
        gradient = gradient + times(got.probs(), tilt(got, q, z_loss), got.xp)
    return got.masked(gradient, 0)


def _of_class(one: Array | None, at: Evaluation, q: TargetWeights) -> Array:
    if one is None:
        return q.sized(at.probs())
    return at.probs() * (q.total - one) - one * at.complements()


def tilt(got: Evaluation, q: TargetWeights, z_loss: float) -> Array:
    """Return 2 z r A, the derivative of z r A² by A."""
    return times(q.unsmoothed, 2 * z_loss * got.log_partition, got.xp)


def row_products(got: Evaluation, q: TargetWeights, z_loss: float, probs: Array, v: Array) -> Array:
    """Return ∇²h v = (ΣQ + 2 z r A) (S ∘ (v − ⟨S, v⟩)) + 2 z r S ⟨S, v⟩, given S."""
    jvp, mean = jacobian_product(probs, v, got.peak, got.xp)
    if not z_loss:
        return q.sized(jvp)
    return q.sized(jvp) + times(jvp, tilt(got, q, z_loss), got.xp) + 2 * z_loss * q.unsmoothed * mean * probs


def row_blocks(got: Evaluation, q: TargetWeights, z_loss: float) -> Array:
    """Return ∇²h = (ΣQ + 2 z r A) (diag S − S Sᵀ) + 2 z r S Sᵀ."""
    xp, probs = got.xp, got.probs()
    blocks = jacobian_blocks(probs, got.complements(), xp)
    if got.mask is not None:
        blocks = xp.where(got.mask[..., :, None], blocks, 0)
    if not z_loss:
        return q.total[..., None] * blocks
    outer = probs[..., :, None] * probs[..., None, :]
    bowl = times(blocks, tilt(got, q, z_loss)[..., None], xp) + 2 * z_loss * q.unsmoothed[..., None] * outer
    return q.total[..., None] * blocks + bowl


def row_diagonals(got: Evaluation, q: TargetWeights, z_loss: float) -> Array:
    """Return the diagonal of ∇²h, (ΣQ + 2 z r A) S (1 − S) + 2 z r S²."""
    probs = got.probs()
    spread = got.masked(probs * got.complements(), 0)
    if not z_loss:
        return q.sized(spread)
    return q.sized(spread) + times(spread, tilt(got, q, z_loss), got.xp) + 2 * z_loss * q.unsmoothed * probs**2
