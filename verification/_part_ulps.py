"""The table of errors in ulps, beside other libraries and a bound, as a part of the report."""

from __future__ import annotations

import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from verification._parts import finite, ulps_text
from verification._regimes import ULPS, ULPS_LOGSUMEXP
from verification._report import Case, Part, Table
from verification._ulps_plot import plot

if TYPE_CHECKING:
    from verification._ulps import Entry
    from verification._ulps import Table as Errors

FREE = "hvp"
"""What rule 7 gives no bound for."""
SUBNORMAL = 1
"""What a subnormal result may be further off."""


def ulps_part(errors: Errors) -> Part:
    """Tell the largest errors, a table for each function and dtype."""
    kinds = dict.fromkeys((entry.function, entry.dtype) for entry in errors.entries)
    ours = [entry for entry in errors.entries if entry.ours]
    judged = [entry for entry in ours if entry.function != FREE]
    worst = max(judged, key=lambda entry: entry.ulps)
    absent = f" Not installed, and not measured: {', '.join(errors.missing)}." if errors.missing else ""
    return Part(
        "rounding",
        "Rounding",
        f"xent_arrayapi at most {ulps_text(worst.ulps)} ulp, in {len({entry.regime for entry in ours})} regimes",
        "The largest error of each library on the same rows, in units in the last place of the exact result, which is "
        "enclosed in ball arithmetic; ∞ where a finite result is no number. An asterisk marks subnormal results that "
        "came back as 0, which are not counted. The bound is $n + 2 + 2 (u_{\\max} - u_{\\min})$ after Blanchard, "
        "D. J. Higham and N. J. Higham 2021, for softmax with a plain shift, as `verification/_ulps.py` derives it; "
        "their theorem itself was not read. "
        "These are maxima over the rows that were drawn, and not over all floats." + absent,
        tuple(table(errors, function, dtype) for function, dtype in kinds),
        figure(errors),
        "The largest errors by function and regime.",
        tuple(case(entry) for entry in ours),
        {
            "entries": [asdict(entry) | {"ulps": finite(entry.ulps)} for entry in errors.entries],
            "bounds": [{"dtype": d, "regime": r, "ulps": finite(b)} for (d, r), b in errors.bounds.items()],
            "versions": errors.versions,
            "missing": list(errors.missing),
        },
    )


def table(errors: Errors, function: str, dtype: str) -> Table:
    """Return the errors of a function: a row for each regime, a column for each library."""
    entries = [entry for entry in errors.entries if (entry.function, entry.dtype) == (function, dtype)]
    libraries, regimes = (dict.fromkeys(getattr(e, kind) for e in entries) for kind in ("library", "regime"))
    found = {(entry.regime, entry.library): entry for entry in entries}
    bounded = function == "softmax"
    rows = (
        (
            regime,
            *(cell(found.get((regime, library))) for library in libraries),
            *([ulps_text(errors.bounds[dtype, regime])] * bounded),
        )
        for regime in regimes
    )
    return Table(f"{function}, {dtype}", ("regime", *libraries, *(["bound"] * bounded)), tuple(rows))


def cell(entry: Entry | None) -> str:
    """Return an error as it stands in a table."""
    return "–" if entry is None else ulps_text(entry.ulps) + "*" * entry.flushed


def case(entry: Entry) -> Case:
    """Judge an error of this library by rule 7."""
    name = f"{entry.function}, {entry.regime}, {entry.dtype}, {entry.library}"
    if entry.function == FREE:
        return Case(name)
    limit = (ULPS_LOGSUMEXP if entry.function == "logsumexp" else ULPS) + SUBNORMAL
    return Case(name, 0, "" if entry.ulps <= limit else f"{name}: {entry.ulps:.3g} ulp, limit {limit}")


def figure(errors: Errors) -> str:
    """Return the plot as an element of HTML: SVG without its prologue."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ulps.svg"
        plot(errors, path)
        return re.sub(r"^.*?(?=<svg)", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
