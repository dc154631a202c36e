"""The functions of logits and of probabilities in NumPy, held against their definitions in balls."""

from __future__ import annotations

from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import flint
import numpy as np
from flint import arb

import xent_arrayapi as xent
from verification._definitions import Rows, total_of
from verification._enclosures import Exact, balls_of, enclosed_pairs
from verification._loss_definition import ULPS_TERMS
from verification._regimes import ULPS, ULPS_LOGSUMEXP, Case, regimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from verification._judged import Judge

    Array = NDArray[Any]
    Partition = xent.LogPartition[Any]
    Formula = Callable[[int], tuple[list[arb], list[arb]]]

MOST_KEPT = 0.6
"""The share of the classes that a mask leaves."""
CERTAIN = 8192
"""Bits that tell the sign of a sum of our terms."""
MOST_SQUARED = 10
"""The most classes that matrices are checked for."""
MANY = 30_000
"""So many terms one after another are over 30 ulp off in float32, pairwise under 2."""


def frozen(x: Array) -> Array:
    """Return an array that nobody can write to: the library must not."""
    x = x.copy(order="K")
    x.flags.writeable = False
    return x


def exact_rows(formula: Formula, rows: Iterable[int], dtype: np.dtype[Any]) -> Exact:
    """Enclose numbers, with the scale of their errors, that a formula gives for each row."""
    return Exact(np.stack([enclosed_pairs(partial(formula, n), dtype) for n in rows], axis=1), dtype)


def by_size(dtype: str) -> list[Case]:
    """Return the regimes of each number of classes as one array: rows of different scales beside each other."""
    sizes: dict[int, dict[str, Array]] = {}
    for name, u in regimes(dtype).items():
        sizes.setdefault(u.shape[-1], {})[name] = u
    return [
        Case(Rows(frozen(np.concatenate(list(found.values())))), [name for name, u in found.items() for _ in u])
        for found in sizes.values()
    ]


def check_rule_7(judge: Judge) -> None:
    """Hold softmax, its logarithm, logsumexp, the loss of a label and its gradient against rule 7."""
    for case in by_size(judge.dtype):
        _hold_case(judge, case, 1)
    _hold_case(judge, by_size(judge.dtype)[-1], 0)


def _hold_case(judge: Judge, case: Case, axis: int) -> None:
    u = frozen(np.ascontiguousarray(np.moveaxis(case.rows.logits, -1, axis)))
    where = ", strided" if axis == 0 else ""
    of = xent.LogPartition.of(u, axis=axis)
    rows, names = case.rows, [f"{name}{where}" for name in case.names]
    probabilities = {"softmax": xent.softmax(u, axis=axis), "LogPartition.softmax": of.softmax(u)}
    for name, got in probabilities.items():
        judge.hold(name, names, rows.softmax, np.moveaxis(got, axis, -1), ULPS)
    logarithms = {"log_softmax": xent.log_softmax(u, axis=axis), "LogPartition.log_softmax": of.log_softmax(u)}
    for name, got in logarithms.items():
        judge.hold(name, names, rows.log_softmax, np.moveaxis(got, axis, -1), ULPS)
    for name, got in {"logsumexp": xent.logsumexp(u, axis=axis), "LogPartition.logsumexp": of.logsumexp}.items():
        judge.hold(name, names, rows.logsumexp, got, ULPS_LOGSUMEXP)
    judge.hold("LogPartition.tail", names, rows.tail, of.tail, ULPS)
    judge.same("LogPartition.max", f"every regime{where}", of.max, np.max(u, axis=axis))
    for place, labels in {"the top label": case.top, "another label": case.other}.items():
        h = xent.SoftmaxCrossEntropy(frozen(labels), axis=axis, reduction="none")
        value, gradient = h.value_and_grad(u)
        of_rows = np.moveaxis(gradient, axis, -1)
        judge.hold(f"SoftmaxCrossEntropy, {place}", names, rows.loss(labels), value, ULPS)
        judge.hold(f"SoftmaxCrossEntropy.grad, {place}", names, rows.gradient(labels), of_rows, ULPS)


def check_long_sums(judge: Judge) -> None:
    """Hold the tail of many classes along a strided axis against its definition: a naive sum is far off."""
    u = np.random.default_rng(3).normal(size=(2, MANY)).astype(judge.dtype)
    names = [f"N(0, 1), K = {MANY}"] * 2
    judge.hold("LogPartition.tail", names, Rows(u).tail, xent.LogPartition.of(u).tail, ULPS_TERMS)
    strided = frozen(np.ascontiguousarray(u.T))
    names = [f"{name}, strided" for name in names]
    judge.hold("LogPartition.tail", names, Rows(u).tail, xent.LogPartition.of(strided, axis=0).tail, ULPS_TERMS)


