"""What is claimed and what came out: theorems, checks, verdicts."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


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
    prove: Callable[[Any], None]
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
    branches: bool = False
    """Whether it is about the true maximum: then it is proved on each branch of that, for each of the sizes."""
    slow: bool = False
    """Whether arrays of objects by SymPy take too long: they are python-flint's alone then."""


@dataclass(frozen=True)
class Step:
    """An identity that a theorem showed."""

    claim: str
    certificate: str = ""
    """The canonical JSON of the residual identity."""

    @property
    def sha256(self) -> str:
        """The hash of the certificate, if there is one."""
        return hashlib.sha256(self.certificate.encode()).hexdigest() if self.certificate else ""


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
    dropped: dict[str, Check] = field(default_factory=dict)
    """What came out without each of its hypotheses: no proof, or the hypothesis is idle."""
    sources: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of the source of what it covers."""

    @property
    def proved(self) -> bool:
        """Whether every prover proved it, and no hypothesis is idle."""
        return bool(self.checks) and all(c.verdict is Verdict.PROVED for c in self.checks) and not self.idle

    @property
    def idle(self) -> tuple[str, ...]:
        """The hypotheses that can be dropped."""
        return tuple(name for name, check in self.dropped.items() if check.verdict is Verdict.PROVED)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The identities, as the first prover showed them."""
        return self.checks[0].steps if self.checks else ()

    @property
    def certificates(self) -> dict[str, str]:
        """All certificates by their SHA-256, in the order of the hashes."""
        steps = [step for check in self.checks for step in check.steps if step.certificate]
        return dict(sorted((step.sha256, step.certificate) for step in steps))

    @property
    def certificate_hash(self) -> str:
        """The SHA-256 of the hashes of all certificates."""
        return hashlib.sha256("\n".join(self.certificates).encode()).hexdigest()
