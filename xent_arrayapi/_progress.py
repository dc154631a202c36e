"""How far a fit is: a bar in decades of the gradient, or a line for each step where no bar can be drawn."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xent_arrayapi._penalised import Point
    from xent_arrayapi._solvers import Report


@contextlib.contextmanager
def reporting(solver: str, *, tol: float, verbose: int) -> Iterator[Report]:
    """Show each step that is reported, if that is wanted."""
    if not verbose:
        yield lambda iteration, point: None  # noqa: ARG005  # nothing is shown
        return
    from rich.console import Console  # noqa: PLC0415  # a fit that shows nothing does not need it
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    with Progress(
        BarColumn(24), TextColumn("{task.description}"), console=console, disable=not console.is_interactive
    ) as bar:
        task, first = bar.add_task(solver, total=1.0), math.nan

        def report(iteration: int, point: Point) -> None:
            nonlocal first
            first = point.violation if iteration == 0 else first
            said = f"{solver}  iteration {iteration}  f {point.value:.8g}  largest |gradient| {point.violation:.1e}"
            bar.update(task, description=said, completed=done(first, point.violation, tol))
            if bar.disable:
                console.print(said)

        yield report


def done(first: float, now: float, tol: float) -> float:
    """Return the share of the decades from the first gradient to the tolerance that are behind."""
    if now <= tol or not first > tol > 0:
        return 1.0
    return min(1.0, max(0.0, math.log(first / now) / math.log(first / tol)))
