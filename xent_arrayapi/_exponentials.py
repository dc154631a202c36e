"""Exponentials of rows of logits, relative to their maximum or as they are, and the sums of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xent_arrayapi._libraries import is_by_xla
from xent_arrayapi._namespace import comparable, quietly, settled, sum_rows
from xent_arrayapi._picked import Gathered

if TYPE_CHECKING:
    from xent_arrayapi._picked import Reader
    from xent_arrayapi._typing import Array, Namespace


class Shifted(NamedTuple):
    """What a row looks like from its maximum m."""

    u: Array
    d: Array
    """u − m, at most 0; −inf for a class infinitely far below."""
    e: Array
    """exp(u − m)."""

    def of(self, one: Reader, m: Array, xp: Namespace) -> Shifted:
        """Return what one class of each row looks like: of its logit alone, where that is read by its index."""
        if isinstance(one, Gathered):
            return exponentials(one.of(self.u), m, xp)
        return Shifted(one.of(self.u), one.of(self.d), one.of(self.e))


class Relative(NamedTuple):
    """Finite rows, and their exponentials relative to another number of each row than m."""

    u: Array
    m: Array
    e: Array
    """exp(u − r)."""

    @property
    def d(self) -> Array:
        """What is left of a logit without m."""
        return self.u - self.m

    def of(self, one: Reader, _m: Array, _xp: Namespace) -> Relative:
        """Return what one class of each row looks like."""
        return Relative(one.of(self.u), self.m, one.of(self.e))


def row_max(u: Array, xp: Namespace) -> Array:
    """Return m = max u of each row, −inf for a row without classes; Dask has no maximum of no rows either."""
    if 0 in u.shape:
        return xp.full_like(xp.sum(u, axis=-1, keepdims=True), -xp.inf)
    return settled(xp.max(u, axis=-1, keepdims=True), xp)


def shift_error(u: Array, m: Array, d: Array) -> Array:
    """Return (u − m) − d, the rounding error of d = fl(u − m), exactly (Møller 1965, Knuth 1969: TwoDiff)."""
    b = d - u
    return (u - (d - b)) - (m + b)


def shift(u: Array, m: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return u − m as a rounded value and its error: −inf and 0 for a logit infinitely far below m.

    From an infinite m, the logits that are m are 0, and all others infinitely far below; nan stays nan also where m is
    the maximum of others.
    """
    plain = quietly(_difference, xp, u, m)
    return xp.where(tied_at_infinity(u, m, xp), 0, plain), quietly(_lost, xp, u, m, plain)


def tied_at_infinity(u: Array, m: Array, xp: Namespace) -> Array:
    """Mark the logits that are m where that is infinite.

    They are told by a number of each logit: compilers take conditions slowly, and torch's keeps for the derivative what
    compares a logit with one of a row.
    """
    sign = xp.where(xp.abs(m) == xp.inf, xp.where(m > 0, xp.ones_like(m), -1), 0)
    return comparable(quietly(_product, xp, u, sign), xp) == xp.inf


def _difference(u: Array, m: Array, _xp: Namespace) -> Array:
    """Return u − m, nan where one is infinite as the other is."""
    return u - m


def _product(u: Array, sign: Array, _xp: Namespace) -> Array:
    """Return u times the sign of its m, +inf where it is infinite as m is; nan times 0 is not."""
    return u * sign


def _lost(u: Array, m: Array, d: Array, xp: Namespace) -> Array:
    """Return (u − m) − d where that is finite."""
    return xp.where(xp.abs(comparable(d, xp)) < xp.inf, shift_error(u, m, d), 0)


def corrected(d: Array, error: Array, xp: Namespace) -> Array:
    """Return exp(d + error), with what rounding has taken from d put back."""
    return xp.exp(d) * (1 + error)


def exponentials(u: Array, m: Array, xp: Namespace, *, late: bool = False) -> Shifted:
    """Evaluate exp(u − m), with the rounding error of the shift put back.

    Ties at infinity are told before exp is taken, or late, after it: compiled, it need not wait for them.  What has
    derivatives is not late, for they would be nan there.
    """
    d, error = shift(u, m, xp)
    if not late:
        return Shifted(u, d, corrected(d, error, xp))
    e = corrected(quietly(_difference, xp, u, m), error, xp)
    return Shifted(u, d, xp.where(tied_at_infinity(u, m, xp), 1, e))


def finite_exponentials(u: Array, r: Array, xp: Namespace) -> Array:
    """Evaluate exp(u − r) without guards: nan where a logit or a spread is not finite."""
    d = u - r
    return corrected(d, shift_error(u, r, d), xp)


def tail_of(m: Array, rows: Shifted, xp: Namespace, *, fused: bool = False) -> Array:
    """Return Σ exp(u − m) − 1: the classes below m, with 0 for each at m, and (ties − 1), which is exact.

    The zero of a tie is e − 1, which has the derivatives of e.  The count of ties is exact in any order.  XLA writes
    down what conditions make: the terms, where they are fused with exponentials, in place of what these are made of;
    where not, a count of another dtype than theirs.
    """
    below = rows.u < m
    if fused:
        terms, top = xp.where(below, rows.e, rows.e - 1), xp.astype(xp.logical_not(below), xp.float32)
    else:
        counted = m.dtype if is_by_xla(xp) else xp.float32
        terms = rows.e - xp.where(below, 0, xp.ones_like(m))
        top = xp.where(below, 0, xp.ones_like(m, dtype=counted))
    others, ties = sum_rows(terms, xp), xp.sum(top, axis=-1, keepdims=True)
    return xp.where(m == -xp.inf, 0, others + xp.astype(ties - 1, m.dtype))
