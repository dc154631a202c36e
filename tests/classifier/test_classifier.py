"""The classifier against scikit-learn: its checks, its logistic regression; other libraries; and the certificates."""

from __future__ import annotations

import doctest
import functools
import warnings
from typing import Any

import jax
import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import datasets
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import check_estimator

import xent_arrayapi as xent
from tests.test_docs import ROOT, check_examples
from xent_arrayapi import MaxEntClassifier
from xent_arrayapi._maxent import sums_over
from xent_arrayapi._penalised import Point
from xent_arrayapi._solvers import PATIENCE, newton_cg

jax.config.update("jax_enable_x64", True)  # noqa: FBT003  # as JAX has it

LOADERS = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
}
ALPHA = 1e-2


@functools.cache
def data(name: str, *, standardised: bool = True) -> tuple[np.ndarray, np.ndarray]:
    X, y = LOADERS[name](return_X_y=True)
    return (scale(X) if standardised else X), y


def weights(y: np.ndarray, *, weighted: bool) -> np.ndarray:
    return np.random.default_rng(0).exponential(size=y.shape) if weighted else np.ones(y.shape)


def objective(model: Any, X: np.ndarray, y: np.ndarray, s: np.ndarray) -> float:
    """Evaluate the penalised loss of any linear model, by NumPy."""
    W, b = np.asarray(model.coef_), np.asarray(model.intercept_)
    u = X @ W.T + b
    u = np.concatenate([np.zeros_like(u), u], axis=1) if W.shape[0] == 1 else u
    m = np.max(u, axis=1)
    h = m + np.log(np.sum(np.exp(u - m[:, None]), axis=1)) - u[np.arange(y.shape[0]), y]
    return float(np.sum(s * h) / np.sum(s) + ALPHA / 2 * np.sum(W**2))


