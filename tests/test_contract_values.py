"""Rules 1 to 12 of the contract, each by its number: values and dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.backends import backend
from tests.conftest import close
from tests.outcomes import INF, NAN, outcome

U = np.asarray([[0.5, -1.0, 2.0, 0.0], [3.0, 3.0, -2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
Y = np.asarray([2, 0, 3])


def reference_softmax(u):
    e = np.exp(u - u.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.traced
def test_rule_01_natural_logarithms(be):
    half = be.array([[0.5, 0.5]])
    zero = be.array([[0.0, 0.0]])
    log2 = np.log(2.0)
    rtol = 2 * be.eps
    close(be.numpy(be.run(xent.logsumexp, zero)), [log2], rtol=rtol)
    close(be.numpy(be.run(xent.log_softmax, zero)), [[-log2, -log2]], rtol=rtol)
    close(be.numpy(be.run(xent.entropy, half)), [log2], rtol=rtol)
    close(be.numpy(be.run(xent.cross_entropy, half, half)), [log2], rtol=rtol)
    close(be.numpy(be.run(xent.kl_divergence, be.array([[1.0, 0.0]]), half)), [log2], rtol=rtol)
    got = outcome(be, [[0.0, 0.0]], [0])
    close(got.value, log2, rtol=rtol)
    close(got.grad, [[-0.5, 0.5]], rtol=rtol)
    close(got.hessian, [[[0.25, -0.25], [-0.25, 0.25]]], rtol=rtol)


@pytest.mark.parametrize("infinite", [INF, -INF])
def test_rule_02_zero_times_anything_is_zero(be, infinite):
    """A class of zero target weight contributes nothing, whatever its logit."""
    u = np.asarray([[1.0, infinite, 0.0], [0.0, 1.0, 2.0]])
    rows = np.asarray([[0.25, 0.0, 0.75], [0.5, 0.5, 0.0]])
    got = outcome(be, u, rows, reduction="none")
    if infinite < 0:
        left = outcome(be, u[:1, ::2], rows[:1, ::2], reduction="none")
        close(got.value[:1], left.value, rtol=4 * be.eps)
        close(got.grad[0], [left.grad[0, 0], 0.0, left.grad[0, 1]], rtol=4 * be.eps)
        close(got.hvp[0, 1], 0.0, rtol=0)
        close(got.hessian[0, 1], np.zeros(3), rtol=0)
    else:
        close(got.value[0], INF, rtol=0)
        close(got.grad[0], [-0.25, 1.0, -0.75], rtol=4 * be.eps)
    labels = outcome(be, [[1.0, -INF, 0.0]], [0], reduction="none", label_smoothing=0.0)
    close(labels.grad[0, 1], 0.0, rtol=0)
    weights = outcome(be, [[1.0, -INF, 0.0]], [0], reduction="none", label_smoothing=0.5, class_weights=[1.0, 0.0, 1.0])
    assert np.isfinite(weights.value).all()
    assert np.isfinite(weights.grad).all()
    close(be.numpy(be.run(xent.entropy, be.array([[1.0, 0.0]]))), [0.0], rtol=0)
    close(be.numpy(be.run(xent.cross_entropy, be.array([[1.0, 0.0]]), be.array([[1.0, 0.0]]))), [0.0], rtol=0)


@pytest.mark.traced
def test_rule_03_positive_weight_at_minus_infinity(be):
    u = [[0.0, -INF, 0.0], [-INF, -INF, -INF], [0.0, -INF, 1.0]]
    got = outcome(be, u, [1, 1, 0], reduction="none")
    close(got.value[:2], [INF, NAN], rtol=0)
    close(got.grad[0], [0.5, -1.0, 0.5], rtol=0)
    assert np.isnan(got.grad[1]).all()
    assert np.isfinite(got.grad[2]).all()
    assert np.isfinite(got.hvp[[0, 2]]).all()
    rows = outcome(be, u, [[0.5, 0.5, 0.0]] * 3, reduction="none")
    close(rows.value[:2], [INF, NAN], rtol=0)
    close(rows.grad[0], [0.0, -0.5, 0.5], rtol=0)


@pytest.mark.traced
def test_rule_04_special_values(be):
    u = np.asarray(
        [[-INF, -INF, -INF], [INF, 1.0, -INF], [INF, 0.0, INF], [NAN, 0.0, INF], [0.0, -INF, NAN], [800.0, INF, -INF]]
    )
    x = be.array(u)
    close(be.numpy(be.run(xent.logsumexp, x)), [-INF, INF, INF, NAN, NAN, INF], rtol=0)
    nan = [NAN] * 3
    close(be.numpy(be.run(xent.softmax, x)), [nan, [1, 0, 0], [0.5, 0, 0.5], nan, nan, [0, 1, 0]], rtol=0)
    log2 = np.log(2.0)
    expected = [nan, [0, -INF, -INF], [-log2, -INF, -log2], nan, nan, [-INF, 0, -INF]]
    close(be.numpy(be.run(xent.log_softmax, x)), expected, rtol=be.eps)
    mask = be.array(np.zeros((6, 3), bool))
    close(be.numpy(be.run(lambda x: xent.softmax(x, where=mask), x)), np.zeros((6, 3)), rtol=0)
    close(be.numpy(be.run(lambda x: xent.log_softmax(x, where=mask), x)), np.full((6, 3), -INF), rtol=0)
    close(be.numpy(be.run(lambda x: xent.logsumexp(x, where=mask), x)), np.full(6, -INF), rtol=0)
    state = be.run(lambda x: xent.LogPartition.of(x).merge(xent.LogPartition.of(x)).logsumexp, x)
    close(be.numpy(state), [-INF, INF, INF, NAN, NAN, INF], rtol=0)
    jvp = be.numpy(be.run(xent.softmax_jvp, x, be.array(np.ones((6, 3)) * [1.0, 2.0, 3.0])))
    close(jvp, [nan, [0, 0, 0], [-0.5, 0, 0.5], nan, nan, [0, 0, 0]], rtol=0)
    blocks = be.numpy(be.run(xent.softmax_jacobian, x))
    assert np.isnan(blocks[[0, 3, 4]]).all()
    close(blocks[2], [[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]], rtol=0)


@pytest.mark.traced
def test_rule_04_weights(be):
    u = be.array([[NAN, 0.0, 1.0], [INF, 2.0, 2.0], [0.0, 0.0, -INF], [INF, INF, 0.0], [INF, 0.0, 1.0]])
    w = be.array([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, -1.0, 5.0], [1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])
    value, sign = be.run(lambda u, w: xent.logsumexp(u, weights=w, return_sign=True), u, w)
    expected = [np.log(1 + np.e), 2 + np.log(2), -INF, NAN, INF]
    close(be.numpy(value), expected, rtol=4 * be.eps)
    close(be.numpy(sign), [1, 1, 0, NAN, -1], rtol=0)
    plain = be.run(lambda u, w: xent.logsumexp(u, weights=w), u, w)
    close(be.numpy(plain), [*expected[:4], NAN], rtol=4 * be.eps)
    spread = be.run(lambda u, w: xent.logsumexp(u, weights=w), be.array([1.0, 2.0]), be.array([[1.0], [2.0], [0.0]]))
    close(be.numpy(spread), [2.313261687518223, 3.006408868078168, -INF], rtol=4 * be.eps)


@pytest.mark.traced
def test_rule_04_negative_weights(be):
    u, w = be.array([0.0, 0.0]), be.array([1.0, -3.0])
    value, sign = be.run(lambda u, w: xent.logsumexp(u, weights=w, return_sign=True), u, w)
    close(be.numpy(value), np.log(2.0), rtol=2 * be.eps)
    close(be.numpy(sign), -1.0, rtol=0)


@pytest.mark.traced
def test_rule_05_empty(be):
    none = be.array(np.zeros((2, 0)))
    close(be.numpy(be.run(xent.softmax, none)), np.zeros((2, 0)), rtol=0)
    close(be.numpy(be.run(xent.log_softmax, none)), np.zeros((2, 0)), rtol=0)
    close(be.numpy(be.run(xent.logsumexp, none)), [-INF, -INF], rtol=0)
    close(be.numpy(be.run(xent.softmax_jacobian, none)), np.zeros((2, 0, 0)), rtol=0)
    close(be.numpy(be.run(lambda x: xent.softmax(x, temperature=0), none)), np.zeros((2, 0)), rtol=0)
    if be.name != "onnx-dynamic":
        with pytest.raises(ValueError, match=r"`targets`.*no classes"):
            outcome(be, np.zeros((2, 0)), [0, 0])
    else:  # with a number of classes that is not known, it is a label out of range: rule 15
        close(outcome(be, np.zeros((2, 0)), [0, 0], reduction="none").value, [NAN, NAN], rtol=0)
    rows = outcome(be, np.zeros((2, 0)), np.zeros((2, 0)))
    close(rows.value, 0.0, rtol=0)
    assert rows.grad.shape == (2, 0)
    if be.name == "torch-func":  # vmap adds a batch of one around a batch of none: nothing differs from torch
        return
    for reduction, targets in (("sum", np.zeros(0, int)), ("mean", np.zeros(0, int)), ("mean", np.zeros((0, 3)))):
        got = outcome(be, np.zeros((0, 3)), targets, reduction=reduction)
        close(got.value, 0.0, rtol=0)
        assert got.grad.shape == (0, 3)
        assert got.hessian.shape == (0, 3, 3)
        assert got.hvp.shape == (0, 3)


@pytest.mark.traced
def test_rule_06_finite_spread_never_nan(be):
    big = 1e308 if be.has_float64 else 3e38
    u = np.asarray([[big, big / 2, 0.0], [-big, -big, -big / 2], [big, -big / 8, 1.0], [1.0, 2.0, 3.0]])
    got = outcome(be, u, [1, 2, 1, 0], reduction="none")
    for part in got:
        assert not np.isnan(part).any()
    x = be.array(u)
    for function in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.softmax_jacobian):
        assert not np.isnan(be.numpy(be.run(function, x))).any()


@pytest.mark.traced
def test_rule_06_too_large_is_infinite_and_nothing_warns(be):
    """Warnings are errors throughout the suite; here are the inputs that provoke them."""
    big = 1.5e308 if be.has_float64 else 3e38
    u = np.asarray([[big, -big], [0.0, 0.0], [INF, -INF], [NAN, 1.0]])
    got = outcome(be, u, [1, 0, 0, 1], reduction="none")
    close(got.value, [INF, np.log(2.0), 0.0, NAN], rtol=2 * be.eps)
    total = outcome(be, [[big, 0.0], [big, 0.0]], [1, 1], reduction="sum")
    close(total.value, INF, rtol=0)
    close(total.grad, [[1.0, -1.0], [1.0, -1.0]], rtol=0)
    outcome(be, u, [1, 0, 0, 1], softcap=2.0, temperature=1e-30, z_loss=1.0, label_smoothing=0.1)
    for half in be.halves:
        value = be.run(xent.log_softmax, be.array([60000.0, -60000.0], half))
        assert be.numpy(value)[1] == (-INF if half == "float16" else be.numpy(value)[1])
        assert not np.isnan(be.numpy(value)).any()


def test_rule_07_is_tested_in_its_own_module():
    """The ulp bounds, against rigorous enclosures: tests/test_accuracy.py."""
    import tests.test_accuracy as module

    assert any(name.startswith("test_") for name in vars(module))


@pytest.mark.traced
def test_rule_08_a_shared_offset_changes_nothing(be):
    for dtype in be.dtypes:
        got = outcome(be, [[1e8, 1e8]], [0], dtype=dtype)
        close(got.value, np.log(2.0), rtol=2.0**-23)
        close(got.grad, [[-0.5, 0.5]], rtol=0)
        close(got.hessian, [[[0.25, -0.25], [-0.25, 0.25]]], rtol=0)
    moved, still = outcome(be, U + 2.0**20, Y), outcome(be, U, Y)
    for one, other in zip(moved, still, strict=True):
        close(one, other, rtol=0)


def test_rule_09_half_precision(be):
    """The sums run in float32; logits' shape in the logits' dtype, losses and logsumexp in float32."""
    for half in be.halves:
        zeros = be.array(np.zeros(70_000), half)
        lse = be.run(xent.logsumexp, zeros)
        close(be.numpy(lse), np.float32(11.156251), rtol=2.0**-23)
        assert lse.dtype == be.dtype("float32")
        u = be.array(U, half)
        for function in (xent.softmax, xent.log_softmax, xent.softmax_jacobian):
            assert be.run(function, u).dtype == be.dtype(half)
        assert be.run(xent.softmax_jvp, u, u).dtype == be.dtype(half)
        for function in (xent.entropy, lambda p: xent.kl_divergence(p, p), lambda p: xent.cross_entropy(p, p)):
            assert be.run(function, be.array([[0.5, 0.5]], half)).dtype == be.dtype("float32")
        for reduction in ("none", "sum", "mean"):
            h = xent.SoftmaxCrossEntropy(be.array(Y), reduction=reduction, class_weights=be.array([1.0, 2.0, 3.0, 4.0]))
            value, grad, hvp, hessian, diag = be.run(
                lambda u, h=h: (h(u), h.grad(u), h.hvp(u, u), h.hessian(u), h.hessian_diag(u)), u
            )
            assert value.dtype == be.dtype("float32")
            assert all(x.dtype == be.dtype(half) for x in (grad, hvp, hessian, diag))
            same = outcome(
                be, be.array(be.numpy(u), "float32"), Y, reduction=reduction, class_weights=[1.0, 2.0, 3.0, 4.0]
            )
            close(be.numpy(value), same.value, rtol=2.0**-22)
            close(be.numpy(grad), same.grad, rtol=2.0**-7, atol=1e-7)
        sigmoid = xent.SigmoidCrossEntropy(be.array((U > 0).astype(float), half))
        assert be.run(sigmoid, u).dtype == be.dtype("float32")
        assert be.run(sigmoid.grad, u).dtype == be.dtype(half)
        assert be.run(xent.sigmoid, u).dtype == be.dtype(half)
    assert be.run(xent.softmax, be.array(U, "float32")).dtype == be.dtype("float32")
    if be.has_float64:  # the logits decide: wider targets and weights are cast to them
        for targets in (be.array(Y), be.array(np.eye(4)[Y], "float64")):
            h = xent.SoftmaxCrossEntropy(targets, class_weights=be.array([1.0, 2.0, 3.0, 4.0], "float64"))
            value, grad = be.run(h.value_and_grad, be.array(U, "float32"))
            assert value.dtype == grad.dtype == be.dtype("float32")


def test_rule_10_integers_are_promoted(be):
    u = np.asarray([[0, 3, 255], [7, 7, 1]])
    for dtype in ("uint8", "int32", "bool"):
        data = u.astype(dtype)
        x = be.array(data, dtype)
        expected = reference_softmax(data.astype(float))
        eps = 2.0**-52 if be.float_default == "float64" else 2.0**-23
        got = be.run(xent.softmax, x)
        assert got.dtype == be.dtype(be.float_default)
        close(be.numpy(got), expected, rtol=8 * eps, atol=0 if be.float_default == "float64" else 1e-45)
        h = xent.SoftmaxCrossEntropy(be.array([2, 0]))
        value, grad = be.run(h.value_and_grad, x)
        assert value.dtype == grad.dtype == be.dtype(be.float_default)
        same = outcome(be, be.array(data.astype(float), be.float_default), [2, 0])
        close(be.numpy(value), same.value, rtol=0)
        close(be.numpy(grad), same.grad, rtol=0)


def test_rule_10_complex_numbers_are_refused(be):
    complex_dtype = "complex128" if be.has_float64 else "complex64"
    with pytest.raises(TypeError, match="`x` must be real"):
        be.run(xent.softmax, be.array(np.zeros((2, 2)), complex_dtype))
    with pytest.raises(TypeError, match="`logits` must be real"):
        xent.softmax_cross_entropy(be.array(np.zeros((2, 2)), complex_dtype), be.array([0, 0]))


def test_rule_11_nothing_is_written_to(be):
    data = [U, np.eye(4)[Y], np.asarray([1.0, 2.0, 3.0, 4.0]), np.asarray([1.0, 0.0, 2.0]), U > -1]
    u, p, w, s, mask = (be.array(x) for x in data)
    h = xent.SoftmaxCrossEntropy(
        p, class_weights=w, sample_weight=s, where=mask, label_smoothing=0.1, softcap=3.0, z_loss=0.1
    )
    be.run(lambda u: (h(u), h.grad(u), h.hvp(u, u), h.hessian(u), h.hessian_diag(u), h.total_and_weight(u)), u)
    be.run(lambda u: (xent.softmax(u, where=mask), xent.log_softmax(u, temperature=0), xent.logsumexp(u, weights=w)), u)
    be.run(lambda u: xent.LogPartition.of(u).merge(xent.LogPartition.of(u, where=mask)).softmax(u), u)
    for array, before in zip((u, p, w, s, mask), data, strict=True):
        close(be.numpy(array), before.astype(be.numpy(array).dtype), rtol=0)


def test_rule_12_device_and_namespace(be):
    u, p = be.array(U), be.array(np.eye(4)[Y])
    h = xent.SoftmaxCrossEntropy(p)
    results = [
        *(f(u) for f in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.softmax_jacobian, h.grad, h.hessian)),
        *(xent.softmax_jvp(u, u), h.hvp(u, u), h(u), *h.total_and_weight(u), xent.entropy(p), xent.sigmoid(u)),
        *(xent.cross_entropy(p, p), xent.kl_divergence(p, p), xent.log_sigmoid(u), xent.LogPartition.of(u).max),
        *xent.SigmoidCrossEntropy(p).value_and_grad(u),
    ]
    from array_api_compat import array_namespace

    for result in results:
        assert array_namespace(result) is array_namespace(u)
        assert be.device_of(result) == be.device_of(u)


def test_rule_12_two_namespaces_or_devices(be):
    other = backend("strict-device1" if be.module.__name__ != "array_api_strict" else "numpy")
    u, foreign = be.array(U), other.array(np.eye(4)[Y])
    with pytest.raises(TypeError, match=f"`logits` and `targets` must come from one array library.*{other.package}"):
        xent.softmax_cross_entropy(u, foreign)
    with pytest.raises(TypeError, match="`x` and `tangent` must come from one array library"):
        xent.softmax_jvp(u, other.array(U))
    if be.module.__name__ == "array_api_strict":
        elsewhere = backend("strict-device2" if be.name == "strict-device1" else "strict-device1")
        with pytest.raises(ValueError, match=r"`logits` and `targets` must be on one device, not on .*device"):
            xent.softmax_cross_entropy(u, elsewhere.array(Y))
