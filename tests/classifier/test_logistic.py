"""scikit-learn's own tests of logistic regression, as far as they concern results, run on the classifier."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from tests.peers import hold, outcomes, record
from xent_arrayapi import MaxEntClassifier
from xent_arrayapi._namespace import is_of_host, to_host

SOLVERS = {"lbfgs": "lbfgs", "newton-cg": "newton-cg", "newton-cholesky": "newton-cg"}

OTHER = {
    r"liblinear|dual|intercept_scaling|newton_cholesky_fallback|large_sparse": "a solver of scikit-learn's alone",
    r"sag_|saga|logreg_l1$|elastic|l1_ratio|l1ratio|penalty_deprecated": "the L1 penalty and its solvers",
    r"_cv|CV|cv_|_path|lr_scoring|get_default_scorer|multinomial_cv": "cross-validation along a path of C",
    r"predict_\d_classes|sparsify|sparse": "sparse features, which are refused",
    r"callback|n_jobs|metadata_routing|check_solver_option": "options and errors of scikit-learn's estimator",
}
"""Tests that are not run, by their name, and why."""

DEVIATIONS = {
    r"(liblinear|-saga?\b|\[saga?\b)(?!-cv)": (
        "KeyError: '(liblinear|saga?)'|DID NOT WARN|Skipped",
        "a solver of scikit-learn's alone; some of its tests only ask for a warning",
    ),
    r"solvers_multiclass|logistic_regression_solvers\[|class_weights\[\d+-<lambda>|warm_start_converge_LR": (
        "KeyError: '(liblinear|saga?)'",
        "goes on to a solver of scikit-learn's alone",
    ),
    r"csr_": ("TypeError: Sparse data was passed|KeyError: 'saga?'", "sparse features are refused"),
    r"test_inconsistent_input": ("`y` must have a label for each", "says it in other words"),
    r"test_multinomial_logistic_regression_string_inputs": (
        "`sample_weight` must leave each class some weight",
        "a class of weight 0 is refused: its intercept has no minimum",
    ),
    r"test_logreg_predict_proba_multinomial": ("_predict_proba_lr", "a private method of scikit-learn's"),
    r"newton-cholesky-Newton solver": ("Emitted warnings|Skipped: solver newton-cholesky", "says newton-cg"),
    r"test_penalty_none": ("DID NOT WARN", "warns of parameters that the classifier has not"),
    r"array_api_compliance.*\[(array_api_strict-device1|torch-cpu)-float32": (
        "ConvergenceWarning: lbfgs failed to converge",
        "a tolerance of 1e-12 is below the rounding of float32, and the classifier says so",
    ),
    r"array_api.*\[(cupy|dpnp|torch-(cuda|xpu|mps))": ("Skipped", "the library or the device is not there"),
}
"""Tests that do not pass, with the error and the reason."""


class LogisticRegression(MaxEntClassifier):
    """The classifier behind the signature of scikit-learn's: α = 1 / (C Σ s)."""

    def __init__(
        self,
        penalty: Any = "deprecated",
        *,
        C: Any = 1.0,
        l1_ratio: Any = 0.0,
        dual: Any = False,
        tol: Any = 1e-4,
        fit_intercept: Any = True,
        intercept_scaling: Any = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: Any = "lbfgs",
        max_iter: Any = 100,
        verbose: Any = 0,
        warm_start: Any = False,
        n_jobs: Any = None,
    ) -> None:
        self.penalty, self.C, self.l1_ratio, self.dual, self.tol = penalty, C, l1_ratio, dual, tol
        self.fit_intercept, self.intercept_scaling, self.class_weight = fit_intercept, intercept_scaling, class_weight
        self.random_state, self.solver, self.max_iter = random_state, solver, max_iter
        self.verbose, self.warm_start, self.n_jobs = verbose, warm_start, n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticRegression:
        inner = MaxEntClassifier(
            alpha=0.0 if self.penalty is None else 1 / (self.C * self._total(y, sample_weight)),
            **{name: getattr(self, name) for name in ("tol", "fit_intercept", "class_weight", "max_iter")},
            **{name: getattr(self, name) for name in ("verbose", "warm_start")},
            solver=SOLVERS[self.solver],
        )
        for name in ("coef_", "intercept_"):
            if hasattr(self, name):
                setattr(inner, name, getattr(self, name))
        inner.fit(X, y, sample_weight)
        self.__dict__.update({name: x for name, x in vars(inner).items() if name.endswith("_")})
        self.n_iter_ = np.asarray([inner.n_iter_], dtype=np.int32)
        return self

    def _total(self, y: Any, sample_weight: Any) -> float:
        y, s = (np.asarray(x if is_of_host(x) else to_host(x)) for x in (y, sample_weight))
        s = np.ones(y.shape[:1]) if sample_weight is None else s.astype(np.float64)
        if self.class_weight is not None:
            classes, codes = np.unique(y, return_inverse=True)
            s = s * compute_class_weight(self.class_weight, classes=classes, y=y, sample_weight=s)[codes]
        return float(np.sum(s))


def file() -> Path:
    import sklearn.linear_model

    return Path(sklearn.linear_model.__file__).parent / "tests" / "test_logistic.py"


def chosen() -> list[str]:
    """Return the names of the tests that are run."""
    names = re.findall(r"^def (test_\w+)", file().read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [name for name in names if not any(re.search(pattern, name) for pattern in OTHER)]


def patch(theirs: Any) -> None:
    """Put the classifier in the place of scikit-learn's."""
    theirs.LogisticRegression = LogisticRegression


def main() -> None:
    """Run the tests in this process."""
    record(str(file()), patch, "-k", " or ".join(chosen()))


def test_logistic_regression():
    found = outcomes(__name__, SCIPY_ARRAY_API="1")
    hold(found, DEVIATIONS)
    assert sum(said == "passed" for said in found.values()) >= 147
    assert len(chosen()) == 26
