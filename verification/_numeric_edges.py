"""Numbers at edges that no regime has, where mutants showed that nothing looked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent
from xent_arrayapi._exponentials import exponentials, tail_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verification._judged import Judge

INF, NAN = np.inf, np.nan
MANY = 300
"""More classes than int8 counts."""


def check_edges(judge: Judge) -> None:
    """Hold logits as far apart as the dtype has them, weights that cancel, small label dtypes, and what is left out."""
    array = partial(np.asarray, dtype=judge.dtype)
    largest = np.finfo(judge.dtype).max
    far = array([[largest, -largest]])
    judge.same("softmax", "spread beyond the dtype", xent.softmax(far), [[1, 0]])
    judge.same("log_softmax", "spread beyond the dtype", xent.log_softmax(far), [[0, -INF]])
    value, sign = xent.logsumexp(array([[0, 0, -60]]), weights=array([[1, -1, 1]]), return_sign=True)
    judge.same("logsumexp", "ties that cancel", [value[0], sign[0]], [-60, 1])
    value, sign = xent.logsumexp(array([[NAN, 0], [-INF, -INF]]), weights=array([[1, 2]]), return_sign=True)
    judge.same("logsumexp", "weights, nan and −inf", [value, sign], [[NAN, -INF], [NAN, 0]])
    many = largest / 2 * np.ones((1, 8), judge.dtype)
    judge.same("logsumexp", "large weights", np.isfinite(xent.logsumexp(0 * many, weights=many)), [True])
    masked = xent.softmax(array([[0, 1, 2]]), temperature=0, where=np.asarray([True, True, False]))
    judge.same("softmax", "T = 0, masked", masked, [[0, 1, 0]])
    leading, m = array([[0, -50, 0]]), array([[0]])
    for fused in (False, True):  # as other backends have it
        tail = tail_of(m, exponentials(leading, m, np), np, fused=fused)
        judge.near("LogPartition.of", "tail of ties", tail, 1 + np.exp(array([[-50]])), 1)
        tail = tail_of(m, exponentials(leading[:, :2], m, np), np, fused=fused)
        judge.near("LogPartition.of", "tail of a dominant logit", tail, np.exp(array([[-50]])), 1)
    far, tops = array([[INF, 0, -INF], [-INF, -INF, -INF], [INF, 0, -INF]]), array([[INF], [-INF], [0]])
    for late in (False, True):  # as torch compiles it
        with np.errstate(invalid="ignore"):
            e = exponentials(far, tops, np, late=late).e
        judge.same("softmax", "exponentials of what is infinite", e, [[1, 0, 0], [1, 1, 1], [INF, 1, 0]])
    _check_small_labels(judge)
    _check_tangents(judge)
    _check_inadmissible(judge)


def _check_small_labels(judge: Judge) -> None:
    """Hold labels of small and unsigned dtypes against those of int64, also the least number as the one to ignore."""
    u = np.zeros((3, MANY), judge.dtype)
    u[:, 0] = 1
    for dtype in (np.int8, np.uint8, np.uint64):
        labels = np.asarray([0, 1, 127])
        same = xent.SoftmaxCrossEntropy(labels.astype(dtype), reduction="none")
        plain = xent.SoftmaxCrossEntropy(labels, reduction="none")
        judge.same("SoftmaxCrossEntropy", f"labels {np.dtype(dtype)}", same(u), plain(u))
        judge.same("SoftmaxCrossEntropy.grad", f"labels {np.dtype(dtype)}", same.grad(u), plain.grad(u))
        limits = np.iinfo(dtype)
        for ignored in (limits.min, limits.max, -(2**70)):
            h = xent.SoftmaxCrossEntropy(
                np.asarray([1, limits.min, 2], dtype), ignore_index=ignored, check_values=False
            )
            left_out = np.asarray([False, limits.min == ignored, False])
            gone = np.all(h.grad(u) == 0, axis=-1)
            judge.same("SoftmaxCrossEntropy.grad", f"{np.dtype(dtype)}, {ignored} ignored", gone, left_out)


def _check_tangents(judge: Judge) -> None:
    """Hold products with what a tangent has at masked classes, and means over a divisor of 0."""
    u, labels = np.zeros((2, 3), judge.dtype), np.asarray([0, 1])
    mask = np.asarray([[True, True, False]])
    h = xent.SoftmaxCrossEntropy(labels, where=mask, reduction="none")
    v = np.asarray([[1, 0, NAN], [0, 1, INF]], judge.dtype)
    judge.same(
        "SoftmaxCrossEntropy.hvp", "tangent at a masked class", h.hvp(u, v), [[0.25, -0.25, 0], [-0.25, 0.25, 0]]
    )
    nothing = xent.SoftmaxCrossEntropy(labels, sample_weight=np.zeros(2, judge.dtype), normalizer=0)
    judge.same("SoftmaxCrossEntropy", "nothing divided by 0", nothing(u), 0)
    zero = xent.SoftmaxCrossEntropy(labels, normalizer=0)
    judge.same("SoftmaxCrossEntropy", "divided by 0", zero(u), NAN)
    judge.same("SoftmaxCrossEntropy.grad", "divided by 0", zero.grad(u), np.full_like(u, NAN))


def _check_inadmissible(judge: Judge) -> None:
    """Hold weights that are negative or not finite, and labels out of range: refused, or nan (rules 15 and 20)."""
    u, labels = np.zeros((2, 2), judge.dtype), np.asarray([0, 1])
    for weight in (-1, INF, NAN):
        weights = np.asarray([1, weight], judge.dtype)
        regime = f"sample weight {weight}"
        h = xent.SoftmaxCrossEntropy(labels, sample_weight=weights, reduction="none", check_values=False)
        judge.same("SoftmaxCrossEntropy", f"{regime}, unchecked", np.isnan(h(u)), [False, True])
        judge.same("SoftmaxCrossEntropy", f"{regime}, refused", _is_refused(u, labels, weights), expected=True)
    nowhere = xent.SoftmaxCrossEntropy(labels, where=np.asarray([[False, False]]), reduction="none")
    judge.same("SoftmaxCrossEntropy", "a mask that leaves no class", nowhere(u), [INF, INF])
    of_one = xent.SoftmaxCrossEntropy(np.asarray([0, 1]), reduction="none", check_values=False)
    judge.same("SoftmaxCrossEntropy", "one class, label 1", np.isnan(of_one(u[:, :1])), [False, True])


def _is_refused(u: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any]) -> bool:
    try:
        xent.softmax_cross_entropy(u, labels, sample_weight=weights)
    except ValueError:
        return True
    return False
