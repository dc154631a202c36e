"""Timing in pairs: one call of each in turn, so that what disturbs the machine disturbs both."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

LEAST = 5e-3
"""Seconds that a turn takes at least, by repeating a call."""
LONG = 3.0
"""Seconds of a call that needs no warming up."""
STEP, IDLE, PATIENCE = 1e-3, 0.1, 100
"""Seconds of one look at whether threads rest, the share of them that they may compute, and how often they are looked
at: those of a library wait for more work in a loop, torch's for some 10 ms, in which they are in the way of others."""


@dataclass(frozen=True)
class Effort:
    """How long a pair is timed: for so many seconds, but not in fewer or more rounds."""

    seconds: float
    fewest: int
    most: int

    def rounds(self, seconds: float) -> int:
        """Return the number of rounds, given how long one takes."""
        return max(self.fewest, min(self.most, int(self.seconds / max(seconds, 1e-9))))


QUICK = Effort(0.1, 3, 5)
OF_FITS = Effort(60.0, 3, 7)


@dataclass(frozen=True)
class Spread:
    """The median of the ratios of the rounds, and between what half of them lie."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, above: list[float], below: list[float]) -> Spread:
        """Divide round by round."""
        ratios = [a / b for a, b in zip(above, below, strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, low, high, len(ratios))


@dataclass(frozen=True)
class Turn:
    """A call, repeated so often that a turn is long enough to be timed."""

    call: Call
    times: int
    seconds: float
    """How long one turn takes, about."""

    @classmethod
    def of(cls, call: Call) -> Turn:
        """Warm a call up, and repeat it more and more often until it takes long enough."""
        first = timed(call)
        turn = cls(call, 1, first if first > LONG else timed(call))
        while turn.seconds < LEAST:
            longer = cls(call, 2 * turn.times, 0)
            turn = cls(call, longer.times, timed(longer))
        return turn

    def prepare(self) -> None:
        """Let the threads of the turn before rest, and wake those of this one, where one call of it is short."""
        rest()
        if self.times > 1:
            self.call()

    def __call__(self) -> None:
        """Take a turn."""
        for _ in range(self.times):
            self.call()


def rest() -> None:
    """Wait until no thread of this process computes."""
    for _ in range(PATIENCE):
        before = time.process_time()
        time.sleep(STEP)
        if time.process_time() - before < IDLE * STEP:
            return


def timed(call: Call) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def paired(benchmark: Any, ours: Call, theirs: list[Call], effort: Effort) -> list[Spread]:
    """Time ours and others in turn; return ours over each of them."""
    us, them = Turn.of(ours), [Turn.of(call) for call in theirs]
    seconds: list[list[float]] = [[] for _ in them]

    def others() -> None:
        for turn, taken in zip(them, seconds, strict=True):
            turn.prepare()
            taken.append(timed(turn) / turn.times)
        us.prepare()

    rounds = effort.rounds(us.seconds + sum(turn.seconds for turn in them))
    benchmark.pedantic(us, setup=others, rounds=rounds, iterations=1)
    mine = [s / us.times for s in benchmark.stats.stats.data]
    return [Spread.of(mine, taken) for taken in seconds]
