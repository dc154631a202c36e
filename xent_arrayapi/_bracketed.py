"""Newton's method in a bracket that shrinks: it cannot diverge, and says how far it got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._levels import settled
from xent_arrayapi._namespace import is_readable, sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._levels import Shares
    from xent_arrayapi._typing import Array, Namespace


def solution(shares: Shares, max_iter: int) -> tuple[Array, Array, Array]:
    """Look for x at which the mean energy is at its goal; return a constant, where it is one, and after how many steps.

    x is at least 4 times the excess further where that is positive, for the variance is at most 1/4; and at most K over
    the goal, for Σ g exp(−x g) ≤ K / (e x).  A step that leaves the bracket becomes its geometric mean.  The sum of
    exponentials is Σ exp(−x g) as it stands, at least 1: its accuracy is that of a guess, and the last steps are not
    taken here.
    """
    xp, goal, near, allowed = shares.levels.xp, shares.goal, shares.near, shares.levels.allowed
    high = sum_rows(xp.where(allowed, xp.ones_like(near), 0), xp) / xp.where(goal > 0, goal, 1)
    high = xp.where(xp.isfinite(high), high, float(xp.finfo(high.dtype).max) / 4)
    low = x = 0 * goal
    done, iterations = x != 0, xp.zeros_like(x, dtype=xp.int32)
    for _ in range(max_iter):
        e = xp.where(allowed, xp.exp(-x * near), 0)
        after, excess, square = shares.step(x, e / sum_rows(e, xp))
        done = xp.logical_or(done, settled(excess, goal + x * square, xp))
        if is_readable(xp, done) and bool(xp.all(done)):
            break
        low, high = xp.where(excess > 0, x + 4 * excess, low), xp.where(excess > 0, high, x)
        middle = xp.exp((xp.log(xp.where(low > 0, low, high)) + xp.log(high)) / 2)
        after = xp.where(xp.logical_and(after >= low, after <= high), after, middle)
        iterations = iterations + xp.where(done, xp.zeros_like(iterations), 1)
        x = xp.where(done, x, after)
    return constant(x, xp), done, iterations


def constant(x: Array, xp: Namespace) -> Array:
    """Return a number that is not negative with nothing to differentiate: its logarithm goes by way of two integers."""
    log = xp.log(xp.where(x > 0, x, 1))
    coarse, fine = float(2**20), float(2**50)  # of integers as large, NumPy 1 makes float64
    whole = xp.astype(xp.astype(log * coarse, xp.int32), x.dtype) / coarse
    rest = xp.astype(xp.astype((log - whole) * fine, xp.int32), x.dtype) / fine
    return xp.where(x > 0, xp.exp(whole + rest), 0)
