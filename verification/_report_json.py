"""The report as canonical JSON, and the certificates, one a line."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from verification._report import subject

if TYPE_CHECKING:
    from verification._report import Part, Report
    from verification._results import Check, Outcome

SCHEMA = 1


def report_json(report: Report) -> str:
    """Return all of the report: keys sorted, no blanks, no number that is none."""
    whole = {
        "schema": SCHEMA,
        "proved": report.proved,
        "failures": [failure._asdict() for failure in report.failures],
        "about": asdict(report.about),
        "theorems": [_theorem(outcome, report.killed.get(outcome.theorem.id)) for outcome in report.outcomes],
        "uncovered": report.uncovered,
        "parts": {part.id: _part(part) for part in report.parts},
    }
    return json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def certificates(report: Report) -> str:
    """Return the certificates of all theorems, one a line, in the order of their hashes: the same on every run."""
    found = {sha: one for outcome in report.outcomes for sha, one in outcome.certificates.items()}
    return "".join(f"{found[sha]}\n" for sha in sorted(found))


def _theorem(outcome: Outcome, killed: int | None) -> dict[str, Any]:
    theorem = outcome.theorem
    return {
        "id": theorem.id,
        "title": theorem.title,
        "subject": subject(theorem),
        "statement": theorem.statement,
        "assumptions": theorem.assumptions,
        "hypotheses": {name: {"breaks": name not in outcome.idle, **_check(c)} for name, c in outcome.dropped.items()},
        "sources": theorem.sources,
        "covers": outcome.sources,
        "proved": outcome.proved,
        "checks": [_check(check) for check in outcome.checks],
        "certificates": len(outcome.certificates),
        "certificates_sha256": outcome.certificate_hash,
        "mutants_refused": killed,
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "prover": check.prover,
        "verdict": check.verdict,
        "seconds": round(check.seconds, 4),
        "steps": [{"claim": step.claim, "certificate": step.sha256} for step in check.steps],
        "detail": check.detail,
    }


def _part(part: Part) -> dict[str, Any]:
    return {"headline": part.headline, "data": part.data, "cases": [case._asdict() for case in part.cases]}