@functools.cache
def reference(name: str, *, standardised: bool, weighted: bool) -> LogisticRegression:
    X, y = data(name, standardised=standardised)
    s = weights(y, weighted=weighted)
    theirs = LogisticRegression(C=1 / (ALPHA * s.sum()), solver="newton-cholesky", tol=1e-12, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return theirs.fit(X, y, s)


def test_scikit_learns_checks():
    found = check_estimator(MaxEntClassifier(), on_skip=None)
    assert len(found) > 50
    for check in found:
        assert check["status"] != "xfail"


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("standardised", [True, False])
@pytest.mark.parametrize("name", LOADERS)
def test_rule_42_minimum_is_that_of_logistic_regression(name, standardised, weighted, solver):
    X, y = data(name, standardised=standardised)
    s = weights(y, weighted=weighted)
    ours = MaxEntClassifier(alpha=ALPHA, solver=solver, tol=1e-8).fit(X, y, s)
    theirs = reference(name, standardised=standardised, weighted=weighted)
    mine, other = objective(ours, X, y, s), objective(theirs, X, y, s)
    assert abs(mine - ours.objective_) <= 1e-13 * mine
    assert mine - other <= (1e-10 if standardised else 1e-8) * other
    if standardised:
        assert other - mine <= 1e-10 * other
        apart = np.max(np.abs(ours.predict_proba(X) - theirs.predict_proba(X)))
        assert apart <= (1e-6 if solver == "newton-cg" else 1e-5)
    assert ours.moment_violation_ <= 1e-8
    assert 0 <= ours.duality_gap_ <= 1e-8


def arrays(library: str, *xs: Any) -> tuple[Any, ...]:
    make = {"numpy": np.asarray, "torch": torch.asarray, "jax": jax.numpy.asarray}[library]
    return tuple(make(x) for x in xs)


@pytest.mark.parametrize(
    ("library", "dtype", "name"),
    [
        *(("torch", dtype, name) for dtype in ("float64", "float32") for name in ("iris", "breast cancer")),
        *(("jax", "float64", "iris"), ("jax", "float32", "breast cancer")),
    ],
)
def test_rule_41_other_libraries_find_the_same_coefficients(library, dtype, name):
    X, y = data(name)
    s = weights(y, weighted=True)
    at_home = MaxEntClassifier(alpha=ALPHA, tol=1e-9).fit(X, y, s)
    there = arrays(library, X.astype(dtype), y, s)
    model = MaxEntClassifier(alpha=ALPHA, tol=1e-9 if dtype == "float64" else 1e-5).fit(*there)
    for got in (model.coef_, model.intercept_, model.predict_proba(there[0]), model.decision_function(there[0])):
        assert type(got) is type(there[0])
        assert got.dtype == there[0].dtype
    close = 1e-8 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(np.asarray(model.coef_), at_home.coef_, rtol=0, atol=close)
    np.testing.assert_allclose(np.asarray(model.intercept_), at_home.intercept_, rtol=0, atol=close)
    assert type(model.predict(there[0])) is type(there[0])
    assert model.score(*there) == pytest.approx(at_home.score(X, y, s), abs=1e-6)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_rule_41_labels_of_the_host_stay_there(library):
    X, y = data("iris")
    names = np.asarray(["c", "a", "b"])[y]
    (there,) = arrays(library, X)
    model = MaxEntClassifier(alpha=ALPHA).fit(there, names.tolist())
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.predict(there).tolist() == model.classes_[np.asarray(model.predict_proba(there)).argmax(1)].tolist()
    (codes,) = arrays("torch", y)
    assert MaxEntClassifier(alpha=ALPHA).fit(X, codes).classes_.tolist() == [0, 1, 2]


def test_rule_41_another_library_than_that_of_the_fit_is_refused():
    X, y = data("iris")
    model = MaxEntClassifier().fit(X, y)
    with pytest.raises(ValueError, match=r"MaxEntClassifier\.predict\(\) must use the same namespace"):
        model.predict(torch.asarray(X))


def test_rule_41_half_precision_and_integers_are_widened():
    X, y = data("iris", standardised=False)
    half = MaxEntClassifier(alpha=ALPHA, tol=1e-4).fit(torch.asarray(X, dtype=torch.bfloat16), torch.asarray(y))
    assert half.coef_.dtype == torch.float32
    assert half.predict(torch.asarray(X, dtype=torch.bfloat16)).shape == (150,)
    whole = MaxEntClassifier(alpha=ALPHA, tol=1e-4).fit(torch.asarray(X * 10, dtype=torch.int32), torch.asarray(y))
    assert whole.coef_.dtype == torch.float32


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(3), ValueError, "2 axes"),
        (torch.zeros((3, 2), dtype=torch.complex64), TypeError, "floating or integer"),
        (torch.zeros((3, 0)), ValueError, "must have rows and features"),
        (torch.full((3, 2), torch.nan), ValueError, "NaN or infinity"),
        (np.full((3, 2), np.nan), ValueError, "NaN"),
        (sparse.csr_array(np.eye(3)), TypeError, "Sparse data was passed"),
    ],
)
def test_rule_45_bad_features_are_refused(x, error, message):
    with pytest.raises(error, match=message):
        MaxEntClassifier().fit(x, [0, 1, 1])


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (None, {}, "requires y"),
        ([0, 1], {}, "a label for each of the 3 rows"),
        ([1, 1, 1], {}, "one class only"),
        ([0, 1, 1], {"sample_weight": [1, 0, -1]}, ">= 0"),
        ([0, 1, 1], {"sample_weight": [1, 2]}, "must have the shape"),
        ([0, 1, 1], {"sample_weight": [0, 2, 1]}, "is zero for all rows of class 0"),
    ],
)
def test_rule_45_bad_labels_and_weights_are_refused(y, options, message):
    with pytest.raises(ValueError, match=message):
        MaxEntClassifier().fit(torch.eye(3), y, **options)


