"""What a proof ran of the cores, what it missed, and what it may not contain."""

from __future__ import annotations

import ast
import contextlib
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from verification._cores import cores, heads
from verification._loading import codes, function_of

if TYPE_CHECKING:
    import types
    from collections.abc import Iterable, Iterator


TOOL = 4
"""Our place among the tools that Python lets monitor: 0 to 2 and 5 are taken by convention."""


class Line(NamedTuple):
    """A line of a formula."""

    core: str
    number: int


@cache
def executable() -> frozenset[Line]:
    """Return all lines of formulas that run."""
    return frozenset(line for lines in _spans().values() for line in lines)


@cache
def _spans() -> dict[tuple[str, int], list[Line]]:
    """Return the lines that run of each formula, by its core and its first line."""
    found: dict[tuple[str, int], list[Line]] = {}
    for core in cores():
        run = {n for code in codes(function_of(core.module, core.name).__code__) for *_, n in code.co_lines() if n}
        for formula in core.formulas:
            spans = (range(head.lineno, (head.end_lineno or head.lineno) + 1) for head in heads(formula))
            lines = found.setdefault((core.id, formula.lineno), [])
            lines += [Line(core.id, n) for span in spans for n in span if n in run]
    return found


@cache
def _places() -> dict[types.CodeType, str]:
    """Return the cores by their code."""
    return {code: core.id for core in cores() for code in codes(function_of(core.module, core.name).__code__)}


@contextlib.contextmanager
def recording() -> Iterator[set[Line]]:
    """Collect the lines of formulas that run; the cores have to be those that are shipped."""
    if changed := [core.id for core in cores() if function_of(core.module, core.name).__code__ not in _places()]:
        msg = f"cores that are not as they are shipped cannot be watched: {', '.join(changed)}"
        raise RuntimeError(msg)
    lines = set[Line]()
    with _watching(lines):
        try:
            yield lines
        finally:
            lines &= executable()


if sys.version_info >= (3, 12):

    @contextlib.contextmanager
    def _watching(lines: set[Line]) -> Iterator[None]:
        """Have the interpreter report each line of the cores once: what else runs is not slowed down."""
        monitoring, places = sys.monitoring, _places()

        def report(code: types.CodeType, number: int) -> Any:
            lines.add(Line(places[code], number))
            return monitoring.DISABLE

        monitoring.use_tool_id(TOOL, "verification")
        try:
            monitoring.register_callback(TOOL, monitoring.events.LINE, report)
            for code in places:
                monitoring.set_local_events(TOOL, code, monitoring.events.LINE)
            monitoring.restart_events()
            yield
        finally:
            for code in places:
                monitoring.set_local_events(TOOL, code, monitoring.events.NO_EVENTS)
            monitoring.register_callback(TOOL, monitoring.events.LINE, None)
            monitoring.free_tool_id(TOOL)

else:
    from verification._notes import noting

    @contextlib.contextmanager
    def _watching(lines: set[Line]) -> Iterator[None]:
        """Have the cores note what they run: all lines of a formula as one."""
        spans = _spans()
        with noting(lambda core, first: lines.update(spans[core, first])):
            yield


@dataclass(frozen=True)
class SymbolicCoverage:
    """The lines of formulas that ran while theorems were proved."""

    executed: frozenset[Line]

    @classmethod
    def of(cls, *runs: Iterable[Line]) -> SymbolicCoverage:
        """Merge what several theorems and processes ran."""
        return cls(executable().intersection(set[Line]().union(*runs)))

    @property
    def missed(self) -> dict[Line, str]:
        """The lines that did not run, in the order of the source, with their text."""
        texts = {core.id: core.path.read_text(encoding="utf-8").splitlines() for core in cores()}
        return {line: texts[line.core][line.number - 1].strip() for line in sorted(executable() - self.executed)}

    @property
    def by_core(self) -> dict[str, tuple[int, int]]:
        """How many lines of each core ran, and of how many."""
        counts = {core.id: [0, 0] for core in cores()}
        for line in executable():
            counts[line.core][0] += line in self.executed
            counts[line.core][1] += 1
        return {core: (ran, of) for core, (ran, of) in counts.items()}


def float_literals() -> list[str]:
    """Find numbers in formulas that a float rounds: only whole ones are what they look like."""
    return [
        f"{core.path.name}:{node.lineno}: {ast.unparse(node)} in {core.name}"
        for core in cores()
        for formula in core.formulas
        for head in heads(formula)
        for node in ast.walk(head)
        if isinstance(node, ast.Constant) and _is_rounded(node.value)
    ]


def _is_rounded(value: object) -> bool:
    return isinstance(value, complex) or (isinstance(value, float) and not value.is_integer())