def check_merging(judge: Judge) -> None:
    """Merge the partitions of parts, in several orders and groupings, and hold them against the whole."""
    for case in by_size(judge.dtype):
        u, rows = case.rows.logits, case.rows
        order = np.random.default_rng(5).permutation(u.shape[-1])
        parts = [xent.LogPartition.of(frozen(x)) for x in np.array_split(u[:, order], min(5, u.shape[-1]), axis=-1)]
        ways = {"forwards": reduce(_merge, parts), "backwards": reduce(_merge, parts[::-1]), "in pairs": _paired(parts)}
        for way, got in ways.items():
            function = f"LogPartition.merge {way}"
            judge.same(f"{function}: max", "every regime", got.max, np.max(u, axis=-1))
            judge.hold(f"{function}: tail", case.names, rows.tail, got.tail, ULPS_TERMS)
            judge.hold(f"{function}: logsumexp", case.names, rows.logsumexp, got.logsumexp, ULPS_LOGSUMEXP)
            judge.hold(f"{function}: softmax", case.names, rows.softmax, got.softmax(u), ULPS_TERMS)
            judge.hold(f"{function}: log_softmax", case.names, rows.log_softmax, got.log_softmax(u), ULPS_TERMS)


def _merge(one: Partition, other: Partition) -> Partition:
    return one.merge(other)


def _paired(parts: Sequence[Partition]) -> Partition:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _merge(_paired(parts[:half]), _paired(parts[half:]))


def check_temperature_and_mask(judge: Judge) -> None:
    """Hold softmax and its logarithm against the definition at u / T as rounded, and over the classes of a mask."""
    rng = np.random.default_rng(9)
    for case in by_size(judge.dtype)[:1]:
        u = case.rows.logits
        for t in (0.5, 0.75, 24.0):
            rows, names = Rows(u / u.dtype.type(t)), [f"{name}, T = {t:g}" for name in case.names]
            judge.hold("softmax", names, rows.softmax, xent.softmax(u, temperature=t), ULPS)
            judge.hold("log_softmax", names, rows.log_softmax, xent.log_softmax(u, temperature=t), ULPS)
        kept = np.asarray(rng.random(u.shape[-1]) < MOST_KEPT)
        left, names = Rows(u[:, kept]), [f"{name}, masked" for name in case.names]
        holed = frozen(np.where(kept, u, np.nan))
        of = xent.LogPartition.of(holed, where=kept)
        judge.hold("softmax", names, left.softmax, xent.softmax(holed, where=kept)[:, kept], ULPS)
        judge.hold("log_softmax", names, left.log_softmax, xent.log_softmax(holed, where=kept)[:, kept], ULPS)
        judge.hold("logsumexp", names, left.logsumexp, xent.logsumexp(holed, where=kept), ULPS_LOGSUMEXP)
        judge.hold("LogPartition.tail", names, left.tail, of.tail, ULPS)
        judge.same("softmax", "masked classes", xent.softmax(holed, where=kept)[:, ~kept], 0 * u[:, ~kept])
        far = np.full_like(u[:, ~kept], -np.inf)
        judge.same("log_softmax", "masked classes", xent.log_softmax(holed, where=kept)[:, ~kept], far)


def check_jacobian(judge: Judge) -> None:
    """Hold the Jacobian of softmax and its products against S (δ − S) and S (v − ⟨S, v⟩)."""
    for case in by_size(judge.dtype):
        u = case.rows.logits
        if u.shape[-1] > MOST_SQUARED:
            continue
        size = u.shape[-1]
        flat = exact_rows(partial(jacobian_of, u), range(len(u)), u.dtype)
        blocks = Exact(np.reshape(flat.parts, (3, len(u), size, size)), u.dtype)
        judge.hold("softmax_jacobian", case.names, blocks, xent.softmax_jacobian(u), ULPS_TERMS)
        for offset in (0, 1000):
            v = frozen((np.random.default_rng(11).normal(size=u.shape) + offset).astype(u.dtype))
            names = [f"{name}, tangent + {offset}" for name in case.names]
            exact = exact_rows(partial(product_of, u, v), range(len(u)), u.dtype)
            judge.hold("softmax_jvp", names, exact, xent.softmax_jvp(u, v), ULPS_TERMS)
        constant = frozen(np.full_like(u, 1 / 3))
        judge.same("softmax_jvp", "constant tangent", xent.softmax_jvp(u, constant), 0 * u)


