"""`python -m xent_arrayapi`: checks the library on every backend and device of this machine."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import xent_arrayapi as xent
from xent_arrayapi._selfcheck import MOST, checked
from xent_arrayapi._selfcheck_machine import BACKENDS, find
from xent_arrayapi._selfcheck_report import of_place, read, show, whole, write

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m xent_arrayapi",
        description="Check the library on every backend and device of this machine.",
        epilog="The exit status is 0 if something was checked and all passed, 1 if something failed, and 2 if nothing "
        "was checked or a backend or device that was asked for is not there.",
    )
    made.add_argument("--backend", action="append", choices=BACKENDS, help="check this one alone; may be repeated")
    made.add_argument("--device", help="check this device alone, such as cuda:0, or all of its kind, such as cuda")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the report to a file")
    made.add_argument("--read", type=Path, metavar="FILE", help="check nothing, but print the report in a file")
    made.add_argument("--most-classes", type=int, default=MOST, metavar="K", help="leave wider rows out (%(default)s)")
    made.add_argument("--version", action="version", version=xent.__version__)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print and write what was found, and return the exit status."""
    command = parser()
    asked = command.parse_args(arguments)
    if asked.read:
        report = read(asked.read)
    else:
        if asked.most_classes < 10:
            command.error("--most-classes must be at least 10")
        start = time.perf_counter()
        places, absent = find(asked.backend or list(BACKENDS), asked.device)
        missing = [f"{name}: {absent[name]}" for name in asked.backend or () if name in absent]
        if missing or not places:
            command.error("nothing to check: " + "; ".join(missing or map(": ".join, absent.items())))
        found = []
        for place in places:
            begun = time.perf_counter()
            findings = checked(place, asked.most_classes)
            found.append(of_place(place, findings, time.perf_counter() - begun))
        report = whole(found, absent, asked.most_classes, time.perf_counter() - start)
    if asked.json:
        write(report, asked.json)
    show(report, sys.stdout)
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
