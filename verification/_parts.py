"""What the layers beside the theorems found, as parts of the report."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from verification._report import Case, Part, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verification._coverage import SymbolicCoverage
    from verification._judged import NumericResult
    from verification._mutants import MutantResult


def numeric_part(results: Sequence[NumericResult]) -> Part:
    """Tell the largest errors, function by function."""
    groups: dict[tuple[str, str], list[NumericResult]] = {}
    for result in sorted(results, key=beyond, reverse=True):
        groups.setdefault((result.function, result.dtype), []).append(result)
    worst = [groups[key][0] for key in sorted(groups)]
    failed = sum(not result.passed for result in results)
    rows = tuple((f"`{r.function}`", r.dtype, r.regime, ulps_text(r.ulps), ulps_text(r.limit)) for r in worst)
    return Part(
        "numeric",
        "Numbers",
        f"{len(results)} comparisons, {f'{failed} beyond the limit' if failed else 'all within their limits'}",
        "NumPy, on the regimes of rule 7 of the contract and on wide spreads, rows with $\\pm\\infty$ and ties, held "
        "against enclosures in ball arithmetic. For each function and dtype, the regime in which it is nearest to its "
        "limit, in units in the last place.",
        (Table("", ("function", "dtype", "regime", "ulp", "limit"), rows),),
        cases=tuple(Case(f"{r.function}, {r.dtype}", 0, too_large(groups[r.function, r.dtype])) for r in worst),
        data=[
            {
                "function": r.function,
                "regime": r.regime,
                "dtype": r.dtype,
                "ulps": finite(r.ulps),
                "limit": finite(r.limit),
                "passed": r.passed,
                "detail": r.detail,
            }
            for r in results
        ],
    )


def beyond(result: NumericResult) -> float:
    """Return how near an error is to its limit, which is 1; nan is beyond any."""
    if math.isnan(result.ulps) or (result.ulps and not result.limit):
        return math.inf
    return result.ulps / result.limit if result.limit else 0.0


def too_large(results: Sequence[NumericResult]) -> str:
    """Say which errors are beyond the limit, the largest in full."""
    failed = [result for result in results if not result.passed]
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"{failed[0]}{more}" if failed else ""


def coverage_part(coverage: SymbolicCoverage, floats: Sequence[str]) -> Part:
    """Tell which lines of the cores ran symbolically."""
    by_core = coverage.by_core
    ran, of = (sum(column) for column in zip(*by_core.values(), strict=True))
    missed = coverage.missed
    lines: dict[str, list[str]] = {core: [] for core in by_core}
    for line, source in missed.items():
        lines[line.core].append(f"{line.number}: {source}")
    rows = tuple((f"`{core}`", str(a), str(b)) for core, (a, b) in by_core.items())
    cases = [Case(core, 0, never_ran(told)) for core, told in lines.items()]
    cases += [Case(where, 0, "a float literal in a formula") for where in floats]
    return Part(
        "coverage",
        "Symbolic coverage",
        f"{ran} of {of} lines, {100 * ran / of:.4g} %",
        "The lines of formulas in the cores of the library that ran while the theorems were proved. "
        "No formula has a float literal in it, which would be rounded before a prover sees it.",
        (Table("", ("core", "lines that ran", "lines"), rows),),
        cases=tuple(cases),
        data={
            "cores": {core: {"ran": a, "lines": b} for core, (a, b) in by_core.items()},
            "missed": [{"core": line.core, "line": line.number, "source": text} for line, text in missed.items()],
            "float_literals": list(floats),
        },
    )


def never_ran(lines: Sequence[str]) -> str:
    """Say which lines of a core never ran, the first three in full."""
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    return f"never ran symbolically: line {'; line '.join(lines[:3])}{more}" if lines else ""


def mutants_part(results: Sequence[MutantResult], failures: Sequence[str]) -> Part:
    """Tell what became of each wrong core; a failure begins with the id of its mutant."""
    fates = Counter(str(result.fate) for result in results)
    wrong = dict(failure.partition(" ")[::2] for failure in failures)
    cases = [Case(result.mutant.id, result.seconds, wrong.pop(result.mutant.id, "")) for result in results]
    cases += [Case(mutant, 0, said) for mutant, said in wrong.items()]
    equivalent = [r for r in results if r.fate == "equivalent"]
    return Part(
        "mutants",
        "Mutants",
        f"{len(results)}: {', '.join(f'{number} {fate}' for fate, number in fates.items())}",
        "Wrong edits of the cores, made by rule: a sign, a term, an axis, a factor, a constant, an index, a branch. "
        "Each is refused by a prover or killed by the numeric layer, or it computes the same, for the reason told.",
        (
            Table("By core", ("core", *fates), crossed(((f"`{r.mutant.core}`", r.fate) for r in results), fates)),
            Table("By rule", ("rule", *fates), crossed(((r.mutant.operator, r.fate) for r in results), fates)),
            Table(
                "Equivalent",
                ("before", "after", "why it computes the same"),
                tuple((f"`{r.mutant.before}`", f"`{r.mutant.after}`", r.detail) for r in equivalent),
            ),
        )[: 3 if equivalent else 2],
        cases=tuple(cases),
        data=[
            {
                "id": r.mutant.id,
                "core": r.mutant.core,
                "rule": r.mutant.operator,
                "before": r.mutant.before,
                "after": r.mutant.after,
                "fate": r.fate,
                "by": r.by,
                "detail": r.detail,
                "seconds": round(r.seconds, 3),
            }
            for r in results
        ],
    )


def refused(results: Iterable[MutantResult]) -> dict[str, int]:
    """Count the mutants that each theorem refused, by its id."""
    return dict(Counter(result.by.partition(":")[0] for result in results if result.fate == "refused"))


def broken_part(title: str, said: str) -> Part:
    """Tell that a layer raised, and so found nothing."""
    return Part(title.lower(), title, "did not finish", "", cases=(Case(title, 0, said),))


def crossed(pairs: Iterable[tuple[str, str]], columns: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Count pairs: a row for each first entry, a column for each second one."""
    counts = Counter((first, str(second)) for first, second in pairs)
    rows = dict.fromkeys(first for first, _ in counts)
    return tuple((row, *(str(counts[row, column]) for column in columns)) for row in rows)


def ulps_text(number: float) -> str:
    """Return a number of ulps with as many digits as one wants to read."""
    if not math.isfinite(number):
        return "∞" if number > 0 else str(number)
    return f"{number:.2g}" if number < 100 else f"{number:.0f}" if number < 1e4 else f"{number:.0e}"


def finite(number: float) -> float | str:
    """Return a number as JSON can hold it, which has no infinity."""
    return number if math.isfinite(number) else str(number)
