"""What is claimed and what came out: theorems, checks, verdicts."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification._setting import Setting


class Verdict(enum.StrEnum):
    """What a prover says; only the first is a success."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class NotProvedError(Exception):
    """An identity that does not hold, or that the prover cannot decide."""

    def __init__(self, claim: str, residual: str = "", verdict: Verdict = Verdict.REFUTED) -> None:
        """Name the identity, and show what is left over of it, or where it fails."""
        super().__init__(f"{claim}: {residual}" if residual else claim)
        self.claim, self.residual, self.verdict = claim, residual, verdict


class UndecidedError(NotProvedError):
    """A condition or an identity that the prover has no rule for."""

    def __init__(self, claim: str, residual: str = "") -> None:
        """Name what is undecided."""
        super().__init__(claim, residual, Verdict.UNDECIDED)


@dataclass(frozen=True)
class Theorem:
    """A statement about the shipped code, and how it is proved."""

    id: str
    title: str
    statement: str
    """LaTeX, without delimiters."""
    prove: Callable[[Setting], None]
    """Shows each identity of the statement in a setting; what it takes for granted, it takes by `Setting.given`."""
    sources: tuple[str, ...]
    """As `seeds/001, equation 6` or a paper with its equation."""
    covers: tuple[str, ...] = ()
    """Public names, methods as `SoftmaxCrossEntropy.grad`."""
    assumptions: tuple[str, ...] = ()
    """What all settings assume of the symbols, in words with LaTeX between dollars."""
    hypotheses: tuple[str, ...] = ()
    """What `Setting.given` is asked for: each is dropped in turn, and the theorem has to break."""
    sizes: tuple[int, ...] = (2, 3)
    """The numbers of classes that it is proved for once more, one by one, by the second prover."""
    every: bool = True
    """Whether it is proved for every number of classes at once."""


@dataclass(frozen=True)
class Step:
    """An identity that a theorem showed."""

    claim: str
    certificate: str = ""
    """The canonical JSON of the residual identity."""


@dataclass(frozen=True)
class Check:
    """What one prover said of one theorem."""

    prover: str
    """As `SymPy, every K`, `python-flint, K = 3`, `certificates, z3`."""
    verdict: Verdict
    seconds: float
    steps: tuple[Step, ...] = ()
    detail: str = ""
    """The identity that failed, with its residual or a counterexample."""


@dataclass(frozen=True)
class Outcome:
    """All that was said of one theorem."""

    theorem: Theorem
    checks: tuple[Check, ...]
    dropped: dict[str, bool] = field(default_factory=dict)
    """Whether the theorem breaks without each of its hypotheses."""
    sources: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of the source of what it covers."""

    @property
    def proved(self) -> bool:
        """Whether every prover proved it, and no hypothesis is idle."""
        return (
            bool(self.checks) and all(c.verdict is Verdict.PROVED for c in self.checks) and all(self.dropped.values())
        )
