"""The examples of README.md and of the pages print what they say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import xent_arrayapi

ROOT = Path(__file__).parent.parent
EXTRA = {"classifier.md"}
"""Pages whose examples need an extra: they run with the tests of what it installs."""
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if ">>>" in page.read_text("utf-8") and page.name not in EXTRA
]

pytestmark = pytest.mark.once


def check_examples(page: Path) -> None:
    """Run the examples of a page."""
    text = re.sub(r"^```.*$", "", page.read_text("utf-8"), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    said: list[str] = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert result.attempted
    assert not result.failed, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page):
    check_examples(page)


def test_the_readme_leads_with_an_example():
    assert PAGES[0].name == "README.md"


def test_the_citation_has_the_version():
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text("utf-8"), flags=re.MULTILINE)
    assert cited
    assert cited[1] == xent_arrayapi.__version__
