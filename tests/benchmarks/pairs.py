"""Timing in pairs: one call of each in turn, so that what disturbs the machine disturbs both."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

ROUNDS = 15
LEAST = 2e-3
"""Seconds that a round takes at least, by repeating a call."""


@dataclass(frozen=True)
class Pair:
    """Seconds of a call of each, round by round."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Ours over theirs, of each round."""
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between which half of the rounds lie."""
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return low, high


def timed(call: Call, times: int) -> float:
    """Return the seconds of one call, of several in a row."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def paired(ours: Call, theirs: Call, rounds: int = ROUNDS) -> Pair:
    """Time two calls in turn, once both are warm."""
    repeats = []
    for call in (ours, theirs):
        call()
        repeats.append(max(1, round(LEAST / max(timed(call, 1), 1e-9))))
    rows = [(timed(ours, repeats[0]), timed(theirs, repeats[1])) for _ in range(rounds)]
    return Pair(*zip(*rows, strict=True))
