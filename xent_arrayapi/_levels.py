"""Energy levels at an inverse temperature: the formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._exponentials import row_max
from xent_arrayapi._namespace import sum_rows
from xent_arrayapi._targets import times

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Namespace

ROUNDINGS = 16
"""By how many roundings of what it is made of a mean energy may differ from the one that is wanted."""
POLISHING = 2
"""How many steps of Newton's method are differentiated: derivatives are right up to this order."""


def reciprocal(x: Array, xp: Namespace) -> Array:
    """Return 1 / x, +inf for a zero of either sign."""
    return xp.where(x == 0, xp.inf, 1 / xp.where(x == 0, 1, x))


def settled(excess: Array, size: Array, xp: Namespace) -> Array:
    """Tell where a mean energy is as near its goal as rounding lets it be, by the size of what is rounded."""
    return xp.abs(excess) <= ROUNDINGS * float(xp.finfo(excess.dtype).eps) * size


def squared(x: Array) -> Array:
    """Return x²."""
    return x * x


@dataclass(frozen=True, eq=False)
class Levels:
    """Rows of energies, and how far each is from the two ends of its row; 0 for a forbidden state."""

    xp: Namespace
    allowed: Array
    """Where the energy is not +inf."""
    bottom: Array
    top: Array
    up: Array
    """E − bottom."""
    down: Array
    """top − E."""

    @classmethod
    def of(cls, energies: Array, xp: Namespace) -> Levels:
        """Measure rows of energies from their ends; one with −inf has none."""
        energies = xp.where(energies == -xp.inf, xp.nan, energies)
        allowed = xp.logical_not(energies == xp.inf)
        top = row_max(xp.where(allowed, energies, -xp.inf), xp)
        bottom = -row_max(xp.where(allowed, -energies, -xp.inf), xp)
        up = xp.where(allowed, energies - bottom, 0)
        return cls(xp, allowed, bottom, top, up, xp.where(allowed, top - energies, 0))

    def evaluated(self, beta: Array, heights: Array) -> Evaluation:
        """Evaluate exp(−β heights) against its sum."""
        return Evaluation.of(-times(heights, beta, self.xp), self.xp, self.allowed)


@dataclass(frozen=True, eq=False)
class Shares:
    """Levels and a mean energy between their ends, by their distances from both as shares of the range.

    The unknown is x = |β| (top − bottom): near is the end that β favours, and all is as for β > 0.
    """

    levels: Levels
    hot: Array
    """Where β < 0."""
    span: Array
    near: Array
    far: Array
    goal: Array
    """How far the mean energy is to be from the near end."""
    rest: Array
    """How far from the other: no number is 1 less another, for that cancels."""

    @classmethod
    def of(cls, levels: Levels, target: Array) -> Shares:
        """Measure levels and a mean energy; where that is above the mean of the energies, β < 0."""
        xp, span = levels.xp, levels.top - levels.bottom
        up, down, low, high = levels.up / span, levels.down / span, target - levels.bottom, levels.top - target
        count = sum_rows(xp.where(levels.allowed, xp.ones_like(up), 0), xp)
        hot = low / span > sum_rows(up, xp) / count
        near, far = xp.where(hot, down, up), xp.where(hot, up, down)
        return cls(levels, hot, span, near, far, xp.where(hot, high, low) / span, xp.where(hot, low, high) / span)

    def beta(self, x: Array) -> Array:
        """Return β."""
        return self.levels.xp.where(self.hot, -x, x) / self.span

    def step(self, x: Array, p: Array) -> Step:
        """Take a step of Newton's method for log(u / v), which is linear in x for two levels."""
        xp = self.levels.xp
        u, v = sum_rows(p * self.near, xp), sum_rows(p * self.far, xp)
        spread = sum_rows(p * squared(self.near - u), xp)
        return Step(x + xp.log(u / self.goal * (self.rest / v)) * u * v / spread, u - self.goal, spread + squared(u))

    def polished(self, x: Array, done: Array) -> Array:
        """Return β after the steps that are differentiated, from a solution x, where it is one."""
        xp = self.levels.xp
        for _ in range(POLISHING):
            after = self.step(x, self.levels.evaluated(x, self.near).probs()).after
            x = xp.where(xp.logical_and(done, xp.isfinite(after)), after, x)
        return xp.where(xp.isnan(self.goal), xp.nan, self.beta(x))


