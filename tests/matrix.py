"""What the last run executed: read from its reports, printed, and held against the tables in the documentation."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tests.backends.table import BACKENDS, LIBRARIES, MODES

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "backends.md")
BEGIN, END = "<!-- {}: written by `nox -s report -- --write` -->", "<!-- /{} -->"
NOT_RUN = "not run"
AGAIN = ("wheel", "numpy_lowest", "numpy-3.11", "numpy-3.12", "jax-lowest")
"""Reports of tests that another one has of the latest library."""


class Test(NamedTuple):
    """A test that was executed."""

    report: str
    module: str
    function: str
    backend: str | None
    capability: tuple[str, str] | None
    """The public call and the mode that it stands for."""
    only: str
    """The backends that it concerns alone, if not all."""
    full: str
    """How many tests its backend has in the selection full, where ci runs fewer."""
    outcome: str


def outcome_of(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    return "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def tests_of(path: Path) -> list[Test]:
    """Read the report of a lane; a lane without one ran no test."""
    tests = []
    for case in ET.parse(path).getroot().iter("testcase") if path.exists() else ():  # noqa: S314  # the lanes wrote it
        said = {item.get("name"): item.get("value", "") for item in case.iter("property")}
        name = said["capability"].split(" ")[1:] if "capability" in said else None
        function = case.get("name", "").partition("[")[0]
        tests.append(
            Test(
                path.stem,
                case.get("classname", ""),
                function,
                said.get("backend"),
                (name[0], name[1]) if name else None,
                said.get("only", ""),
                said.get("full", ""),
                outcome_of(case),
            )
        )
    return tests


def left_out(name: str, test: Test) -> str | None:
    """Say why a backend does not run a test of NumPy's."""
    entry, module = BACKENDS[name], test.module.rpartition(".")[2]
    if test.only and name not in test.only.split():
        return f"concerns {test.only} alone"
    if not module.startswith(entry.files):
        return f"runs {', '.join(name + '*' for name in entry.files)}"
    for beginning, reason in entry.without.items():
        if test.function.startswith(beginning) or module.startswith(beginning):
            return reason
    if not entry.in_ci(module, test.function):
        return "is of the selection full"
    return "runs what is marked traced or autodiff, since each call is compiled" if entry.compiling else None


def held_against_numpy(tests: list[Test]) -> tuple[list[str], list[str]]:
    """Compare what each backend ran with what NumPy did; return the lines to print, and what is left out silently."""
    newest = [test for test in tests if test.report not in AGAIN]
    ran: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in BACKENDS}
    for test in newest:
        if test.backend:
            ran[test.backend][test.module, test.function] += 1
    of_numpy = {(test.module, test.function): test for test in newest if test.backend == "numpy"}
    lines, silent = [], []
    for name, entry in BACKENDS.items():
        reasons = Counter(left_out(name, test) for key, test in of_numpy.items() if key not in ran[name])
        executed = sum(ran[name].values())
        if executed:
            if None in reasons:
                silent.append(f"{name} leaves out {reasons[None]} of NumPy's tests without a reason")
            said = "; ".join(f"without {count} of NumPy's test functions: {why}" for why, count in reasons.items())
            lines.append(f"{name:24}{executed:6}  {entry.how:10}{said}")
        else:
            lines.append(f"{name:24}{executed:6}  {NOT_RUN}")
    return lines, silent


def passed_calls(tests: list[Test], names: list[str], mode: str) -> set[str]:
    """Return the public calls that passed in a mode on each of some backends that have it."""
    outcomes: dict[str, set[str]] = {}
    for test in tests:
        if test.backend in names and test.capability and test.capability[1] == mode:
            outcomes.setdefault(test.capability[0], set()).add(test.outcome)
    return {call for call, found in outcomes.items() if found == {"passed"}}


