"""Formulas as a browser sets them."""

from __future__ import annotations

import re

import pytest

from verification._covered import ROOT
from verification._markup import text, unconvertible
from verification._mathml import MathError, display, mathml

DISPLAYS = re.findall(r"^\$\$\n(.*?)\n\$\$", (ROOT / "docs" / "theory.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("tex", DISPLAYS)
def test_the_formulas_of_the_documentation_are_converted(tex):
    assert display(tex).startswith("<math")


@pytest.mark.parametrize("tex", [r"\undefined{x}", "{a", "a}"])
def test_what_cannot_be_converted_is_an_error(tex):
    with pytest.raises(MathError):
        mathml(tex)


def test_formulas_side_by_side_can_stand_below_one_another():
    assert display(r"a = b, \qquad c = d").count("<math") == 2
    assert display(r"a = b, \quad c = d").count("<math") == 2
    assert display(r"\sqrt{a, \quad b}").count("<math") == 1


def test_dots_are_converted():
    assert "…" in mathml(r"0, \dots, K")


def test_marked_up_text():
    assert text("a < `b<c` **d**") == "a &lt; <code>b&lt;c</code> <strong>d</strong>"
    assert text("of $u$").startswith("of <math")


def test_what_cannot_be_typeset_is_told():
    (said,) = unconvertible(["x"], ["of $y$", r"of $\undefined$"])
    assert r"\undefined" in said
