"""Rules 13 to 21 of the contract, each by its number: targets."""

from __future__ import annotations

from itertools import combinations, cycle, product

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.outcomes import INF, NAN, assert_same, assert_zero, outcome, raises_or_nan
from tests.test_contract_values import U, Y, reference_softmax

W = np.asarray([1.0, 2.0, 0.0, 0.5])
S = np.asarray([2.0, 0.0, 0.5])
LABELS = np.asarray([1, 0, 3])


def test_rule_13_the_dtype_decides(be):
    """Integers are labels and floats are rows, also where the shapes would allow either."""
    square = be.array(U[:, :3])
    labels = xent.SoftmaxCrossEntropy(be.array([0, 1, 2]), reduction="none")
    assert be.numpy(be.run(labels, square)).shape == (3,)
    rows = xent.SoftmaxCrossEntropy(be.array(np.eye(3)), reduction="none")
    close(be.numpy(be.run(rows, square)), be.numpy(be.run(labels, square)), rtol=4 * be.eps)
    close(be.numpy(be.run(rows.grad, square)), be.numpy(be.run(labels.grad, square)), rtol=4 * be.eps)
    for wrong, message in (
        (np.asarray([True, False, True]), "not .*bool"),
        (Y.astype(float), "integers to be class labels"),
    ):
        with pytest.raises(TypeError, match=message):
            outcome(be, U, wrong)
    for shape in ((4,), (3, 1), (3, 4, 1), (1, 4)) if be.sized else ((4, 1, 1),):
        with pytest.raises(ValueError, match=r"`targets` must have the shape \((3|None), (4|None)\)"):
            outcome(be, U, np.full(shape, 0.25))
    for shape in ((4,), (3, 1), (3, 4), ()) if be.sized else ((3, 1), ()):
        with pytest.raises(ValueError, match=r"`targets` must have the shape \((3|None),\)"):
            outcome(be, U, np.zeros(shape, int))


def test_rule_14_any_integer_dtype(be):
    expected = outcome(be, U, Y, reduction="none")
    for dtype in ("uint8", "int8", "int16", "int32", *(("int64",) if be.int_default == "int64" else ())):
        got = outcome(be, U, be.array(Y, dtype), reduction="none")
        assert_same(got, expected, be.eps, scale=0)
    wide = np.zeros((1, 300))
    got = outcome(be, wide, be.array([255], "uint8"), reduction="none")
    close(got.value, [np.log(300)], rtol=4 * be.eps)
    assert got.grad[0, 255] < 0
    kept = outcome(be, U, be.array([255, 0, 3], "uint8"), reduction="none", ignore_index=255)
    close(kept.value[0], 0.0, rtol=0)
    assert np.all(kept.grad[0] == 0)


@pytest.mark.traced
@pytest.mark.parametrize("bad", [4, -1, -4, 100])
def test_rule_15_labels_out_of_range(be, bad):
    raises_or_nan(be, f"`targets` must hold labels in 0..3, not {bad} at (1,)", U, np.asarray([2, bad, 3]), [1])
    message = f"`targets` must hold labels in 0..3 or `ignore_index`, not {bad} at (2,)"
    raises_or_nan(be, message, U, np.asarray([2, -100, bad]), [2], ignore_index=-100)


@pytest.mark.traced
def test_rule_15_check_values_overrides(be):
    y = np.asarray([2, 7, 3])
    got = outcome(be, U, y, reduction="none", check_values=False)
    assert np.isnan(got.value).tolist() == [False, True, False]
    for part in got[1:]:
        assert np.isnan(part[1]).all()
        assert np.isfinite(part[[0, 2]]).all()
    whole = outcome(be, U, y, check_values=False)
    assert np.isnan(whole.value)
    if be.readable:
        with pytest.raises(ValueError, match="not 7 at"):
            outcome(be, U, y, check_values=True)


