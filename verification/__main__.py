"""`python -m verification`: proves everything, and writes the report."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from verification._covered import citation, due
from verification._progress import Show
from verification._run import Plan, verify
from verification._write import write
from verification.theorems import THEOREMS

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTPUT = Path("verification-report")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; a theorem that is not there is an error that names those with a similar id."""
    parser = argparse.ArgumentParser(prog="python -m verification", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ID", help="prove these theorems alone, in all their settings")
    parser.add_argument("--list", action="store_true", help="print the theorems, and what each docstring is to cite")
    parser.add_argument(
        "--quick", action="store_true", help="every theorem and the numeric layer: no mutants, no peers"
    )
    parser.add_argument("--no-mutants", action="store_true", help="run no wrong cores")
    parser.add_argument("--no-peers", action="store_true", help="make no table of ulps, which needs other libraries")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"where the report goes; else {OUTPUT}")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many processes; else 2")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs: at least one process")
    for wrong in sorted({*(options.only or ())} - {*THEOREMS}):
        near = difflib.get_close_matches(wrong, THEOREMS, n=3, cutoff=0.4)
        hint = f": did you mean {' or '.join(near)}?" if near else "; --list prints all"
        parser.error(f"there is no theorem {wrong}{hint}")
    return options


def planned(options: argparse.Namespace) -> Plan:
    """Return what is to be run."""
    if options.only:
        return Plan("only", tuple(THEOREMS[name] for name in dict.fromkeys(options.only)), options.jobs, whole=False)
    full = not options.quick
    return Plan(
        "full" if full else "quick",
        tuple(THEOREMS.values()),
        options.jobs,
        quick=options.quick,
        peers=full and not options.no_peers,
        mutants=full and not options.no_mutants,
    )


def listing() -> str:
    """Return the theorems with what they cover, and then what each docstring is to cite."""
    lines = [f"{theorem.id}\n    {theorem.title}\n    {', '.join(theorem.covers)}" for theorem in THEOREMS.values()]
    lines.append("\nWhat each docstring is to cite:\n")
    for names, ids in due(THEOREMS.values()).items():
        lines.append(f"{', '.join(names)}\n    {citation(ids) if ids else 'none'}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove, tell and write; return 0 only if everything is proved."""
    options = parsed(arguments)
    if options.list:
        sys.stdout.write(f"{listing()}\n")
        return 0
    with Show() as show:
        report = verify(planned(options), show)
        output = options.output or (None if options.only else OUTPUT)
        show.verdict(report, write(report, output) if output else [])
    return 0 if report.proved else 1


if __name__ == "__main__":
    sys.exit(main())