class Step(NamedTuple):
    """What comes of a step from x."""

    after: Array
    excess: Array
    """How much further than its goal the mean energy is from the near end, at x."""
    square: Array
    """The mean square of the distance from there: how much more a relative change of x changes, at most."""


@dataclass(frozen=True, eq=False)
class State:
    """Levels at an inverse temperature, measured from the end that it favours: nothing below cancels."""

    levels: Levels
    beta: Array
    temperature: Array
    end: Array
    """The lowest level; the highest, for β < 0; 0 where there is none."""
    heights: Array
    """E − end, of the sign of β."""
    got: Evaluation

    @classmethod
    def at(cls, levels: Levels, beta: Array, temperature: Array) -> State:
        """Evaluate levels."""
        xp, hot = levels.xp, beta < 0
        end, heights = xp.where(hot, levels.top, levels.bottom), xp.where(hot, -levels.down, levels.up)
        end = xp.where(xp.isinf(end), 0, end)
        return cls(levels, beta, temperature, end, heights, levels.evaluated(beta, heights))

    def mean(self, x: Array) -> Array:
        """Return ⟨x⟩."""
        return sum_rows(self.got.probs() * x, self.levels.xp)

    def variance(self, x: Array) -> Array:
        """Return ⟨(x − ⟨x⟩)²⟩."""
        return self.mean(squared(x - self.mean(x)))

    def costs(self) -> Array:
        """Return β (E − end), at least 0, and 0 where the probability is."""
        rows = self.got.rows
        return self.levels.xp.where(rows.e > 0, -rows.d, 0)

    def log_partition(self) -> Array:
        """Return log Z = −β end + log Σ exp(−β (E − end))."""
        return self.got.log_partition - times(self.end, self.beta, self.levels.xp)

    def free_energy(self) -> Array:
        """Return F = −T log Z = end − T log Σ exp(−β (E − end))."""
        return self.end - times(self.got.log_partition, self.temperature, self.levels.xp)

    def mean_energy(self) -> Array:
        """Return ⟨E⟩ = end + ⟨E − end⟩."""
        return self.end + self.mean(self.heights)

    def energy_variance(self) -> Array:
        """Return Var E."""
        return self.variance(self.heights)

    def heat_capacity(self) -> Array:
        """Return β² Var E, as the variance of β E: a small one does not underflow before it is multiplied."""
        return self.variance(self.costs())

    def entropy(self) -> Array:
        """Return −Σ p log p = log Σ exp(−β (E − end)) + ⟨β (E − end)⟩, a sum of two terms that are at least 0."""
        return self.got.log_total + self.mean(self.costs())

    def bounds(self, target: Array) -> tuple[Array, Array, Array, Array]:
        """Return the dual log Z + β E at a mean energy E, the entropy, their gap β (E − ⟨E⟩), and ⟨E⟩ − E."""
        xp, goal = self.levels.xp, target - self.end
        residual = self.mean(self.heights) - goal
        dual = self.got.log_partition + times(goal, self.beta, xp)
        return dual, self.entropy(), times(-residual, self.beta, xp), residual

    def attains(self, target: Array) -> Array:
        """Tell where ⟨E⟩ is a mean energy, as near as rounding lets it be: that of ⟨E⟩, and what that of β changes."""
        xp, span, goal = self.levels.xp, self.levels.top - self.levels.bottom, target - self.end
        excess, square = (self.mean(self.heights) - goal) / span, self.mean(squared(self.heights / span))
        return settled(excess, xp.abs(goal / span) + xp.abs(self.beta * span) * square, xp)
