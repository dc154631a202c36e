"""The field on SymPy: its polynomials, and the derivatives that SymPy takes."""

from __future__ import annotations

import pytest

from tests.verification import small_theorems as small
from verification._certificates import recheck_flint
from verification._fixed import fixed_check
from verification._results import UndecidedError, Verdict
from verification._sympy_elements import SympyField, sympy

LIGHT = (
    *(small.softmax_is_the_gradient, small.jacobian, small.labels_alone, small.gradient_is_s_less_p),
    *(small.smoothed_rows_at_a_temperature, small.masked_labels, small.logistic, small.partitions_merge),
    *(small.positive_weights, small.entropies),
)


@pytest.mark.parametrize("prove", LIGHT, ids=lambda prove: prove.__name__)
def test_true_theorems_are_proved(prove):
    result = fixed_check(small.theorem(prove), 2, SympyField.name)
    assert result.verdict is Verdict.PROVED, result.detail
    assert all(recheck_flint(step.certificate) for step in result.steps if step.certificate)


@pytest.mark.parametrize("prove", small.FALSE, ids=lambda prove: prove.__name__)
def test_false_theorems_are_refuted(prove):
    assert fixed_check(small.theorem(prove), 2, SympyField.name).verdict is Verdict.REFUTED


def test_derivatives_are_those_of_sympy(monkeypatch):
    field = SympyField()
    x, y = field.variable("x"), field.variable("y")
    p = field.variable("p", positive=True)
    total = field.exp(x, {}) + p * field.exp(2 * y, {})
    assert field.derivative(field.log(total, {}), y) == 2 * p * field.exp(2 * y, {}) / total
    assert field.derivative(field.tanh(x / p), p) == -x / p**2 * (1 - field.tanh(x / p) ** 2)
    monkeypatch.setattr(sympy, "diff", lambda expression, _: expression)
    assert field.derivative(total, x) == total


def test_expressions_come_back_as_they_went():
    field = SympyField()
    x, y = field.variable("x"), field.variable("y")
    there = (field.exp(x - y / 2, {}) + 3 * x**2 / 4) / (1 + field.exp(y, {})) - field.log(1 + field.exp(x, {}), {})
    assert field.quotient_of(field.expression(there)) == there
    with pytest.raises(UndecidedError):
        field.quotient_of(sympy.sin(field.expression(x)))


def test_a_division_of_polynomials_with_a_remainder():
    field = SympyField()
    x, y = (field.poly(field.variable(name)) for name in "xy")
    quotient, rest = divmod(x * x - y * y, x + y)
    assert quotient == x - y
    assert rest == 0
    assert divmod(x * x + y * y, x + y)[1] != 0
    assert divmod(x, y)[1] != 0
