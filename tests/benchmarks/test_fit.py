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
FEWER = 20
"""Which solver is the fastest is tried on so many times fewer rows: some take minutes for all."""


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


def reaching(kind: str, solver: str, wanted: float, *xy: np.ndarray) -> Call | None:
    """Return a fit with the largest tolerance that leads to a norm; None where the solver stops before."""
    for tol in (wanted, wanted / 10, wanted / 100):
        if norm(fit(kind, solver, tol, *xy), *xy) <= wanted:
            return lambda tol=tol: fit(kind, solver, tol, *xy)
    return None


def fastest(kind: str, solvers: tuple[str, ...], wanted: float, *xy: np.ndarray) -> str:
    """Return the solver that is there first."""
    calls = {solver: reaching(kind, solver, wanted, *xy) for solver in solvers}
    return min((timed(call), solver) for solver, call in calls.items() if call is not None)[1]


@pytest.mark.parametrize("dtype", NORMS)
def test_fit(benchmark, results, request, dtype):
    rows, wanted = 2000 if request.config.option.quick else 100_000, NORMS[dtype]
    few, xy = data(max(1000, rows // FEWER), dtype), data(rows, dtype)
    own, other = fastest("ours", OURS, wanted, *few), fastest("theirs", THEIRS, wanted, *few)
    ours, theirs = reaching("ours", own, wanted, *xy), reaching("theirs", other, wanted, *xy)
    assert ours, f"{own} does not reach {wanted}"
    assert theirs, f"{other} does not reach {wanted}"
    (ratio,) = paired(benchmark, ours, [theirs], OF_FITS)
    names = f"MaxEntClassifier, {own}", f"LogisticRegression, {other}", "fit"
    work = f"{rows}x100 {dtype}, 10 classes, to {wanted:.0e}"
    results.ratios.append(Ratio.of((*names, work), ratio, None, OF_A_FIT))
