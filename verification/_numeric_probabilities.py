"""Entropies of probability vectors and the logistic functions in NumPy, held against their definitions in balls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

import xent_arrayapi as xent
from verification._definitions import Rows
from verification._enclosures import balls_of
from verification._loss_definition import ULPS_TERMS, LossRow, exact_loss
from verification._numeric_functions import exact_rows, frozen
from verification._regimes import SMALLEST, ULPS, VANISHING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verification._judged import Judge
    from verification._numeric_functions import Formula

    Array = NDArray[Any]


def vectors(dtype: str) -> dict[str, tuple[Array, Array]]:
    """Return rows of two probability vectors each, by the name of their regime."""
    rng = np.random.default_rng(17)
    p, q = rng.dirichlet(np.ones(10), 8), rng.dirichlet(np.ones(10), 8)
    near = p * (1 + 1e-6 * rng.normal(size=p.shape))
    holed, tiny = np.where(rng.random(p.shape) < 0.3, 0, p), p * 10.0 ** rng.uniform(-30, 0, size=p.shape)
    many = rng.dirichlet(np.ones(1000), 2)
    found = {
        "Dirichlet(1)": (p, q),
        "nearly equal": (p, near),
        "zeros": (holed, np.where(holed == 0, 0, q)),
        "wide": (tiny, tiny[::-1]),
        "one nearly 1": (np.stack([1 - 1e-5 * p[:, 0], 1e-5 * p[:, 0]], -1), np.stack([1 - q[:, 0], q[:, 0]], -1)),
        "K = 1000": (many, many[::-1]),
    }
    return {name: (frozen(p.astype(dtype)), frozen(q.astype(dtype))) for name, (p, q) in found.items()}


def check_probabilities(judge: Judge) -> None:
    """Hold entropy, cross-entropy and Kullback–Leibler divergence against their sums."""
    for name, (p, q) in vectors(judge.dtype).items():
        functions: dict[str, tuple[Any, Formula, tuple[Array, ...]]] = {
            "entropy": (xent.entropy, partial(cross_entropy_of, p, p), (p,)),
            "cross_entropy": (xent.cross_entropy, partial(cross_entropy_of, p, q), (p, q)),
            "kl_divergence": (xent.kl_divergence, partial(divergence_of, p, q), (p, q)),
        }
        for function, (f, formula, arguments) in functions.items():
            exact = exact_rows(formula, range(len(p)), p.dtype)
            exact = type(exact)(exact.parts[..., 0], p.dtype)
            judge.hold(function, [name] * len(p), exact, f(*arguments), ULPS_TERMS)
            strided = (frozen(np.ascontiguousarray(x.T)) for x in arguments)
            judge.hold(function, [f"{name}, strided"] * len(p), exact, f(*strided, axis=0), ULPS_TERMS)


def cross_entropy_of(p: Array, q: Array, n: int) -> tuple[list[arb], list[arb]]:
    """Return −Σ p log q of a row."""
    pairs = zip(balls_of(p[n]), balls_of(q[n]), strict=True)
    terms = [-x * y.log() for x, y in pairs if x != 0]
    return [sum(terms, arb(0))], [sum((abs(x) for x in terms), arb(0))]


def divergence_of(p: Array, q: Array, n: int) -> tuple[list[arb], list[arb]]:
    """Return Σ p log(p / q); within a factor of 2 the logarithm is that of a ratio, and else a difference of two."""
    pairs = [(x, y) for x, y in zip(balls_of(p[n]), balls_of(q[n]), strict=True) if x != 0]
    terms = [x * (x / y).log() for x, y in pairs]
    sizes = [
        abs(term) if x <= 2 * y and y <= 2 * x else x * (abs(x.log()) + abs(y.log()))
        for term, (x, y) in zip(terms, pairs, strict=True)
    ]
    return [sum(terms, arb(0))], [sum(sizes, arb(0))]


def check_sigmoid(judge: Judge) -> None:
    """Hold the logistic function and its logarithm against softmax of (0, u)."""
    rng, dtype = np.random.default_rng(19), judge.dtype
    deep = np.repeat([-1, 1], 20) * rng.uniform(SMALLEST[dtype], VANISHING[dtype], 40)
    found = {"N(0, 3²)": rng.normal(size=40) * 3, "wide": rng.normal(size=40) * 30, "subnormal result": deep}
    u = frozen(np.concatenate(list(found.values())).astype(dtype))
    names = [name for name, x in found.items() for _ in x]
    rows, second = Rows(np.stack([np.zeros_like(u), u], axis=-1)), np.ones(len(u), np.int64)
    judge.hold("sigmoid", names, rows.softmax.column(second), xent.sigmoid(u), ULPS)
    judge.hold("log_sigmoid", names, rows.log_softmax.column(second), xent.log_sigmoid(u), ULPS)
    for place, labels in {"likely class": u > 0, "unlikely class": u <= 0}.items():
        h = xent.SigmoidCrossEntropy(frozen(labels.astype(np.int64)), reduction="none")
        value, gradient = h.value_and_grad(u)
        judge.hold(f"SigmoidCrossEntropy, {place}", names, rows.loss(labels.astype(np.int64)), value, ULPS)
        exact = rows.gradient(labels.astype(np.int64)).column(second)
        judge.hold(f"SigmoidCrossEntropy.grad, {place}", names, exact, gradient, ULPS)


SIGMOID_OPTIONS: dict[str, dict[str, Any]] = {
    "probabilities": {},
    "pos_weight": {"pos_weight": 2.5},
    "label_smoothing": {"label_smoothing": 0.125},
    "temperature": {"temperature": 0.75},
    "all options": {"pos_weight": 0.375, "label_smoothing": 0.25, "temperature": 2.0, "weighted": True},
}


def check_sigmoid_options(judge: Judge) -> None:
    """Hold the logistic loss and its derivatives under each option against those of two classes."""
    rng = np.random.default_rng(23)
    u = frozen(np.concatenate([rng.normal(size=12) * 3, rng.normal(size=12) * 30]).astype(judge.dtype))
    v = frozen(rng.normal(size=24).astype(judge.dtype))
    names = ["N(0, 3²)"] * 12 + ["N(0, 30²)"] * 12
    for option, given in SIGMOID_OPTIONS.items():
        for kind, t in {"labels": rng.integers(0, 2, 24), "probabilities": rng.integers(0, 65, 24) / 64}.items():
            options = dict(given)
            s = rng.integers(1, 9, 24) / 4 if options.pop("weighted", False) else None
            targets = frozen(t if kind == "labels" else t.astype(judge.dtype))
            h = xent.SigmoidCrossEntropy(targets, sample_weight=s, reduction="none", **options)
            exact = exact_loss(
                [_pair(u[n], t[n], v[n], s[n] if s is not None else 1, options) for n in range(24)], u.dtype
            )
            found = {"value": h(u), "grad": h.grad(u), "hvp": h.hvp(u, v), "hessian_diag": h.hessian_diag(u)}
            for quantity, got in found.items():
                mine = exact[quantity] if quantity == "value" else exact[quantity].column(np.ones(24, np.int64))
                judge.hold(f"SigmoidCrossEntropy.{quantity}, {option}, {kind}", names, mine, got, ULPS_TERMS)
            judge.same("SigmoidCrossEntropy.hessian", f"{option}, {kind}", h.hessian(u), found["hessian_diag"])


def _pair(u: Any, t: Any, v: Any, s: Any, options: dict[str, Any]) -> LossRow:
    """Return the row (0, u) of two classes, with u / T as rounded."""
    temperature = options.get("temperature", 1.0)
    return LossRow(
        logits=(0.0, float(u / u.dtype.type(temperature))),
        targets=(1 - float(t), float(t)),
        tangent=(0.0, float(v)),
        labelled=t in (0, 1),
        class_weights=(1.0, options.get("pos_weight", 1.0)),
        sample_weight=float(s),
        label_smoothing=options.get("label_smoothing", 0.0),
        temperature=temperature,
        tempered=True,
    )
