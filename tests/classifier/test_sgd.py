"""Stochastic gradient descent: where it ends, on which library, and that no step raises the loss of its batch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import example, given
from hypothesis import strategies as st

from tests.classifier.test_classifier import ALPHA, LOADERS, arrays, data, weights
from xent_arrayapi import MaxEntClassifier
from xent_arrayapi._maxent import sums_over
from xent_arrayapi._sgd import Descent, State

if TYPE_CHECKING:
    from xent_arrayapi._penalised import ArraySums

jax.config.update("jax_enable_x64", True)  # noqa: FBT003  # as JAX has it


@pytest.mark.parametrize("name", LOADERS)
def test_rule_42_the_defaults_reach_their_tolerance(name):
    """As they are where classes nearly separate, the penalty is small, and the minimum far away."""
    X, y = data(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MaxEntClassifier(solver="sgd", random_state=0).fit(X, y)
    assert model.moment_violation_ <= 1e-3
    assert model.n_iter_ < 600
    at_minimum = MaxEntClassifier().fit(X, y)
    assert 0 < model.objective_ - at_minimum.objective_ < 0.02
    assert model.score(X, y) > at_minimum.score(X, y) - 0.005


@pytest.mark.parametrize("name", ["iris", "breast cancer"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch_goes_the_same_way(dtype, name):
    """The same rows in the same order: the same coefficients after some epochs, and after more rows, to rounding."""
    X, y = data(name)
    s = weights(y, weighted=True)
    options = {"solver": "sgd", "alpha": ALPHA, "tol": 0.04, "random_state": 3}
    at_home = MaxEntClassifier(**options).fit(X, y, s)
    x, labels, of_rows = arrays("torch", X.astype(dtype), y, s.astype(dtype))
    model = MaxEntClassifier(**options).fit(x, labels, of_rows)
    assert model.n_iter_ == at_home.n_iter_ > 1
    alike(model, at_home, x)
    alike(model.partial_fit(x, labels), at_home.partial_fit(X, y), x)


def test_jax_goes_the_same_way():
    """Each pass in batches of one shape, for JAX compiles what it has not seen."""
    X, y = data("iris")
    x, labels = arrays("jax", X, y)
    model, at_home = (MaxEntClassifier(solver="sgd", batch_size=50, random_state=3) for _ in range(2))
    for _ in range(2):
        alike(model.partial_fit(x, labels, [0, 1, 2]), at_home.partial_fit(X, y, [0, 1, 2]), x)


def alike(there: MaxEntClassifier, here: MaxEntClassifier, x: Any) -> None:
    """Check that coefficients are of the library of the rows, and those of NumPy to rounding."""
    for got, expected in ((there.coef_, here.coef_), (there.intercept_, here.intercept_)):
        assert type(got) is type(x)
        assert got.dtype == x.dtype
        rounding = 1e3 * float(array_namespace(x).finfo(x.dtype).eps)
        np.testing.assert_allclose(np.asarray(got), expected, rtol=0, atol=rounding * np.max(np.abs(expected)))


def batch_loss(sums: ArraySums, theta: np.ndarray, rate: float, alpha: float) -> tuple[float, float]:
    """Return rate Σ s h + α/2 ‖W‖², and a bound of what its rounding may be."""
    pull = alpha / 2 * float(np.sum(theta[:, :-1] ** 2))
    u = np.abs(sums.loss.x) @ np.abs(theta[:, :-1]).T + np.abs(theta[:, -1])
    value = rate * sums.value_and_grad(theta)[0] + pull
    return value, 1e-14 * (value + rate * float(np.sum(sums.row_weights * u)))


WEIGHTLESS = {"seed": 0, "rows": 2, "features": 1, "classes": 2, "scale": 0, "far": 0, "alpha": 0.0, "past": 0} | {
    "intercept": False,
    "decays": False,
    "share": 0.0,
}
"""Rows without weight and no penalty: nothing to go by, and nowhere to go."""


@given(
    seed=st.integers(0, 2**31 - 1),
    rows=st.integers(1, 5),
    features=st.integers(1, 4),
    classes=st.integers(2, 4),
    scale=st.integers(-2, 6),
    far=st.integers(-3, 2),
    alpha=st.sampled_from([0.0, 1e-6, 1e-2, 10.0]),
    past=st.sampled_from([0, 1, 20]),
    intercept=st.booleans(),
    decays=st.booleans(),
    share=st.sampled_from([1.0, 0.7]),
)
@example(**WEIGHTLESS)
def test_rule_46_no_step_raises_the_loss_of_its_batch(
    *, seed, rows, features, classes, scale, far, alpha, past, intercept, decays, share
):
    """Wherever the descent is and whatever batches it saw: the step of the code itself, against its objective."""
    rng = np.random.default_rng(seed)

    def batch(times: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = times * 10.0 ** rng.uniform(-2, 2, size=features) * rng.normal(size=(rows, features))
        s = rng.exponential(size=rows) * (rng.uniform(size=rows) < share)
        return x, rng.integers(classes, size=rows), s

    descent = Descent(alpha, intercept, batch_size=rows, decays=decays, averages=False)
    shape = 1 if classes == 2 else classes, features + 1
    state = State.at(np.zeros(shape))
    for _ in range(past):
        state = descent.through(state, sums_over(*batch(1.0), classes), np.arange(rows))
    theta = 10.0 ** (far - scale) * rng.normal(size=shape)
    theta[:, -1] *= intercept
    state = state._replace(theta=theta)
    sums = sums_over(*batch(10.0**scale), classes)
    after = descent.through(state, sums, np.arange(rows))

    rate = after.rows / rows / after.weight if after.weight else 1.0
    (before_it, one), (after_it, other) = (batch_loss(sums, at.theta, rate, alpha) for at in (state, after))
    assert np.all(np.isfinite(after.theta))
    assert after_it <= before_it + one + other
