"""The report as Markdown, with LaTeX between dollars."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verification._report import by_subject, steps, without_hypothesis
from verification._results import Verdict
from verification._words import about_lines, count, duration, headlines, intro, short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verification._report import Part, Report
    from verification._results import Check, Outcome


def markdown(report: Report) -> str:
    """Return the report; its plot is in the HTML."""
    blocks = [
        f"# Verification of xent_arrayapi {report.about.versions['xent_arrayapi']}",
        *intro(),
        _verdict(report),
        _table(("", ""), ((f"[{name}](#{anchor})", fact) for anchor, name, fact in headlines(report))),
        '<a id="theorems"></a>',
    ]
    for subject, outcomes in by_subject(report.outcomes):
        blocks.append(f"## {subject}")
        for outcome in outcomes:
            blocks.extend(_theorem(outcome, report.killed.get(outcome.theorem.id)))
    for part in report.parts:
        blocks.extend(_part(part))
    blocks += ["## Versions", _table(("", ""), about_lines(report.about))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _verdict(report: Report) -> str:
    if report.proved:
        return "**Everything is proved.**"
    listed = "\n".join(f"- **{where}**: {_code(said)}" for where, said in report.failures)
    return f"**Not proved: {count(len(report.failures), 'failure')}.**\n\n{listed}"


def _theorem(outcome: Outcome, killed: int | None) -> Iterable[str]:
    theorem = outcome.theorem
    yield f'<a id="{theorem.id}"></a>\n\n### {theorem.title}'
    yield f"`{theorem.id}`: **{'proved' if outcome.proved else 'failed'}**"
    yield f"$$\n{theorem.statement}\n$$"
    covers = [f"`{name}` (SHA-256 {short(sha)})" for name, sha in outcome.sources.items()]
    hypotheses = [f"{name}; without it: {_code(said)}" for name, said in without_hypothesis(outcome)]
    facts = {"Assumed": theorem.assumptions, "Hypotheses": hypotheses, "Source": theorem.sources, "Code": covers}
    yield "\n".join(f"- {name}: {'; '.join(said)}" for name, said in facts.items() if said)
    yield _table(("prover", "verdict", "time"), map(_check, outcome.checks))
    yield from (f"```text\n{check.detail}\n```" for check in outcome.checks if check.verdict is not Verdict.PROVED)
    yield "\n".join(f"{number}. {step}" for number, step in enumerate(steps(outcome), 1))
    said = f"{count(len(outcome.certificates), 'certificate')}, SHA-256 {short(outcome.certificate_hash)}"
    yield said if killed is None else f"{said}; refuses {count(killed, 'mutant')}"


def _check(check: Check) -> tuple[str, str, str]:
    return check.prover, check.verdict, duration(check.seconds)


def _part(part: Part) -> Iterable[str]:
    yield f'<a id="{part.id}"></a>\n\n## {part.title}'
    yield f"**{part.headline}**"
    yield part.text
    yield "\n".join(f"- **{where}**: {_code(said)}" for where, said in part.failures)
    for table in part.tables:
        yield f"### {table.title}" if table.title else ""
        yield _table(table.header, table.rows)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Keep a cell on its line, and its bars from ending it."""
    parts = re.split(r"(\$[^$]+\$)", text.replace("\n", " "))
    return "".join(part.replace("|", r"\vert " if part.startswith("$") else r"\|") for part in parts)


def _code(text: str) -> str:
    """Return text as it is, in a line: not to be read as Markdown."""
    return f"`{' '.join(text.replace('`', '′').split())}`"
