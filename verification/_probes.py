"""The checks that mutants are run through: theorems in the settings that are fast, and the numeric layer in parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from verification._every import Every, every_check
from verification._fixed import DOMAINS, fixed_check
from verification._mutants import Probe
from verification._numeric import DTYPES, PARTS, run_part
from verification._options import symbolic_options
from verification._results import NotProvedError, Verdict
from verification.theorems import THEOREMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verification._results import Check, Theorem


def probes() -> Iterator[Probe]:
    """Go through all checks; their names are those of the report."""
    for theorem in THEOREMS.values():
        if theorem.every:
            yield _theorem(theorem, Every.name, every_check)
        for size in theorem.sizes:
            for domain in DOMAINS:
                yield _theorem(theorem, f"{domain}, K = {size}", partial(fixed_check, k=size, domain_name=domain))
    for part in PARTS:
        for dtype in DTYPES:
            yield Probe(f"{part}, {dtype}", partial(_within_limits, part, dtype), numeric=True)


def _theorem(theorem: Theorem, prover: str, check: Callable[[Theorem], Check]) -> Probe:
    return Probe(f"{theorem.id}: {prover}", partial(_proved, theorem, check))


def _proved(theorem: Theorem, check: Callable[[Theorem], Check]) -> None:
    """Raise what a prover says, unless it is a proof."""
    with symbolic_options():
        found = check(theorem)
    if found.verdict is not Verdict.PROVED:
        raise NotProvedError(found.detail, verdict=found.verdict)


def _within_limits(part: str, dtype: str) -> None:
    """Raise the first number that is beyond its limit."""
    for result in run_part(part, PARTS[part], dtype):
        if not result.passed:
            raise NotProvedError(str(result))
