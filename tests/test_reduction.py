"""none, sum, mean, and what a mean divides by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.conftest import close
from tests.test_properties import OPTIONS, forall, labels, near, outputs, rows
from tests.test_validate import refused
from xent_arrayapi import SigmoidCrossEntropy, SoftmaxCrossEntropy
from xent_arrayapi._reduction import array_normalizer, check_normalizer, quotient

U = np.asarray([[0.0, 0.5, 1.0], [2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
T = np.asarray([0, 1, 2, 1])
S = np.asarray([0.5, 2.0, 0.0, 1.0])
W = np.asarray([1.0, 0.5, 3.0])


def test_totals_add_up_over_a_split_of_the_rows(be):
    def both(u, t, s, first, second):
        def parts(u, t, s):
            options = {"sample_weight": s, "class_weights": first, "ignore_index": 1, "check_values": False}
            h = SoftmaxCrossEntropy(t, normalizer="weights", reduction="none", **options)
            mean = SoftmaxCrossEntropy(t, **options)
            return *h.total_and_weight(u), mean(u)

        return *parts(u, t, s), *parts(u[:1, :], t[:1], s[:1]), *parts(u[1:, :], t[1:], s[1:]), second

    def check(case):
        u, t, s = case
        arrays = (u, np.asarray(t), np.asarray(s) / 8, OPTIONS["class_weights"] + 0.5, np.asarray(0.0))
        got = outputs(be, both, *(be.array(x) for x in arrays))
        for k in (0, 1):
            near(be, got[3 + k] + got[6 + k], got[k], roundings=8)
        near(be, got[2], got[0] / got[1] if got[1] else np.zeros_like(got[0]), roundings=2)

    forall(be, st.tuples(rows(infinite=False), labels, st.lists(st.integers(0, 16), min_size=3, max_size=3)), check)


DIVISORS = {
    "weights": 0.5 * 1.0 + 0 + 0 + 0,  # rows of label 1 are ignored; row 2 has sample weight 0
    "count": 2.0,
    "batch": 4.0,
    3: 3.0,
    0.25: 0.25,
}


@pytest.mark.parametrize("normalizer", DIVISORS)
@pytest.mark.parametrize("held", [False, True])
def test_what_a_mean_divides_by(be, normalizer, held):
    """A number divides as it is, and as a 0-d array of any real dtype."""
    divisor, options = DIVISORS[normalizer], {"class_weights": be.array(W), "sample_weight": be.array(S)}
    given = normalizer
    if held and not isinstance(normalizer, str):
        given = be.array(normalizer)
    u, t = be.array(U), be.array(T)
    options |= {"ignore_index": 1, "check_values": False}
    losses = be.numpy(SoftmaxCrossEntropy(t, reduction="none", **options)(u))
    slopes = be.numpy(SoftmaxCrossEntropy(t, reduction="none", **options).grad(u))
    h = SoftmaxCrossEntropy(t, normalizer=given, **options)
    value, gradient, diagonal = outputs(be, lambda u: (*h.value_and_grad(u), h.hessian_diag(u)), u)
    near(be, value, np.sum(losses) / divisor, roundings=8)
    near(be, gradient, slopes / divisor, roundings=8)
    assert np.all(diagonal[0] > 0)
    if isinstance(normalizer, str):
        total, weight = outputs(be, h.total_and_weight, u)
        near(be, total, np.sum(losses), roundings=8)
        close(weight, np.asarray(divisor, dtype=weight.dtype), rtol=0)
    else:
        message = f"`normalizer` must be a name for totals that merge, not {'an array' if held else given}."
        refused(ValueError, message, h.total_and_weight, u)


@pytest.mark.parametrize(("given", "expected"), [(0, np.nan), (-2.0, np.nan), (np.nan, np.nan), (np.inf, 0.0)])
def test_a_divisor_that_divides_nothing(be, given, expected):
    """Over 0, and over an array of a negative number or nan, a mean of something is nan; over inf it is 0."""
    divisor = given if given == 0 else be.array(given)
    h = SoftmaxCrossEntropy(be.array(T), normalizer=divisor, check_values=False)
    value, gradient = outputs(be, h.value_and_grad, be.array(U))
    near(be, value, np.asarray(expected), roundings=0)
    near(be, gradient, np.full(U.shape, expected), roundings=0)


@pytest.mark.parametrize("normalizer", ["weights", "count", "batch", 0, 2.0])
def test_a_mean_of_nothing_is_0(be, normalizer):
    u = be.array(np.full((2, 3), np.nan))
    for options in ({"ignore_index": 1}, {"sample_weight": be.array([0.0, 0.0])}):
        h = SoftmaxCrossEntropy(be.array([1, 1]), normalizer=normalizer, check_values=False, **options)
        value, gradient, product = outputs(be, lambda u, h=h: (*h.value_and_grad(u), h.hvp(u, u)), u)
        assert value == 0
        assert np.all(gradient == 0)
        assert np.all(product == 0)
    empty = be.array(np.zeros((0, 3)))
    none = be.array(np.zeros(0, dtype="int64"))
    h = SoftmaxCrossEntropy(none, normalizer=normalizer, check_values=False)
    value, gradient, blocks = outputs(be, lambda u: (*h.value_and_grad(u), h.hessian(u)), empty)
    assert value == 0
    assert gradient.shape == (0, 3)
    assert blocks.shape == (0, 3, 3)


def test_sums_and_single_losses_ignore_the_divisor(be):
    for loss, targets in ((SoftmaxCrossEntropy, T), (SigmoidCrossEntropy, U / 4)):
        u, t = be.array(U), be.array(targets)
        for reduction in ("none", "sum"):
            hs = [loss(t, reduction=reduction, normalizer=n, check_values=False) for n in ("batch", 7.0)]
            one, other = outputs(be, lambda u, hs=hs: (hs[0](u), hs[1](u)), u)
            close(one, other, rtol=0)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_value_and_grad_are_the_call_and_grad(be, reduction):
    def all_three(u: Any, t: Any) -> Any:
        h = SoftmaxCrossEntropy(t, reduction=reduction, check_values=False)
        return *h.value_and_grad(u), h(u), h.grad(u)

    got = outputs(be, all_three, be.array(U), be.array(T))
    close(got[0], got[2], rtol=0)
    close(got[1], got[3], rtol=0)


def test_a_normalizer_that_is_no_number(be):
    h = SoftmaxCrossEntropy(be.array(T), normalizer=be.array([1.0]))
    shape = (1,) if be.sized else (None,)
    refused(ValueError, f"`normalizer` must be a 0-d array, not one of shape {shape}: sum it first.", h, be.array(U))
    flag = be.array(np.asarray(True))  # noqa: FBT003  # an array
    message = "`normalizer` must be real, not an array of dtype bool."
    refused(TypeError, message, SoftmaxCrossEntropy(be.array(T), normalizer=flag), be.array(U))
    for value in (None, [1.0], 1j, True):
        message = f"`normalizer` must be a Python number, not {value!r}."
        refused(TypeError, message, SoftmaxCrossEntropy, be.array(T), normalizer=value)


def test_only_arrays_are_normalizers_as_arrays(be):
    """A NumPy float is a Python number, though it has a shape."""
    for number in (np.float64(3), 3, 3.0, "count"):
        assert array_normalizer(number) is None
    one = be.array(1.0)
    assert array_normalizer(one) is one
    with pytest.raises(ValueError, match="'batch', not 'n'"):
        check_normalizer("n")


def test_quotients(be):
    xp = be.namespace()
    x, by = be.array([6.0, 6.0, 0.0, 6.0, 6.0]), be.array([2.0, 0.0, 0.0, -1.0, np.nan])
    zero_over = outputs(be, lambda x, by: quotient(x, by, None, xp), x, by)
    near(be, zero_over, np.asarray([3.0, 0.0, 0.0, 0.0, np.nan]), roundings=0)
    some = be.array([True, True, False, True, True])
    nan_over = outputs(be, lambda x, by: quotient(x, by, some, xp), x, by)
    near(be, nan_over, np.asarray([3.0, np.nan, 0.0, np.nan, np.nan]), roundings=0)
