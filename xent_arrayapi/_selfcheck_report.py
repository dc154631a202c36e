"""The report of a self-check: one table, one JSON file, and what it says of each place."""

from __future__ import annotations

import importlib
import json
import math
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import xent_arrayapi as xent
from xent_arrayapi._selfcheck_place import FLOATING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from xent_arrayapi._selfcheck_place import Place
    from xent_arrayapi._selfcheck_values import Finding

SCHEMA = 1
HEADER = ("check", *FLOATING, "limit")

Report = dict[str, Any]


class Verdict(NamedTuple):
    """What a report says of one place."""

    backend: str
    version: str
    device: str
    device_name: str
    mode: str
    passed: list[str]
    failed: list[str]
    stated: list[str]
    """What is not judged: what cannot be counted there, and what is only told."""

    @property
    def name(self) -> str:
        """Which place it is."""
        return f"{self.backend} {self.version}, {self.device} ({self.device_name}), {self.mode}"

    def __str__(self) -> str:
        """Say it in one line."""
        failed = f", {len(self.failed)} FAILED" if self.failed else ""
        return f"{self.name}: {len(self.passed)} passed{failed}, {len(self.stated)} stated"


def of_place(place: Place, findings: Sequence[Finding], seconds: float) -> Report:
    """Return what was found in a place."""
    found = [asdict(finding) for finding in findings]
    for one in found:
        if one["worst"] is not None and not math.isfinite(one["worst"]):
            one["worst"] = None  # JSON has no infinity; the detail says it
    return {
        "backend": place.backend,
        "version": place.version,
        "device": place.device,
        "device_name": place.device_name,
        "mode": place.mode,
        "seconds": round(seconds, 1),
        "findings": found,
    }


def whole(places: Sequence[Report], absent: Mapping[str, str], most: int, seconds: float) -> Report:
    """Return the report of all places: passed if there is one, and nothing failed in any."""
    report = {
        "schema": SCHEMA,
        "xent_arrayapi": xent.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "most_classes": most,
        "seconds": round(seconds, 1),
        "absent": dict(absent),
        "places": list(places),
    }
    return report | {"passed": bool(places) and not any(verdict.failed for verdict in verdicts(report))}


def verdicts(report: Report) -> list[Verdict]:
    """Return for each place of a report what was checked there, and how it ended."""
    return [
        Verdict(
            *(place[key] for key in ("backend", "version", "device", "device_name", "mode")),
            *(
                [f"{one['check']} ({one['dtype']})" for one in place["findings"] if one["passed"] is passed]
                for passed in (True, False, None)
            ),
        )
        for place in report["places"]
    ]


def write(report: Report, path: Path) -> None:
    """Write a report as JSON."""
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path) -> Report:
    """Read a report that :func:`write` wrote."""
    report: Report = json.loads(path.read_text(encoding="utf-8"))
    if report.get("schema") != SCHEMA:
        msg = f"{path} must be a report of schema {SCHEMA}, not {report.get('schema')!r}: write it anew."
        raise ValueError(msg)
    return report


def show(report: Report, out: TextIO) -> None:
    """Print a table for each place, with rich if it is installed, and below them what is told of all."""
    try:
        tables = importlib.import_module("rich.table")
        console = importlib.import_module("rich.console").Console(file=out)
    except ImportError:
        for title, rows in sections(report):
            print_plainly([(title, *[""] * (len(HEADER) - 1)), HEADER, *rows], out)
    else:
        box = importlib.import_module("rich.box").SIMPLE
        for title, rows in sections(report):
            table = tables.Table(*HEADER, title=title, title_justify="left", box=box)
            for row in rows:
                table.add_row(*row)
            console.print(table)
    for line in closing(report):
        print(line, file=out)  # it prints


def print_plainly(rows: list[tuple[str, ...]], out: TextIO) -> None:
    """Print rows in columns; the first is a title, and as wide as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows[1:], strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip(), file=out)  # it prints
    print(file=out)


def sections(report: Report) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield the title of each place, and its lines: a check, its errors in each dtype, and their limits."""
    for place, verdict in zip(report["places"], verdicts(report), strict=True):
        by_check: dict[str, dict[str, Report]] = {}
        for one in place["findings"]:
            by_check.setdefault(one["check"], {})[one["dtype"]] = one
        yield verdict.name, [(check, *line(found)) for check, found in by_check.items()]


def line(found: dict[str, Report]) -> Iterator[str]:
    """Yield a cell for each dtype, and one for the limits."""
    yield from (cell(found[dtype]) if dtype in found else "" for dtype in FLOATING)
    limits = (f"{one['limit']:g}" for one in found.values() if one["limit"] is not None)
    yield ", ".join(dict.fromkeys(limits))


def cell(one: Report) -> str:
    """Return a result in a word: the largest error, if it has one and passed."""
    if one["passed"] is None:
        return "stated"
    if not one["passed"]:
        return "FAILED"
    return "ok" if one["worst"] is None else f"{one['worst']:.3g}"


def closing(report: Report) -> Iterator[str]:
    """Yield what failed and what is stated, what is absent, a line for each place, and how it ended."""
    yield "Errors are in ulp. Stated, and not judged:"
    for place, verdict in zip(report["places"], verdicts(report), strict=True):
        yield from (f"  {verdict.name}: {one}" for one in details(place, passed=None))
    for place, verdict in zip(report["places"], verdicts(report), strict=True):
        yield from (f"FAILED: {verdict.name}: {one}" for one in details(place, passed=False))
    yield from (f"Not checked: {name}, {why}" for name, why in report["absent"].items())
    yield from map(str, verdicts(report))
    ending = "all passed" if report["passed"] else "NOT PASSED"
    yield f"xent_arrayapi {report['xent_arrayapi']}, Python {report['python']}, {report['seconds']} s: {ending}"


def details(place: Report, *, passed: bool | None) -> Iterator[str]:
    """Yield the details of what was judged so, once for the dtypes that have the same."""
    dtypes: dict[tuple[str, str], list[str]] = {}
    for one in place["findings"]:
        if one["passed"] is passed:
            dtypes.setdefault((one["check"], one["detail"]), []).append(one["dtype"])
    yield from (f"{check} ({', '.join(names)}): {detail}" for (check, detail), names in dtypes.items())
