"""Rows in blocks, on threads: the same numbers as all at once, whatever the layout, the library and the options are."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_accuracy import hold_case, judge  # noqa: F401  # a fixture
from verification._definitions import Rows
from verification._regimes import ULPS, ULPS_LOGSUMEXP, Case, case, of_regimes, regimes
from xent_arrayapi import SoftmaxCrossEntropy, _blocks, _threads
from xent_arrayapi._host import LOW, Indexed, left_in_place

INF, NAN = float("inf"), float("nan")
EPS = float(np.finfo("float64").eps)
SOME = "numpy", "torch"
pytestmark = pytest.mark.only(*SOME)


@pytest.fixture
def cut(monkeypatch):
    """Take blocks of a few rows, however few there are."""
    monkeypatch.setattr(_blocks, "LEAST", 1)
    monkeypatch.setattr(_blocks, "BYTES", (2**10, 2**14))


@pytest.mark.parametrize("classes", [10, 50, 1000])
@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.usefixtures("cut")
def test_accuracy(be, judge, classes, axis):  # noqa: F811
    for dtype in be.dtypes:
        hold_case(judge, case(classes, dtype), axis)


NEAR = "N(0, 3²)", "dominant logit", "log-probabilities", "two classes", "spread", "ties", "N(0, 4²)"
"""The regimes, by how their names begin, whose exponentials need no shift."""


def are_left_in_place(u):
    """Mark the rows whose exponentials are not shifted."""
    with np.errstate(over="ignore"):
        e = np.exp(u)
    left = left_in_place(np.sum(e, axis=-1, keepdims=True), e)
    return np.ones(len(u), bool) if left is None else left


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.usefixtures("cut")
def test_accuracy_of_rows_in_place(be, judge, axis):  # noqa: F811
    """Regimes by themselves, so that no row is shifted, and with −inf among the logits."""
    for dtype in be.dtypes:
        for name, u in regimes(dtype).items():
            if not name.startswith(NEAR) or "1e30" in name:
                continue
            assert are_left_in_place(u).all()
            hold_case(judge, of_regimes({name: u}, u.shape[-1]), axis)
            gaps = np.where(np.arange(u.shape[-1]) % 3 == 1, -INF, np.abs(u)).astype(dtype)
            assert are_left_in_place(gaps).all()
            for function in (xent.softmax, xent.log_softmax):
                got = be.numpy(function(be.array(np.ascontiguousarray(np.moveaxis(gaps, -1, axis))), axis=axis))
                some = be.numpy(function(be.array(gaps[:, np.isfinite(gaps[0])])))
                got = np.moveaxis(got, axis, -1)
                close(got[:, np.isfinite(gaps[0])], some, rtol=2 * ULPS * np.finfo(dtype).eps)
                assert np.all(got[:, ~np.isfinite(gaps[0])] == (0 if function is xent.softmax else -INF))


@pytest.mark.parametrize("classes", [7, 100])
@pytest.mark.usefixtures("cut")
def test_rule_08_a_shared_offset_changes_nothing_in_blocks(be, classes):
    """Within rule 7 of either, for rows left in place and the same rows shifted: derivatives included."""
    u = np.round(rows((60, classes), "float64") * 2**20) / 2**20  # what is added rounds nothing
    labels, v = be.array(np.arange(60) % classes), be.array(np.cos(np.arange(u.size)).reshape(u.shape))
    loss = SoftmaxCrossEntropy(labels, reduction="none")
    assert are_left_in_place(u).all()
    for offset in (2.0**10, -(2.0**10), 2.0**20):
        assert not are_left_in_place(u + offset).any()
        for function in (loss, loss.grad, loss.hessian_diag, xent.softmax, xent.log_softmax):
            there, here = (be.numpy(function(be.array(x))) for x in (u + offset, u))
            close(there, here, rtol=2 * ULPS * EPS)
        there, here = (be.numpy(loss.hvp(be.array(x), v)) for x in (u + offset, u))
        close(there, here, rtol=0, atol=2 * ULPS * EPS)  # differences, of numbers up to 1


@pytest.mark.parametrize("beside", [1e30, -INF, NAN, INF, 300.0, 1000.0, -300.0, -1000.0])
@pytest.mark.usefixtures("cut")
def test_what_is_beside_a_row_changes_no_bit(be, beside):
    """Rows are left in place, shifted, or guarded, one by one: whichever way their block is evaluated."""
    for classes in (7, 100):
        u = rows((60, classes), "float64")
        labels = be.array(np.arange(60) % classes)
        other = u.copy()
        other[::5] = np.where(np.arange(classes) == 3, beside, u[::5])
        apart = np.arange(60) % 5 > 0
        loss = SoftmaxCrossEntropy(labels, reduction="none")
        for function in (loss, loss.grad, loss.hessian_diag, xent.softmax, xent.log_softmax, xent.logsumexp):
            alone, together = (be.numpy(function(be.array(x)))[apart] for x in (u, other))
            close(together, alone, rtol=0)


@pytest.mark.parametrize("classes", [7, 100, 1000])
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.usefixtures("cut")
def test_rule_07_labels_that_are_low(be, judge, classes, axis):  # noqa: F811  # the fixture
    """A loss of labels is held against the logit of its label, but where this is low: one of them, some or all."""
    for dtype in be.dtypes:
        u, low = rows((24, classes), dtype), LOW[np.dtype(dtype).itemsize]
        for lows in (low * np.linspace(0.5, 2, 24), np.where(np.arange(24) == 5, 1.5 * low, 0), np.full(24, 4 * low)):
            u[:, 0], u[:, 1] = lows, 1
            assert are_left_in_place(u).all()
            hold_case(judge, Case(Rows(u.copy()), ["low labels"] * 24), axis)


@pytest.mark.parametrize("classes", [7, 100, 700])
@pytest.mark.usefixtures("cut")
def test_rule_17_labels_equal_one_hot_rows_in_blocks(be, classes):
    """Labels are held against themselves, rows of probabilities against a largest logit: both within rule 7."""
    for dtype in be.dtypes:
        u, labels = rows((60, classes), dtype), np.arange(60) % classes
        of_labels, of_rows = (
            SoftmaxCrossEntropy(t, reduction="none").value_and_grad(be.array(u, dtype))
            for t in (be.array(labels), be.array(np.eye(classes)[labels], dtype))
        )
        for one, other in zip(of_labels, of_rows, strict=True):
            close(be.numpy(one), be.numpy(other), rtol=2 * ULPS * float(np.finfo(dtype).eps))


ALIKE = {"float32": [18710, 247, 17830, 6638], "float64": [4579, 8152, 2016, 9955]}
"""The worst of 20 000 rows of 127 logits that are much alike, by NumPy's sums: softmax was off by 7.7 and 7.0 ulp."""
OF_THREE = [43484, 334417, 47668]
"""The worst of 400 000 rows of 3 logits, by NumPy's exp and log1p of float32: logsumexp was off by 4.6 ulp."""

