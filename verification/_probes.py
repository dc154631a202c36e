"""The checks that mutants are run through: each theorem in its settings, and the numeric layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from verification._every import Every, every_check
from verification._mutants import Probe
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
            yield Probe(f"{theorem.id}: {Every.name}", partial(_every, theorem))


def _every(theorem: Theorem) -> None:
    with symbolic_options():
        held(every_check(theorem))


def held(check: Check) -> None:
    """Raise what a prover says, unless it is a proof."""
    if check.verdict is not Verdict.PROVED:
        raise NotProvedError(f"{check.prover}: {check.detail}", verdict=check.verdict)
