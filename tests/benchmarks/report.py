"""Tables and plots of a run: `python -m tests.benchmarks.report RESULTS FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import MARKDOWN, SIMPLE
from rich.console import Console
from rich.table import Table

from tests.benchmarks import plots
from tests.benchmarks.results import Results, first_seen

if TYPE_CHECKING:
    from tests.benchmarks.results import Ratio


def number(x: float) -> str:
    """Print three digits at most."""
    return f"{x:.2f}" if x < 10 else f"{x:.0f}"


def cell(x: Ratio) -> str:
    """Print a median with its limit and its quartiles."""
    median, spread = number(x.ratio["median"]), f"({number(x.ratio['low'])} to {number(x.ratio['high'])})"
    if x.meets is None:
        return f"{median} {spread}"
    return f"{median} ≤ {x.limit:.3g} {spread}" if x.meets else f"**{median} > {x.limit:.3g}** {spread}"


def over_floor(ratios: list[Ratio]) -> str:
    """Print how far above the floor we are, in the middle of what the pairs say."""
    floors = sorted(x.floor for x in ratios if x.floor is not None)
    return number(floors[len(floors) // 2]) if floors else ""


def table(title: str, ratios: list[Ratio]) -> Table:
    """Lay out what one of our ways to a function takes, over each peer."""
    made = Table(title=title, title_justify="left")
    peers = first_seen(x.peer for x in ratios)
    made.add_column("array")
    for peer in (*peers, "floor"):
        made.add_column(f"over {peer}" if peer != "floor" else "over the floor", justify="right")
    for work in first_seen(x.work for x in ratios):
        of_work = [x for x in ratios if x.work == work]
        cells = {x.peer: cell(x) for x in of_work}
        made.add_row(work, *(cells.get(peer, "") for peer in peers), over_floor(of_work))
    return made


def tables(results: Results) -> list[Table]:
    """Return a table for each of our ways and each function; fits have one of their own."""
    fits = [x for x in results.ratios if x.function == "fit"]
    paired = [x for x in results.ratios if x.function != "fit"]
    made = [
        table(f"{ours}: {function}", [x for x in paired if (x.ours, x.function) == (ours, function)])
        for ours, function in first_seen((x.ours, x.function) for x in paired)
    ]
    if fits:
        one = Table(title="Fits", title_justify="left")
        for column in ("data", "ours", "theirs", "ours over theirs"):
            one.add_column(column)
        for x in fits:
            one.add_row(x.work, x.ours, x.peer, cell(x))
        made.append(one)
    return made


def summary(results: Results) -> Table:
    """Count the limits that are met, by peer."""
    made = Table(title="Limits", title_justify="left")
    for column in ("ours", "peer", "limits met", "farthest above its limit"):
        made.add_column(column)
    limited = [x for x in results.ratios if x.limit is not None]
    for ours, peer in first_seen((x.ours, x.peer) for x in limited):
        of_both = [x for x in limited if (x.ours, x.peer) == (ours, peer)]
        missed = [x for x in of_both if not x.meets]
        worst = max(missed, key=lambda x: x.ratio["median"] / (x.limit or 1), default=None)
        far = f"{worst.function} of {worst.work}: {number(worst.ratio['median'])} > {worst.limit:.3g}" if worst else ""
        made.add_row(ours, peer, f"{len(of_both) - len(missed)} of {len(of_both)}", far)
    return made


def said(results: Results) -> str:
    """Say in a paragraph what it was measured on."""
    about = results.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    quick = any("--quick" in command for command in about["commands"])
    small = " Small arrays in few rounds (`--quick`): they show that all runs, not how fast." if quick else ""
    commands = " and ".join(f"`{command}`" for command in about["commands"])
    return (
        f"Measured on {about['date']} by {commands} on {about['processor']}, {about['threads']} cores, "
        f"{about['system']}, with Python {about['python']}, {versions}.{small}"
    )


def as_markdown(made: Table) -> str:
    """Write a table in Markdown, its title as a heading."""
    title, made.title, made.box = str(made.title), None, MARKDOWN
    console = Console(width=10_000, no_color=True)
    with console.capture() as captured:
        console.print(made)
    lines = [line.rstrip() for line in captured.get().splitlines() if line.strip()]
    return "\n".join((f"### {title}", "", *lines, ""))


def main() -> None:
    """Print the tables; write them in Markdown, and the plots, to a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hold", action="store_true", help="fail where a ratio is above its limit")
    options = parser.parse_args()
    results = Results.read(options.results)
    options.folder.mkdir(parents=True, exist_ok=True)
    of_all = [summary(results), *tables(results)]
    console = Console()
    console.print(said(results))
    for made in of_all:
        made.box = SIMPLE
        console.print(made)
    parts = [said(results), *map(as_markdown, of_all)]
    (options.folder / "tables.md").write_text("\n\n".join(parts), "utf-8")
    results.write(options.folder / "results.json")
    plots.draw(results, options.folder)
    limited = sum(x.limit is not None for x in results.ratios)
    console.print(f"{limited - len(results.misses)} of {limited} limits are met.")
    if options.hold and results.misses:
        sys.exit(1)


if __name__ == "__main__":
    main()
