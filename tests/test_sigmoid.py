"""Two classes from one logit: the same numbers as softmax of (0, u)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_properties import near, outputs
from tests.test_validate import refused
from xent_arrayapi import SigmoidCrossEntropy, SoftmaxCrossEntropy

NAN, INF = np.nan, np.inf
U = np.asarray([[0.0, -1.5, 40.0], [-700.0, 2.0, -40.0]])


def parts(be: Any, h: Any, u: Any, v: Any) -> Any:
    return outputs(be, lambda u, v: (*h.value_and_grad(u), h.hvp(u, v), h.hessian_diag(u)), u, v)


def pairs(x: Any) -> np.ndarray:
    """Lay logits out with a class of logit 0 before each."""
    return np.stack([np.zeros_like(x), x], axis=-1)


def test_values_at_both_ends(be):
    u = np.asarray([0.0, 1.0, -1.0, 40.0, -40.0, INF, -INF, NAN])
    got = outputs(be, lambda x: (xent.sigmoid(x), xent.log_sigmoid(x)), be.array(u))
    near(be, got[0], np.where(u < 0, np.exp(np.minimum(u, 0)), 1) / (1 + np.exp(-np.abs(u))), roundings=12)
    near(be, got[1], np.minimum(u, 0) - np.log1p(np.exp(-np.abs(u))), roundings=12)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_any_shape(be, shape):
    x = be.array(np.zeros(shape))
    h = SigmoidCrossEntropy(x, check_values=False)
    value, gradient, diagonal = outputs(be, lambda x: (xent.sigmoid(x), h.grad(x), h.hessian(x)), x)
    assert value.shape == gradient.shape == diagonal.shape == shape
    assert np.all(value == 0.5)


OPTIONS = {
    "none": {},
    "pos_weight": {"pos_weight": 2.5},
    "smoothing": {"label_smoothing": 0.25},
    "temperature": {"temperature": 3.0},
    "all": {"pos_weight": 0.5, "label_smoothing": 0.5, "temperature": 2.0, "reduction": "mean"},
    "count": {"normalizer": "count", "reduction": "mean", "pos_weight": 3.0},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("as_labels", [True, False])
def test_it_is_softmax_with_a_class_of_logit_0(be, name, as_labels):
    options = {"reduction": "none", "check_values": False} | OPTIONS[name]
    t = np.asarray([[0, 1, 1], [1, 0, 0]]) if as_labels else np.asarray([[0.25, 1.0, 0.5], [0.75, 0.0, 0.125]])
    v = np.asarray([[1.0, -2.0, 0.5], [3.0, 0.25, 1.0]])
    got = parts(be, SigmoidCrossEntropy(be.array(t), **options), be.array(U), be.array(v))
    weight = options.pop("pos_weight", None)
    if weight is not None:
        options["class_weights"] = be.array([1.0, weight])
    both = SoftmaxCrossEntropy(be.array(t if as_labels else np.stack([1 - t, t], axis=-1)), **options)
    expected = parts(be, both, be.array(pairs(U)), be.array(pairs(v)))
    near(be, got[0], expected[0], roundings=8)
    for one, other in zip(got[1:], expected[1:], strict=True):
        near(be, one, other[..., 1], roundings=8)


def test_weights_of_each_class_and_logit(be):
    """An array pos_weight broadcasts; a weight of 0 silences class 1; a sample weight of 0 silences nan."""
    u, t = np.asarray([[0.0, NAN, INF], [1.0, 0.0, 2.0]]), np.asarray([[1, 0, 1], [1, 1, 0]])
    w, s = np.asarray([2.0, 1.0, 0.0]), np.asarray([[1.0, 0.0, 1.0], [0.5, 1.0, 1.0]])
    options = {"pos_weight": be.array(w), "sample_weight": be.array(s), "reduction": "none", "check_values": False}
    value, gradient, *_ = parts(be, SigmoidCrossEntropy(be.array(t), **options), be.array(u), be.array(s))
    expected = [[2 * np.log(2), 0, 0], [np.log1p(np.exp(-1.0)), np.log(2), 2 + np.log1p(np.exp(-2.0))]]
    near(be, value, np.asarray(expected), roundings=8)
    assert np.all(gradient[0, 1:] == 0)


def test_ignored_logits(be):
    h = SigmoidCrossEntropy(be.array([1, -1, 0]), ignore_index=-1, check_values=False)
    value, gradient, *_ = parts(be, h, be.array([0.0, NAN, 0.0]), be.array([1.0, 1.0, 1.0]))
    near(be, value, np.asarray(np.log(2)), roundings=2)
    near(be, gradient, np.asarray([-0.25, 0.0, 0.25]), roundings=2)
    total, weight = outputs(be, h.total_and_weight, be.array([0.0, NAN, 0.0]))
    near(be, total, np.asarray(2 * np.log(2)), roundings=2)
    assert weight == 2


def test_the_wrong_infinite_side_costs_infinity(be):
    h = SigmoidCrossEntropy(be.array([1.0, 0.0, 1.0, 0.0]), reduction="none", check_values=False)
    value, gradient, *_ = parts(be, h, be.array([INF, -INF, -INF, INF]), be.array([1.0] * 4))
    near(be, value, np.asarray([0, 0, INF, INF]), roundings=0)
    near(be, gradient, np.asarray([0.0, 0.0, -1.0, 1.0]), roundings=0)


def test_inadmissible_values(be):
    """Read, the first is named; unread, its loss is nan."""
    u, probabilities = be.array([0.0, 0.0]), "`targets` must hold probabilities in [0, 1], not {} at (1,)."
    cases = [([0.5, x], {}, probabilities.format(x)) for x in (1.5, -0.5, NAN)]
    cases.append(([0, 2], {}, "`targets` must hold labels in 0..1, not 2 at (1,)."))
    finite = "`pos_weight` must hold finite numbers >= 0, not {}."
    cases += [([0, 1], {"pos_weight": x}, finite.format(x)) for x in (-1.0, NAN)]
    for targets, options, message in cases:
        made = {key: be.array(x) for key, x in options.items()}
        h = SigmoidCrossEntropy(be.array(targets), check_values=True, **made)
        if be.guarded:
            with pytest.raises(AssertionError, match="a synchronisation"):
                h(u)
        elif be.package == "ndonnx":
            refused(ValueError, "no propagated value available", h, u)
        else:
            refused(ValueError, message, h, u)
        h = SigmoidCrossEntropy(be.array(targets), check_values=False, reduction="none", **made)
        value, gradient = outputs(be, h.value_and_grad, u)
        assert np.isnan(value[1])
        assert np.isnan(gradient[1])


def test_the_hessian_is_its_diagonal_and_the_function_the_class(be):
    u, t = be.array([0.0, 3.0]), be.array([1, 0])
    h = SigmoidCrossEntropy(t, check_values=False)
    got = outputs(be, lambda u, t: (h.hessian(u), h.hessian_diag(u), h(u), xent.sigmoid_cross_entropy(u, t)), u, t)
    close(got[0], got[1], rtol=0)
    close(got[2], got[3], rtol=0)
