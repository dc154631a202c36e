"""Rule 28: what torch and JAX are given where they differentiate is in closed form, entry by entry."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_autodiff import INF, agree, outputs, tools
from xent_arrayapi import SigmoidCrossEntropy, SoftmaxCrossEntropy

pytestmark = pytest.mark.autodiff

BACKWARD = ("torch", "torch-compile", "jax", "jax-jit")
"""Where a loss is differentiated backwards as its library does in training, and is given its own gradient for that."""


@pytest.mark.only(*BACKWARD)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_a_loss_is_given_its_own_gradient(be, reduction, rng):
    """Entry by entry: through the formulas of the value it is 1 − Σ S at the maximum, off by hundreds of roundings."""
    u, labels = be.array(rng.uniform(-0.5, 0.5, size=(400, 3))), be.array([0, 399, 7])
    cases = [
        (SoftmaxCrossEntropy(labels, axis=0, reduction=reduction), u, 0),
        (SoftmaxCrossEntropy(labels, reduction=reduction), be.array(be.numpy(u).T), -1),
        (SigmoidCrossEntropy(be.array(np.arange(3) % 2), reduction=reduction), be.array(be.numpy(u)[0]), ()),
    ]
    for h, x, axis in cases:
        sizes = be.numpy(h.grad(x)).sum(axis=axis).shape if reduction == "none" else ()
        cotangent = np.asarray(rng.uniform(0.5, 2, size=sizes))
        (got,) = be.pulled_back(h, (x,), be.array(cotangent))
        if reduction == "none":
            cotangent = np.expand_dims(cotangent, axis)
        close(be.numpy(got), cotangent.astype(be.numpy(x).dtype) * be.numpy(h.grad(x)), rtol=8 * be.eps)


@pytest.mark.only(*BACKWARD)
def test_what_a_loss_holds_may_be_differentiated_with_its_logits(be, rng):
    """And without them."""
    u, s, labels = rng.normal(size=(3, 5)), np.asarray([1.0, 0.5, 2.0]), be.array([0, 4, 2])

    def weighted(u: Any, s: Any) -> Any:
        return SoftmaxCrossEntropy(labels, sample_weight=s, reduction="none", check_values=False)(u)

    one = np.ones(3)
    values, gradient = (be.numpy(x) for x in SoftmaxCrossEntropy(labels, reduction="none").value_and_grad(be.array(u)))
    by_logits, by_weights = be.pulled_back(weighted, (be.array(u), be.array(s)), be.array(one))
    agree(be, by_logits, s[:, None] * gradient)
    agree(be, by_weights, values)
    x = be.array(u)
    (by_weights,) = be.pulled_back(lambda s: weighted(x, s), (be.array(s),), be.array(one))
    agree(be, by_weights, values)


@pytest.mark.only(*BACKWARD)
def test_the_gradient_of_half_precision_is_rounded_once_it_is_scaled(be):
    """What loss scaling is for: entries that float16 cannot hold before it."""
    for half in be.halves:
        u = np.where(np.arange(8) == 3, -10.0, np.zeros((512, 8)))
        h = SoftmaxCrossEntropy(be.array(np.zeros(512, int)))
        (got,) = be.pulled_back(h, (be.array(u, half),), be.array(2.0**16, "float32"))
        expected = 2.0**16 * be.numpy(h.grad(be.array(u, "float32")))
        assert np.all(be.numpy(got)[:, 3] != 0)
        close(be.numpy(got).astype("float32"), expected, rtol=2.0**-7)


def leading(shape: tuple[int, ...], rng: Any) -> np.ndarray:
    """Return logits of which one of each row leads by some 14: the others share a millionth, and differences of it."""
    u = rng.uniform(-1, 1, size=shape)
    u[..., shape[-1] // 2] += 14
    return np.asarray(u)


def derivatives(u: np.ndarray, v: np.ndarray) -> dict[str, tuple[Any, ...]]:
    """Return each function with its derivative along v, what brings v back, and the sizes of what these are made of."""
    top, wide = np.arange(u.shape[-1]) == u.shape[-1] // 2, u.astype(np.longdouble)
    e = np.exp(wide - np.max(wide, axis=-1, keepdims=True))
    others = np.sum(np.where(top, 0, e), axis=-1, keepdims=True)
    s, rest = e / (1 + others), np.where(top, others, 1 + others - e) / (1 + others)
    lead = np.sum(np.where(top, v, 0), axis=-1, keepdims=True)
    w = v - lead
    spread = w - np.sum(s * w, axis=-1, keepdims=True)
    share = np.sum(np.where(top, 0, v), axis=-1, keepdims=True)
    excess = np.where(top, v * rest - s * share, v - s * (share + lead))
    return {
        "softmax": (xent.softmax, s * spread, s * spread, s * rest, s * rest),
        "log_softmax": (xent.log_softmax, spread, excess, rest, np.where(top, rest, s)),
        "logsumexp": (xent.logsumexp, lead[..., 0] + np.sum(s * w, axis=-1), v[..., :1] * s, 1, s),
    }


@pytest.mark.only(*BACKWARD)
@pytest.mark.parametrize("shape", [(6, 40), (64, 100)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_functions_of_rows_are_given_their_own_derivatives(be, name, shape, rng):
    """Entry by entry, where what is left of 1 − S is lost in a sum through the formulas of the value, in each dtype.

    Of few rows, and of such as are evaluated in blocks.
    """
    for dtype in be.dtypes:
        eps = float(np.finfo(dtype).eps)
        u, v = (x.astype(dtype) for x in (leading(shape, rng), rng.uniform(0.5, 2, size=shape)))
        if name == "log_softmax":  # the loss of the class that leads
            v = np.where(np.arange(shape[-1]) == shape[-1] // 2, v, v.dtype.type(0))
        function, along, back, size, size_back = derivatives(u, v.astype(np.longdouble))[name]
        cotangent = v[:, 0] if name == "logsumexp" else v
        for axis in (-1, 0):
            x = be.array(np.ascontiguousarray(np.moveaxis(u, -1, axis)), dtype)
            g = cotangent if cotangent.ndim == 1 else np.ascontiguousarray(np.moveaxis(cotangent, -1, axis))
            (got,) = be.pulled_back(functools.partial(function, axis=axis), (x,), be.array(g, dtype))
            close(np.moveaxis(be.numpy(got), axis, -1) / size_back, back / size_back, rtol=0, atol=16 * eps)
        if be.package == "jax":
            got = outputs(be, functools.partial(tools(be).jvp, function), be.array(u, dtype), be.array(v, dtype))
            close(got / size, along / size, rtol=0, atol=16 * eps)


@pytest.mark.only(*BACKWARD)
def test_functions_of_rows_are_differentiated_under_their_options(be, rng):
    """Masks with nan behind them and rows without a class, temperature, several axes, and the axes kept."""
    u, g = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5))
    mask = rng.uniform(size=(3, 4, 5)) < 0.75
    mask[1] = False
    hidden, where = np.where(mask, u, np.nan), be.array(mask)
    e = np.where(mask, np.exp(u / 2), 0)
    total = np.sum(e, axis=(1, 2), keepdims=True)
    s = e / np.where(total == 0, 1, total)
    mean, share = (np.sum(x, axis=(1, 2), keepdims=True) for x in (s * g, np.where(mask, g, 0)))
    number = g[:, :1, :1]
    for function, cotangent, expected in (
        (xent.softmax, g, s * (g - mean)),
        (xent.log_softmax, g, np.where(mask, g - s * share, 0)),
        (xent.logsumexp, number, s * number),
    ):
        options: dict[str, Any] = {"keepdims": True} if function is xent.logsumexp else {"temperature": 2.0}

        def value(u: Any, function: Any = function, options: Any = options) -> Any:
            return function(u / 2 if "keepdims" in options else u, axis=(1, 2), where=where, **options)

        (got,) = be.pulled_back(value, (be.array(hidden),), be.array(cotangent))
        agree(be, got, expected / 2)


@pytest.mark.only(*BACKWARD)
def test_infinities_beside_large_logits_that_are_differentiated(be):
    """Rows of which +inf takes all, what is below it is large, or −inf has no part, in each dtype."""
    for dtype in be.dtypes:
        large = float(np.finfo(dtype).max)
        u = np.asarray([[INF, large, 0.0, -INF], [large, large, 0.0, -large], [0.0, -INF, 0.0, -large]], dtype)
        s = np.asarray([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0]])
        logs = [[0, -INF, -INF, -INF], [-np.log(2), -np.log(2), -large, -INF], [-np.log(2), -INF, -np.log(2), -large]]
        for function, value in ((xent.softmax, s), (xent.log_softmax, np.asarray(logs))):
            x = be.array(u, dtype)
            close(be.numpy(be.run(function, x)), value.astype(dtype), rtol=4 * float(np.finfo(dtype).eps))
        (got,) = be.pulled_back(xent.logsumexp, (be.array(u, dtype),), be.array(np.ones(3), dtype))
        close(be.numpy(got), s.astype(dtype), rtol=0)
        h = SoftmaxCrossEntropy(be.array([0, 0, 0]), reduction="none")
        (got,) = be.pulled_back(h, (be.array(u, dtype),), be.array(np.ones(3), dtype))
        close(be.numpy(got), (s - np.asarray([1.0, 0, 0, 0])).astype(dtype), rtol=0)
