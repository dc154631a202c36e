"""The Jacobian of softmax: as a product with a vector, and as blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._exponentials import row_max
from xent_arrayapi._namespace import class_indices, size_of, sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Namespace


def centred(tangent: Array, top: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return a tangent less one of its entries, that of a maximal logit, and this entry."""
    entry = row_max(xp.where(top, tangent, -xp.inf), xp)
    entry = xp.where(entry == -xp.inf, 0, entry)
    return tangent - entry, entry


def jacobian_product(probs: Array, tangent: Array, top: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return (diag S − S Sᵀ) v = S ∘ (v − ⟨S, v⟩), exactly 0 for a constant v, and ⟨S, v⟩."""
    v, entry = centred(tangent, top, xp)
    mean = sum_rows(probs * v, xp)
    return probs * (v - mean), mean + entry


def jacobian_blocks(probs: Array, complements: Array, xp: Namespace) -> Array:
    """Return diag S − S Sᵀ, with S (1 − S) on the diagonal."""
    outer = -probs[..., :, None] * probs[..., None, :]
    return xp.where(diagonal(probs, xp), (probs * complements)[..., :, None], outer)


def diagonal(rows: Array, xp: Namespace) -> Array:
    """Return the mask of the diagonal of (..., K, K) blocks."""
    k = class_indices(size_of(rows, -1), xp.int32, rows, xp)
    return k[:, None] == k[None, :]
