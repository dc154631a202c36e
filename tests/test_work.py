"""How much the evaluator does, counted and not timed: passes over the logits, allocated bytes, calls of functions."""

from __future__ import annotations

from typing import NamedTuple

import array_api_compat.numpy as compat
import numpy as np
import pytest

import xent_arrayapi as xent
from tests.counting import beyond_outputs, operations_of, python_calls
from xent_arrayapi._threads import threads

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("alone")]


@pytest.fixture
def alone():
    """Count on one thread: with more, as many blocks are alive as happen to be."""
    with threads(1):
        yield


class Most(NamedTuple):
    """What a call on NumPy arrays does at most."""

    passes: float
    """Elements that its operations go through, over those of the logits."""
    allocated: float
    """Bytes of the arrays that they make, over those of the logits."""
    memory: float
    """The most bytes at a time beyond the outputs, over those of the logits."""


SHAPES = {"few classes": (400_000, 10), "many classes": (2000, 2000)}
WORK = {
    ("value_and_grad", "few classes"): Most(4.5, 2.93, 0.59),
    ("value_and_grad", "many classes"): Most(4.02, 0.02, 0.01),
    ("softmax", "few classes"): Most(3.6, 1.63, 0.51),
    ("softmax", "many classes"): Most(4.02, 0.02, 0.01),
    ("log_softmax", "few classes"): Most(6.2, 3.5, 0.66),
    ("log_softmax", "many classes"): Most(5.02, 0.02, 0.01),
    ("logsumexp", "few classes"): Most(2.96, 2.26, 0.39),
    ("logsumexp", "many classes"): Most(2.02, 1.05, 0.14),
    ("hvp", "few classes"): Most(13.2, 7.68, 1.06),
    ("hvp", "many classes"): Most(8.04, 2.04, 0.4),
    ("softmax_jvp", "few classes"): Most(13.2, 6.68, 0.92),
    ("softmax_jvp", "many classes"): Most(8.04, 1.04, 0.14),
}
"""What was counted, rounded up in the last digit: more is a regression, and less is to be written here."""
CALLS = {"value_and_grad": 133, "softmax": 60, "log_softmax": 64, "logsumexp": 58}
"""Calls of functions of the library in one call on 32 rows of 10 classes."""
GROWTH = 0.001
"""The bytes beyond the outputs that more rows take, over those of their logits: next to none."""
SLACK = 0.1
"""By how much less may be done than is written here, as a share."""


def call_of(function, shape, dtype="float32"):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, shape).astype(dtype), rng.integers(0, shape[-1], shape[:-1])
    if function == "value_and_grad":
        return lambda: xent.SoftmaxCrossEntropy(labels, reduction="none").value_and_grad(logits)
    tangent = rng.normal(0, 1, shape).astype(dtype)
    if function == "hvp":
        return lambda: xent.SoftmaxCrossEntropy(labels, reduction="none").hvp(logits, tangent)
    if function == "softmax_jvp":
        return lambda: xent.softmax_jvp(logits, tangent)
    return lambda: getattr(xent, function)(logits)


def hold(got, most):
    """Compare; where it fails, it says what to write in the table."""
    assert all(have <= limit for have, limit in zip(got, most, strict=True)), f"more work: {got}"
    assert all(have >= (1 - SLACK) * limit for have, limit in zip(got, most, strict=True)), f"less: write {got}"


@pytest.mark.parametrize(("function", "shape"), WORK)
def test_work(function, shape, monkeypatch):
    call = call_of(function, SHAPES[shape])
    size = np.prod(SHAPES[shape])
    operations = operations_of(call, monkeypatch)
    done = (
        sum(x.elements for x in operations) / size,
        sum(x.allocated for x in operations) / (4 * size),
        beyond_outputs(call) / (4 * size),
    )
    hold(Most(*(round(float(x), 2) for x in done)), WORK[function, shape])


@pytest.mark.parametrize("function", CALLS)
def test_calls(function):
    hold([python_calls(call_of(function, (32, 10), "float64"))], [CALLS[function]])


@pytest.mark.parametrize("classes", [10, 1000])
def test_memory_of_more_rows(classes):
    few, twice = (
        beyond_outputs(call_of("value_and_grad", (n, classes))) for n in (8_000_000 // classes, 16_000_000 // classes)
    )
    assert abs(twice - few) / (4 * 8_000_000) <= GROWTH


def test_what_counts(monkeypatch):
    """A view is no operation; an operator, a function, an index and a result that is written to are."""
    x = np.ones((4, 5), "float32")

    def call():
        m = compat.max(x, axis=-1, keepdims=True)
        d = x - m
        d -= m
        np.exp(d, out=d)
        compat.exp(compat.reshape(d, (20,))[d.reshape(-1) > 0], out=None)
        d.argmax(axis=-1)
        return compat.sum(d.T)

    got = [(op.name, op.elements, op.allocated) for op in operations_of(call, monkeypatch)]
    assert got == [
        *(("max", 20, 16), ("subtract", 20, 80), ("subtract", 20, 0), ("exp", 20, 0)),
        *(("greater", 20, 20), ("getitem", 20, 80), ("exp", 20, 80), ("argmax", 20, 32), ("sum", 20, 4)),
    ]
