"""The report: all that was found, and what of it is a failure."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from verification._results import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verification._about import About
    from verification._results import Outcome, Theorem


class Failure(NamedTuple):
    """What is not as it has to be."""

    where: str
    """A theorem, a regime, a mutant or a line."""
    message: str


class Case(NamedTuple):
    """What a continuous integration counts as one test."""

    name: str
    seconds: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class Table:
    """A table of marked-up text: `$` around LaTeX, backticks around code."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """What was found beside the theorems, by one layer: how it is told, counted and judged."""

    id: str
    title: str
    headline: str
    """The one line of it that a reader sees first."""
    text: str
    """Marked-up text."""
    tables: tuple[Table, ...] = ()
    figure: str = ""
    """SVG."""
    caption: str = ""
    cases: tuple[Case, ...] = ()
    data: Any = None
    """All of it, as JSON can hold it."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The cases that fail."""
        return tuple(Failure(f"{self.title}: {case.name}", case.failure) for case in self.cases if case.failure)


@dataclass(frozen=True)
class Report:
    """All that was found."""

    about: About
    outcomes: tuple[Outcome, ...]
    parts: tuple[Part, ...] = ()
    uncovered: tuple[str, ...] = ()
    """Public functions that no theorem covers."""
    killed: Mapping[str, int] = field(default_factory=dict)
    """How many mutants each theorem refused."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that is not as it has to be."""
        return (
            *([] if self.outcomes else [Failure("theorems", "there are none")]),
            *(failure for outcome in self.outcomes for failure in of_theorem(outcome)),
            *(Failure(name, "no theorem covers this public function") for name in self.uncovered),
            *(failure for part in self.parts for failure in part.failures),
        )

    @property
    def proved(self) -> bool:
        """Whether there is nothing left to show."""
        return not self.failures


def of_theorem(outcome: Outcome) -> Iterator[Failure]:
    """Yield what keeps a theorem from being proved."""
    name = outcome.theorem.id
    if not outcome.checks:
        yield Failure(name, "no prover was asked")
    for check in outcome.checks:
        if check.verdict is not Verdict.PROVED:
            yield Failure(name, f"{check.verdict} by {check.prover}: {check.detail}")
    for hypothesis in outcome.idle:
        yield Failure(name, f"the hypothesis is idle: without it, all is proved: {hypothesis}")


def subject(theorem: Theorem) -> str:
    """Return what a theorem is about, as the first line of the module that proves it has it."""
    module = sys.modules[inspect.unwrap(theorem.prove).__module__]
    sentence = (inspect.getdoc(module) or module.__name__).partition("\n")[0].rstrip(".")
    words = re.sub(":math:`([^`]*)`", r"$\1$", sentence).removeprefix("Theorems on ").removeprefix("Theorems about ")
    return words[:1].upper() + words[1:]


def by_subject(outcomes: tuple[Outcome, ...]) -> list[tuple[str, list[Outcome]]]:
    """Return the theorems under their subjects, both in the order in which they come."""
    subjects = list(dict.fromkeys(subject(outcome.theorem) for outcome in outcomes))
    ordered = sorted(outcomes, key=lambda outcome: subjects.index(subject(outcome.theorem)))
    return [(name, list(group)) for name, group in groupby(ordered, key=lambda outcome: subject(outcome.theorem))]


def steps(outcome: Outcome) -> list[str]:
    """Return the identities as the first prover showed them; one of many cases is told once."""
    cases = Counter(step.claim for step in outcome.steps)
    return [claim if number == 1 else f"{claim} ({number} cases)" for claim, number in cases.items()]


def without_hypothesis(outcome: Outcome) -> list[tuple[str, str]]:
    """Return what comes out without each hypothesis, in words."""
    return [
        (name, "idle: all is proved without it" if name in outcome.idle else check.detail)
        for name, check in outcome.dropped.items()
    ]
