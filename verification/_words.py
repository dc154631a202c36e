"""What a report says in words, the same in each format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verification._about import About
    from verification._report import Report

HASH = 12
"""How many hexadecimal digits of a SHA-256 are shown."""
MOST = 300
"""How many letters of a failure are shown in a list of them."""


INTRO = (
    """
    What is proved here is the code that is shipped: the public functions of `xent_arrayapi` are called on symbolic
    arrays, and what they return is shown to equal what the statement says. By SymPy this holds for every number $K$ of
    classes, of rows and of features at once; for some $K$ it is proved again, class by class, by SymPy and by a
    differential field on python-flint, which shares no code with it. The identity that is left over of a step is a
    certificate, which python-flint and z3 check again.
    """,
    """
    Exact arithmetic knows no rounding: what floating-point numbers do to the same functions is measured against
    rigorous enclosures.
    """,
)


def intro() -> tuple[str, ...]:
    """Return the paragraphs that say how the report is to be read."""
    return tuple(" ".join(paragraph.split()) for paragraph in INTRO)


def headlines(report: Report) -> list[tuple[str, str, str]]:
    """Return what a reader sees first: an anchor, what it is about, and the finding."""
    proved = sum(outcome.proved for outcome in report.outcomes)
    certificates = len({sha for outcome in report.outcomes for sha in outcome.certificates})
    checks = {check.prover for outcome in report.outcomes for check in outcome.checks}
    again = " and ".join(sorted(name.partition(", ")[2] for name in checks if name.startswith("certificates, ")))
    return [
        ("theorems", "Theorems", f"{proved} of {len(report.outcomes)} proved"),
        ("theorems", "Certificates", f"{certificates}, checked again by {again or 'none'}"),
        *((part.id, part.title, part.headline) for part in report.parts),
    ]


def cut(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= MOST else f"{text[:MOST]} …"


def short(sha: str) -> str:
    """Return the beginning of a hash."""
    return sha[:HASH]


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Return a time, in milliseconds where it is short."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def about_lines(about: About) -> list[tuple[str, str]]:
    """Return what a report is about, line by line."""
    lines = [*about.versions.items(), ("commit", f"`{about.commit}`" if about.commit else "–")]
    lines += [("SHA-256 of the sources", f"`{about.digest}`"), ("machine", about.machine)]
    return [*lines, ("run", f"{about.mode}, {duration(about.seconds)}")]
