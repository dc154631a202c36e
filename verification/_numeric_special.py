"""Infinities, nan, ties, masks and no classes in NumPy: the results that the contract names, to the last bit."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent
from verification._numeric_functions import frozen

if TYPE_CHECKING:
    from verification._judged import Judge

INF, NAN = np.inf, np.nan
FEW = 2
"""Ulps for a logarithm of a small integer."""

ROWS: dict[str, tuple[list[float], float, list[float]]] = {
    "−inf throughout": ([-INF, -INF, -INF], -INF, [NAN, NAN, NAN]),
    "+inf": ([INF, 1.0, -INF], INF, [1, 0, 0]),
    "+inf ties": ([INF, 0.0, INF], INF, [0.5, 0, 0.5]),
    "nan and +inf": ([NAN, 0.0, INF], NAN, [NAN, NAN, NAN]),
    "nan and −inf": ([0.0, -INF, NAN], NAN, [NAN, NAN, NAN]),
    "one −inf": ([0.0, -INF, 0.0], np.log(2), [0.5, 0, 0.5]),
    "one finite": ([-INF, 7.0, -INF], 7.0, [0, 1, 0]),
    "ties of zero": ([-0.0, 0.0, 0.0], np.log(3), [1 / 3, 1 / 3, 1 / 3]),
}
"""Logits, their logsumexp and their softmax: rule 4."""


STATES: dict[str, tuple[float, float]] = {
    "−inf throughout": (-INF, 0),
    "+inf": (INF, 0),
    "+inf ties": (INF, 1),
    "nan and +inf": (NAN, NAN),
    "nan and −inf": (NAN, NAN),
    "one −inf": (0, 1),
    "one finite": (7, 0),
    "ties of zero": (0, 2),
}
"""The (max, tail) of these rows."""


def check_special_rows(judge: Judge) -> None:
    """Hold rows with infinities and nan, all in one array, against rule 4."""
    u = frozen(np.asarray([row for row, _, _ in ROWS.values()], judge.dtype))
    probabilities = np.asarray([s for _, _, s in ROWS.values()], judge.dtype)
    with np.errstate(divide="ignore"):
        logarithms = np.log(probabilities)
    of = xent.LogPartition.of(u)
    merged = xent.LogPartition.of(u[:, :1]).merge(xent.LogPartition.of(u[:, 1:]))
    turned = xent.LogPartition.of(u[:, 2:]).merge(xent.LogPartition.of(u[:, :2]))
    results = {
        "logsumexp": (xent.logsumexp(u), of.logsumexp, merged.logsumexp, turned.logsumexp),
        "softmax": (xent.softmax(u), of.softmax(u), merged.softmax(u), turned.softmax(u)),
        "log_softmax": (xent.log_softmax(u), of.log_softmax(u), merged.log_softmax(u), turned.log_softmax(u)),
    }
    values = np.asarray([a for _, a, _ in ROWS.values()])
    expected = {"logsumexp": values, "softmax": probabilities, "log_softmax": logarithms}
    for function, found in results.items():
        for way, got in zip(("", " of LogPartition", " merged", " merged, turned"), found, strict=True):
            for name, one, other in zip(ROWS, got, expected[function], strict=True):
                judge.near(function + way, name, one, other, FEW)
    for way, state in {"of": of, "merged": merged, "turned": turned}.items():
        judge.same(f"LogPartition.max, {way}", "rule 4", state.max, [m for m, _ in STATES.values()])
        judge.same(f"LogPartition.tail, {way}", "rule 4", state.tail, [t for _, t in STATES.values()])
    signed = xent.logsumexp(u, return_sign=True)[1]
    judge.same("logsumexp: sign", "rule 4", signed, np.where(values == -INF, 0, np.where(np.isnan(values), NAN, 1)))
    blocks, tied = xent.softmax_jacobian(u), list(ROWS).index("+inf ties")
    soft = [NAN if np.isnan(s).any() else 0 for s in probabilities]
    judge.same("softmax_jacobian", "no softmax", np.isnan(blocks).all(axis=(1, 2)), np.isnan(soft))
    judge.same("softmax_jacobian", "+inf ties", blocks[tied], [[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]])
    product = xent.softmax_jvp(u, frozen(np.ones_like(u) * [1, 2, 3]).astype(judge.dtype))
    judge.same("softmax_jvp", "+inf ties", product[tied], [-0.5, 0, 0.5])


def check_masks_and_sizes(judge: Judge) -> None:
    """Hold masks that leave nothing, one class and none against rules 4, 5 and 21."""
    u = frozen(np.asarray([row for row, _, _ in ROWS.values()], judge.dtype))
    nothing = frozen(np.zeros(u.shape, bool))
    judge.same("softmax", "no class left", xent.softmax(u, where=nothing), np.zeros_like(u))
    judge.same("log_softmax", "no class left", xent.log_softmax(u, where=nothing), np.full_like(u, -INF))
    judge.same("logsumexp", "no class left", xent.logsumexp(u, where=nothing), np.full(len(u), -INF))
    one, none = frozen(np.asarray([[3.5], [-1e4]], judge.dtype)), frozen(np.zeros((2, 0), judge.dtype))
    for x, s, a in ((one, np.ones((2, 1)), one[:, 0]), (none, none, [-INF, -INF])):
        said = f"K = {x.shape[-1]}"
        judge.same("softmax", said, xent.softmax(x), s)
        judge.same("log_softmax", said, xent.log_softmax(x), 0 * x)
        judge.same("logsumexp", said, xent.logsumexp(x), a)
        judge.same("softmax_jacobian", said, xent.softmax_jacobian(x), np.zeros((2, x.shape[-1], x.shape[-1])))
    h = xent.SoftmaxCrossEntropy(frozen(np.zeros(2, np.int64)), reduction="none")
    judge.same("SoftmaxCrossEntropy", "K = 1", h(one), [0, 0])
    judge.same("SoftmaxCrossEntropy.grad", "K = 1", h.grad(one), [[0], [0]])
    for reduction in ("sum", "mean"):
        for targets in (np.zeros(0, np.int64), np.zeros((0, 3), judge.dtype)):
            h = xent.SoftmaxCrossEntropy(targets, reduction=reduction)
            judge.same("SoftmaxCrossEntropy", f"no rows, {reduction}", h(np.zeros((0, 3), judge.dtype)), 0)


def check_limits(judge: Judge) -> None:
    """Hold T = 0 and T = inf against the limits of rule 26, and the ends of the range against rule 6."""
    u = frozen(np.asarray([[1, 3, 3, -INF], [-INF, 0, -700, 2]], judge.dtype))
    judge.same("softmax", "T = 0", xent.softmax(u, temperature=0), [[0, 0.5, 0.5, 0], [0, 0, 0, 1]])
    third, log2 = 1 / 3, np.log(2)
    uniform = [[third, third, third, 0], [0, third, third, third]]
    judge.near("softmax", "T = inf", xent.softmax(u, temperature=INF), uniform, FEW)
    judge.near("log_softmax", "T = 0", xent.log_softmax(u, temperature=0)[0], [-INF, -log2, -log2, -INF], FEW)
    big = float(np.finfo(judge.dtype).max)
    rows = [[big, big / 2, 0], [-big, -big, -big / 2], [big, -big / 8, 1], [big, -big, 0]]
    ends = frozen(np.asarray(rows, judge.dtype))
    judge.same("softmax", "ends of the range", xent.softmax(ends), [[1, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]])
    judge.same("logsumexp", "ends of the range", xent.logsumexp(ends), np.max(ends, axis=-1))
    logarithms = [[0, -big / 2, -big], [-big / 2, -big / 2, 0], [0, -INF, -big], [0, -INF, -big]]
    judge.same("log_softmax", "ends of the range", xent.log_softmax(ends), np.asarray(logarithms, judge.dtype))
    h = xent.SoftmaxCrossEntropy(frozen(np.asarray([0, 2, 0, 1])), reduction="none")
    judge.same("SoftmaxCrossEntropy", "ends of the range", h(ends), [0, 0, 0, INF])
    judge.same("SoftmaxCrossEntropy.grad", "ends of the range", h.grad(ends)[3], [1, -1, 0])


def check_special_weights(judge: Judge) -> None:
    """Hold weighted sums that vanish, that are infinite, and that leave nan out, against rule 4."""
    array, log2 = partial(np.asarray, dtype=judge.dtype), np.log(2)
    u = frozen(array([[NAN, 0, 1], [INF, 2, 2], [0, 0, -INF], [INF, INF, 0], [INF, 0, 1], [0, 0, 0], [-INF, -INF, 0]]))
    w = frozen(array([[0, 1, 1], [0, 1, 1], [1, -1, 5], [1, -1, 1], [-1, 1, 1], [1, -3, 0], [0, 0, 0]]))
    value, sign = xent.logsumexp(u, weights=w, return_sign=True)
    expected = [np.log1p(math.e), 2 + log2, -INF, NAN, INF, log2, -INF]
    judge.near("logsumexp", "weights, rule 4", value, expected, FEW)
    judge.same("logsumexp: sign", "weights, rule 4", sign, [1, 1, 0, NAN, -1, -1, 0])
    tiny = array([float(np.finfo(judge.dtype).smallest_subnormal)])
    judge.near(
        "logsumexp", "a subnormal weight", xent.logsumexp(array([0.5]), weights=tiny), 0.5 + np.log(tiny[0]), FEW
    )
    broadcast = xent.logsumexp(array([1, 2]), weights=array([[1], [2], [0]]))
    judge.near("logsumexp", "weights broadcast", broadcast, [2.313261687518223, 3.006408868078168, -INF], FEW)


def check_special_probabilities(judge: Judge) -> None:
    """Hold probabilities that are 0, negative and nan against the contract: 0 log 0 = 0."""
    array, log2 = partial(np.asarray, dtype=judge.dtype), np.log(2)
    p = frozen(array([[0.5, 0.5, 0], [0.5, 0.5, 0], [1, -0.5, 0.5], [1, NAN, 0]]))
    q = frozen(array([[0.5, 0, 0.5], [1, 1, 0], [1, 1, 1], [1, 1, 1]]))
    judge.near("entropy", "special", xent.entropy(p), [log2, log2, NAN, NAN], FEW)
    judge.near("cross_entropy", "special", xent.cross_entropy(p, q), [INF, 0, NAN, NAN], FEW)
    judge.near("kl_divergence", "special", xent.kl_divergence(p, q), [INF, -log2, NAN, NAN], FEW)
    for divergence in (xent.cross_entropy, xent.kl_divergence):
        judge.same(divergence.__name__, "q < 0", divergence(p[:1], array([[0.5, -1, 0]])), [NAN])
        judge.same(divergence.__name__, "no classes", divergence(p[:, :0], q[:, :0]), np.zeros(4))


def check_special_losses(judge: Judge) -> None:
    """Hold targets against infinite and ignored logits, and offsets, against rules 2, 3, 8 and 18."""
    array = partial(np.asarray, dtype=judge.dtype)
    u = frozen(array([[0, -INF, 0], [-INF, -INF, -INF], [0, -INF, 0], [INF, 0, 0], [NAN, 0, 1]]))
    h = xent.SoftmaxCrossEntropy(frozen(np.asarray([1, 1, 0, 0, 2])), reduction="none")
    judge.near("SoftmaxCrossEntropy", "infinite logits", h(u), [INF, NAN, np.log(2), 0, NAN], FEW)
    expected = [[0.5, -1, 0.5], [NAN] * 3, [-0.5, 0, 0.5], [0] * 3, [NAN] * 3]
    judge.same("SoftmaxCrossEntropy.grad", "infinite logits", h.grad(u), expected)
    rows = xent.SoftmaxCrossEntropy(frozen(array([[0.5, 0, 0.5]] * 4 + [[0, 1, 0]])), reduction="none")
    judge.near("SoftmaxCrossEntropy", "rows, infinite logits", rows(u), [np.log(2), NAN, np.log(2), INF, NAN], FEW)
    judge.same("SoftmaxCrossEntropy.grad", "rows, infinite logits", rows.grad(u)[0], [0, 0, 0])
    ignored = xent.SoftmaxCrossEntropy(np.asarray([1, -1, 0, 0, -1]), ignore_index=-1)
    judge.same("SoftmaxCrossEntropy.grad", "ignored rows", ignored.grad(u)[[1, 4]], np.zeros((2, 3)))
    h = xent.SoftmaxCrossEntropy(np.zeros(2, np.int64), reduction="none")
    judge.near("SoftmaxCrossEntropy", "offset ±1e8", h(frozen(array([[1e8] * 3, [-1e8] * 3]))), [np.log(3)] * 2, FEW)


def check_rows_left_out(judge: Judge) -> None:
    """Hold means over nothing, labels at masked classes, and labels out of range against rules 15, 21 and 23."""
    u, nothing = frozen(np.zeros((2, 2), judge.dtype)), np.zeros(2)
    left_out: dict[str, dict[str, Any]] = {"ignored": {"ignore_index": 0}, "weight 0": {"sample_weight": nothing}}
    for (name, options), normalizer in itertools.product(left_out.items(), ("weights", "count")):
        regime = f"all rows {name}, mean by {normalizer}"
        h = xent.SoftmaxCrossEntropy(np.asarray([0, 0]), normalizer=normalizer, **options)
        judge.same("SoftmaxCrossEntropy", regime, h(u), 0)
        judge.same("SoftmaxCrossEntropy.grad", regime, h.grad(u), 0 * u)
    mask = np.asarray([[False, True], [False, True]])
    h = xent.SoftmaxCrossEntropy(np.asarray([0, 1]), where=mask, reduction="none")
    judge.same("SoftmaxCrossEntropy", "masked label", h(u), [INF, 0])
    judge.same("SoftmaxCrossEntropy.grad", "masked label", h.grad(u), [[0, 1], [0, 0]])
    h = xent.SoftmaxCrossEntropy(np.asarray([2, -1]), reduction="none", check_values=False)
    judge.same("SoftmaxCrossEntropy", "label out of range, unchecked", h(u), [NAN, NAN])
