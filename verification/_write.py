"""Writes the report into a folder, in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verification._report_html import html
from verification._report_json import certificates, report_json
from verification._report_junit import junit
from verification._report_markdown import markdown

if TYPE_CHECKING:
    from pathlib import Path

    from verification._report import Report

FORMATS = {
    "index.html": html,
    "report.md": markdown,
    "report.json": report_json,
    "junit.xml": junit,
    "certificates.jsonl": certificates,
}


def write(report: Report, folder: Path) -> list[Path]:
    """Write the report, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, render in FORMATS.items():
        (folder / name).write_text(render(report), encoding="utf-8")
    return [folder / name for name in FORMATS]