@pytest.mark.parametrize(
    "options", [{"alpha": -1.0}, {"tol": -1.0}, {"max_iter": -1}, {"solver": "adam"}, {"class_weight": "equal"}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        MaxEntClassifier(**options).fit(np.eye(3), [0, 1, 1])


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
@pytest.mark.parametrize("classes", [2, 3])
def test_rule_45_separable_classes_without_a_penalty_warn(classes, solver):
    X = np.arange(12.0)[:, None]
    y = (X[:, 0] * classes // 12).astype(int)
    with pytest.warns(ConvergenceWarning, match="separable: set `alpha` > 0"):
        model = MaxEntClassifier(alpha=0.0, solver=solver).fit(X, y)
    assert model.score(X, y) == 1
    assert model.duality_gap_ == np.inf
    MaxEntClassifier(alpha=1e-8, solver=solver).fit(X, y)


@pytest.mark.parametrize("name", ["three", "two"])
def test_no_penalty_has_a_minimum_where_classes_overlap(name):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4))
    y = np.argmax(X[:, : 3 if name == "three" else 2] + rng.gumbel(size=(300, 3 if name == "three" else 2)), axis=1)
    model = MaxEntClassifier(alpha=0.0, tol=1e-10).fit(X, y)
    assert model.duality_gap_ < 1e-15
    np.testing.assert_allclose(np.sum(model.predict_proba(X), axis=0), np.bincount(y), rtol=1e-9)
    onehot = np.eye(np.max(y) + 1)[y]
    np.testing.assert_allclose(model.predict_proba(X).T @ X, onehot.T @ X, atol=1e-7)


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
def test_rule_42_a_fit_that_is_cut_short_says_so(solver):
    X, y = data("digits")
    with pytest.warns(ConvergenceWarning, match=f"{solver} failed to converge"):
        model = MaxEntClassifier(solver=solver, max_iter=2).fit(X, y)
    assert model.n_iter_ == 2


def test_constant_features_and_more_features_than_rows():
    X, y = data("iris")
    with_constant = np.concatenate([X, np.full((150, 1), 3.0)], axis=1)
    plain, more = (MaxEntClassifier(alpha=ALPHA, tol=1e-10).fit(x, y) for x in (X, with_constant))
    np.testing.assert_allclose(more.coef_[:, -1], 0, atol=1e-9)
    np.testing.assert_allclose(more.predict_proba(with_constant), plain.predict_proba(X), atol=1e-9)
    wide = np.random.default_rng(0).normal(size=(20, 600))
    model = MaxEntClassifier(alpha=ALPHA).fit(wide, np.arange(20) % 3)
    assert 0 <= model.duality_gap_ < 1e-6


def test_rule_43_the_certificate_bounds_the_distance_to_the_minimum():
    X, y = data("wine")
    best = MaxEntClassifier(alpha=ALPHA, tol=1e-12).fit(X, y)
    for intercept in (True, False):
        best = MaxEntClassifier(alpha=ALPHA, tol=1e-12, fit_intercept=intercept).fit(X, y)
        for tol in (1e-2, 1e-3, 1e-5):
            model = MaxEntClassifier(alpha=ALPHA, tol=tol, solver="lbfgs", fit_intercept=intercept).fit(X, y)
            assert 0 < model.objective_ - best.objective_ <= model.duality_gap_ < 100 * tol
        if not intercept:
            assert np.all(best.intercept_ == 0)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", ["wine", "breast cancer"])
def test_products_with_a_tangent_of_the_intercept_read_no_features(name, library):
    X, y = data(name)
    x, classes, draw = arrays(library, X.copy())[0], int(y.max()) + 1, np.random.default_rng(0)
    sums = sums_over(x, y, weights(y, weighted=True), classes)
    whole = np.zeros(sums.shape)
    whole[:, -1] = draw.normal(size=sums.shape[0])
    *_, product = sums.linearize(draw.normal(size=sums.shape))
    alone, expected = product(whole[:, -1:]), product(whole)[:, -1:]
    assert alone.dtype == np.float64
    np.testing.assert_allclose(alone, expected, rtol=0, atol=1e-13 * np.max(np.abs(expected)))
    if library == "numpy":
        x[...] = np.nan
        np.testing.assert_array_equal(product(whole[:, -1:]), alone)


def test_rule_43_moments_of_model_and_data_differ_by_the_pull_of_the_penalty():
    X, y = data("digits")
    s = weights(y, weighted=True)
    model = MaxEntClassifier(alpha=ALPHA, tol=1e-10).fit(X, y, s)
    est = (model.predict_proba(X) * s[:, None]).T @ X / s.sum()
    obs = (np.eye(10)[y] * s[:, None]).T @ X / s.sum()
    assert np.max(np.abs(est - obs + ALPHA * model.coef_)) <= model.moment_violation_ + 1e-15


def test_rule_44_weights_of_classes_are_those_of_their_rows():
    X, y = data("iris")
    s = weights(y, weighted=True)
    chosen = {0: 1.0, 1: 2.5, 2: 0.5}
    of_rows = np.asarray([chosen[k] for k in y])
    one = MaxEntClassifier(class_weight=chosen, tol=1e-10).fit(X, y, s)
    other = MaxEntClassifier(tol=1e-10).fit(X, y, s * of_rows)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-9)
    balanced = MaxEntClassifier(class_weight="balanced", tol=1e-10).fit(X, y, s)
    share = np.sum(s) / (3 * np.bincount(y, weights=s))
    other = MaxEntClassifier(tol=1e-10).fit(X, y, s * share[y])
    np.testing.assert_allclose(balanced.coef_, other.coef_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
def test_a_warm_start_goes_on(solver):
    X, y = data("digits")
    model = MaxEntClassifier(alpha=ALPHA, solver=solver, warm_start=True).fit(X, y)
    cold = model.n_iter_
    assert model.fit(X, y).n_iter_ == 0
    model.set_params(alpha=ALPHA * 0.9)
    assert model.fit(X, y).n_iter_ < cold
    with pytest.raises(ValueError, match="`warm_start` must meet the classes and features"):
        model.fit(X[:, :5], y)


def test_log_probabilities_are_finite_at_any_margin():
    X = np.asarray([[-1.0], [1.0]])
    for y in ([0, 1], [0, 1, 2]):
        rows = np.linspace(-1, 1, len(y))[:, None]
        model = MaxEntClassifier(alpha=1e-3).fit(rows, y)
        logs = model.predict_log_proba(X * 1e200)
        assert np.all(np.isfinite(logs))
        assert np.max(logs[0]) == 0


def test_in_scikit_learns_company():
    X, y = data("iris", standardised=False)
    pipeline = make_pipeline(StandardScaler(), MaxEntClassifier())
    search = GridSearchCV(pipeline, {"maxentclassifier__alpha": [1e-4, 1e-2, 1.0]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    calibrated = CalibratedClassifierCV(pipeline, cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    assert clone(pipeline).get_params()["maxentclassifier__solver"] == "newton-cg"


def test_progress_is_shown_where_it_is_wanted(capsys):
    X, y = data("iris")
    MaxEntClassifier(verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("newton-cg  iteration 0  f 1.0986123")
    assert "largest |gradient|" in lines[-1]
    MaxEntClassifier().fit(X, y)
    assert capsys.readouterr().out == ""


def test_the_example_runs():
    said: list[str] = []
    (test,) = (test for test in doctest.DocTestFinder().find(MaxEntClassifier) if test.examples)
    doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)
    check_examples(ROOT / "docs" / "classifier.md")


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xent_arrayapi._maxent", None)
    with pytest.raises(ImportError, match=r"xent_arrayapi\[sklearn\]"):
        _ = xent.MaxEntClassifier
    with pytest.raises(AttributeError, match="no attribute 'MinEntClassifier'"):
        _ = xent.MinEntClassifier


def test_more_rows_are_of_the_classes_of_the_first():
    X, y = data("iris")
    options: dict[str, Any] = {"solver": "sgd", "fit_intercept": False, "step": "decaying", "random_state": 0}
    model = MaxEntClassifier(**options)
    with pytest.raises(ValueError, match="`classes` must name all labels at the first call"):
        model.partial_fit(X, y)
    assert model.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y).score(X, y) > 0.8
    assert np.all(model.intercept_ == 0)
    with pytest.raises(ValueError, match="`classes` must be those of the first call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="`class_weight` must be a dict of weights for partial_fit, not 'balanced'"):
        MaxEntClassifier(class_weight="balanced", **options).partial_fit(X, y, classes=[0, 1, 2])


class Stubborn:
    """A function of one number whose gradient is not its own: 1 at first, and `share` of the last ever after."""

    size = 1

    def __init__(self, rise: float, share: float) -> None:
        self.rise, self.share, self.slope = rise, share, 1.0

    def linearize(self, v: np.ndarray) -> tuple[Point, Any]:
        start = not np.any(v)
        gradient, self.slope = np.asarray([self.slope]), self.slope * self.share
        return Point(v, 0.0 if start else self.rise, gradient, 1.0 if start else 2.0), lambda tangent: tangent


@pytest.mark.parametrize(("rise", "share", "steps"), [(1.0, 1.0, 0), (0.0, 0.25, PATIENCE)])
def test_a_solver_that_gets_nowhere_stops(rise, share, steps):
    """No step is taken where none decreases f; and after some that only seem to, that is all."""
    found = newton_cg(Stubborn(rise, share), tol=1e-9, max_iter=100, report=lambda *_: None)
    assert not found.converged
    assert found.iterations == steps
    assert found.point.violation == 1


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    X, y = data("iris")
    MaxEntClassifier(verbose=1).fit(X, y)
    assert "━" in capsys.readouterr().out
