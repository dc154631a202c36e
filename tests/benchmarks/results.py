"""What was measured, as it is written: ratios of times, and how they were taken."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.benchmarks.pairs import Spread


@dataclass(frozen=True)
class Ratio:
    """Ours over a peer's on one work."""

    ours: str
    peer: str
    function: str
    work: str
    ratio: dict[str, float]
    """Median, quartiles and rounds."""
    floor: float | None
    """Ours over the floor."""
    limit: float | None

    @classmethod
    def of(cls, names: tuple[str, str, str, str], ratio: Spread, floor: Spread | None, limit: float | None) -> Ratio:
        """Keep what the rounds gave."""
        return cls(*names, asdict(ratio), None if floor is None else floor.median, limit)

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What it is the ratio of."""
        return self.ours, self.peer, self.function, self.work

    @property
    def meets(self) -> bool | None:
        """Whether the median is within the limit; None where there is no limit."""
        return None if self.limit is None else self.ratio["median"] <= self.limit


@dataclass(frozen=True)
class Growth:
    """Time and memory against the number of logits, from few to many."""

    work: str
    sizes: list[int]
    times: list[float]
    """Over the time of the largest size."""
    slope: float
    """Of the logarithm of the time by that of the size."""
    memory: list[int]
    """The most bytes at a time, beyond the outputs."""


@dataclass
class Results:
    """All of a run."""

    about: dict[str, Any] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what a run wrote."""
        got = json.loads(path.read_text("utf-8"))
        return cls(got["about"], [Ratio(**x) for x in got["ratios"]], [Growth(**x) for x in got["growth"]])

    def write(self, path: Path) -> None:
        """Write it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    def replacing(self, other: Results) -> Results:
        """Return another run's, with ours in the place of what both measured."""
        ratios = {x.name: x for x in (*other.ratios, *self.ratios)}
        growth = {x.work: x for x in (*other.growth, *self.growth)}
        commands = first_seen([*other.about["commands"], *self.about["commands"]])
        return Results(self.about | {"commands": commands}, list(ratios.values()), list(growth.values()))

    @property
    def misses(self) -> list[Ratio]:
        """The ratios above their limits."""
        return [x for x in self.ratios if x.meets is False]


def first_seen(names: Iterable[Any]) -> list[Any]:
    """Return what is different, in the order in which it comes first."""
    return list(dict.fromkeys(names))
