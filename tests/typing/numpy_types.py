"""What a checker infers for NumPy: arrays of the caller's type come back.  Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import TypeAlias, assert_type

import numpy as np

import xent_arrayapi as xent

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def functions(x: Floats, v: Floats, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    """Check every function."""
    assert_type(xent.softmax(x, axis=(0, 1), temperature=2.0), Floats)
    assert_type(xent.log_softmax(x), Floats)
    assert_type(xent.logsumexp(x, axis=None, weights=v, keepdims=True), Floats)
    assert_type(xent.logsumexp(x, return_sign=True), tuple[Floats, Floats])
    assert_type(xent.softmax_jacobian(x), Floats)
    assert_type(xent.softmax_jvp(x, v), Floats)
    assert_type(xent.sigmoid(x), Floats)
    assert_type(xent.log_sigmoid(x), Floats)
    assert_type(xent.entropy(x), Floats)
    assert_type(xent.cross_entropy(x, v), Floats)
    assert_type(xent.kl_divergence(x, v, axis=0), Floats)
    assert_type(xent.softmax_cross_entropy(x, v, label_smoothing=0.1, reduction="none"), Floats)
    assert_type(xent.sigmoid_cross_entropy(x, v, pos_weight=2.0), Floats)
    assert_type(xent.softmax(x, where=mask), Floats)


def partitions(x: Floats, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    """Check the mergeable reduction."""
    part = xent.LogPartition.of(x, axis=0)
    assert_type(part, xent.LogPartition[Floats])
    assert_type(xent.LogPartition.of(x, where=mask), xent.LogPartition[Floats])
    assert_type(part.merge(part), xent.LogPartition[Floats])
    assert_type(part.max, Floats)
    assert_type(part.tail, Floats)
    assert_type(part.logsumexp, Floats)
    assert_type(part.softmax(x), Floats)
    assert_type(part.log_softmax(x), Floats)


def families(x: Floats, y: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    """Check the exponential family."""
    family = xent.Categorical(x, axis=0)
    assert_type(family, xent.Categorical[Floats])
    assert_type(xent.Categorical.from_probs(x), xent.Categorical[Floats])
    assert_type(xent.Categorical.from_natural(x, reference=0), xent.Categorical[Floats])
    for array in (family.logits, family.log_normalizer, family.mean, family.covariance, family.third_cumulant):
        assert_type(array, Floats)
    assert_type(family.natural(reference=1), Floats)
    assert_type(family.fisher_information(), Floats)
    assert_type(family.log_prob(y), Floats)
    assert_type(family.entropy, Floats)
    assert_type(family.cross_entropy(family), Floats)
    assert_type(family.kl_divergence(xent.Categorical.fit(y, classes=3)), Floats)


def losses(x: Floats, v: Floats) -> None:
    """Check every method of the losses."""
    for h in (xent.SoftmaxCrossEntropy(v, axis=0, z_loss=0.1), xent.SigmoidCrossEntropy(v, pos_weight=2.0)):
        assert_type(h(x), Floats)
        assert_type(h.grad(x), Floats)
        assert_type(h.value_and_grad(x), tuple[Floats, Floats])
        assert_type(h.hvp(x, v), Floats)
        assert_type(h.hessian(x), Floats)
        assert_type(h.hessian_diag(x), Floats)
        assert_type(h.total_and_weight(x), tuple[Floats, Floats])


def wrong(x: Floats) -> None:
    """Check that what is wrong is an error: an unused ignore is one."""
    xent.softmax([0.0, 1.0])  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    xent.softmax(x, temperature="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    xent.softmax_cross_entropy(x, x, reduction="average")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    xent.softmax_cross_entropy(x, x, eps=0.1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    xent.softmax_jacobian(x, axis=(0, 1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
