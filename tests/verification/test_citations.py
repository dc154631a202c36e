"""Docstrings cite the theorems that cover them, all of them and no other."""

from __future__ import annotations

import pytest

from verification._covered import cited, due, uncovered
from verification.theorems import THEOREMS

DUE = due(THEOREMS.values())


@pytest.mark.parametrize("names", DUE, ids=", ".join)
def test_a_docstring_cites_its_theorems(names):
    assert cited(names[0]) == DUE[names]


def test_every_id_that_is_cited_exists():
    assert {one for names in DUE for one in cited(names[0])} <= {*THEOREMS}


def test_every_public_function_is_covered():
    assert uncovered(THEOREMS.values()) == ()


def test_ids_are_slugs_and_those_of_their_keys():
    assert all(name == theorem.id and name.replace("-", "a").isidentifier() for name, theorem in THEOREMS.items())
