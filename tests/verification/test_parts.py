"""What is made of the findings of the other layers."""

from __future__ import annotations

import json
import math

from tests.verification.test_report import Page, samples
from verification._coverage import Line, SymbolicCoverage, executable
from verification._judged import NumericResult
from verification._mutants import Fate, MutantResult
from verification._mutations import Mutant
from verification._part_ulps import ulps_part
from verification._parts import broken_part, coverage_part, mutants_part, numeric_part, refused, ulps_text
from verification._report_html import html
from verification._report_json import report_json
from verification._ulps import Entry, Table

GOOD = NumericResult("softmax", "ties", "float32", 0.3, 6)
BAD = NumericResult("softmax", "spread ±40", "float32", 8.25, 6, "0.5 in row 3, place 1")
NO_NUMBER = NumericResult("entropy", "rows of 0", "float64", math.inf, 0, "nan, not 0.0")


def mutant(id_, fate, by="", detail=""):
    """Return what became of a mutant."""
    wrong = Mutant(id_, "_rows", "Rows.back", "sign", "a - b", "a + b", (3, 3), "")
    return MutantResult(wrong, fate, by, detail, 0.5)


def test_numbers_within_their_limits_are_no_failure():
    part = numeric_part([GOOD])
    assert not part.failures
    assert part.headline == "1 comparisons, all within their limits"


def test_a_number_beyond_its_limit_tells_the_regime_and_the_ulps():
    part = numeric_part([GOOD, BAD, NO_NUMBER])
    assert [failure.where for failure in part.failures] == ["Numbers: entropy, float64", "Numbers: softmax, float32"]
    assert "spread ±40 | float32 | 8.25 ulp, limit 6 | 0.5 in row 3" in part.failures[1].message
    assert part.tables[0].rows[1] == ("`softmax`", "float32", "spread ±40", "8.2", "6")
    assert '"ulps":"inf"' in report_json(samples.report(parts=(part,)))


def test_nan_is_beyond_every_limit():
    assert numeric_part([BAD, NumericResult("softmax", "ties", "float32", math.nan, 6)]).tables[0].rows[0][2] == "ties"


def test_a_line_that_never_ran_is_a_failure():
    lines = executable()
    missed = min(lines)
    part = coverage_part(SymbolicCoverage(lines - {missed}), [])
    (failure,) = part.failures
    assert failure.where == f"Symbolic coverage: {missed.core}"
    assert f"never ran symbolically: line {missed.number}: " in failure.message
    assert f"{len(lines) - 1} of {len(lines)} lines" in part.headline
    assert not coverage_part(SymbolicCoverage(lines), []).failures
    assert isinstance(missed, Line)


def test_a_float_literal_is_a_failure():
    (failure,) = coverage_part(SymbolicCoverage(executable()), ["_rows.py:3: 0.1 in back"]).failures
    assert failure == ("Symbolic coverage: _rows.py:3: 0.1 in back", "a float literal in a formula")


def test_mutants_are_counted_and_one_that_survives_is_a_failure():
    results = [
        mutant("a:sign-1", Fate.REFUSED, "merge: SymPy, every K", "left over: 1"),
        mutant("a:sign-2", Fate.KILLED, "ties, float32"),
        mutant("a:sign-3", Fate.EQUIVALENT, detail="both are 0"),
        mutant("a:sign-4", Fate.SURVIVED),
    ]
    part = mutants_part(results, ["a:sign-4 survived: a + b", "b:sign-9 is listed as equivalent, but was not run"])
    assert part.headline == "4: 1 refused, 1 killed, 1 equivalent, 1 survived"
    assert [failure.where for failure in part.failures] == ["Mutants: a:sign-4", "Mutants: b:sign-9"]
    assert part.tables[0].rows == (("`_rows.Rows.back`", "1", "1", "1", "1"),)
    assert part.tables[2].rows == (("`a - b`", "`a + b`", "both are 0"),)
    assert refused(results) == {"merge": 1}
    json.dumps(part.data)


def test_errors_stand_beside_those_of_other_libraries():
    ours = Entry("softmax", "float64", "ties", "xent_arrayapi, NumPy", ours=True, ulps=0.3)
    other = Entry("softmax", "float64", "ties", "JAX", ours=False, ulps=math.inf, flushed=True)
    loss = Entry("loss, top label", "float64", "ties", "xent_arrayapi, NumPy", ours=True, ulps=7.5)
    errors = Table((ours, other, loss), {("float64", "ties"): 1002.0}, {"JAX": "1"}, ("optax",))
    part = ulps_part(errors)
    assert part.tables[0].rows == (("ties", "0.3", "∞*", "1002"),)
    (failure,) = part.failures
    assert "loss, top label, ties, float64, xent_arrayapi, NumPy: 7.5 ulp, limit 7" in failure.message
    assert "optax" in part.text
    report = samples.report(parts=(part,))
    assert "svg" in Page(html(report)).tags
    assert '"ulps":"inf"' in report_json(report)


def test_a_layer_that_raised_is_a_failure():
    (failure,) = broken_part("Rounding", "ValueError: of a wrong core").failures
    assert failure == ("Rounding: Rounding", "ValueError: of a wrong core")


def test_ulps_are_told_with_two_digits():
    assert [ulps_text(x) for x in (0, 0.304, 12.4, 511, 8.4e15, math.inf)] == ["0", "0.3", "12", "511", "8e+15", "∞"]
