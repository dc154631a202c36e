"""Every public function lowered by jax.export for GPUs, TPUs and the CPU, with any number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_namespace import entropies, everything

ROWS, CLASSES = 5, 4
FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])
METHODS = ("__call__", "grad", "value_and_grad", "hessian", "hessian_diag", "total_and_weight")


def check(be: Any, make: Any, *data: np.ndarray, eps: float) -> None:
    """Compare what is exported with what NumPy evaluates, on two numbers of rows.

    ``make`` takes how an array is made, for what is the same for all rows, and returns the function of rows.
    """
    exported = be.exported(make(be.array), *(be.array(x, x.dtype.name) for x in data))
    for rows in (ROWS, 2):
        some = tuple(x[:rows] for x in data)
        made = exported(*(be.array(x, x.dtype.name) for x in some))
        for got, expected in zip(be.leaves(made), be.leaves(make(np.asarray)(*some)), strict=True):
            assert got.dtype == expected.dtype
            size = np.abs(expected[np.isfinite(expected)]).max(initial=0)
            close(be.numpy(got), expected, rtol=32 * eps, atol=32 * eps * size)


def logits(rng: Any, dtype: str) -> np.ndarray:
    return (3 * rng.normal(size=(ROWS, CLASSES))).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "bool"])
def test_every_public_name(be, rng, dtype):
    x = rng.integers(0, 2, (ROWS, CLASSES)).astype(dtype)
    other = x if dtype.startswith("float") else x.astype("float64")
    labels = (np.arange(ROWS) % CLASSES).astype("uint8")
    eps = float(np.finfo(other.dtype).eps)
    check(be, lambda _: lambda x, t, o: (everything(x, t, o), entropies(o)), x, labels, other, eps=eps)


MASK = [True, True, False, True]
WEIGHTS = [1.0, 0.0, 2.0, 0.5]
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "none": {"reduction": "none", "where": MASK},
    "sum": {"reduction": "sum", "class_weights": WEIGHTS, "softcap": 4.0},
    "count": {"normalizer": "count", "label_smoothing": 0.1, "temperature": 2.0},
    "all": {"normalizer": "batch", "label_smoothing": 0.1, "temperature": 2.0, "softcap": 4.0, "z_loss": 0.01,
            "class_weights": WEIGHTS, "where": MASK},
}  # fmt: skip


@FLOATS
@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "rows"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_losses(be, rng, dtype, labelled, options):
    """Each method under each option; the sample weights come with the rows."""
    t = np.asarray([1, 0, 3, 3, 1]) if labelled else rng.dirichlet(np.ones(CLASSES), ROWS).astype(dtype)
    s = np.asarray([1.0, 2.0, 0.0, 1.0, 0.5])
    ignored = {"ignore_index": 3} if labelled else {}

    def make(array: Any) -> Any:
        given = {name: array(np.asarray(x)) if isinstance(x, list) else x for name, x in options.items()}

        def evaluate(u: Any, t: Any, s: Any, v: Any) -> Any:
            h = xent.SoftmaxCrossEntropy(t, sample_weight=s, check_values=False, **given, **ignored)
            return [getattr(h, name)(u) for name in METHODS], h.hvp(u, v)

        return evaluate

    check(be, make, logits(rng, dtype), t, s, logits(rng, dtype), eps=float(np.finfo(dtype).eps))


@FLOATS
def test_two_classes(be, rng, dtype):
    t, s = rng.integers(-1, 2, (ROWS, CLASSES)), rng.random((ROWS, CLASSES))

    def evaluate(u: Any, t: Any, s: Any, v: Any) -> Any:
        options = {"ignore_index": -1, "label_smoothing": 0.1, "temperature": 2.0}
        h = xent.SigmoidCrossEntropy(t, sample_weight=s, check_values=False, **options)
        return [getattr(h, name)(u) for name in METHODS], h.hvp(u, v)

    check(be, lambda _: evaluate, logits(rng, dtype), t, s, logits(rng, dtype), eps=float(np.finfo(dtype).eps))


@FLOATS
def test_axes_masks_and_temperatures(be, rng, dtype):
    mask = rng.random((ROWS, CLASSES)) > 0.25

    def evaluate(u: Any, w: Any, mask: Any) -> Any:
        first = u.T
        return [
            *(xent.softmax(u, temperature=t, where=mask) for t in (0, 0.5, np.inf)),
            *(xent.log_softmax(first, axis=axis) for axis in (0, (0, 1), None)),
            xent.logsumexp(u, weights=w, where=mask, keepdims=True, return_sign=True),
            xent.logsumexp(first, axis=None),
            xent.softmax_jacobian(first, axis=0),
            xent.LogPartition.of(u[:, :1]).merge(xent.LogPartition.of(u[:, 1:], where=mask[:, 1:])).softmax(u),
        ]

    check(be, lambda _: evaluate, logits(rng, dtype), logits(rng, dtype), mask, eps=float(np.finfo(dtype).eps))


def test_labels_out_of_range_are_nan(be):
    """The default reads no value here."""
    u, t = be.array(np.zeros((3, CLASSES))), be.array([0, CLASSES, -1])

    def evaluate(u: Any, t: Any) -> Any:
        return xent.SoftmaxCrossEntropy(t, reduction="none").value_and_grad(u)

    value, gradient = be.run(evaluate, u, t)
    close(be.numpy(value), [np.log(CLASSES), np.nan, np.nan], rtol=be.eps)
    close(np.isnan(be.numpy(gradient)).all(axis=-1), [False, True, True], rtol=0)


def test_a_call_out_of_the_lowered_code_is_seen(be):
    """A factorisation is a call of LAPACK; callbacks of the host are refused by jax.export itself."""
    with pytest.raises(AssertionError, match=r"the lowered code calls .*lapack"):
        be.exported(lambda x: be.module.numpy.linalg.cholesky(x[:, None] * x[:, :, None]), be.array(np.eye(2)))
