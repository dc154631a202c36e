"""The checks that mutants are run through: theorems in the settings that are fast, and the numeric layer in parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from verification._mutants import Probe
from verification._numeric import DTYPES, PARTS, run_part
from verification._options import symbolic_options
from verification._prove import answer, jobs
from verification._results import NotProvedError, Verdict
from verification.theorems import THEOREMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification._prove import Job
    from verification._results import Theorem


def probes() -> Iterator[Probe]:
    """Go through all checks; their names are those of the report."""
    for theorem in THEOREMS.values():
        for job in jobs(theorem):
            if not job.drop:
                yield Probe(f"{theorem.id}: {job.prover}", partial(_proved, theorem, job))
    for part in PARTS:
        for dtype in DTYPES:
            yield Probe(f"{part}, {dtype}", partial(_within_limits, part, dtype), numeric=True)


def _proved(theorem: Theorem, job: Job) -> None:
    """Raise what a prover says, unless it is a proof."""
    with symbolic_options():
        found = answer(theorem, job, None)
    if found.verdict is not Verdict.PROVED:
        raise NotProvedError(found.detail, verdict=found.verdict)


def _within_limits(part: str, dtype: str) -> None:
    """Raise the first number that is beyond its limit."""
    for result in run_part(part, PARTS[part], dtype):
        if not result.passed:
            raise NotProvedError(str(result))
