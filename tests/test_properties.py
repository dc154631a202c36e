"""What holds for all logits, on examples that Hypothesis finds."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xent_arrayapi as xent
from tests.conftest import close
from xent_arrayapi import LogPartition, SoftmaxCrossEntropy

K = 5
AXES = {(3, K): 1, (2, K, 3): 1}
"""The shapes of logits, few since each is compiled, and their class axes."""

entry = st.one_of(st.integers(-2, 2).map(float), st.floats(-700, 700, width=32))


@st.composite
def rows(draw: Any, shape: tuple[int, ...] = (3, K), *, infinite: bool = True) -> np.ndarray:
    """Draw logits with ties and large spreads, and with −inf in all classes but one."""
    size = int(np.prod(shape))
    u = np.reshape(draw(st.lists(entry, min_size=size, max_size=size)), shape)
    if infinite:
        gone = np.reshape(draw(st.lists(st.booleans(), min_size=size, max_size=size)), shape)
        gone[(*(slice(None),) * (len(shape) - 1), draw(st.integers(0, shape[-1] - 1)))] = False
        u = np.where(gone, -np.inf, u)
    return u


any_rows = st.sampled_from(sorted(AXES)).flatmap(rows)
labels = st.lists(st.integers(0, K - 1), min_size=3, max_size=3)
probabilities = st.lists(st.integers(0, 8), min_size=3 * K, max_size=3 * K).map(lambda p: np.reshape(p, (3, K)) / 8)


def forall(be: Any, strategy: Any, check: Any) -> None:
    """Check a property on examples, fewer where a call takes longer."""
    share = {"numpy": 1, "torch": 2}.get(be.name.partition("-")[0], 8)
    settings(max_examples=max(1, settings.default.max_examples // share))(given(strategy)(check))()


@functools.cache
def captured(be: Any, function: Any) -> Any:
    """Capture a function as a graph once, to be run on many examples."""
    return be.module.compile(function, fullgraph=True, backend=be.compiler, dynamic=False)


def outputs(be: Any, function: Any, *arrays: Any) -> Any:
    """Run a function and bring back what it returns."""
    got = captured(be, function)(*arrays) if be.name == "torch-compile" else be.call(function, *arrays)
    return be.numpies(got) if isinstance(got, tuple) else be.numpy(got)


def tiny(be: Any) -> float:
    """Return the smallest normal number: XLA makes 0 of what is below (rule 7)."""
    return float(np.finfo(np.float64 if be.has_float64 else np.float32).smallest_normal)


def near(be: Any, got: Any, expected: Any, *, roundings: float, size: Any = 0.0) -> None:
    """Compare to a number of roundings of the value, and of a size that cancelled."""
    bound = roundings * be.eps * (np.abs(np.where(np.isfinite(expected), expected, 0)) + size) + 2 * tiny(be)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        assert np.shape(got) == np.shape(expected)
        assert np.all(same | (np.abs(got - expected) <= bound)), (got, expected, bound)


def the_softmaxes(u: Any) -> Any:
    return xent.softmax(u, axis=1), xent.log_softmax(u, axis=1)


def derivatives(u: Any, t: Any, v: Any) -> Any:
    h = SoftmaxCrossEntropy(t, reduction="none", check_values=False)
    return *h.value_and_grad(u), h.hvp(u, v)


@pytest.mark.traced
def test_an_exact_shift_changes_no_bit(be):
    def check(case):
        u, t, shift = case
        u = np.trunc(u)
        before = outputs(be, derivatives, be.array(u), be.array(t), be.array(u * 0 + 1))
        after = outputs(be, derivatives, be.array(u + shift), be.array(t), be.array(u * 0 + 1))
        for one, other in zip(before, after, strict=True):
            close(other, one, rtol=0)

    forall(be, st.tuples(rows(infinite=False), labels, st.integers(-(2**20), 2**20)), check)


def test_a_shift_changes_what_its_rounding_explains(be):
    def check(case):
        u, shift = case
        moved = (u + shift).astype("float64" if be.has_float64 else "float32")
        # each logit moves by up to half an ulp of |u + c|, a difference of two by eps |u + c|, S by its exponential
        finite = np.abs(np.where(np.isfinite(moved), moved, 0))
        moves = be.eps * np.max(finite)
        before, after = (outputs(be, the_softmaxes, be.array(x)) for x in (u, moved))
        close(after[0], before[0], rtol=np.expm1(2 * moves) + 12 * be.eps, atol=2 * tiny(be))
        close(after[1], before[1], rtol=12 * be.eps, atol=2 * moves + 2 * tiny(be))

    forall(be, st.tuples(any_rows, st.floats(-1e4, 1e4)), check)


def test_classes_may_be_permuted(be):
    def check(case):
        u, order, t, v = case
        order, rank = np.asarray(order), np.argsort(order)
        got = outputs(be, derivatives, be.array(u[:, order]), be.array(rank[t]), be.array(v[:, order]))
        value, gradient, product = outputs(be, derivatives, be.array(u), be.array(t), be.array(v))
        near(be, got[0], value, roundings=12)  # 6 ulp each (rule 7)
        near(be, got[1], gradient[:, order], roundings=12)
        near(be, got[2], product[:, order], roundings=2 * K + 12, size=2 * np.max(np.abs(v)))
        for one, other in zip(
            outputs(be, the_softmaxes, be.array(u[:, order])), outputs(be, the_softmaxes, be.array(u)), strict=True
        ):
            near(be, one, other[:, order], roundings=12)

    forall(be, st.tuples(rows(), st.permutations(range(K)), labels, rows(infinite=False)), check)


def gradients(u: Any, t: Any, p: Any, w: Any) -> Any:
    options = {"reduction": "none", "class_weights": w, "label_smoothing": 0.25, "check_values": False}
    return (
        SoftmaxCrossEntropy(t, reduction="none", check_values=False).grad(u),
        SoftmaxCrossEntropy(t, **options).grad(u),
        SoftmaxCrossEntropy(p, **options).grad(u),
        xent.softmax(u),
    )


@pytest.mark.traced
def test_gradients_are_masses_times_softmax_less_weights_and_sum_to_0(be):
    w = np.asarray([1.0, 0.5, 0.0, 2.0, 3.0])

    def check(case):
        u, t, p = case
        *got, s = outputs(be, gradients, be.array(u), be.array(t), be.array(p), be.array(w))
        hot = np.eye(K)[np.asarray(t)]
        for gradient, q in zip(got, (hot, w * (0.75 * hot + 0.05), w * (0.75 * p + 0.05)), strict=True):
            mass = np.sum(q, axis=1, keepdims=True)
            near(be, gradient, mass * s.astype("float64") - q, roundings=16, size=mass)
            near(be, np.sum(gradient, axis=1), np.zeros(3), roundings=16 * K, size=mass[:, 0])

    forall(be, st.tuples(rows(), labels, probabilities), check)


def constant_products(u: Any, p: Any, v: Any, w: Any) -> Any:
    h = SoftmaxCrossEntropy(p, class_weights=w, label_smoothing=0.1, temperature=3.0, check_values=False)
    return xent.softmax_jvp(u, v), h.hvp(u, v)


@pytest.mark.traced
def test_products_with_constants_are_exactly_0(be):
    def check(case):
        u, p, v = case
        v = np.asarray(v)[:, None] + np.zeros_like(u)
        w = be.array(np.linspace(0.3, 2, K))
        for product in outputs(be, constant_products, be.array(u), be.array(p), be.array(v), w):
            assert np.all(product == 0)

    forall(be, st.tuples(rows(), probabilities, st.lists(entry, min_size=3, max_size=3)), check)


def second_order(u: Any, t: Any, basis: Any, softcap: float | None, z_loss: float) -> Any:
    h = SoftmaxCrossEntropy(
        t, temperature=1.5, softcap=softcap, z_loss=z_loss, reduction="none", label_smoothing=0.1, check_values=False
    )
    return h.hessian(u), h.hessian_diag(u), *(h.hvp(u, basis[k, ...]) for k in range(K))


@pytest.mark.parametrize(("softcap", "z_loss"), [(None, 0.0), pytest.param(8.0, 0.125, marks=pytest.mark.traced)])
def test_the_hessian_is_symmetric_and_has_the_products_as_columns(be, softcap, z_loss):
    basis = np.eye(K)[:, None, :] + np.zeros((K, 3, K))
    function = functools.partial(second_order, softcap=softcap, z_loss=z_loss)

    def check(case):
        u, t = case
        blocks, diagonal, *columns = outputs(be, function, be.array(u), be.array(t), be.array(basis))
        # the tilt 2 z A is of either sign, so that the entries of a block may cancel
        size = 2 * (1 + 2 * z_loss * (np.max(np.abs(u), where=np.isfinite(u), initial=8) + 3))
        near(be, np.swapaxes(blocks, 1, 2), blocks, roundings=0 if softcap is None else 4)
        near(be, np.stack(columns, axis=-1), blocks, roundings=2 * K + 16, size=size)
        near(be, diagonal, np.diagonal(blocks, axis1=1, axis2=2), roundings=4, size=size)

    forall(be, st.tuples(rows(infinite=softcap is None), labels), check)


def test_softmax_jvp_is_the_jacobian_times_the_tangent(be):
    def both(u, v):
        return xent.softmax_jvp(u, v), xent.softmax_jacobian(u)

    def check(case):
        u, v = case
        product, jacobian = outputs(be, both, be.array(u), be.array(v))
        expected = np.einsum("nij,nj->ni", jacobian.astype("float64"), v)
        near(be, product, expected, roundings=2 * K + 12, size=2 * np.max(np.abs(v)))

    forall(be, st.tuples(rows(), rows(infinite=False)), check)


OPTIONS = {
    "class_weights": np.asarray([1.0, 0.5, 0.0, 2.0, 3.0]),
    "sample_weight": np.asarray([2.0, 0.0, 0.75]),
    "label_smoothing": 0.25,
    "temperature": 1.75,
    "softcap": 3.0,
    "z_loss": 0.125,
    "where": np.asarray([[True] * K, [True] * K, [True, True, False, True, True]]),
}
REDUCED = (
    {"reduction": "none"},
    {"reduction": "sum"},
    {"normalizer": "weights"},
    {"normalizer": "count"},
    {"normalizer": "batch"},
    {"normalizer": 2.5},
    {"normalizer": np.asarray(3.0)},
)


@pytest.mark.traced
def test_labels_are_one_hot_rows_under_every_combination_of_options(be):
    u = np.asarray([[0.0, 0.0, -1.5, 2.0, 1.0], [np.nan, 0.0, 1.0, 2.0, 3.0], [-300.0, 4.0, 4.0, -2.0, 4.0]])
    v, t = np.asarray([[1.0, -2.0, 0.5, 3.0, 0.0]] * 3), np.asarray([3, 1, 4])
    every = list(itertools.product(*(((), (name,)) for name in OPTIONS)))
    chosen = (127,) if be.slow else range(0, 128, {"numpy": 1, "torch": 5}.get(be.name.partition("-")[0], 11))
    for number in chosen:
        names = [name for group in every[number] for name in group]
        options = {name: OPTIONS[name] for name in names} | REDUCED[number % len(REDUCED)]
        made = {key: be.array(x) if isinstance(x, np.ndarray) else x for key, x in options.items()}
        arrays = [be.array(x) for x in (np.eye(K)[t], t, u if "sample_weight" in names else np.nan_to_num(u), v)]

        def both(rows, labels, u, v, made=made):
            hs = [SoftmaxCrossEntropy(x, check_values=False, **made) for x in (rows, labels)]
            return tuple(x for h in hs for x in (h(u), h.grad(u), h.hvp(u, v)))

        got = outputs(be, both, *arrays)
        size = max(np.max(np.abs(x), initial=1, where=np.isfinite(x)) for x in got)
        for of_rows, of_labels in zip(got[:3], got[3:], strict=True):
            near(be, of_labels, of_rows, roundings=16, size=0 if of_rows.ndim == 0 else size)


def masked(u: Any, t: Any, v: Any, w: Any, mask: Any) -> Any:
    options = {"class_weights": w, "label_smoothing": 0.1, "z_loss": 0.01, "temperature": 2.0, "check_values": False}
    h = SoftmaxCrossEntropy(t, where=mask, **options)
    each = (xent.softmax(u, where=mask), h.grad(u), h.hvp(u, v), h.hessian_diag(u), xent.log_softmax(u, where=mask))
    return xent.logsumexp(u, where=mask), LogPartition.of(u, where=mask).tail, h(u), *each


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_masking_is_removing(be, hole):
    mask = np.asarray([True, False, True, True, False])

    def check(case):
        u, t, v = case
        t, w = np.asarray(t) % 3, np.asarray([0.5, 2.0, 1.0])
        wide, weights, tangent = (np.full((*x.shape[:-1], K), hole) for x in (u, w, v))
        wide[:, mask], weights[mask], tangent[:, mask] = u, w, v
        weights[~mask] = 7.0
        arrays = [be.array(x) for x in (wide, np.flatnonzero(mask)[t], tangent, weights, mask)]
        got = outputs(be, masked, *arrays)
        arrays = [be.array(x) for x in (u, t, v, w, np.ones(3, dtype=bool))]
        expected = outputs(be, masked, *arrays)
        size = 1 + np.max(np.abs(v)) * np.max(np.abs(u), where=np.isfinite(u), initial=1)
        for one, other in zip(got[:3], expected[:3], strict=True):
            near(be, one, other, roundings=16)
        for one, other in zip(got[3:], expected[3:], strict=True):
            near(be, one[:, mask], other, roundings=16, size=size)
        for x, value in zip(got[3:], (0, 0, 0, 0, -np.inf), strict=True):
            assert np.all(x[:, ~mask] == value)

    forall(be, st.tuples(rows((3, 3), infinite=False), labels, rows((3, 3), infinite=False)), check)


def union(left: Any, middle: Any, right: Any, everything: Any) -> Any:
    a, b, c = (LogPartition.of(x) for x in (left, middle, right))
    whole, empty = LogPartition.of(everything), LogPartition.of(left[..., :0])
    merges = (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b), whole, empty.merge(whole))
    states = [x for part in (*merges, whole.merge(empty)) for x in (part.max, part.tail)]
    of_parts = [x for part in (left, middle, right) for x in (merges[0].softmax(part), merges[0].log_softmax(part))]
    direct = (whole.softmax(everything), whole.log_softmax(everything))
    return *states, *of_parts, *direct, xent.softmax(everything), xent.log_softmax(everything)


@pytest.mark.traced
def test_partitions_merge_in_any_order_to_that_of_the_union(be):
    extremes = st.sampled_from([None, (0, 0, np.inf), (1, 4, np.nan), (2, slice(None), -np.inf)])

    def check(case):
        u, extreme = case
        if extreme is not None:
            u[extreme[:2]] = extreme[2]
        got = outputs(be, union, *(be.array(x) for x in (u[:, :1], u[:, 1:3], u[:, 3:], u)))
        maxima, tails = got[:12:2], got[1:12:2]
        for m, tail in zip(maxima, tails, strict=True):
            close(m, maxima[3], rtol=0)
            near(be, tail, tails[3], roundings=16)
        for k in (4, 5):  # the empty partition is the identity, to the bit
            close(tails[k], tails[3], rtol=0)
        for parts, whole, direct in ((got[12:18:2], got[18], got[20]), (got[13:18:2], got[19], got[21])):
            near(be, whole, direct, roundings=8)
            near(be, np.concatenate(parts, axis=-1), direct, roundings=12)

    forall(be, st.tuples(rows(), extremes), check)


@pytest.mark.traced
def test_integer_weights_repeat_classes(be):
    def both(u, w, repeated, again):
        return *xent.logsumexp(u, weights=w, return_sign=True), xent.logsumexp(repeated), xent.logsumexp(again)

    def check(case):
        u, w = case
        w = np.asarray(w)
        u[:, w == 0] = np.nan
        repeated = np.repeat(u, w, axis=1)
        value, sign, expected, again = outputs(be, both, *(be.array(x) for x in (u, w, repeated, repeated[:, ::-1])))
        near(be, value, expected, roundings=8, size=1)
        near(be, again, expected, roundings=8, size=1)
        close(sign, np.where(value == -np.inf, 0.0, 1.0).astype(sign.dtype), rtol=0)

    forall(be, st.tuples(rows(), st.permutations([0, 1, 2, 3, 1])), check)
