"""The report as one page of HTML: typeset as MathML, readable offline, without a script."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from verification._markup import listed, table, tag, text, typeset
from verification._mathml import display
from verification._report import by_subject, steps, without_hypothesis
from verification._results import Verdict
from verification._words import about_lines, count, cut, duration, headlines, intro, short

if TYPE_CHECKING:
    from verification._report import Part, Report, Table
    from verification._results import Check, Outcome

STYLE = Path(__file__).with_name("report.css")
FEW, LONG = 4, 30
"""So many tables, and so many rows, are shown without a click."""
MARK = {Verdict.PROVED: "✓", Verdict.REFUTED: "✗", Verdict.UNDECIDED: "?"}


def html(report: Report) -> str:
    """Return the page."""
    title = f"Verification of xent_arrayapi {report.about.versions['xent_arrayapi']}"
    head = tag(
        "head",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        tag("title", escape(title)),
        tag("style", STYLE.read_text(encoding="utf-8")),
    )
    main = tag("main", _opening(title, report), _theorems(report), *map(_part, report.parts), _about(report))
    return f'<!DOCTYPE html>\n<html lang="en-GB">{head}<body>{_contents(report)}{main}</body></html>\n'


def _opening(title: str, report: Report) -> str:
    failures = report.failures
    verdict = "Everything is proved." if report.proved else f"Not proved: {count(len(failures), 'failure')}."
    listing = listed("ul", (f"{tag('strong', escape(where))}: {escape(cut(said))}" for where, said in failures))
    return tag(
        "header",
        tag("h1", escape(title)),
        *(tag("p", text(paragraph)) for paragraph in intro()),
        tag("div", tag("p", verdict), listing, class_="verdict proved" if report.proved else "verdict failed"),
        tag("dl", *(_headline(*line) for line in headlines(report)), class_="headlines"),
    )


def _headline(anchor: str, name: str, fact: str) -> str:
    return tag("div", tag("dt", tag("a", escape(name), href=f"#{anchor}")), tag("dd", text(fact)))


def _contents(report: Report) -> str:
    subjects = [
        tag("h2", text(name)) + listed("ul", (_entry(outcome) for outcome in outcomes))
        for name, outcomes in by_subject(report.outcomes)
    ]
    rest = [*((part.id, part.title) for part in report.parts), ("about", "Versions")]
    links = listed("ul", (tag("a", escape(title), href=f"#{anchor}") for anchor, title in rest))
    return tag("nav", *subjects, tag("h2", "Beside the theorems"), links, **{"aria-label": "Contents"})


def _entry(outcome: Outcome) -> str:
    mark = tag("span", "✓" if outcome.proved else "✗", class_="proved" if outcome.proved else "failed")
    return f"{mark} {tag('a', text(outcome.theorem.title), href=f'#{outcome.theorem.id}')}"


def _theorems(report: Report) -> str:
    found = [
        tag("h2", text(name)) + "".join(_card(outcome, report.killed.get(outcome.theorem.id)) for outcome in outcomes)
        for name, outcomes in by_subject(report.outcomes)
    ]
    return tag("section", *found, id="theorems")


def _card(outcome: Outcome, killed: int | None) -> str:
    """Return a theorem: its statement first, what it rests on, who proved it, and the proof to be opened."""
    theorem = outcome.theorem
    kind = "proved" if outcome.proved else "failed"
    facts = [
        ("Assumed", [text(one) for one in theorem.assumptions]),
        ("Hypotheses", [_hypothesis(name, said) for name, said in without_hypothesis(outcome)]),
        ("Source", [text(one) for one in theorem.sources]),
        ("Code", [_code(name, outcome) for name in theorem.covers]),
    ]
    return tag(
        "article",
        tag("h3", tag("a", text(theorem.title), href=f"#{theorem.id}"), tag("span", kind, class_=f"pill {kind}")),
        tag("div", typeset(display, theorem.statement), class_="statement"),
        tag("dl", *(tag("dt", name) + tag("dd", listed("ul", items)) for name, items in facts if items)),
        listed("ul", map(_prover, outcome.checks), class_="provers"),
        *(_complaint(check) for check in outcome.checks if check.verdict is not Verdict.PROVED),
        _proof(outcome),
        tag("p", " · ".join(_small_print(outcome, killed)), class_="small"),
        id=theorem.id,
        class_=kind,
    )


def _hypothesis(name: str, said: str) -> str:
    return text(name) + tag("details", tag("summary", "without it"), tag("pre", escape(said)))


def _code(name: str, outcome: Outcome) -> str:
    return f"{tag('code', escape(name))} {tag('span', escape(short(outcome.sources.get(name, ''))), class_='hash')}"


def _prover(check: Check) -> str:
    mark = tag("span", MARK[check.verdict], class_="proved" if check.verdict is Verdict.PROVED else "failed")
    return f"{mark} {escape(check.prover)} {tag('span', duration(check.seconds), class_='time')}"


def _complaint(check: Check) -> str:
    said = f"{check.verdict.capitalize()} by {check.prover}:\n{check.detail}"
    return tag("pre", escape(said), class_="complaint")


def _proof(outcome: Outcome) -> str:
    if not outcome.steps:
        return ""
    said = f"Proof: {count(len(outcome.steps), 'identity', 'identities')}, as shown by {outcome.checks[0].prover}"
    return tag("details", tag("summary", escape(said)), listed("ol", map(text, steps(outcome))))


def _small_print(outcome: Outcome, killed: int | None) -> list[str]:
    certificates = count(len(outcome.certificates), "certificate")
    said = [tag("code", escape(outcome.theorem.id))]
    if outcome.certificates:
        said.append(f"{certificates}, {tag('span', short(outcome.certificate_hash), class_='hash')}")
    return said if killed is None else [*said, f"refuses {count(killed, 'mutant')}"]


def _part(part: Part) -> str:
    figure = tag("figure", part.figure, tag("figcaption", text(part.caption))) if part.figure else ""
    folded = len(part.tables) > FEW or any(len(one.rows) > LONG for one in part.tables)
    tables = [_table(one, folded=folded) for one in part.tables]
    failed = listed("ul", (f"{tag('strong', escape(f.where))}: {escape(f.message)}" for f in part.failures))
    return tag(
        "section",
        tag("h2", text(part.title)),
        tag("p", text(part.text)),
        tag("div", failed, class_="verdict failed") if failed else "",
        figure,
        *tables,
        id=part.id,
    )


def _table(one: Table, *, folded: bool) -> str:
    """Return a table under its title, or behind it where there is much to scroll past."""
    rows = table(one.header, one.rows)
    if folded:
        title = text(one.title) if one.title else f"The table: {count(len(one.rows), 'row')}"
        return tag("details", tag("summary", title), rows)
    return (tag("h3", text(one.title)) if one.title else "") + rows


def _about(report: Report) -> str:
    return tag("section", tag("h2", "Versions"), table(("", ""), about_lines(report.about)), id="about")
