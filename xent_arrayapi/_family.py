"""What rows of logits are as distributions: moments, entropies, divergences, draws and counts, as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._jacobian import diagonal, jacobian_blocks
from xent_arrayapi._namespace import class_indices, cumulative_rows, size_of, sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._evaluation import Evaluation
    from xent_arrayapi._typing import Array, DType, Namespace

CLASSES_AT_ONCE = 32
"""How many classes are counted in one pass over the labels."""


def third_cumulants(got: Evaluation) -> Array:
    """Return ∇³A: S (1 − S) (1 − 2 S) for equal classes, −S_i S_k (1 − 2 S_i) for i = j ≠ k, else 2 S_i S_j S_k."""
    xp, probs, complements = got.xp, got.probs(), got.complements()
    blocks, skew, same = jacobian_blocks(probs, complements, xp), complements - probs, diagonal(probs, xp)
    pair = blocks[..., :, None, :] * skew[..., :, None, None]
    factor = xp.where(
        xp.logical_or(same[:, None, :], same[None, :, :]), skew[..., None, None, :], -2 * probs[..., None, None, :]
    )
    return xp.where(same[:, :, None], pair, blocks[..., :, :, None] * factor)


def information(got: Evaluation, reference: int) -> Array:
    """Return ∇²A without the row and the column of one class."""
    probs, complements = (without(x, reference, got.xp) for x in (got.probs(), got.complements()))
    return jacobian_blocks(probs, complements, got.xp)


def cross_entropies_of(p: Evaluation, q: Evaluation) -> Array:
    """Return −Σ p log q: a class that q has not costs inf, however small its p is, and nothing where p has not it."""
    xp, lost = p.xp, q.rows.d == -p.xp.inf
    terms = p.probs() * xp.where(lost, 0, q.surprisals())
    return sum_rows(xp.where(xp.logical_and(lost, p.rows.d > -xp.inf), xp.inf, terms), xp)


def divergences_of(p: Evaluation, q: Evaluation) -> Array:
    """Return KL = Σ (p + q) h² + p (2 h − z) with z = log(q / p) and h = tanh(z / 2): the terms are q − p − p z ≥ 0."""
    xp, one, other = p.xp, p.probs(), q.probs()
    gone, lost = p.rows.d == -xp.inf, q.rows.d == -xp.inf
    z = xp.where(xp.logical_or(gone, lost), 0, q.rows.d - p.rows.d) - (q.log_total - p.log_total)
    h = xp.tanh(z / 2)
    terms = (one + other) * h * h + one * (2 * h - z)
    return sum_rows(xp.where(gone, other, xp.where(lost, xp.inf, terms)), xp)


def natural_parameters(u: Array, reference: int, xp: Namespace) -> Array:
    """Return u − u_r without its entry r: 0 where both are +inf, nan where both are −inf."""
    at = u[..., reference:][..., :1]
    both = xp.logical_and(u == xp.inf, at == xp.inf)
    return without(xp.where(both, 0, u - at), reference, xp)


def without(rows: Array, k: int, xp: Namespace) -> Array:
    """Return rows without one entry, counted from either end."""
    if k == -1:
        return rows[..., :-1]
    return rows[..., 1:] if k == 0 else xp.concat([rows[..., :k], rows[..., k + 1 :]], axis=-1)


def with_zero(rows: Array, k: int, xp: Namespace) -> Array:
    """Return rows with an entry 0 more, which k then counts from either end."""
    zero = xp.zeros_like(xp.sum(rows, axis=-1, keepdims=True))
    if k in (-1, 0):
        return xp.concat([rows, zero] if k else [zero, rows], axis=-1)
    at = k if k > 0 else k + 1
    return xp.concat([rows[..., :at], zero, rows[..., at:]], axis=-1)


def first_where(mask: Array, classes: Array, otherwise: Array, xp: Namespace) -> Array:
    """Return the first class where a mask holds, and where it never does another one, that is not before it."""
    return -xp.max(xp.where(mask, -classes, -otherwise), axis=-1, keepdims=True)


def modes(got: Evaluation, dtype: DType) -> Array:
    """Return the first of the most probable classes, −1 where there is no distribution."""
    xp, top = got.xp, got.top
    if 0 in top.shape:
        return xp.full_like(got.m, -1, dtype=dtype)
    classes = class_indices(size_of(top, -1), dtype, top, xp)
    return xp.where(xp.isfinite(got.total), first_where(top, classes, classes[-1:], xp), -1)


def draws(got: Evaluation, uniforms: Array, dtype: DType) -> Array:
    """Return the first class of probability above 0 whose cumulative sum is above U Σe, −1 without a distribution.

    Rounding may leave none: then it is the last class of probability above 0.
    """
    xp, e = got.xp, got.rows.e
    if 0 in e.shape:
        return xp.full_like(uniforms, -1, dtype=dtype)
    classes = class_indices(size_of(e, -1), dtype, e, xp)
    sums, possible = cumulative_rows(e, xp), e > 0
    last = xp.max(xp.where(possible, classes, 0), axis=-1, keepdims=True)
    beyond = xp.logical_and(possible, sums > uniforms * sums[..., -1:])
    return xp.where(xp.isfinite(got.total), first_where(beyond, classes, last, xp), -1)


def tallies(labels: Array, weights: Array, classes: int, xp: Namespace) -> Array:
    """Return the total weight of each class, (..., K), of labels (..., N): no array of (N, K) is made for large K."""
    parts = []
    for first in range(0, classes, CLASSES_AT_ONCE):
        some = class_indices(min(CLASSES_AT_ONCE, classes - first), labels.dtype, labels, xp) + first
        hit = labels[..., None, :] == some[:, None]
        parts.append(xp.squeeze(sum_rows(xp.where(hit, weights[..., None, :], 0), xp), axis=-1))
    return xp.concat(parts, axis=-1)
