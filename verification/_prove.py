"""One theorem in all its settings: what is run, and what is made of the answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from verification import theorems
from verification._certificates import recheck_flint, recheck_z3
from verification._coverage import recording
from verification._covered import source_hash, strangers
from verification._every import every_check
from verification._field import Field
from verification._fixed import DOMAINS, fixed_check
from verification._markup import unconvertible
from verification._options import symbolic_options
from verification._paths import path_check
from verification._results import Check, Outcome, Verdict
from verification._sympy_elements import SympyField

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from verification._coverage import Line
    from verification._results import Step, Theorem

RECHECKS = {"python-flint": recheck_flint, "z3": recheck_z3}


@dataclass(frozen=True)
class Job:
    """One run of one theorem: small enough to be handed to a process."""

    theorem: str
    domain: str = ""
    """The elements of object arrays; none for every number of classes."""
    size: int = 0
    drop: str = ""
    """The hypothesis that is not to be had."""
    quick: bool = False
    """Whether certificates are checked again by python-flint alone."""

    @property
    def prover(self) -> str:
        """What the run is called."""
        name = f"{self.domain}, K = {self.size}" if self.domain else "SymPy, every K"
        return f"{name}, without {self.drop}" if self.drop else name

    @property
    def place(self) -> tuple[str, int, str]:
        """Return where it stands among the runs of its theorem: every K first, SymPy before python-flint."""
        return self.drop, self.size, self.domain


@dataclass(frozen=True)
class Finding:
    """What came out of a run."""

    job: Job
    checks: tuple[Check, ...]
    lines: frozenset[Line] = frozenset()
    """The lines of the cores that it ran."""
    raised: bool = False
    """Whether it ended in an exception, which is the answer of no prover."""

    @property
    def proved(self) -> bool:
        """Whether all is proved."""
        return all(check.verdict is Verdict.PROVED for check in self.checks)


def jobs(theorem: Theorem, *, quick: bool = False) -> list[Job]:
    """Return all runs of a theorem, or the one that says most; hypotheses are dropped in that, which comes first."""
    every = [Job(theorem.id)] if theorem.every else []
    domains = [Field.name] if theorem.slow else list(DOMAINS)
    fixed = [Job(theorem.id, domain, size) for size in theorem.sizes for domain in domains]
    runs = every + fixed
    runs = [replace(run, quick=quick) for run in (runs[:1] if quick else runs)]
    return runs + [replace(runs[0], drop=hypothesis) for hypothesis in theorem.hypotheses]


def run(job: Job) -> Finding:
    """Prove a theorem in one setting, and check the certificates again."""
    theorem = theorems.THEOREMS[job.theorem]
    drop = job.drop or None
    with symbolic_options(), recording() as lines:
        check = answer(theorem, job, drop)
    new = job.domain != SympyField.name  # its certificates are those of python-flint, word for word
    again = rechecks(check.steps, quick=job.quick) if new and check.verdict is Verdict.PROVED and not drop else ()
    return Finding(job, (check, *again), frozenset(lines))


def answer(theorem: Theorem, job: Job, drop: str | None) -> Check:
    """Return what a setting says of a theorem."""
    if not job.domain:
        return every_check(theorem, drop)
    return (path_check if theorem.branches else fixed_check)(theorem, job.size, job.domain, drop)


def rechecks(steps: Sequence[Step], *, quick: bool = False) -> Iterator[Check]:
    """Check certificates again, each by all that can, or by the quick one."""
    held = {step.certificate: step.claim for step in steps if step.certificate}
    for prover, recheck in RECHECKS.items() if held else ():
        if quick and recheck is not recheck_flint:
            continue
        start = perf_counter()
        failed = [claim for certificate, claim in held.items() if not recheck(certificate)]
        verdict = Verdict.REFUTED if failed else Verdict.PROVED
        detail = f"the certificate does not hold: {failed[0]}" if failed else ""
        yield Check(f"certificates, {prover}", verdict, perf_counter() - start, (), detail)


def outcome(theorem: Theorem, findings: Iterable[Finding]) -> Outcome:
    """Return all that was said of a theorem, in the order of its runs; what each says of certificates is one check."""
    checks: dict[str, Check] = {}
    dropped: dict[str, Check] = {}
    for finding in sorted(findings, key=lambda found: found.job.place):
        if finding.job.drop and not finding.raised:
            dropped[finding.job.drop] = finding.checks[0]
        else:
            for check in finding.checks:
                checks[check.prover] = joined(checks[check.prover], check) if check.prover in checks else check
    said = sorted(checks.values(), key=_is_recheck)
    if detail := "; ".join(misstated(theorem, said)):
        said.append(Check("its statement", Verdict.UNDECIDED, 0.0, detail=detail))
    hashes = {name: source_hash(name) for name in theorem.covers if name not in strangers(theorem)}
    return Outcome(theorem, tuple(said), dropped, hashes)


def misstated(theorem: Theorem, checks: Iterable[Check]) -> list[str]:
    """Say what is wrong with how a theorem is stated: formulas that cannot be typeset, names that are not public."""
    claims = [step.claim for check in checks for step in check.steps]
    marked = [theorem.title, *theorem.assumptions, *theorem.hypotheses, *theorem.sources, *dict.fromkeys(claims)]
    return [
        *(f"it cannot be typeset: {said}" for said in unconvertible([theorem.statement], marked)),
        *(f"it covers {name}, which is not public" for name in strangers(theorem)),
    ]


def _is_recheck(check: Check) -> bool:
    return check.prover.startswith("certificates")


def joined(one: Check, other: Check) -> Check:
    """Return two answers of one prover as one: the first that is no proof, and the time of both."""
    worst = one if one.verdict is not Verdict.PROVED else other
    return replace(worst, seconds=one.seconds + other.seconds, steps=one.steps + other.steps)