ACROSS = [6344, 6345]
"""The worst of 600 000 rows of 63 logits, and the next: odd columns were added to all others one by one, 6.7 ulp."""


@pytest.mark.usefixtures("cut")
def test_rule_07_rows_that_were_beyond_it(be, judge):  # noqa: F811  # the fixture
    for dtype in be.dtypes:
        alike = np.random.default_rng(127).normal(30, 0.1, (20_000, 127)).astype(dtype)[ALIKE[dtype]]
        hold_case(judge, Case(Rows(alike), ["127 alike"] * len(alike)), -1)
        three = np.random.default_rng(3).normal(0, 3, (400_000, 3)).astype(dtype)[OF_THREE]
        hold_case(judge, Case(Rows(three), ["3 logits"] * len(three)), -1)
        across = np.random.default_rng(13).normal(3, 0.5, (10_000, 63)).astype(dtype)[ACROSS]
        hold_case(judge, Case(Rows(across), ["63 logits"] * len(across)), -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.usefixtures("cut")
def test_rule_07_logsumexp_of_sums_near_1_and_far_from_it(be, across, dtype):
    """A sum tells its logarithm but near 1, where rows are shifted: one of them, some or all, and no other differs."""
    wide, size = np.longdouble, 60
    for classes in (7, 100):
        u = rows((size, classes), "float64") + np.linspace(-9, 9, size)[:, None]
        sums = np.sum(np.exp(u), axis=-1)
        odd = np.linspace(0, -80, size)
        for near, shifts in ((0, 0), (1, odd), (7, odd), (size, np.linspace(-2, 2, size))):
            moved = u + np.where(np.arange(size) < near, shifts - np.log(sums), 0)[:, None]
            x = np.asfortranarray(moved.astype(dtype)) if across else moved.astype(dtype)
            m = np.max(x, axis=-1).astype(wide)
            terms = np.sort(np.exp(x.astype(wide) - m[:, None]), axis=-1)[:, :-1]
            tail = np.log1p(np.sum(terms, axis=-1))
            got = be.numpy(xent.logsumexp(be.array(x)))
            spacing = np.spacing(np.maximum(np.abs(m), tail).astype(dtype))
            assert np.max(np.abs(got - (m + tail)) / spacing) <= ULPS_LOGSUMEXP
            by_itself = [be.numpy(xent.logsumexp(be.array(np.asarray([row, row]))))[0] for row in x]
            assert np.array_equal(got, by_itself)


def rows(shape, dtype="float32"):
    return np.random.default_rng(3).normal(0, 5, shape).astype(dtype)


def everything(be, u, targets, **options) -> list[Any]:
    """Evaluate all that takes blocks."""
    axis = options.get("axis", -1)
    x, v = be.array(u), be.array(np.cos(np.arange(u.size)).reshape(u.shape).astype(u.dtype))
    h = SoftmaxCrossEntropy(targets, **options)
    value, gradient, product = h.linearize(x)
    found = [h(x), h.grad(x), *h.value_and_grad(x), h.hvp(x, v), h.hessian_diag(x), value, gradient, product(v)]
    where = options.get("where")
    found += [f(x, axis=axis, where=where) for f in (xent.softmax, xent.log_softmax, xent.logsumexp)]
    found.append(xent.softmax_jvp(x, v, axis=axis))
    found.append(xent.logsumexp(x, axis=axis, weights=v, where=where, return_sign=True)[0])
    state = xent.LogPartition.of(x, axis=axis, where=where)
    found += [state.max, state.tail, state.softmax(x), state.log_softmax(x)]
    return [be.numpy(y) for y in found]


OPTIONS: dict[str, dict[str, Any]] = {
    "none": {"reduction": "none"},
    "sum": {"reduction": "sum", "ignore_index": 2},
    "mean": {"class_weights": np.linspace(0, 2, 6), "label_smoothing": 0.1},
    "count": {"normalizer": "count", "sample_weight": np.arange(40.0).reshape(5, 8) % 3},
    "a number": {"normalizer": 3.5, "temperature": 2.0, "z_loss": 0.1},
    "all": {
        "where": np.arange(240).reshape(5, 8, 6) % 5 > 0,
        "softcap": 4.0,
        "label_smoothing": 0.2,
        "z_loss": 0.01,
        "class_weights": np.linspace(1, 2, 6),
        "ignore_index": 1,
        "check_values": False,
    },
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("targets", ["labels", "rows"])
def test_blocks_are_the_whole(be, monkeypatch, options, targets):
    """Up to the order of sums: of K in a row, of N in a reduction."""
    for axis in (-1, 0, 1):
        u = rows((5, 8, 6), "float64")
        u[0, 0, 0], u[3, 1] = -INF, 1e30
        t = np.arange(40).reshape(5, 8) % 6 if targets == "labels" else np.abs(np.sin(np.arange(240))).reshape(u.shape)
        given = {k: be.array(x) if isinstance(x, np.ndarray) else x for k, x in options.items()}
        if targets == "rows":
            given.pop("ignore_index", None)
            t = be.array(np.ascontiguousarray(np.moveaxis(t, -1, axis)))
        else:
            t = be.array(t)
        if "where" in given:
            given["where"] = be.array(np.ascontiguousarray(np.moveaxis(options["where"], -1, axis)))
        call = functools.partial(everything, be, np.moveaxis(u, -1, axis), t, axis=axis, **given)
        whole = call()
        with monkeypatch.context() as patched:
            patched.setattr(_blocks, "LEAST", 1)
            patched.setattr(_blocks, "BYTES", (2**8, 2**9))
            blocks = call()
        for one, other in zip(whole, blocks, strict=True):
            close(other, one, rtol=1e-12, atol=1e-14)  # some are small differences


@pytest.mark.usefixtures("cut")
def test_number_of_threads_changes_no_bit(be):
    u, labels = rows((300, 40)), be.array(np.arange(300) % 40)
    found = []
    for limit in (1, 2, 5):
        with _threads.threads(limit):
            found.append(everything(be, u, labels))
    for one, *others in zip(*found, strict=True):
        assert all(np.array_equal(one, other, equal_nan=True) for other in others)


@pytest.mark.usefixtures("cut")
def test_what_is_not_finite_stays_in_its_row(be):
    u = rows((200, 300))
    clean = be.numpy(xent.softmax(be.array(u)))
    u[17, 4], u[60, 2], u[99], u[150, 8] = NAN, INF, -INF, -INF
    got = be.numpy(xent.softmax(be.array(u)))
    same = np.delete(np.arange(200), [17, 60, 99, 150])
    close(got[same], clean[same], rtol=1e-6)
    assert np.isnan(got[[17, 99]]).all()
    assert got[60, 2] == 1
    assert got[150, 8] == 0
    assert np.isclose(got[150].sum(), 1)


@pytest.mark.usefixtures("cut")
def test_dtypes_and_views(be):
    u = rows((60, 200))
    half = xent.SoftmaxCrossEntropy(be.array(np.arange(60) % 200), reduction="none").grad(be.array(u, "float16"))
    assert str(half.dtype).endswith("float16")
    whole = xent.softmax(be.array(np.round(u).astype("int64")))
    assert whole.dtype == be.dtype(be.float_default)
    close(be.numpy(whole), be.numpy(xent.softmax(be.array(np.round(u), be.float_default))), rtol=0)
    strided = be.array(u)[::2, ::3]
    close(be.numpy(xent.softmax(strided)), be.numpy(xent.softmax(be.array(u[::2, ::3].copy()))), rtol=0)


@pytest.mark.once
@pytest.mark.usefixtures("cut")
def test_an_array_in_a_file_is_read_block_by_block(tmp_path, monkeypatch):
    u = rows((60, 200))
    stored = np.memmap(tmp_path / "logits", "float32", "w+", shape=u.shape)
    stored[:] = u
    seen = []
    taken = _blocks.Block.rows
    monkeypatch.setattr(_blocks.Block, "rows", lambda block, x: seen.append(block.number) or taken(block, x))
    got = xent.softmax(stored)
    assert type(got) is np.ndarray
    assert len(seen) > 1
    assert np.array_equal(got, xent.softmax(u))


@pytest.mark.only("torch")
@pytest.mark.usefixtures("cut")
def test_tensors_that_are_differentiated_are_not_viewed(be):
    """Reverse, forward, by a transformation, in a graph, and by an argument other than the logits."""
    import torch

    x = torch.from_numpy(rows((50, 20), "float64"))
    labels = torch.arange(50) % 20
    exact = torch.func.jacrev(xent.logsumexp)(x).sum(1)
    close(be.numpy(exact), be.numpy(xent.softmax(x)), rtol=1e-14)
    leaf = x.clone().requires_grad_()
    h = SoftmaxCrossEntropy(labels, reduction="sum")
    (by_torch,) = torch.autograd.grad(h(leaf), leaf)
    close(be.numpy(by_torch), be.numpy(h.grad(x)), rtol=1e-13, atol=1e-16)
    with torch.no_grad():
        assert not h.grad(leaf).requires_grad
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        _, tangent = torch.autograd.forward_ad.unpack_dual(xent.logsumexp(dual))
    close(be.numpy(tangent), np.ones(50), rtol=1e-14)
    v = torch.ones_like(x).requires_grad_()
    for product in (h.hvp(x, v), h.linearize(x)[2](v)):
        assert product.requires_grad
    weight = torch.ones(50, dtype=torch.float64).requires_grad_()
    assert SoftmaxCrossEntropy(labels, sample_weight=weight)(x).requires_grad


@pytest.mark.only("torch")
@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("function", [xent.softmax, xent.log_softmax, xent.logsumexp])
def test_rule_11_what_goes_back_in_blocks_is_not_written_to(be, function):
    """Nor are the logits, and what has come of them: where a derivative is computed in the memory of its result."""
    import torch

    x = be.array(rows((50, 200))).requires_grad_()
    for axis in (0, 1):
        y = function(x, axis=axis)
        g = torch.ones_like(y)
        before = [z.detach().clone() for z in (x, y, g)]
        once, twice = (torch.autograd.grad(y, x, g, retain_graph=True)[0] for _ in range(2))
        assert all(torch.equal(z.detach(), old) for z, old in zip((x, y, g), before, strict=True))
        assert torch.equal(once, twice)


@pytest.mark.once
@pytest.mark.parametrize("laid_out", [np.ascontiguousarray, np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2]])
def test_a_class_by_its_index(laid_out):
    x = laid_out(np.arange(12.0).reshape(4, 3))
    label = Indexed(np.asarray([[2], [0], [1], [2]]))
    assert label.of(x).ravel().tolist() == [2, 3, 7, 11]
    assert label.put(x, -label.of(x)) is x
    assert x.tolist() == [[0, 1, -2], [-3, 4, 5], [6, -7, 8], [9, 10, -11]]


@pytest.mark.once
def test_places():
    found = list(_blocks.places((5, 4, 3), 7))
    seen = np.zeros((5, 4, 3), int)
    for place in found:
        seen[place] += 1
        assert seen[place].size <= 7
    assert np.all(seen == 1)
    assert list(_blocks.places((0,), 3)) == []
