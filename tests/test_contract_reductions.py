"""Rules 22 to 28 of the contract, each by its number, and its two last sections."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.outcomes import INF, NAN, assert_same, assert_zero, outcome
from tests.test_contract_targets import LABELS, OPTIONS, S, W
from tests.test_contract_values import U

IGNORING = np.asarray([1, -100, 3])
ROWS = np.asarray([[0.5, 0.25, 0.0, 0.75], [0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 1.0, 0.0]])


def denominators(normalizer, targets, s, w):
    """Return what rule 22 divides by, from its text."""
    kept = targets != -100 if targets.ndim == 1 else np.ones(3, bool)
    t = np.eye(4)[np.where(kept, targets, 0)] if targets.ndim == 1 else targets
    values = {"weights": (s * (w * t).sum(-1))[kept].sum(), "count": kept.sum(), "batch": 3.0}
    return values.get(normalizer, normalizer)


@pytest.mark.parametrize("targets", [LABELS, IGNORING, ROWS], ids=["labels", "ignoring", "rows"])
def test_rule_22_reductions(be, targets):
    """A mean is the sum over what `normalizer` says; the derivatives are of the mean."""
    ignore = {"ignore_index": -100} if targets.ndim == 1 else {}
    every = ({"class_weights": W, "sample_weight": S, "label_smoothing": 0.1}, {})
    for options in every[:1] if be.slow else every:
        none = outcome(be, U, targets, reduction="none", **ignore, **options)
        total = outcome(be, U, targets, reduction="sum", **ignore, **options)
        close(total.value, none.value.sum(), rtol=8 * be.eps)
        for whole, rows in zip(total[1:], none[1:], strict=True):
            close(whole, rows, rtol=0)
        for normalizer in ("weights", "count", "batch", 2.5, 7):
            mean = outcome(be, U, targets, normalizer=normalizer, **ignore, **options)
            by = denominators(
                normalizer, targets, options.get("sample_weight", np.ones(3)), options.get("class_weights", 1.0)
            )
            close(mean.value, none.value.sum() / by, rtol=8 * be.eps)
            for one, rows in zip(mean[1:], none[1:], strict=True):
                close(one, rows / by, rtol=8 * be.eps)
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        outcome(be, U, targets, reduction="average")
    with pytest.raises(ValueError, match="`normalizer` must be one of"):
        outcome(be, U, targets, normalizer="rows")
    for bad in (-1.0, NAN, INF):
        with pytest.raises(ValueError, match="`normalizer` must be a number with 0"):
            outcome(be, U, targets, normalizer=bad)


def test_rule_22_a_normalizer_on_the_device(be):
    """A 0-d array divides as a number does: gradient accumulation."""
    for dtype in (None, "int32"):
        number = outcome(be, U, LABELS, normalizer=7)
        array = outcome(be, U, LABELS, normalizer=be.array(7, dtype))
        assert_same(array, number, be.eps)
    for bad in (NAN, -1.0, 0.0):
        got = outcome(be, U, LABELS, normalizer=be.array(bad))
        assert np.isnan(got.value)
        assert np.isnan(got.grad).all()
    with pytest.raises(ValueError, match="`normalizer` must be a 0-d array"):
        outcome(be, U, LABELS, normalizer=be.array([1.0]))
    with pytest.raises(TypeError, match="`normalizer` must be real"):
        outcome(be, U, LABELS, normalizer=be.array(np.asarray([], bool).all()))


@pytest.mark.traced
@pytest.mark.parametrize("normalizer", ["weights", "count", "batch", 0, 3.0])
def test_rule_23_a_mean_over_nothing_is_zero(be, normalizer):
    nan = np.full((3, 4), NAN)
    nothing = [
        (nan, [-1, -1, -1], {"ignore_index": -1, "normalizer": normalizer}),
        (U, LABELS, {"class_weights": np.zeros(4), "normalizer": normalizer or 1}),
        (nan, ROWS, {"sample_weight": np.zeros(3), "normalizer": normalizer}),
        (nan, LABELS, {"sample_weight": np.zeros(3), "normalizer": normalizer}),
        (U, np.zeros((3, 4)), {"normalizer": normalizer or 1}),
    ]
    for logits, targets, options in nothing[: 2 if be.slow else 5]:
        assert_zero(outcome(be, logits, targets, **options))
    if be.name != "torch-func":  # vmap adds a batch of one around a batch of none
        assert_zero(outcome(be, np.zeros((0, 4)), np.zeros(0, int), normalizer=normalizer))


@pytest.mark.traced
@pytest.mark.parametrize("normalizer", ["weights", "count", "batch"])
def test_rule_24_totals_merge(be, normalizer):
    """Added over parts and divided, numerators and denominators give the mean of the whole."""
    every = ({"class_weights": W, "label_smoothing": 0.1, "z_loss": 0.1}, {})
    for options in every[:1] if be.slow else every:
        made = {k: be.array(x) if isinstance(x, np.ndarray) else x for k, x in options.items()}
        totals = []
        for part in (slice(0, 1), slice(1, 3)):
            s = be.array(S[part])
            h = xent.SoftmaxCrossEntropy(
                be.array(IGNORING[part]),
                sample_weight=s,
                ignore_index=-100,
                normalizer=normalizer,
                reduction="none",
                **made,
            )
            totals.append([be.numpy(x) for x in be.run(h.total_and_weight, be.array(U[part]))])
        total, weight = np.sum(totals, axis=0)
        whole = outcome(be, U, IGNORING, sample_weight=S, ignore_index=-100, normalizer=normalizer, **options)
        close(total / weight, whole.value, rtol=8 * be.eps)
    for number in (3.0, be.array(3.0)):
        h = xent.SoftmaxCrossEntropy(be.array(LABELS), normalizer=number)
        with pytest.raises(ValueError, match="`normalizer` must be a name"):
            h.total_and_weight(be.array(U))


@pytest.mark.parametrize("axis", [pytest.param(0, marks=pytest.mark.traced), -2, 2])
def test_rule_25_derivatives_are_of_the_reduced_value(be, axis):
    """By central differences of the value and of the gradient; blocks come batch axes first."""
    rng = np.random.default_rng(25)
    u = rng.normal(size=(2, 3, 4))
    k, batch = u.shape[axis], np.delete(u.shape, axis)
    y = rng.integers(0, k, size=batch)
    step = 2.0**-14 if be.has_float64 else 2.0**-6
    tolerance = 64 * be.eps / step + 4 * step**2
    for reduction in ("sum", "mean"):
        h = xent.SoftmaxCrossEntropy(be.array(y), axis=axis, reduction=reduction, label_smoothing=0.1, z_loss=0.05)
        v = rng.normal(size=u.shape)
        got = be.run(
            lambda u, v, up, down, h=h: (
                h.grad(u),
                h.hvp(u, v),
                h(up),
                h(down),
                h.grad(up),
                h.grad(down),
                h.hessian(u),
            ),
            *(be.array(x) for x in (u, v, u + step * v, u - step * v)),
        )
        grad, hvp, up, down, grad_up, grad_down, blocks = (be.numpy(x) for x in got)
        close((grad * v).sum(), (up - down) / (2 * step), rtol=0, atol=tolerance)
        close(hvp, (grad_up - grad_down) / (2 * step), rtol=0, atol=tolerance)
        assert blocks.shape == (*batch, k, k)
        last = np.moveaxis(v, axis, -1)
        close(np.einsum("...ij,...j->...i", blocks, last), np.moveaxis(hvp, axis, -1), rtol=0, atol=64 * be.eps)


def test_rule_25_constant_tangents(be):
    """The product with a constant tangent is exactly 0."""
    rng = np.random.default_rng(7)
    u = be.array(5 * rng.normal(size=(6, 9)))
    for constant in (1.0, -0.3, 1e7 / 3):
        v = be.array(np.full((6, 9), constant))
        for options in (
            {},
            {"label_smoothing": 0.1, "temperature": 0.7},
            {"class_weights": be.array(rng.uniform(size=9))},
        ):
            h = xent.SoftmaxCrossEntropy(be.array(rng.integers(0, 9, 6)), **options)
            assert np.all(be.numpy(be.run(h.hvp, u, v)) == 0)
        assert np.all(be.numpy(be.run(xent.softmax_jvp, u, v)) == 0)


def test_rule_26_temperature(be):
    u = np.asarray([[1.0, 3.0, 3.0, -INF], [2.0, -1.0, 0.0, 1.0], [INF, INF, 0.0, -INF], [-INF] * 4, [NAN, 0, 0, 0]])
    x = be.array(u)
    nan = [NAN] * 4
    cold = be.numpy(be.run(lambda x: xent.softmax(x, temperature=0), x))
    close(cold, [[0, 0.5, 0.5, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], nan, nan], rtol=0)
    hot = be.numpy(be.run(lambda x: xent.softmax(x, temperature=INF), x))
    third = 1 / 3
    close(hot, [[third] * 3 + [0], [0.25] * 4, [0.5, 0.5, 0, 0], nan, nan], rtol=2 * be.eps)
    logs = be.numpy(be.run(lambda x: xent.log_softmax(x, temperature=0), x))
    close(logs[:2], np.log(np.where(cold[:2] > 0, cold[:2], 1)) + np.where(cold[:2] > 0, 0, -INF), rtol=2 * be.eps)
    warm = be.numpy(be.run(lambda x: xent.softmax(x, temperature=2.5), x))
    close(warm, be.numpy(be.run(xent.softmax, be.array(u / 2.5))), rtol=16 * be.eps)
    tempered, plain = outcome(be, U, LABELS, temperature=2.0), outcome(be, U / 2.0, LABELS)
    close(tempered.value, plain.value, rtol=4 * be.eps)
    close(tempered.grad, plain.grad / 2, rtol=4 * be.eps)
    close(tempered.hvp, plain.hvp / 4, rtol=4 * be.eps, atol=be.eps)
    close(tempered.hessian, plain.hessian / 4, rtol=4 * be.eps)
    for bad in (-1.0, NAN, -INF):
        with pytest.raises(ValueError, match="`temperature` must be a number with 0 <= temperature <= inf"):
            xent.softmax(x, temperature=bad)
    for bad in (0, INF, NAN, -2.0):
        with pytest.raises(ValueError, match="`temperature` must be a number with 0 < temperature < inf"):
            xent.SoftmaxCrossEntropy(be.array(LABELS), temperature=bad)
    with pytest.raises(TypeError, match="`temperature` must be a Python number"):
        xent.softmax(x, temperature=be.array(1.0))


def test_rule_26_softcap(be):
    """Logits become c tanh(u / c), before the temperature, and ±inf become ±c."""
    c, t = 2.5, 0.8
    capped = outcome(be, U, LABELS, softcap=c, temperature=t, reduction="none")
    plain = outcome(be, c * np.tanh(U / c) / t, LABELS, reduction="none")
    slope = 1 / np.cosh(U / c) ** 2 / t
    close(capped.value, plain.value, rtol=32 * be.eps)
    close(capped.grad, slope * plain.grad, rtol=64 * be.eps, atol=8 * be.eps)
    ends = outcome(be, [[INF, -INF, 0.0, 1e30]], [1], softcap=c, reduction="none")
    same = outcome(be, [[c, -c, 0.0, c]], [1], reduction="none")
    close(ends.value, same.value, rtol=4 * be.eps)
    close(ends.grad, same.grad * [0, 0, 1, 0], rtol=4 * be.eps)
    assert all(np.isfinite(part).all() for part in ends)
    far = outcome(be, [[c * 10.0, 0.0]], [0], softcap=c, reduction="none")
    sech2, d = 1 / np.cosh(10.0) ** 2, c * np.tanh(10.0)
    close(far.grad[0, 0], -sech2 / (1 + np.exp(d)), rtol=64 * be.eps)
    for bad in (0, -1.0, NAN, INF):
        with pytest.raises(ValueError, match="`softcap` must be a number with 0 < softcap < inf"):
            xent.SoftmaxCrossEntropy(be.array(LABELS), softcap=bad)


def test_rule_26_z_loss(be):
    """Each row costs r z A² more, with r = s Σ w t."""
    z = 0.3
    for options in ({}, {"class_weights": W, "sample_weight": S, "label_smoothing": 0.1}):
        for targets in (LABELS, ROWS):
            t = np.eye(4)[targets] if targets.ndim == 1 else targets
            r = options.get("sample_weight", np.ones(3)) * (options.get("class_weights", 1.0) * t).sum(-1)
            a = np.log(np.exp(U).sum(-1))
            s = np.exp(U - a[:, None])
            with_z = outcome(be, U, targets, reduction="none", z_loss=z, **options)
            without = outcome(be, U, targets, reduction="none", **options)
            close(with_z.value, without.value + z * r * a**2, rtol=32 * be.eps)
            close(with_z.grad, without.grad + (2 * z * r * a)[:, None] * s, rtol=32 * be.eps, atol=8 * be.eps)
    for bad in (-0.1, NAN, INF):
        with pytest.raises(ValueError, match="`z_loss` must be a number with 0 <= z_loss"):
            xent.SoftmaxCrossEntropy(be.array(LABELS), z_loss=bad)


@pytest.mark.parametrize("given", [*(pytest.param(k, marks=pytest.mark.traced) for k in ("none", "all")), *OPTIONS])
def test_rule_27_nothing_is_read(be, given):
    """With check_values=False every function traces, and reads no value on a device that forbids it.

    The backends that trace hand every array over without values; the devices of the strict library raise at each
    read; under `torch-func` each array is a wrapper.  Eager backends run the same calls.  Where each call is compiled,
    no option is given, and all are.
    """
    extra = {name: on for name, (_, on) in OPTIONS.items() if given in ("all", name)}
    made = {k: be.array(x) if isinstance(x, np.ndarray) else x for k, x in extra.items()}

    def everything(u, y, p):
        results = []
        for targets in (y, p):
            h = xent.SoftmaxCrossEntropy(targets, check_values=False, **made)
            results += [
                *h.value_and_grad(u),
                h.grad(u),
                h.hvp(u, u),
                h.hessian(u),
                h.hessian_diag(u),
                *h.total_and_weight(u),
            ]
        if given != "none":
            return tuple(results)
        state = xent.LogPartition.of(u)
        results += [state.merge(state).logsumexp, state.softmax(u), state.log_softmax(u), xent.softmax_jvp(u, u)]
        results += [xent.softmax(u), xent.log_softmax(u), xent.logsumexp(u), xent.softmax_jacobian(u), xent.sigmoid(u)]
        results += [xent.entropy(p), xent.cross_entropy(p, p), xent.kl_divergence(p, p), xent.log_sigmoid(u)]
        results += [*xent.SigmoidCrossEntropy(p, check_values=False).value_and_grad(u), xent.logsumexp(u, weights=p)]
        return tuple(results)

    results = be.run(everything, be.array(U), be.array(LABELS), be.array(np.eye(4)[LABELS]))
    assert all(np.isfinite(be.numpy(x)).all() for x in results)


def test_rule_28_is_tested_in_its_own_module():
    """Autodiff through every function, to second order: tests/test_autodiff.py, and what it is given, beside it."""
    import tests.test_autodiff as module

    assert any(name.startswith("test_") for name in vars(module))


def test_rule_29_probability_vectors(be):
    p = be.array([[0.5, 0.5, 0.0], [-0.1, 0.6, 0.5], [1.0, 0.0, 0.0], [0.2, 0.2, 0.2], [NAN, 0.5, 0.5]])
    q = be.array([[0.5, 0.5, -1.0], [0.3, 0.3, 0.4], [0.0, 0.5, 0.5], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    third = 0.6 * np.log(5.0)
    close(be.numpy(be.run(xent.entropy, p)), [np.log(2), NAN, 0.0, third, NAN], rtol=4 * be.eps)
    cross = [np.log(2), NAN, INF, 0.2 * (2 * np.log(10) + np.log(1.25)), NAN]
    close(be.numpy(be.run(xent.cross_entropy, p, q)), cross, rtol=4 * be.eps)
    divergence = [0.0, NAN, INF, 0.2 * (2 * np.log(2.0) - np.log(4.0)), NAN]
    close(be.numpy(be.run(xent.kl_divergence, p, q)), divergence, rtol=4 * be.eps, atol=4 * be.eps)
    negative = be.array([[0.5, 0.5]])
    assert np.isnan(be.numpy(be.run(xent.cross_entropy, negative, be.array([[-0.5, 0.5]]))))
    assert np.isnan(be.numpy(be.run(xent.kl_divergence, negative, be.array([[-0.5, 0.5]]))))


def test_errors_are_of_one_kind(be):
    """Kind or dtype: TypeError. Shape or value: ValueError. An axis out of range is also an IndexError."""
    u, y = be.array(U), be.array(LABELS)
    calls = [
        lambda axis: xent.softmax(u, axis=axis),
        lambda axis: xent.log_softmax(u, axis=axis),
        lambda axis: xent.logsumexp(u, axis=axis),
        lambda axis: xent.softmax_jacobian(u, axis=axis),
        lambda axis: xent.softmax_jvp(u, u, axis=axis),
        lambda axis: xent.entropy(u, axis=axis),
        lambda axis: xent.cross_entropy(u, u, axis=axis),
        lambda axis: xent.kl_divergence(u, u, axis=axis),
        lambda axis: xent.LogPartition.of(u, axis=axis),
        lambda axis: xent.softmax_cross_entropy(u, y, axis=axis),
    ]
    for call in calls:
        for axis in (2, -3):
            for kind in (ValueError, IndexError):
                with pytest.raises(
                    kind, match=re.escape(f"`axis` must be an axis of an array with 2 axes, not {axis}.")
                ):
                    call(axis)
        for axis in (1.0, "1", True):
            with pytest.raises(TypeError, match="`axis` must be a Python integer"):
                call(axis)
    with pytest.raises(TypeError, match="`x` must be an array, not list"):
        xent.softmax([1.0, 2.0])
    with pytest.raises(TypeError, match="`targets` must be an array, not list"):
        xent.softmax_cross_entropy(u, [1, 0, 3])


@pytest.mark.once
def test_each_rule_has_a_test():
    here = Path(__file__).parent
    tests = "".join(path.read_text(encoding="utf-8") for path in here.rglob("test_*.py"))
    rules = (here.parent / "docs" / "contract.md").read_text(encoding="utf-8")
    tested = {int(number) for number in re.findall(r"^def test_rule_(\d\d)_", tests, flags=re.MULTILINE)}
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \*\*", rules, flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert tested == set(numbers)