def libraries(tests: list[Test]) -> list[tuple[str, list[str], list[str]]]:
    """Return the rows of the documentation: a library, its backends that were run, and those that were not."""
    ran = {test.backend for test in tests}
    rows: dict[str, tuple[list[str], list[str]]] = {}
    for name in BACKENDS:
        library = next(said for beginning, said in LIBRARIES.items() if name.startswith(beginning))
        rows.setdefault(library, ([], []))[name not in ran].append(name)
    return [(library, *names) for library, names in rows.items()]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def summary(tests: list[Test]) -> str:
    """Return the table of backends: how each was run, and how many public calls passed in each mode."""
    calls = {test.capability[0] for test in tests if test.capability}
    rows = []
    for library, executed, idle in libraries(tests):
        how = ", ".join(dict.fromkeys(BACKENDS[name].how for name in executed)) or NOT_RUN
        cells = [library, f"{how} ({NOT_RUN}: {', '.join(idle)})" if executed and idle else how]
        for mode in MODES:
            having = [name for name in executed if mode in BACKENDS[name].modes]
            cells.append(f"{len(passed_calls(tests, having, mode))} of {len(calls)}" if having else "")
        rows.append(cells)
    return table(["backend", "run", *MODES], rows)


def details(tests: list[Test]) -> str:
    """Return the table of public calls, by name, and not as workers finished: the modes in which each passed."""
    calls = sorted({test.capability[0] for test in tests if test.capability}, key=str.casefold)
    rows_of = {library: executed for library, executed, _ in libraries(tests) if executed}
    rows = []
    for call in calls:
        cells = [f"`{call}`"]
        for names in rows_of.values():
            modes = [
                mode
                for mode in MODES
                if call in passed_calls(tests, [name for name in names if mode in BACKENDS[name].modes], mode)
            ]
            cells.append(", ".join(modes))
        rows.append(cells)
    return table(["public call", *rows_of], rows)


def selections(tests: list[Test]) -> str:
    """Return the table of the backends of which the selection ci runs a part: how many tests it has, of how many."""
    rows = []
    for name, entry in BACKENDS.items():
        executed = [test for test in tests if test.backend == name and test.full and test.report not in AGAIN]
        if executed:
            ci = sum(entry.in_ci(test.module.rpartition(".")[2], test.function) for test in executed)
            rows.append([f"`{name}`", str(ci), executed[0].full, str(len(executed))])
    return table(["backend", "tests in ci", "in full", "executed"], rows)


def put(page: str, sections: dict[str, str]) -> str:
    """Return a page with its generated sections replaced."""
    for name, text in sections.items():
        begin, end = BEGIN.format(name), END.format(name)
        if begin in page:
            before, _, rest = page.partition(begin)
            page = f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}"
    return page


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Print what was executed; fail for what failed, was skipped or left out, and where the documentation differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the lanes left their reports")
    parser.add_argument("--lanes", nargs="+", required=True, help="the reports that there have to be")
    parser.add_argument("--where-possible", nargs="+", default=[], help="those that need a device that may be missing")
    parser.add_argument("--write", action="store_true", help="write the tables into the documentation")
    options = parser.parse_args(arguments)
    lanes = options.lanes + options.where_possible
    tests = [test for lane in lanes for test in tests_of(options.folder / f"{lane}.xml")]
    wrong = []
    say(f"{'lane':24}{'passed':>7}{'xfailed':>9}{'failed':>8}{'skipped':>9}")
    for lane in lanes:
        counts = Counter(test.outcome for test in tests if test.report == lane)
        say(f"{lane:24}{counts['passed']:7}{counts['xfailed']:9}{counts['failed']:8}{counts['skipped']:9}")
        if counts["failed"] or counts["skipped"] or (lane in options.lanes and not counts["passed"]):
            wrong.append(f"{lane} failed, skipped or ran no test")
    lines, silent = held_against_numpy(tests)
    say("", "tests by backend, held against NumPy's:", *lines)
    sections = {"backends": summary(tests), "selections": selections(tests), "calls": details(tests)}
    say("", *sections.values(), "")
    for page in PAGES:
        text = page.read_text("utf-8")
        if options.write:
            page.write_text(put(text, sections), "utf-8")
        elif put(text, sections) != text:
            wrong.append(f"{page.name} differs from what was run: write it with `nox -s report -- --write`")
    total = Counter(test.outcome for test in tests)
    say(*(f"wrong: {line}" for line in wrong + silent))
    say(f"tests: {total['passed'] + total['xfailed']} passed, {total['failed']} failed")
    return 1 if wrong or silent else 0


if __name__ == "__main__":
    sys.exit(main())
