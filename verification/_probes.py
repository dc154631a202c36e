"""The checks that mutants are run through: each theorem in its settings, and each part of the numeric layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from verification._every import Every, every_check
from verification._mutants import Probe
from verification._numeric import DTYPES, PARTS, run_part
from verification._options import symbolic_options
from verification._results import NotProvedError, Verdict
from verification.theorems import THEOREMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification._results import Check, Theorem


def probes() -> Iterator[Probe]:
    """Go through all checks."""
    for theorem in THEOREMS.values():
        if theorem.every:
            yield Probe(f"{theorem.id}: {Every.name}", partial(_proved, theorem))
    for dtype in DTYPES:
        for part in PARTS:
            yield Probe(f"{part}, {dtype}", partial(_within_limits, part, dtype), numeric=True)


def _proved(theorem: Theorem) -> None:
    """Raise what a prover says, unless it is a proof."""
    with symbolic_options():
        _hold(every_check(theorem))


def _hold(check: Check) -> None:
    if check.verdict is not Verdict.PROVED:
        raise NotProvedError(check.detail, verdict=check.verdict)


def _within_limits(part: str, dtype: str) -> None:
    """Raise the first number that is beyond its limit."""
    for result in run_part(part, PARTS[part], dtype):
        if not result.passed:
            raise NotProvedError(str(result))
