"""Exponentials of rows of logits, relative to their maximum or as they are, and the sums of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xent_arrayapi._namespace import sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._host import Indexed
    from xent_arrayapi._picked import Marked
    from xent_arrayapi._typing import Array, Namespace


class Shifted(NamedTuple):
    """What a row looks like from its maximum m."""

    d: Array
    """u − m, at most 0; −inf for a class infinitely far below."""
    e: Array
    """exp(u − m)."""
    side: Array
    """Below 0 where the logit is below m."""

    def of(self, one: Marked | Indexed) -> Shifted:
        """Return what one class of each row looks like."""
        found = {key: one.of(x) for key, x in {id(x): x for x in self}.items()}  # once of each array
        return Shifted(*(found[id(x)] for x in self))


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

    @property
    def side(self) -> Array:
        """Below 0 where the logit is below m."""
        return self.d

    def of(self, one: Marked | Indexed) -> Relative:
        """Return what one class of each row looks like."""
        return Relative(one.of(self.u), self.m, one.of(self.e))


def row_max(u: Array, xp: Namespace) -> Array:
    """Return m = max u of each row, −inf for a row without classes; Dask has no maximum of no rows either."""
    if 0 in u.shape:
        return xp.full_like(xp.sum(u, axis=-1, keepdims=True), -xp.inf)
    return xp.max(u, axis=-1, keepdims=True)


def shift_error(u: Array, m: Array, d: Array) -> Array:
    """Return (u − m) − d, the rounding error of d = fl(u − m), exactly (Møller 1965, Knuth 1969: TwoDiff)."""
    b = d - u
    return (u - (d - b)) - (m + b)


def shift(u: Array, m: Array, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return where u − m is finite, and there u − m as a rounded value and its error; elsewhere 0 and 0, or nan."""
    centre = xp.where(xp.isinf(m), 0, m)
    near = xp.logical_and(xp.isfinite(u), xp.isfinite(m))
    v = xp.where(near, u, centre)
    d = v - centre
    return xp.logical_and(near, xp.isfinite(d)), d, shift_error(v, centre, d)


def corrected(d: Array, error: Array, xp: Namespace) -> Array:
    """Return exp(d + error), with what rounding has taken from d put back."""
    return xp.exp(d) * (1 + error)


def exponentials(u: Array, m: Array, xp: Namespace) -> Shifted:
    """Evaluate exp(u − m), with the rounding error of the shift put back.

    A nonfinite logit takes no part in the subtraction: where it is m it counts as 0, elsewhere as −inf.
    """
    near, d, error = shift(u, m, xp)
    side = xp.where(u < m, -xp.ones_like(u), 0)
    inside = xp.logical_or(xp.logical_not(u < m), near)
    return Shifted(xp.where(inside, d, -xp.inf), xp.where(inside, corrected(d, error, xp), 0), side)


def finite_exponentials(u: Array, r: Array, xp: Namespace) -> Array:
    """Evaluate exp(u − r) without guards: nan where a logit or a spread is not finite."""
    d = u - r
    return corrected(d, shift_error(u, r, d), xp)


def tail_of(m: Array, rows: Shifted, xp: Namespace) -> Array:
    """Return Σ exp(u − m) − 1: the classes below m, and (ties − 1), which is exact."""
    top = xp.logical_not(rows.side < 0)
    below = sum_rows(xp.where(top, 0, rows.e), xp)
    ties = sum_rows(xp.where(top, rows.e, 0), xp)
    return xp.where(m == -xp.inf, 0, below + (ties - 1))
