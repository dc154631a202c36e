"""The library on arrays of objects: with Python floats as elements, it computes what it computes with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import xent_arrayapi as xa
from verification._cases import Cases, branch
from verification._objects import ObjectNamespace
from verification._results import UndecidedError
from xent_arrayapi._namespace import NEEDED


class Floats:
    """Python floats, with the rules of IEEE 754 where Python raises."""

    name = "floats"

    def lift(self, number):
        return float(number)

    def add(self, x, y):
        return x + y

    def subtract(self, x, y):
        return x - y

    def multiply(self, x, y):
        return x * y

    def divide(self, x, y, _):
        return float(np.float64(x) / np.float64(y))

    def power(self, x, n):
        return x**n

    def negative(self, x):
        return -x

    def absolute(self, x, _):
        return abs(x)

    def exp(self, x, _):
        return math.exp(x)

    def log(self, x, _):
        return float(np.log(x))

    def log1p(self, x, _):
        return float(np.log1p(x))

    def tanh(self, x):
        return math.tanh(x)

    def less(self, x, y):
        return x < y

    def less_equal(self, x, y):
        return x <= y

    def equal(self, x, y):
        return x == y

    def isfinite(self, x):
        return math.isfinite(x)

    def isinf(self, x):
        return math.isinf(x)

    def isnan(self, x):
        return math.isnan(x)

    def total(self, values):
        return math.fsum(values)

    def maximum(self, values):
        return max(values)

    def tidy(self, value):
        return value


XP = ObjectNamespace(Floats())
RNG = np.random.default_rng(3)
U = RNG.normal(scale=3, size=(4, 3))
P = RNG.dirichlet(np.ones(3), size=4)
V = RNG.normal(size=(4, 3))
LABELS = np.asarray([0, 2, 1, 2])
MASK = np.asarray([[True, True, False], [False, True, True], [True, True, True], [True, False, True]])


def of(x):
    """The same array, as objects."""
    return XP.asarray(x.tolist(), dtype={"f": "float64", "i": "int64", "b": "bool"}[x.dtype.kind])


def same(got, expected):
    got = got.data.astype(float)
    assert got.shape == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)


def test_the_namespace_has_all_that_the_library_needs():
    assert [name for name in NEEDED if not hasattr(XP, name)] == ["sqrt", "take"]  # of fits, which hold no formula


@pytest.mark.parametrize("axis", [0, 1, -1, None, (0, 1)])
def test_functions_of_logits(axis):
    for f in (xa.softmax, xa.log_softmax, xa.logsumexp):
        same(f(of(U), axis=axis), f(U, axis=axis))
        same(f(of(U), axis=axis, where=of(MASK)), f(U, axis=axis, where=MASK))
    same(xa.softmax(of(U), temperature=0.5), xa.softmax(U, temperature=0.5))


@pytest.mark.parametrize("temperature", [0.0, math.inf])
def test_limits_of_the_temperature(temperature):
    same(xa.softmax(of(U), temperature=temperature), xa.softmax(U, temperature=temperature))


def test_derivatives_of_softmax():
    same(xa.softmax_jacobian(of(U)), xa.softmax_jacobian(U))
    same(xa.softmax_jvp(of(U), of(V)), xa.softmax_jvp(U, V))


def test_signed_logsumexp():
    ours, theirs = (
        f(xa.logsumexp)
        for f in (lambda f: f(of(U), weights=of(V), return_sign=True), lambda f: f(U, weights=V, return_sign=True))
    )
    same(ours[0], theirs[0])
    same(ours[1], theirs[1])


@pytest.mark.parametrize("targets", [LABELS, P], ids=["labels", "rows"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_smoothing": 0.25, "temperature": 0.5, "z_loss": 0.125},
        {"softcap": 2.0, "temperature": 3.0},
        {"class_weights": np.asarray([0.5, 1.0, 2.0]), "sample_weight": np.asarray([1.0, 0.0, 2.0, 3.0])},
        {"normalizer": "count"},
        {"normalizer": 7.0},
    ],
    ids=lambda options: "+".join(options) or "plain",
)
def test_the_loss_and_its_derivatives(targets, reduction, options):
    objects = {name: of(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}
    ours = xa.SoftmaxCrossEntropy(of(targets), reduction=reduction, **objects)
    theirs = xa.SoftmaxCrossEntropy(targets, reduction=reduction, **options)
    same(ours(of(U)), theirs(U))
    for name in ("grad", "hessian", "hessian_diag"):
        same(getattr(ours, name)(of(U)), getattr(theirs, name)(U))
    same(ours.hvp(of(U), of(V)), theirs.hvp(U, V))


def test_labels_that_are_ignored_masked_or_inadmissible():
    for options in ({"ignore_index": 2}, {"where": MASK}):
        objects = {name: of(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}
        ours, theirs = xa.SoftmaxCrossEntropy(of(LABELS), **objects), xa.SoftmaxCrossEntropy(LABELS, **options)
        same(ours.grad(of(U)), theirs.grad(U))
        same(ours.hessian(of(U)), theirs.hessian(U))
    with pytest.raises(ValueError, match=r"0\.\.2"):
        xa.softmax_cross_entropy(of(U), of(LABELS + 1), check_values=True)
    assert math.isnan(xa.softmax_cross_entropy(of(U), of(LABELS + 1)).data.item())


def test_the_logistic_loss_and_the_entropies():
    for targets in (LABELS[:3] // 2, P[0]):
        ours = xa.SigmoidCrossEntropy(of(targets), pos_weight=2.0, label_smoothing=0.125)
        theirs = xa.SigmoidCrossEntropy(targets, pos_weight=2.0, label_smoothing=0.125)
        same(ours(of(U[0])), theirs(U[0]))
        same(ours.grad(of(U[0])), theirs.grad(U[0]))
        same(ours.hessian(of(U[0])), theirs.hessian(U[0]))
    same(xa.entropy(of(P)), xa.entropy(P))
    same(xa.kl_divergence(of(P), of(P[::-1])), xa.kl_divergence(P, P[::-1]))
    same(xa.sigmoid(of(U)), xa.sigmoid(U))


def test_partitions_merge():
    parts = [xa.LogPartition.of(of(U[:, :2])), xa.LogPartition.of(of(U[:, 2:]))]
    same(parts[0].merge(parts[1]).logsumexp, xa.logsumexp(U))
    same(parts[0].merge(parts[1]).softmax(of(U)), xa.softmax(U))


@pytest.mark.parametrize("k", [0, 1])
def test_rows_of_no_class_and_of_one(k):
    u = U[:, :k]
    for f in (xa.softmax, xa.log_softmax, xa.logsumexp, xa.softmax_jacobian):
        same(f(of(u)), f(u))
    same(xa.SoftmaxCrossEntropy(of(P[:, :k])).grad(of(u)), xa.SoftmaxCrossEntropy(P[:, :k]).grad(u))


def test_integers_and_half_as_many_bits():
    same(xa.softmax(of(LABELS)), xa.softmax(LABELS))
    assert xa.softmax(XP.asarray([1, 2], dtype="float32")).dtype == "float32"
    with pytest.raises(TypeError, match="does not mix"):
        of(U) + of(LABELS[:, None])
    with pytest.raises(TypeError, match="has no `add` of bool"):
        of(MASK) + of(MASK)


def test_a_condition_is_read_only_where_it_is_decided():
    held = XP.array(np.asarray(Cases("a", yes=True, no=False), dtype=object), "bool")
    with pytest.raises(UndecidedError, match="a"):
        bool(held)
    assert bool(XP.logical_or(held, XP.logical_not(held)))


def test_a_branch_knows_its_facts_and_keeps_conditions_in_order():
    value = Cases("b", yes=1, no=2)
    assert branch(lambda facts, x: (dict(facts), x), value) == Cases("b", ({"b": True}, 1), ({"b": False}, 2))
    later = branch(lambda _, x: Cases("a", yes=x, no=0), value)
    assert later == Cases("a", Cases("b", yes=1, no=2), 0)