@pytest.mark.traced
def test_rule_15_position_and_axis(be):
    y = np.zeros((2, 3), int)
    y[1, 2] = 9
    if be.readable:
        with pytest.raises(ValueError, match=r"not 9 at \(1, 2\)"):
            outcome(be, np.zeros((2, 5, 3)), y, axis=1)
    else:
        assert np.isnan(outcome(be, np.zeros((2, 5, 3)), y, axis=1, reduction="none").value).sum() == 1


def test_rule_16_rows(be):
    """Rows may be unnormalised: −Σ p log S and s S − p."""
    p = np.asarray([[0.5, 0.25, 0.0, 0.75], [0.0, 0.0, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
    got = outcome(be, U, p, reduction="none")
    s = reference_softmax(U)
    close(got.value, -(p * np.log(s)).sum(-1), rtol=16 * be.eps)
    close(got.grad, p.sum(-1, keepdims=True) * s - p, rtol=16 * be.eps, atol=4 * be.eps)
    jacobian = s[:, :, None] * np.eye(4) - s[:, :, None] * s[:, None, :]
    close(got.hessian, p.sum(-1)[:, None, None] * jacobian, rtol=32 * be.eps, atol=4 * be.eps)
    for bad in (-0.25, NAN, INF):
        wrong = p.copy()
        wrong[2, 1] = bad
        raises_or_nan(be, f"`targets` must hold finite numbers >= 0, not {bad} at (2, 1)", U, wrong, [2])


OPTIONS = {
    "class_weights": [None, W],
    "sample_weight": [None, S],
    "label_smoothing": [0.0, 0.2],
    "temperature": [1.0, 0.5],
    "softcap": [None, 3.0],
    "z_loss": [0.0, 0.1],
    "where": [None, np.asarray([[True, True, True, True], [True, False, True, True], [False, True, True, True]])],
}


REDUCTIONS = ("mean", "sum", "none")
PAIRS = 7
"""With this step through all combinations, each with the next reduction, every two options meet in all ways."""


@pytest.mark.once
def test_rule_17_every_two_options_meet():
    some = list(product((False, True), repeat=len(OPTIONS)))[::PAIRS]
    for one, other in combinations(range(len(OPTIONS)), 2):
        assert len({(on[one], on[other]) for on in some}) == 4
    for one in range(len(OPTIONS)):
        assert len({(on[one], i % len(REDUCTIONS)) for i, on in enumerate(some)}) == 2 * len(REDUCTIONS)


@pytest.mark.traced
def test_rule_17_labels_equal_one_hot_rows(be):
    """The same number under every combination of options in NumPy, some elsewhere, none and all where it compiles."""
    every = [dict(zip(OPTIONS, values, strict=True)) for values in product(*OPTIONS.values())]
    some = every[:: len(every) - 1 if be.slow else PAIRS]
    cases = product(every, REDUCTIONS) if be.package == "numpy" else zip(some, cycle(REDUCTIONS), strict=False)
    normalizers = cycle(["weights", "count", "batch", 2.5])
    for options, reduction in cases:
        normalizer = next(normalizers) if reduction == "mean" else "weights"
        labels = outcome(be, U, LABELS, reduction=reduction, normalizer=normalizer, **options)
        rows = outcome(be, U, np.eye(4)[LABELS], reduction=reduction, normalizer=normalizer, **options)
        assert_same(labels, rows, be.eps, scale=64)


@pytest.mark.parametrize("ignore_index", [-100, 3, 2**40])
def test_rule_18_ignore_index(be, ignore_index):
    """An ignored row is exactly 0, even where it is nan, and counts only in "batch"."""
    held = ignore_index if ignore_index < 100 else -100
    u = np.concatenate([U, [[NAN, INF, -INF, 0.0]]])
    y = np.asarray([1, held, 0, held])
    if held != ignore_index:  # no dtype of labels here holds it, so nothing is ignored
        expected = outcome(be, U, LABELS, reduction="none")
        assert_same(
            outcome(be, U, be.array(LABELS, "int32"), reduction="none", ignore_index=ignore_index), expected, be.eps
        )
        return
    got = outcome(be, u, y, reduction="none", ignore_index=ignore_index, label_smoothing=0.1, z_loss=0.1)
    assert_zero(got, [1, 3])
    left = {k: outcome(be, u[[0, 2]], y[[0, 2]], normalizer=k, class_weights=W) for k in ("weights", "count", "batch")}
    for normalizer, scale in (("weights", 1.0), ("count", 1.0), ("batch", 0.5)):
        got = outcome(be, u, y, ignore_index=ignore_index, normalizer=normalizer, class_weights=W)
        close(got.value, scale * left[normalizer].value, rtol=8 * be.eps)
        close(got.grad[[0, 2]], scale * left[normalizer].grad, rtol=8 * be.eps)
        close(got.hvp[[1, 3]], np.zeros((2, 4)), rtol=0)
    with pytest.raises(ValueError, match="`ignore_index` must be None with probabilities"):
        outcome(be, U, np.eye(4)[LABELS], ignore_index=ignore_index)


def test_rule_19_label_smoothing(be):
    for mask in (None, OPTIONS["where"][1]):
        left = np.ones((3, 4)) if mask is None else mask
        smooth = 0.7 * np.eye(4)[LABELS] + 0.3 * left / left.sum(-1, keepdims=True)
        expected = outcome(be, U, smooth, reduction="none", where=mask)
        for targets in (LABELS, np.eye(4)[LABELS]):
            got = outcome(be, U, targets, reduction="none", where=mask, label_smoothing=0.3)
            assert_same(got, expected, be.eps)
    uniform = outcome(be, U, LABELS, reduction="none", label_smoothing=1.0)
    assert_same(uniform, outcome(be, U, np.full((3, 4), 0.25), reduction="none"), be.eps)
    for bad in (-0.1, 1.1, NAN):
        with pytest.raises(ValueError, match="`label_smoothing` must be a number with 0 <= label_smoothing <= 1"):
            outcome(be, U, LABELS, label_smoothing=bad)


def test_rule_20_class_weights(be):
    """loss_n = −Σ w_k q_nk log S_nk, smoothing included."""
    q = W * (0.8 * np.eye(4)[LABELS] + 0.05)
    expected = outcome(be, U, q, reduction="none")
    got = outcome(be, U, LABELS, reduction="none", class_weights=W, label_smoothing=0.2)
    assert_same(got, expected, be.eps)
    for shape in ((3,), (3, 4), (4, 1), ()) if be.sized else ((3, 4), ()):
        with pytest.raises(ValueError, match=r"`class_weights` must have the shape \((4|None),\)"):
            outcome(be, U, LABELS, class_weights=np.ones(shape))
    for bad in (-1.0, NAN, INF):
        message = f"`class_weights` must hold finite numbers >= 0, not {bad} at (2,)"
        raises_or_nan(be, message, U, LABELS, [0, 1, 2], class_weights=np.asarray([1.0, 1.0, bad, 1.0]))


def test_rule_20_sample_weight(be):
    got = outcome(be, U, LABELS, reduction="none", sample_weight=S)
    plain = outcome(be, U, LABELS, reduction="none")
    for one, other in zip(got, plain, strict=True):
        close(one, S.reshape(3, *(1,) * (other.ndim - 1)) * other, rtol=2 * be.eps)
    nan = U.copy()
    nan[1] = [NAN, INF, -INF, 0.0]
    for options in ({}, {"label_smoothing": 0.1, "z_loss": 0.1, "softcap": 3.0}):
        assert_zero(outcome(be, nan, LABELS, reduction="none", sample_weight=S, **options), [1])
    count = outcome(be, nan, LABELS, sample_weight=S, normalizer="count")
    close(count.value, got.value.sum() / 3, rtol=4 * be.eps)
    close(outcome(be, U, LABELS, sample_weight=S).value, got.value.sum() / 2.5, rtol=4 * be.eps)
    for shape in ((4,), (3, 1), ()) if be.sized else ((3, 1), ()):
        with pytest.raises(ValueError, match=r"`sample_weight` must have the shape \((3|None),\)"):
            outcome(be, U, LABELS, sample_weight=np.ones(shape))
    for bad in (-1.0, NAN, INF):
        message = f"`sample_weight` must hold finite numbers >= 0, not {bad} at (2,)"
        raises_or_nan(be, message, U, LABELS, [2], sample_weight=np.asarray([1.0, 1.0, bad]))


def test_rule_21_where(be):
    """A masked class has probability 0 and gradient 0 and may hold anything, as if it were not there."""
    mask = np.asarray([[True, True, False, True]] * 3)
    u = U.copy()
    u[:, 2] = [NAN, INF, -INF]
    v = np.delete(np.cos(np.arange(12)).reshape(3, 4), 2, axis=1)
    for options in ({}, {"label_smoothing": 0.2}, {"z_loss": 0.1, "softcap": 3.0}, {"temperature": 2.0}):
        got = outcome(be, u, LABELS, where=mask, reduction="none", **options)
        smaller = xent.SoftmaxCrossEntropy(be.array([1, 0, 2]), reduction="none", **options)
        small = np.delete(U, 2, axis=1)
        value, grad, hvp = (
            be.numpy(x)
            for x in be.run(lambda u, v, h=smaller: (*h.value_and_grad(u), h.hvp(u, v)), be.array(small), be.array(v))
        )
        close(got.value, value, rtol=16 * be.eps)
        close(np.delete(got.grad, 2, axis=1), grad, rtol=16 * be.eps, atol=2 * be.eps)
        close(np.delete(got.hvp, 2, axis=1), hvp, rtol=16 * be.eps, atol=2 * be.eps)
        for part in (got.grad[:, 2], got.hvp[:, 2], got.hessian[:, 2], got.hessian[:, :, 2], got.diag[:, 2]):
            assert np.all(part == 0)
    for shape in ((4,), (1, 4), (3, 4)):
        narrow = outcome(be, u, LABELS, where=np.broadcast_to(mask[0], shape).copy(), reduction="none")
        close(narrow.value, outcome(be, u, LABELS, where=mask, reduction="none").value, rtol=0)
    with pytest.raises(ValueError, match="`where` must broadcast to the shape"):
        outcome(be, U, LABELS, where=np.ones((3, 3) if be.sized else (1, 3, 4), bool))
    with pytest.raises(TypeError, match="`where` must be a boolean array"):
        outcome(be, U, LABELS, where=np.ones((3, 4), int))


@pytest.mark.traced
def test_rule_21_a_label_at_a_masked_class(be):
    mask = np.asarray([[False, True, True, True], [False, False, False, False]])
    u = np.asarray([[9.0, 0.0, 0.0, -INF], [NAN, 0.0, 0.0, 0.0]])
    got = outcome(be, u, [0, 1], where=mask, reduction="none")
    close(got.value, [INF, INF], rtol=0)
    close(got.grad, [[0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]], rtol=0)
    assert np.isfinite(got.hvp).all()
    rows = outcome(be, u, [[0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], where=mask, reduction="none")
    close(rows.value, [INF, INF], rtol=0)
    close(rows.grad, [[0.0, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]], rtol=0)
    nothing = outcome(be, u, np.zeros((2, 4)), where=mask, reduction="none")
    close(nothing.value, [0.0, 0.0], rtol=0)
    assert_zero(nothing)
    smooth = outcome(be, u, [0, 1], where=mask, reduction="none", label_smoothing=0.3)
    close(smooth.value, [INF, INF], rtol=0)
    assert np.isfinite(smooth.grad).all()
