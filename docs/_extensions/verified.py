"""Puts the report of the verification into the site, and links the theorems that docstrings cite to it.

The report is that in the folder that XENT_VERIFICATION_REPORT names, which has to be of these very sources; else that
of the last run, if it is; else a quick one, made now.  Without a report in which all is proved there is no site.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError
from sphinx.util import logging

from verification._covered import CITATION, ROOT, digest

if TYPE_CHECKING:
    import re

    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)
FOLDER = "verification-report"
"""Where the last run left its report in the checkout, and where it is in the site."""


def fault(folder: Path) -> str:
    """Say why the report in a folder cannot be used, if so."""
    path = folder / "report.json"
    if not path.exists():
        return "there is none"
    report = json.loads(path.read_text(encoding="utf-8"))
    if report["about"]["digest"] != digest():
        return "it is of other sources"
    if report["about"]["mode"] == "only":
        return "it is of some theorems only"
    return "" if report["proved"] else "not everything in it is proved"


def find_report(app: Sphinx) -> None:
    """Find the report, or make one."""
    named = os.environ.get("XENT_VERIFICATION_REPORT")
    folder = Path(named) if named else ROOT / FOLDER
    why = fault(folder)
    if why and named:
        message = f"the report in {folder} cannot be used: {why}"
        raise ExtensionError(message)
    if why:
        logger.info("no report of the last run, as %s: verifying", why)
        folder = Path(app.doctreedir) / FOLDER
        command = [sys.executable, "-m", "verification", "--quick", "--output", str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # ourselves
        if done.returncode or fault(folder):
            message = f"python -m verification --quick failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
            raise ExtensionError(message)
    app.config.verified_report = str(folder)


def copy_report(app: Sphinx, error: Exception | None) -> None:
    """Put the report beside the pages."""
    if error is None:
        shutil.copytree(app.config.verified_report, Path(app.outdir) / FOLDER, dirs_exist_ok=True)


def link_theorems(app: Sphinx, _what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Make each id of a theorem that a docstring cites a link to its card in the report."""
    up = "../" * app.env.docname.count("/")

    def linked(match: re.Match[str]) -> str:
        ids = match["ids"].replace(",", " ").split()
        links = (f"`{name} <{up}{FOLDER}/index.html#{name}>`__" for name in ids)
        return f"{match['indent']}Theorems: {', '.join(links)}."

    lines[:] = CITATION.sub(linked, "\n".join(lines)).split("\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Find the report first of all; link after numpydoc has made its sections."""
    app.add_config_value("verified_report", "", "")
    app.connect("builder-inited", find_report)
    app.connect("autodoc-process-docstring", link_theorems, priority=900)
    app.connect("build-finished", copy_report)
    return {"parallel_read_safe": True}
