"""One theorem in all its settings: what is run, and what is made of the answers."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from verification._covered import source_hash, strangers
from verification._results import Check, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from verification._results import Step, Theorem

EVERY = "SymPy, every K"
RECHECKS = {"python-flint": "recheck_flint", "z3": "recheck_z3"}


@dataclass(frozen=True)
class Job:
    """One run of one theorem: small enough to be handed to a process."""

    theorem: str
    domain: str = ""
    """The elements of object arrays, `sympy` or `flint`; none for every number of classes."""
    size: int = 0
    drop: str = ""
    """The hypothesis that is not to be had."""

    @property
    def prover(self) -> str:
        """Return what the run is called in a report."""
        if self.drop:
            return f"without {self.drop}"
        return f"{ {'sympy': 'SymPy', 'flint': 'python-flint'}[self.domain] }, K = {self.size}" if self.domain else EVERY


@dataclass(frozen=True)
class Finding:
    """What came out of a run."""

    job: Job
    checks: tuple[Check, ...]
    raised: bool = False
    """Whether it ended in an exception, which is an answer of no prover."""


def jobs(theorem: Theorem) -> list[Job]:
    """Return all runs of a theorem."""
    every = [Job(theorem.id)] if theorem.every else []
    fixed = [Job(theorem.id, domain, size) for size in theorem.sizes for domain in ("sympy", "flint")]
    plain = every or fixed[:1]
    return every + fixed + [replace(plain[0], drop=hypothesis) for hypothesis in theorem.hypotheses if plain]


def run(job: Job) -> Finding:
    """Prove a theorem in one setting, and check the certificates again."""
    theorem = theorems()[job.theorem]
    if job.domain:
        fixed = importlib.import_module("verification._fixed")
        check = fixed.fixed_check(theorem, job.size, job.domain, drop=job.drop)
    else:
        every = importlib.import_module("verification._every")
        check = every.every_check(theorem, job.drop or None)
    if job.drop or check.verdict is not Verdict.PROVED:
        return Finding(job, (check,))
    return Finding(job, (check, *rechecks(check.steps)))


def rechecks(steps: Sequence[Step]) -> Iterator[Check]:
    """Check certificates again, each by all that can."""
    certificates = importlib.import_module("verification._certificates")
    held = {step.certificate: step.claim for step in steps if step.certificate}
    for prover, name in RECHECKS.items():
        recheck, start = getattr(certificates, name), perf_counter()
        failed = [claim for certificate, claim in held.items() if not recheck(certificate)]
        verdict = Verdict.REFUTED if failed else Verdict.PROVED
        detail = f"the certificate does not hold: {failed[0]}" if failed else ""
        yield Check(f"certificates, {prover}", verdict, perf_counter() - start, (), detail)


def outcome(theorem: Theorem, findings: Iterable[Finding]) -> Outcome:
    """Return all that was said of a theorem, in the order of its runs; what each says of certificates is one check."""
    checks: dict[str, Check] = {}
    dropped: dict[str, Check] = {}
    order = jobs(theorem)
    for finding in sorted(findings, key=lambda found: order.index(found.job)):
        if finding.job.drop and not finding.raised:
            dropped[finding.job.drop] = finding.checks[0]
        else:
            for check in finding.checks:
                checks[check.prover] = joined(checks[check.prover], check) if check.prover in checks else check
    if unknown := strangers(theorem):
        detail = f"it covers what is not public: {', '.join(unknown)}"
        checks["public names"] = Check("public names", Verdict.REFUTED, 0.0, detail=detail)
    hashes = {name: source_hash(name) for name in theorem.covers if name not in unknown}
    return Outcome(theorem, tuple(sorted(checks.values(), key=_is_recheck)), dropped, hashes)


def _is_recheck(check: Check) -> bool:
    return check.prover.startswith("certificates")


def joined(one: Check, other: Check) -> Check:
    """Return two answers of one prover as one: the first that is no proof, and the time of both."""
    worst = one if one.verdict is not Verdict.PROVED else other
    return replace(worst, seconds=one.seconds + other.seconds, steps=one.steps + other.steps)


def prove(theorem: Theorem) -> Outcome:
    """Run a theorem in all its settings, in this process."""
    return outcome(theorem, [run(job) for job in jobs(theorem)])


def theorems() -> dict[str, Theorem]:
    """Return the theorems, which are imported where they are first wanted."""
    found: dict[str, Theorem] = importlib.import_module("verification.theorems").THEOREMS
    return found
