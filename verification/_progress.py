"""What is seen while it runs: a line for each theorem, live where there is a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from verification._words import count, duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.progress import TaskID

    from verification._report import Part, Report
    from verification._results import Outcome


class Show:
    """Tells what came out as it comes; nothing of it is drawn by a thread, since processes are forked beside it."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to the standard output, if no console is given."""
        self.console = console or Console(highlight=False, soft_wrap=True)
        columns = TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn()
        hidden = not self.console.is_terminal
        self.live = Progress(*columns, console=self.console, auto_refresh=False, transient=True, disable=hidden)
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def begin(self, name: str, total: int) -> None:
        """Draw a line for something that takes some steps."""
        self.tasks[name] = self.live.add_task(name, total=total)
        self.live.refresh()

    def step(self, name: str) -> None:
        """Go one step on."""
        self.live.update(self.tasks[name], advance=1, refresh=True)

    def end(self, name: str) -> None:
        """Take a line away."""
        self.live.remove_task(self.tasks.pop(name))

    def outcome(self, outcome: Outcome) -> None:
        """Tell what came out of a theorem."""
        provers = "; ".join(grouped(check.prover for check in outcome.checks))
        seconds = duration(sum(check.seconds for check in (*outcome.checks, *outcome.dropped.values())))
        certificates = count(len(outcome.certificates), "certificate")
        self._line(outcome.proved, f"{outcome.theorem.id:<44} {seconds:>8}  {provers} ({certificates})")

    def part(self, part: Part) -> None:
        """Tell what a layer found."""
        self._line(not part.failures, f"{part.title}: {part.headline}")

    def verdict(self, report: Report, written: Iterable[Path]) -> None:
        """Tell every failure, what was written, and the result."""
        failures = report.failures
        for where, said in failures:
            self.console.print(Text.assemble(("FAILED ", "bold red"), (where, "bold"), f"\n    {said}"))
        for path in written:
            self.console.print(f"wrote {path}", markup=False)
        said = f"NOT PROVED: {count(len(failures), 'failure')}" if failures else "Everything is proved"
        style = "bold red" if failures else "bold green"
        self.console.print(Text(f"{said}, in {duration(report.about.seconds)}", style))

    def _line(self, good: bool, text: str) -> None:  # noqa: FBT001  # the two ways it can end
        mark = ("✓ ", "green") if good else ("✗ ", "bold red")
        self.console.print(Text.assemble(mark, text))


def grouped(provers: Iterable[str]) -> list[str]:
    """Return the names of provers, those for several K in one."""
    sizes: dict[str, list[str]] = {}
    for prover in provers:
        name, _, size = prover.partition(", K = ")
        sizes.setdefault(name, []).extend([size] * bool(size))
    return [f"{name}, K = {', '.join(found)}" if found else name for name, found in sizes.items()]
