"""The categorical family in NumPy, held against its definitions in balls, and its labels against exact ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

from verification._enclosures import Exact, balls_of
from verification._loss_definition import ULPS_TERMS
from verification._numeric_functions import exact_rows, frozen
from xent_arrayapi import Categorical

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verification._judged import Judge

    Array = NDArray[Any]
    Balls = tuple[list[arb], list[arb]]

INF, NAN = np.inf, np.nan
SCALES = (1e-15, 1e-12, 1e-8, 1e-4, 1e-2, 1.0, 10.0, 100.0)
"""How far apart two families are, class by class."""
ULPS_DIVERGENCE = 4
"""Of (1 + log K) (√KL + KL)."""
ONCE = 0.501
"""Ulps of one rounding."""
MANY = 70
"""More classes than are counted at once, twice."""


def check_families(judge: Judge) -> None:
    """Hold entropies, divergences and third cumulants of families that are near each other, and far."""
    rng = np.random.default_rng(41)
    for name, k in (("K = 6", 6), ("K = 100", 100)):
        u = (rng.normal(size=(len(SCALES), k)) * 4).astype(judge.dtype)
        v = (u + rng.normal(size=u.shape) * np.reshape(SCALES, (-1, 1))).astype(judge.dtype)
        u, v = frozen(u), frozen(v)
        family, other = Categorical(u), Categorical(v)
        found = {
            "entropy": (family.entropy, partial(_entropy, u, u), ULPS_TERMS),
            "cross_entropy": (family.cross_entropy(other), partial(_entropy, u, v), ULPS_TERMS),
            "kl_divergence": (family.kl_divergence(other), partial(_divergence, u, v), ULPS_DIVERGENCE),
        }
        for function, (got, formula, limit) in found.items():
            exact = exact_rows(formula, range(len(u)), u.dtype)
            judge.hold(f"Categorical.{function}", [name] * len(u), Exact(exact.parts[..., 0], u.dtype), got, limit)
        if k < MANY:
            exact = exact_rows(partial(_third, u), range(len(u)), u.dtype)
            exact = Exact(np.reshape(exact.parts, (3, len(u), k, k, k)), u.dtype)
            judge.hold("Categorical.third_cumulant", [name] * len(u), exact, family.third_cumulant, ULPS_TERMS)
            _check_parameters(judge, u)


def _entropy(u: Array, v: Array, n: int) -> Balls:
    """Return −Σ p log q."""
    (p, _), (_, logs) = _family(u[n]), _family(v[n])
    value = -sum((a * b for a, b in zip(p, logs, strict=True)), arb(0))
    return [value], [value]


def _divergence(u: Array, v: Array, n: int) -> Balls:
    """Return Σ p log(p / q), and (1 + log K) (√KL + KL)."""
    if np.array_equal(u[n], v[n]):
        return [arb(0)], [arb(0)]
    (p, own), (_, logs) = _family(u[n]), _family(v[n])
    value = sum((a * (b - c) for a, b, c in zip(p, own, logs, strict=True)), arb(0))
    return [value], [(1 + arb(len(p)).log()) * (abs(value).sqrt() + value)]


def _third(u: Array, n: int) -> Balls:
    """Return E (x − θ)_i (x − θ)_j (x − θ)_k of a one-hot x, and the sizes of its factors."""
    p, _ = _family(u[n])
    k = range(len(p))
    value, size = [], []
    for i, j, m in ((i, j, m) for i in k for j in k for m in k):
        moment = sum(
            (p[x] * ((x == i) - p[i]) * ((x == j) - p[j]) * ((x == m) - p[m]) for x in sorted({i, j, m})), arb(0)
        )
        rest = 1 - sum((p[x] for x in {i, j, m}), arb(0))
        value.append(moment - rest * p[i] * p[j] * p[m])
        one, *others = sorted({i, j, m})
        if others:
            moment_size = p[one] * p[others[0]] * (2 * p[others[1]] if len(others) > 1 else 1)
        else:
            moment_size = p[one] * (1 - p[one])
        size.append(moment_size)
    return value, size


def _family(u: Array) -> tuple[list[arb], list[arb]]:
    """Return probabilities and their logarithms."""
    balls = balls_of(u)
    a = sum((x.exp() for x in balls), arb(0)).log()
    return [(x - a).exp() for x in balls], [x - a for x in balls]


def _check_parameters(judge: Judge, u: Array) -> None:
    """Hold minimal parameters against one rounding of exact differences, and the information against the covariance."""
    family, k = Categorical(u), u.shape[-1]
    for reference in range(-k, k):
        others = [x for x in range(k) if x != reference % k]
        wide = u.astype(np.longdouble)
        eta = (wide - wide[:, [reference]])[:, others].astype(u.dtype)
        natural = family.natural(reference=reference)
        judge.near("Categorical.natural", f"reference {reference}", natural, eta, ONCE)
        back = Categorical.from_natural(eta, reference=reference).logits
        judge.same("Categorical.from_natural", f"reference {reference}", back, np.insert(eta, reference % k, 0, -1))
        block = family.covariance[:, others][:, :, others]
        information = family.fisher_information(reference=reference)
        judge.same("Categorical.fisher_information", f"reference {reference}", information, block)


def check_labels(judge: Judge) -> None:
    """Hold what is drawn, counted and most probable against exact labels, and what has no distribution against −1."""
    array, same = partial(np.asarray, dtype=judge.dtype), judge.same
    u = array([[-INF, 0, 0, -INF, 0, 0, -INF], [0, 1, 1, 0, 1, 0, -1], [INF, 0, 1, INF, 0, 0, NAN], [-INF] * 7])
    below = 1 - np.finfo(judge.dtype).epsneg
    uniforms = [0, below / 4, 0.25, below / 2, 0.5, 0.75 * below, 0.75, below]
    family = Categorical(u)
    same("Categorical.mode", "ties", family.mode, [1, 1, -1, -1])
    same("Categorical.sample", "edges", Categorical(u[0]).sample(array(uniforms)), [1, 1, 2, 2, 4, 4, 5, 5])
    same("Categorical.sample", "no distribution", family.sample(array([0.5] * 4))[2:], [-1, -1])
    outside = family.sample(array([[1, -0.5, 0.5, 0.5], [NAN, INF, 0.5, 0.5]]), check_values=False)
    same("Categorical.sample", "outside", outside, -np.ones((2, 4)))
    wide = Categorical(u[0].astype(np.float32)).sample(np.asarray([1 - 1e-12]))
    same("Categorical.sample", "rounded to 1", wide, [5])
    far = array([[0, -INF, 0], [0, -2000, -INF], [-INF, 0, 0]])
    near = array([[0, 1, -INF], [0, -INF, 0], [-INF, 0, 0]])
    for function in ("cross_entropy", "kl_divergence"):
        got = getattr(Categorical(far), function)(Categorical(near))
        judge.near(
            f"Categorical.{function}", "lacking classes", got, [INF, INF, np.log(2) if function[0] == "c" else 0], 2
        )
    odd = Categorical(array([[INF, INF, 0], [-INF, 0, -INF]]))
    same("Categorical.natural", "infinite", odd.natural(reference=0), [[0, -INF], [INF, NAN]])
    same("Categorical.natural", "infinite", odd.natural(), [[INF, INF], [NAN, INF]])
    _check_fit(judge)


def _check_fit(judge: Judge) -> None:
    """Count labels of more classes than fit in one pass, with weights that add up exactly, and refuse others."""
    rng, array = np.random.default_rng(43), partial(np.asarray, dtype=judge.dtype)
    y, w = rng.integers(0, MANY, (2, 400)).astype(np.uint8), array(rng.integers(0, 9, (2, 400)) / 4)
    counts = array(np.einsum("nik,ni->nk", np.eye(MANY)[y], w))
    fitted = Categorical.fit(y, classes=MANY, sample_weight=w).logits
    judge.same("Categorical.fit", "counts", np.isneginf(fitted), counts == 0)
    with np.errstate(divide="ignore"):
        judge.near("Categorical.fit", "counts", fitted, np.log(counts), 2)
        judge.near("Categorical.from_probs", "counts", Categorical.from_probs(counts).logits, np.log(counts), 2)
    plain = Categorical.fit(y, classes=MANY).mean
    judge.near("Categorical.fit", "shares", plain, np.eye(MANY)[y].mean(1), 8)
    labels, weights = np.asarray([[0, 1], [2, 0], [-1, 1], [0, 0]]), array([[1, 1], [1, 1], [1, 1], [1, -1]])
    bad = Categorical.fit(labels, classes=2, sample_weight=weights, check_values=False).logits
    judge.same("Categorical.fit", "inadmissible", np.isnan(bad), [[False] * 2, *[[True] * 2] * 3])
    bad = Categorical.from_probs(array([[1, -1], [NAN, 1], [INF, 1], [0, 1]]), check_values=False).mean
    judge.same("Categorical.from_probs", "inadmissible", np.isnan(bad[:, 0]), [True, True, True, False])
