"""Compare the maximum-entropy classifier with scikit-learn's logistic regression: the same minimum, and a proof of it.

    pip install 'xent_arrayapi[sklearn]'
    python docs/examples/classifier.py

Objective: mean cross-entropy + α/2 ‖W‖² with α = 1e-2, so that C of scikit-learn is 1 / (α N).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from xent_arrayapi import MaxEntClassifier, log_softmax

ALPHA = 1e-2
LOADERS = {"digits": load_digits, "iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer}


def objective(model: Any, features: Any, labels: Any) -> float:
    """Evaluate the objective of any fitted linear model."""
    logits = features @ model.coef_.T + model.intercept_
    logits = np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
    losses = -log_softmax(logits)[np.arange(labels.shape[0]), labels]
    return float(np.mean(losses) + ALPHA / 2 * np.sum(model.coef_**2))


def main() -> None:
    """Fit, and print a table."""
    table = Table(box=MARKDOWN)
    for column in ("data", "solver", "steps", "f", "f − f of scikit-learn", "largest ΔP", "duality gap"):
        table.add_column(column, justify="left" if column in ("data", "solver") else "right")
    for name, load in LOADERS.items():
        for kind in ("standardised", "raw"):
            features, labels = load(return_X_y=True)
            features = scale(features) if kind == "standardised" else features
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # scikit-learn stops where its line search does
                theirs = LogisticRegression(
                    C=1 / (ALPHA * labels.shape[0]), solver="newton-cholesky", tol=1e-12, max_iter=1000
                ).fit(features, labels)
            for solver in ("newton-cg", "lbfgs", *(("sgd",) if kind == "standardised" else ())):
                tol = None if solver == "sgd" else 1e-8
                ours = MaxEntClassifier(alpha=ALPHA, solver=solver, tol=tol, random_state=0).fit(features, labels)
                apart = np.max(np.abs(ours.predict_proba(features) - theirs.predict_proba(features)))
                value = objective(ours, features, labels)
                difference = value - objective(theirs, features, labels)
                row = f"{value:.6f}", f"{difference:.0e}", f"{apart:.0e}", f"{ours.duality_gap_:.0e}"
                table.add_row(f"{name}, {kind}", solver, str(ours.n_iter_), *row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
