"""The table of ulps: this library is within rule 7 on every backend, and what is not run is said."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from verification import _ulps_libraries
from verification._regimes import ULPS, regimes
from verification._ulps import Table, bound, ulp_table
from verification._ulps_libraries import libraries
from verification._ulps_plot import FUNCTIONS, plot


@pytest.fixture(scope="module")
def table() -> Table:
    return ulp_table()


def test_this_library_is_within_rule_7_on_every_backend(table):
    mine = [entry for entry in table.entries if entry.ours and entry.function != "hvp"]
    assert [entry for entry in mine if not entry.ulps <= ULPS + 1] == []
    assert {entry.function for entry in table.entries} == set(FUNCTIONS)
    assert {entry.regime for entry in mine} == {*regimes("float32"), *regimes("float64")}


def test_others_lose_all_digits_where_one_logit_dominates(table):
    others = [e for e in table.entries if not e.ours and e.function == "gradient, top label"]
    lost = [e.ulps for e in others if e.dtype == "float64" and e.regime == "dominant logit"]
    assert lost
    assert min(lost) > 1e12


def test_the_plain_formulas_keep_the_bound(table):
    softmax = [e for e in table.entries if e.function == "softmax" and e.regime != "subnormal result"]
    assert [e for e in softmax if not e.ulps <= table.bounds[e.dtype, e.regime]] == []


def test_the_bound():
    assert bound(np.asarray([[0.0, -3.0], [1.0, 1.5]])) == 2 + 2 + 2 * 3


def test_what_cannot_be_imported_is_said(monkeypatch, table, tmp_path):
    def absent():
        msg = "optax"
        raise ImportError(msg)

    monkeypatch.setitem(_ulps_libraries.SOURCES, "optax", absent)
    found, missing = libraries()
    assert missing == ["optax"]
    assert "optax" not in {library.name for library in found}
    path = tmp_path / "ulps.svg"
    plot(dataclasses.replace(table, missing=("optax",)), path)
    assert "not run: optax" in path.read_text(encoding="utf-8")


def test_the_plot_is_the_same_every_time_and_says_what_it_shows(table, tmp_path):
    for name in ("one.svg", "other.svg"):
        plot(table, tmp_path / name, "float32")
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "other.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314  # our own
    for said in (*table.versions, *FUNCTIONS.values(), *regimes("float32")):
        assert said in text
