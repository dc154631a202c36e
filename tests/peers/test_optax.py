"""Optax's own tests of its classification losses, run on ours."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax.losses
import pytest

import xent_arrayapi as xent
from tests.peers import hold, outcomes, record

CLASSES = (
    "SoftmaxCrossEntropyTest",
    "SafeSoftmaxCrossEntropyTest",
    "SoftmaxCrossEntropyWithIntegerLabelsTest",
    "SigmoidCrossEntropyTest",
)

NUMBER = 38
"""Of Optax's tests in these classes."""

DEVIATIONS = {
    r"SoftmaxCrossEntropyTest::test_gradient": (
        "nan location mismatch",
        "rule 16: its difference quotients take targets below 0, which are nan",
    ),
    r"::test_mask\d": ("inf location mismatch", "rule 21: a target at a masked class costs inf; Optax leaves it out"),
    r"::test_per_logit_mask": ("inf location mismatch", "rule 21: so it does where the mask leaves no class"),
    r"::test_axes\d": ("TypeError: `axis` must be a Python integer", "one class axis: reshape the logits first"),
}


@partial(jax.jit, static_argnames="axis")
def softmax_cross_entropy(logits: Any, labels: Any, axis: Any = -1, where: Any = None) -> Any:
    if where is not None and where.ndim != logits.ndim:
        where = jnp.expand_dims(where, axis)
    return xent.softmax_cross_entropy(logits, labels, axis=axis, where=where, reduction="none")


@jax.jit
def sigmoid_binary_cross_entropy(logits: Any, labels: Any) -> Any:
    return xent.sigmoid_cross_entropy(logits, labels, reduction="none")


def patch(tests: Any) -> None:
    """Put our functions in the place of Optax's."""
    theirs = tests._classification  # noqa: SLF001  # that is what its tests call
    theirs.softmax_cross_entropy = softmax_cross_entropy
    theirs.safe_softmax_cross_entropy = softmax_cross_entropy
    theirs.softmax_cross_entropy_with_integer_labels = softmax_cross_entropy
    theirs.sigmoid_binary_cross_entropy = sigmoid_binary_cross_entropy


def main() -> None:
    """Run Optax's tests in this process."""
    np.random.seed(0)  # noqa: NPY002  # Optax's tests draw from the global generator, unseeded

    record(str(Path(optax.losses.__file__).parent / "_classification_test.py"), patch, "-k", " or ".join(CLASSES))


def test_classification_losses():
    found = outcomes(__name__)
    assert len(found) == NUMBER
    hold(found, DEVIATIONS)


LOGITS = np.asarray([[10.0, 1.0, -2.0], [1.0, 4.0, 0.2]], dtype=np.float32)
ROWS = np.asarray([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=np.float32)


def test_gradients_by_logits_and_targets():
    """What the gradient tests that deviate are after, at targets that stay positive."""
    inner = 0.8 * ROWS + 0.1
    for argument in (0, 1, (0, 1)):
        ours, theirs = (
            jax.grad(lambda u, p, loss=loss: loss(u, p).sum(), argnums=argument)(LOGITS, inner)
            for loss in (softmax_cross_entropy, optax.safe_softmax_cross_entropy)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_a_mask_is_a_subset():
    """What the mask tests that deviate are after, with targets of 0 at the masked classes."""
    rng = np.random.default_rng(0)
    logits, mask = rng.normal(size=10), np.arange(10) % 3 != 1
    targets = np.where(mask, rng.dirichlet(np.ones(10)), 0)
    masked = softmax_cross_entropy(logits, targets, where=mask)
    np.testing.assert_allclose(masked, softmax_cross_entropy(logits[mask], targets[mask]), rtol=1e-6)


def test_against_optax_on_labels():
    labels = np.asarray([1, 0], dtype=np.int32)
    for derive in (lambda f: f, jax.jacobian):
        ours = derive(lambda u: softmax_cross_entropy(u, labels))(LOGITS)
        theirs = derive(lambda u: optax.softmax_cross_entropy_with_integer_labels(u, labels))(LOGITS)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("axis", [-1, 0])
def test_jax_differentiates_ours_as_its_own(name, axis):
    """To second order, eagerly and compiled."""
    u, g = (jnp.asarray(np.random.default_rng(seed).normal(size=(4, 5)).astype("float32")) for seed in (0, 1))

    def total(function: Any, u: Any) -> Any:
        value = function(u, axis=axis)
        return jnp.sum(value * (g if value.ndim == g.ndim else jnp.sum(g, axis=axis)))

    ours, theirs = (partial(total, getattr(library, name)) for library in (xent, jax.nn))
    for of in (jax.grad, jax.hessian):
        expected = np.asarray(of(theirs)(u))
        for derivative in (of(ours), jax.jit(of(ours))):
            np.testing.assert_allclose(np.asarray(derivative(u)), expected, rtol=1e-4, atol=1e-5)
