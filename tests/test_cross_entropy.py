"""The loss at the edges of its options, against formulas written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_properties import near, outputs
from xent_arrayapi import SoftmaxCrossEntropy

NAN, INF = np.nan, np.inf


def parts(be: Any, logits: Any, targets: Any, **options: Any) -> Any:
    """Evaluate value, gradient, product, Hessian and diagonal, unreduced unless options say else."""
    u, v = be.array(logits), be.array(np.cos(np.arange(np.size(logits))).reshape(np.shape(logits)))
    made = {k: be.array(x) if isinstance(x, np.ndarray) else x for k, x in options.items()}
    h = SoftmaxCrossEntropy(be.array(targets), **({"reduction": "none", "check_values": False} | made))
    return outputs(be, lambda u, v: (*h.value_and_grad(u), h.hvp(u, v), h.hessian(u), h.hessian_diag(u)), u, v)


def test_against_the_formulas_written_out(be, rng):
    """Everything at once, by the definitions: c tanh(u / c) / T, weights, smoothing, z-loss."""
    u, t, w, s = rng.normal(size=(4, 3)), np.asarray([0, 2, 1, 2]), np.asarray([1.0, 0.5, 2.0]), rng.uniform(size=4)
    temperature, cap, z, smoothing = 1.5, 2.0, 0.25, 0.1
    y = cap * np.tanh(u / cap) / temperature
    log_z = np.log(np.sum(np.exp(y), axis=1, keepdims=True))
    p, q, r = np.exp(y - log_z), w * ((1 - smoothing) * np.eye(3)[t] + smoothing / 3), w[t][:, None]
    slope, bend = 1 / np.cosh(u / cap) ** 2 / temperature, None
    bend = -2 * np.tanh(u / cap) * slope / cap
    value = np.sum(q * (log_z - y), axis=1, keepdims=True) + z * r * log_z**2
    by_y = q.sum(axis=1, keepdims=True) * p - q + 2 * z * r * log_z * p
    curved = (q.sum(axis=1, keepdims=True) + 2 * z * r * log_z)[:, :, None]
    blocks = curved * (p[:, :, None] * (np.eye(3) - p[:, None, :]))
    blocks = blocks + 2 * z * r[:, :, None] * p[:, :, None] * p[:, None, :]
    blocks = slope[:, :, None] * blocks * slope[:, None, :] + np.eye(3) * (bend * by_y)[:, None, :]
    options = {"temperature": temperature, "softcap": cap, "z_loss": z, "label_smoothing": smoothing}
    got = parts(be, u, t, class_weights=w, sample_weight=s, **options)
    v = np.cos(np.arange(12.0)).reshape(4, 3)
    weigh = s[:, None]
    near(be, got[0], s * value[:, 0], roundings=32, size=1)
    near(be, got[1], weigh * slope * by_y, roundings=32, size=1)
    near(be, got[2], weigh * np.einsum("nij,nj->ni", blocks, v), roundings=64, size=1)
    near(be, got[3], weigh[:, :, None] * blocks, roundings=64, size=1)
    near(be, got[4], weigh * np.diagonal(blocks, axis1=1, axis2=2), roundings=64, size=1)


@pytest.mark.parametrize("options", [{}, {"z_loss": 0.5, "temperature": 0.7}, {"label_smoothing": 0.1}])
@pytest.mark.parametrize("softcap", [None, 2.0])
def test_linearize_is_all_three(be, rng, softcap, options):
    """What is kept for products is not what the gradient is computed in; in blocks, where there are any, too."""
    for n in (3, 1500) if be.name in {"numpy", "torch"} else (3,):
        u, v = be.array(rng.normal(0, 2, (n, 4))), be.array(rng.normal(size=(n, 4)))
        h = SoftmaxCrossEntropy(be.array(rng.integers(0, 4, n)), reduction="none", softcap=softcap, **options)

        def together(u: Any, v: Any, h: SoftmaxCrossEntropy = h) -> Any:
            value, gradient, product = h.linearize(u)
            return value, gradient, product(v), *h.value_and_grad(u), h.hvp(u, v)

        found = outputs(be, together, u, v)
        for kept, alone in zip(found[:3], found[3:], strict=True):
            near(be, kept, alone, roundings=16, size=1)


def test_one_class_costs_nothing(be):
    for targets in (np.zeros(2, dtype="int64"), np.ones((2, 1))):
        for options in ({}, {"label_smoothing": 0.5, "temperature": 2.0}, {"softcap": 1.0}):
            for x in parts(be, np.asarray([[3.0], [-700.0]]), targets, **options):
                assert np.all(x == 0)


def test_one_row_without_batch_axes(be):
    value, gradient, _, blocks, _ = parts(be, np.zeros(2), np.asarray(1), reduction="mean")
    near(be, value, np.asarray(np.log(2)), roundings=2)
    near(be, gradient, np.asarray([0.5, -0.5]), roundings=2)
    near(be, blocks, np.asarray([[0.25, -0.25], [-0.25, 0.25]]), roundings=2)


@pytest.mark.parametrize("hole", [INF, -INF])
def test_the_z_loss_of_an_infinite_partition(be, hole):
    """A = ±inf: the loss of the row says so, and the other row does not hear of it."""
    u = np.asarray([[hole, hole], [0.0, 1.0]])
    value, gradient, product, blocks, diagonal = parts(be, u, np.asarray([0, 1]), z_loss=0.5)
    assert not np.isfinite(value[0])
    for x in (value, gradient, product, blocks, diagonal):
        assert np.all(np.isfinite(x[1]))
    alone = parts(be, u[1:], np.asarray([1]), z_loss=0.5)
    close(value[1:], alone[0], rtol=0)
    close(gradient[1:], alone[1], rtol=0)


def test_the_z_loss_of_a_row_without_weight_is_0(be):
    """r = 0 takes z r A² away, also where A is infinite: a class weight of 0, or a row of zeros."""
    w = np.asarray([0.0, 1.0])
    u = np.asarray([[INF, 0.0]])
    value, gradient, *_ = parts(be, u, np.asarray([0]), class_weights=w, z_loss=0.5)
    assert np.all(value == 0)
    assert np.all(gradient == 0)
    value, gradient, *_ = parts(be, u, np.zeros((1, 2)), z_loss=0.5)
    assert np.all(value == 0)
    assert np.all(gradient == 0)


@pytest.mark.parametrize("options", [{"sample_weight": np.asarray([0.0, 1.0])}, {"ignore_index": 7}])
@pytest.mark.parametrize("more", [{}, {"softcap": 2.0, "z_loss": 0.5}, {"where": np.asarray([True, True, False])}])
def test_rows_left_out_are_exactly_0(be, options, more):
    u = np.asarray([[NAN, INF, -INF], [0.0, 1.0, 2.0]])
    t = np.asarray([7 if "ignore_index" in options else 0, 1])
    for reduction in ("none", "mean"):
        got = parts(be, u, t, reduction=reduction, **options, **more)
        for x in got[0 if reduction == "none" else 1 :]:
            assert np.all(x[0] == 0)
            assert np.all(np.isfinite(x[1]))
            assert np.any(x[1] != 0)


def test_a_mask_with_every_other_option(be):
    """Only the masked class holds nan; no entry of the result does."""
    u, mask = np.asarray([[NAN, 1.0, 2.0], [0.0, INF, 1.0]]), np.asarray([[False, True, True], [True, False, True]])
    options = {"softcap": 2.0, "z_loss": 0.5, "temperature": 2.0, "label_smoothing": 0.1}
    options |= {"sample_weight": np.asarray([2.0, 1.0]), "class_weights": np.asarray([1.0, 2.0, 3.0])}
    for x in parts(be, u, np.asarray([2, 0]), where=mask, ignore_index=-1, **options):
        assert np.all(np.isfinite(x))
    for x in parts(be, u, np.asarray([2, 0]), where=mask, **options)[1:2]:
        assert np.all(x[~mask] == 0)


def test_options_through_the_function_and_the_class(be):
    u, t = be.array([[1.0, 2.0, 0.5]]), be.array([2])
    options = {"temperature": 2.0, "reduction": "sum", "label_smoothing": 0.25, "check_values": False}
    one = outputs(be, lambda u, t: xent.softmax_cross_entropy(u, t, **options), u, t)
    other = outputs(be, SoftmaxCrossEntropy(t, **options), u)
    close(one, other, rtol=0)


def test_a_loss_is_frozen_and_compared_by_identity(be):
    t = be.array([0])
    one = SoftmaxCrossEntropy(t)
    with pytest.raises(AttributeError):
        one.temperature = 2.0
    assert one == one  # noqa: PLR0124  # what is tested
    assert one != SoftmaxCrossEntropy(t)
    assert hash(one) != hash(SoftmaxCrossEntropy(t))


def test_integer_tangents_are_cast(be):
    u, h = be.array([[0.0, 1.0, 2.0]]), SoftmaxCrossEntropy(be.array([0]), check_values=False)
    got = outputs(be, h.hvp, u, be.array([[1, 0, 2]], "int32"))
    close(got, outputs(be, h.hvp, u, be.array([[1.0, 0.0, 2.0]])), rtol=0)


@pytest.mark.parametrize("name", ["temperature", "softcap", "z_loss", "label_smoothing", "normalizer", "pos_weight"])
def test_numbers_of_numpy_are_numbers(be, name):
    """A NumPy float is a Python number: it gives the same bits, in the dtype of the logits."""
    loss = xent.SigmoidCrossEntropy if name == "pos_weight" else SoftmaxCrossEntropy
    u, t = be.array([[0.0, 1.0, 3.0]], "float32"), be.array([[0.5, 0.25, 0.25]], "float32")
    one, other = (loss(t, check_values=False, **{name: x}) for x in (np.float64(0.7), 0.7))
    for method in ("__call__", "grad", "hessian", "hessian_diag"):
        got, expected = getattr(one, method)(u), getattr(other, method)(u)
        assert got.dtype == expected.dtype
        close(be.numpy(got), be.numpy(expected), rtol=0)
