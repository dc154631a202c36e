"""Theorems for a fixed number of classes: true ones are proved, false ones refuted with a point where they fail."""

from __future__ import annotations

import math

import pytest

import xent_arrayapi as xa
from tests.verification import small_theorems as small
from verification._certificates import recheck_flint, recheck_z3
from verification._field import Field
from verification._fixed import Fixed, fixed_check
from verification._options import symbolic_options
from verification._results import NotProvedError, UndecidedError, Verdict

FLINT = Field.name
HEAVY = (small.weighted_labels, small.capped_labels_at_a_temperature, small.smoothed_rows_at_a_temperature)


def named(theorems):
    return {"argvalues": theorems, "ids": [prove.__name__ for prove in theorems]}


def check(prove, k, **options):
    return fixed_check(small.theorem(prove), k, FLINT, **options)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("prove", **named(small.TRUE))
def test_true_theorems_are_proved(prove, k):
    if k == 3 and prove in HEAVY:
        k = 4  # once, in place of 3
    result = check(prove, k)
    assert result.verdict is Verdict.PROVED, result.detail
    assert result.steps
    assert result.prover == f"python-flint, K = {k}"


@pytest.mark.parametrize("prove", [small.jacobian, small.labels_alone, small.rows_alone], ids=lambda f: f.__name__)
def test_five_classes(prove):
    assert check(prove, 5).verdict is Verdict.PROVED


@pytest.mark.parametrize("k", [2, 3])
def test_sums_of_signed_weights(k):
    assert check(small.signed_sums, k).verdict is Verdict.PROVED


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("prove", **named(small.FALSE))
def test_false_theorems_are_refuted_at_a_point(prove, k):
    result = check(prove, k)
    assert result.verdict is Verdict.REFUTED
    assert "; at u[0,0] = " in result.detail


def test_a_theorem_breaks_without_its_hypothesis():
    assert check(small.gradient_is_s_less_p, 3).verdict is Verdict.PROVED
    assert check(small.gradient_is_s_less_p, 3, drop="p sums to 1").verdict is Verdict.REFUTED


def test_every_label_is_met_and_every_mask():
    labels, masks = set(), set()

    def prove(s):
        u, y = s.reals("u", "NK"), s.labels("y", "N")
        masks.add(tuple(s.mask("M", "NK").data[0]))
        labels.add(s.at(y, 0))
        s.equal("u = u", s.at(u, 0, 0), s.at(u, 0, 0))

    assert check(prove, 3).verdict is Verdict.PROVED
    assert labels == {0, 1, 2}
    assert masks == {(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)} - {(False,) * 3}


def test_a_mask_holds_at_the_label():
    for pattern in range(7):
        s = Fixed(3, Field(), pattern=pattern)
        y = s.labels("y", "N")
        assert all(s.mask("M", "NK", y).data[n, y.data[n]] for n in range(2))


def test_a_theorem_that_shows_nothing_is_undecided():
    assert check(lambda s: s.reals("u", "N"), 2).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        (lambda u, xp: xp.exp(u - xp.max(u, axis=-1, keepdims=True)), "depend on the shift"),
        (lambda u, xp: xp.where(u < xp.max(u, axis=-1, keepdims=True), 0, u), "mask of ties"),
        (lambda u, xp: xa.logsumexp(u)[:, None] - xp.max(u, axis=-1, keepdims=True) + 0 * u, "depend on the shift"),
    ],
    ids=["shift", "ties", "forgotten maximum"],
)
def test_what_depends_on_the_shift_or_the_ties_is_refused(wrong, claim):
    s = Fixed(2, Field())
    x = wrong(s.reals("u", "NK"), s.xp)
    with pytest.raises(NotProvedError, match=claim):
        s.at(x, 0, 0)


def test_rounded_numbers_are_refused():
    s = Fixed(2, Field())
    u = s.reals("u", "NK")
    with pytest.raises(UndecidedError, match="digits after the point"):
        u + 1e-12
    with symbolic_options(), pytest.raises(UndecidedError, match="digits after the point"):
        xa.softmax(u, temperature=0.3)
    assert check(lambda s: s.equal("½", s.term(1) / 2 + s.term(1) / 2, 1), 2).verdict is Verdict.PROVED


def test_a_branch_of_python_on_an_open_condition_is_refused():
    s = Fixed(2, Field())
    with pytest.raises(UndecidedError):
        bool(s.xp.any(s.reals("u", "NK") > 0))
    assert bool(s.xp.all(s.positives("w", "K") > 0))


def test_an_infinite_element_is_no_term():
    s = Fixed(2, Field())
    with pytest.raises(NotProvedError, match="finite"):
        s.at(s.xp.log(s.xp.zeros((2,))), 0)


def test_positive_terms():
    s = Fixed(2, Field())
    u, w = s.reals("u", "K"), s.positives("w", "K")
    s.positive("Σ w e^u > 0", s.sum("K", lambda k: s.at(w, k) * s.exp(s.at(u, k))))
    with pytest.raises(UndecidedError):
        s.positive("w₀ − w₁ > 0", s.at(w, 0) - s.at(w, 1))
    with pytest.raises(UndecidedError):
        s.positive("u > 0", s.at(u, 0))


def test_options_lie_where_they_are_declared():
    s = Fixed(2, Field())
    eps = s.number("eps", high=1)
    assert 0 < eps < 1
    s.positive("1 − ε > 0", 1 - s.term(eps))
    assert s.xp.finfo("float64").smallest_normal < s.number("T") < s.xp.finfo("float64").max


def test_certificates_come_with_the_steps_and_hold():
    steps = check(small.jacobian, 3).steps
    certificates = [step.certificate for step in steps if step.certificate]
    assert len(certificates) == 3  # one of each claim
    assert all(recheck_flint(text) and recheck_z3(text) for text in certificates)
    sides = [text for text in certificates if text.partition('"nonzero"')[0].count("[") > 3]
    assert sides == certificates  # none of them is 0 = 0


def test_integers_and_booleans_are_read_as_they_are():
    s = Fixed(3, Field())
    assert [s.at(s.labels("y", "N"), n) for n in range(2)] == [0, 1]
    assert s.at(s.mask("M", "NK"), 0, 2).value == s.term(1).value
    assert s.xp.max(s.xp.asarray([1, math.inf])).data.item() == math.inf