def _probabilities(u: Array) -> list[arb]:
    total = total_of(u)
    return [x.exp() / total for x in balls_of(u)]


def jacobian_of(u: Array, n: int) -> tuple[list[arb], list[arb]]:
    """Return S (δ − S) of a row."""
    s = _probabilities(u[n])
    found = [x * ((i == j) - y) for i, x in enumerate(s) for j, y in enumerate(s)]
    return found, found


def product_of(u: Array, v: Array, n: int) -> tuple[list[arb], list[arb]]:
    """Return S (v − ⟨S, v⟩) of a row; where v is the same as at the largest logit, it counts as 0."""
    s, tangent = _probabilities(u[n]), balls_of(v[n])
    top = tangent[int(np.argmax(u[n]))]
    mean = sum((x * y for x, y in zip(s, tangent, strict=True)), arb(0))
    size = sum((x * abs(y - top) for x, y in zip(s, tangent, strict=True)), arb(0))
    pairs = list(zip(s, tangent, strict=True))
    return [x * (y - mean) for x, y in pairs], [x * (abs(y - top) + size) for x, y in pairs]


def check_weights(judge: Judge) -> None:
    """Hold the logarithm of a weighted sum, also a signed one, and its sign against log |Σ w exp(u)|."""
    wide = 30 if judge.dtype == "float32" else 300
    far, rng = 10.0 ** np.random.default_rng(15).uniform(-wide, wide, size=(10, 10)), np.random.default_rng(16)
    _hold_weighted(judge, ["weights that make up for logits"] * 10, rng.normal(size=(10, 10)) - np.log(far), far)
    for case in by_size(judge.dtype):
        u, rng = case.rows.logits, np.random.default_rng(13)
        if u.shape[-1] > MOST_SQUARED:
            continue
        sizes = rng.choice([0, 1, 1, 0.5, 3, 10.0**-wide, 10.0**wide], size=u.shape)
        sizes[:, 0] = 1
        kinds: dict[str, Any] = {"positive": 1, "signed": rng.choice([-1, 1], size=u.shape)}
        for name, signs in kinds.items():
            _hold_weighted(judge, [f"{regime}, {name} weights" for regime in case.names], u, sizes * signs)


def _hold_weighted(judge: Judge, names: list[str], logits: Array, weights: Array) -> None:
    u, w = frozen(logits.astype(judge.dtype)), frozen(weights.astype(judge.dtype))
    value, sign = xent.logsumexp(u, weights=w, return_sign=True)
    exact = exact_rows(partial(weighted_of, u, w), range(len(u)), u.dtype)
    judge.hold("logsumexp", names, Exact(exact.parts[..., 0], u.dtype), value, ULPS_TERMS)
    judge.same("logsumexp: sign", names[-1], sign, [_sign(*row) for row in zip(u, w, strict=True)])
    plain = np.where(sign < 0, np.nan, value)
    judge.same("logsumexp", f"{names[-1]}, without sign", xent.logsumexp(u, weights=w), plain)


def _terms(u: Array, w: Array) -> list[arb]:
    return [x * y.exp() for x, y in zip(balls_of(w), balls_of(u), strict=True) if x != 0]


def weighted_of(u: Array, w: Array, n: int) -> tuple[list[arb], list[arb]]:
    """Return log |Σ w exp(u)|, and what its error is measured by: m, the rest of the logarithm, and what cancels.

    A term that is exactly 1 relative to m has no error: the largest, where its weight is 1 and it is not cancelled.
    """
    terms = _terms(u[n], w[n])
    total = abs(sum(terms, arb(0)))
    sizes = [abs(x) for x in terms]
    top = max(range(len(sizes)), key=lambda k: sizes[k].mid())
    exact = abs(w[n][w[n] != 0][top]) == 1 and 2 * total > sizes[top]
    others = sum((x for k, x in enumerate(sizes) if k != top or not exact), arb(0))
    m, a = sizes[top].log(), total.log()
    return [a], [abs(m) + abs(a - m) + others / total]


def _sign(u: Array, w: Array) -> int:
    with flint.ctx.workprec(CERTAIN):
        total = sum(_terms(u, w), arb(0))
        return int(total > 0) - int(total < 0)
