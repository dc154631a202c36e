"""Sums of exponentials with weights of any sign: their logarithm and sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._exponentials import row_max, shift
from xent_arrayapi._namespace import sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Namespace


def sign_of(x: Array, xp: Namespace) -> Array:
    """Return −1, 0 or 1, or nan: of nan, some libraries make 0, and torch's wrapper cannot be batched."""
    return xp.where(x > 0, xp.ones_like(x), xp.where(x < 0, -1, x))


def signed_logsumexp(u: Array, w: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return log |Σ w exp(u)| and the sign of the sum; a class of weight 0 is left out."""
    u = xp.where(w == 0, -xp.inf, u)
    scores = u + xp.log(xp.where(w == 0, 1, xp.abs(w)))
    m = row_max(scores, xp)
    top = xp.logical_not(scores < m)
    d, error = shift(u, m, xp)
    half = xp.exp(d / 2)
    terms = xp.where(xp.isinf(m), xp.where(top, sign_of(w, xp), 0), half * w * half * (1 + error))
    terms = xp.where(m == -xp.inf, 0, terms)
    return signed_log(m, terms, top, xp)


def signed_log(m: Array, terms: Array, top: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return m + log |Σ terms| and the sign of the sum, nan where it is +inf − inf.

    The largest terms are added by themselves: where they cancel, the others are all there is, in whichever order.
    """
    largest, others = sum_rows(xp.where(top, terms, 0), xp), sum_rows(xp.where(top, 0, terms), xp)
    total = largest + others
    sign = sign_of(total, xp)
    tail = sign * others + (sign * largest - 1)
    size = xp.where(total == 0, 1, sign * total)
    value = m + xp.where(2 * size > 1, xp.log1p(xp.where(2 * size > 1, tail, 0)), xp.log(size))
    both = xp.logical_and(m == xp.inf, xp.abs(total) != sum_rows(xp.abs(terms), xp))
    value = xp.where(both, xp.nan, xp.where(total == 0, -xp.inf, value))
    return value, xp.where(both, xp.nan, sign)
