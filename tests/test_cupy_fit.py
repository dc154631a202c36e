"""The classifier on emulated CuPy: the coefficients of NumPy, and rows that stay on their device."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from tests.cupy_emulation import install
from xent_arrayapi import MaxEntClassifier

EMULATED = install()
cp = importlib.import_module("cupy")


def rows(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20_161_122)
    x = rng.normal(size=(40, 3))
    return x, np.argmax(x @ rng.normal(size=(3, classes)) + rng.normal(size=(40, classes)), axis=-1)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs", "sgd"])
def test_coefficients_are_those_of_numpy(solver, classes):
    x, y = rows(classes)
    options = {"solver": solver, "alpha": 0.1, "tol": 0.05 if solver == "sgd" else 1e-6, "random_state": 1}
    expected = MaxEntClassifier(**options).fit(x, y)
    there = cp.asarray(x)
    got = MaxEntClassifier(**options).fit(there, cp.asarray(y))
    assert isinstance(got.coef_, cp.ndarray)
    np.testing.assert_allclose(cp.asnumpy(got.coef_), expected.coef_, rtol=1e-12, atol=1e-12)
    assert cp.asnumpy(got.predict(there)).tolist() == expected.predict(x).tolist()
    np.testing.assert_allclose(cp.asnumpy(got.predict_proba(there)), expected.predict_proba(x), rtol=1e-12)


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
def test_what_moves_does_not_grow_with_the_rows(solver):
    """The parameters, the loss and its derivatives: as often for rows once as for the same rows twice."""
    moved = []
    for times in (1, 2):
        x, y = (np.concatenate([a] * times) for a in rows(3))
        there, labels = cp.asarray(x), cp.asarray(y)
        before = EMULATED.counts()
        MaxEntClassifier(solver=solver, alpha=0.1, tol=1e-5).fit(there, labels)
        after = EMULATED.counts()
        moved.append((after.to_device - before.to_device, after.to_host - before.to_host))
        assert after.synchronisations - before.synchronisations == after.to_host - before.to_host
    assert moved[0] == moved[1]
