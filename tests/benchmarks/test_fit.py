"""A classifier fitted to the same gradient norm as scikit-learn's, by the fastest solver of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.benchmarks.limits import OF_A_FIT
from tests.benchmarks.pairs import OF_FITS, paired, timed
from tests.benchmarks.results import Ratio
from xent_arrayapi import MaxEntClassifier, SoftmaxCrossEntropy

if TYPE_CHECKING:
    from tests.benchmarks.pairs import Call

pytestmark = pytest.mark.filterwarnings("ignore")  # a solver that stops short of a tolerance says so, and is left out
ALPHA = 1e-4
NORMS = {"float32": 1e-5, "float64": 1e-6}
"""Largest entry of the gradient, to be reached: the default of ours in float64, and what float32 can resolve."""
THEIRS = ("lbfgs", "newton-cg", "newton-cholesky")
OURS = ("newton-cg", "lbfgs")


def data(rows: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw 100 features, and labels of 10 classes from a model."""
    draw = np.random.default_rng(0)
    features = draw.standard_normal((rows, 100))
    scores = features @ (draw.standard_normal((100, 10)) / 5) + draw.gumbel(size=(rows, 10))
    return features.astype(dtype), np.argmax(scores, axis=1)


def norm(model: Any, features: np.ndarray, labels: np.ndarray) -> float:
    """Return the largest entry of the gradient of mean loss and penalty, in float64."""
    features, weights = features.astype("float64"), model.coef_.astype("float64")
    slopes = SoftmaxCrossEntropy(labels).grad(features @ weights.T + model.intercept_)
    return max(np.max(np.abs(slopes.T @ features + ALPHA * weights)), np.max(np.abs(slopes.sum(axis=0))))


def fit(kind: str, solver: str, tol: float, features: np.ndarray, labels: np.ndarray) -> Any:
    """Fit one of the two."""
    if kind == "ours":
        return MaxEntClassifier(alpha=ALPHA, solver=solver, tol=tol).fit(features, labels)
    penalty = {"C": 1 / (ALPHA * len(labels))}
    return LogisticRegression(solver=solver, tol=tol, max_iter=1000, **penalty).fit(features, labels)


def fastest(kind: str, solvers: tuple[str, ...], wanted: float, *xy: np.ndarray) -> tuple[str, Call]:
    """Return the solver that is there first, and the call; each with the largest tolerance that leads there."""
    there = []
    for solver in solvers:
        for tol in (wanted, wanted / 10, wanted / 100):
            if norm(fit(kind, solver, tol, *xy), *xy) <= wanted:

                def call(solver: str = solver, tol: float = tol) -> Any:
                    return fit(kind, solver, tol, *xy)

                there.append((timed(call), solver, call))
                break
    _, solver, call = min(there, key=lambda found: found[0])
    return solver, call


@pytest.mark.parametrize("dtype", NORMS)
def test_fit(benchmark, results, request, dtype):
    xy = data(2000 if request.config.option.quick else 100_000, dtype)
    own, ours = fastest("ours", OURS, NORMS[dtype], *xy)
    other, theirs = fastest("theirs", THEIRS, NORMS[dtype], *xy)
    (ratio,) = paired(benchmark, ours, [theirs], OF_FITS)
    names = f"MaxEntClassifier, {own}", f"LogisticRegression, {other}", "fit"
    work = f"{len(xy[1])}x100 {dtype}, 10 classes, to {NORMS[dtype]:.0e}"
    results.ratios.append(Ratio.of((*names, work), ratio, None, OF_A_FIT))
