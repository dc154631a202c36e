"""Newton's method in a bracket that shrinks: it cannot diverge, and says how far it got."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xent_arrayapi._levels import State, settled, squared
from xent_arrayapi._namespace import is_readable, sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._levels import Levels
    from xent_arrayapi._typing import Array, Namespace


class Found(NamedTuple):
    """Where the iteration ended."""

    beta: Array
    heights: Array
    """The levels above the end that β favours, as of `State`."""
    done: Array
    iterations: Array


def inverse_temperature(levels: Levels, target: Array, max_iter: int) -> Found:
    """Look for the β of a mean energy between the ends, as x = |β| (top − bottom), with β of the sign that it has.

    x is at least 4 (⟨E⟩ − target) / (top − bottom) further where ⟨E⟩ is too far from the end, for the variance is at
    most (top − bottom)² / 4; and at most K over the distance of the target from the end as a share of the range, for
    Σ g exp(−x g) ≤ K / (e x).  A step of Newton's that leaves the bracket becomes its geometric mean.
    """
    xp, span = levels.xp, levels.top - levels.bottom
    zero = 0 * (target - levels.bottom)
    hot = target - levels.bottom > State.at(levels, zero, zero).mean(levels.up)
    goal, above = xp.where(hot, levels.top - target, target - levels.bottom), xp.where(hot, levels.down, levels.up)
    heights = xp.where(hot, -levels.down, levels.up)
    high = sum_rows(xp.where(levels.allowed, xp.ones_like(above), 0), xp) / xp.where(goal > 0, goal / span, 1)
    high = xp.where(xp.isfinite(high), high, float(xp.finfo(high.dtype).max) / 4)
    x, low, done, iterations = zero, zero, zero != 0, xp.astype(zero, xp.int32)
    for _ in range(max_iter):
        beta = xp.where(hot, -x, x) / span
        p = levels.evaluated(beta, heights).probs()
        excess = sum_rows(p * above, xp) - goal
        spread = sum_rows(p * squared(above / span), xp)
        done = xp.logical_or(done, settled(excess / span, goal / span, x * spread, xp))
        if is_readable(done) and bool(xp.all(done)):
            break
        low, high = xp.where(excess > 0, x + 4 * (excess / span), low), xp.where(excess > 0, high, x)
        after = levels.step(beta, p, heights, target) * span
        after = xp.where(hot, -after, after)
        middle = xp.exp((xp.log(xp.where(low > 0, low, high)) + xp.log(high)) / 2)
        after = xp.where(xp.logical_and(after >= low, after <= high), after, middle)
        iterations = iterations + xp.where(done, xp.zeros_like(iterations), 1)
        x = xp.where(done, x, after)
    x = constant(x, xp)
    return Found(xp.where(hot, -x, x) / span, heights, done, iterations)


def constant(x: Array, xp: Namespace) -> Array:
    """Return a number that is not negative with nothing to differentiate: its logarithm goes by way of two integers."""
    log = xp.log(xp.where(x > 0, x, 1))
    whole = xp.astype(xp.astype(log * 2**20, xp.int32), x.dtype) / 2**20
    rest = xp.astype(xp.astype((log - whole) * 2**50, xp.int32), x.dtype) / 2**50
    return xp.where(x > 0, xp.exp(whole + rest), 0)
