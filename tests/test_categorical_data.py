"""`Categorical` and data: fits to labels and counts, probabilities of labels, and draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.conftest import close
from tests.test_autodiff import outputs
from tests.test_categorical import LABELS, U, of
from tests.test_properties import near
from tests.test_validate import refused
from xent_arrayapi import Categorical, SoftmaxCrossEntropy

NAN, INF = np.nan, np.inf


def test_probabilities_and_counts(be):
    """Counts need not sum to 1, nor be floating; an exact 0 is an impossible class; what is no weight is refused."""
    for data, dtype in (([[1, 3, 0, 4]], "uint8"), ([[1, 3, 0, 4]], None), ([[0.25, 0.75, 0.0, 1.0]], None)):
        family = Categorical.from_probs(be.array(data, dtype))
        got = be.numpies((family.mean, family.logits))
        near(be, got[0], np.asarray([[0.125, 0.375, 0.0, 0.5]]), roundings=8)
        assert got[1][0, 2] == -INF
        assert str(got[1].dtype) == (
            be.float_default if np.asarray(data).dtype.kind == "i" else f"float{64 if be.has_float64 else 32}"
        )
    bad = be.array([[0.5, 0.5], [1.5, -0.5], [NAN, 1.0], [INF, 1.0], [0.0, 0.0]])
    if be.readable:
        refused(ValueError, "`p` must hold finite numbers >= 0, not -0.5 at (1, 1).", Categorical.from_probs, bad)
    got = outputs(be, lambda p: Categorical.from_probs(p, check_values=False).mean, bad)
    assert np.array_equal(np.isnan(got).all(axis=-1), [False, True, True, True, True])


def test_fitting_matches_moments(be):
    """Of labels with and without weights, along any axis, of more classes than are counted at once."""
    rng = np.random.default_rng(5)
    y, w, classes = rng.integers(0, 40, (3, 64)), rng.integers(0, 9, (3, 64)) / 4, 40
    hits = np.eye(classes)[y]
    for axis in (0, -1):
        labels, weights = (np.moveaxis(x, -1, axis) for x in (y, w))

        def means(y: Any, w: Any, axis: int = axis) -> Any:
            options = {"classes": classes, "axis": axis, "check_values": False}
            return Categorical.fit(y, **options).mean, Categorical.fit(y, sample_weight=w, **options).mean

        plain, weighted = outputs(be, means, be.array(labels, "uint8"), be.array(weights))
        near(
            be,
            np.moveaxis(weighted, axis, -1),
            np.einsum("nik,ni->nk", hits, w) / w.sum(-1, keepdims=True),
            roundings=16,
        )
        share = np.moveaxis(plain, axis, -1) - hits.mean(1)
        assert np.max(np.abs(share)) <= 16 * np.finfo(plain.dtype).eps
        assert str(plain.dtype) == be.float_default


def test_rule_34_fitting_to_nothing_leaves_no_distribution(be):
    for y, w in (([[]], [[]]), ([[0, 1]], [[0.0, 0.0]])):
        family = Categorical.fit(be.array(np.asarray(y, dtype=int)), classes=2, sample_weight=be.array(np.asarray(w)))
        logits, mode = be.numpies((family.logits, family.mode))
        assert np.all(logits == -INF)
        assert logits.shape == (1, 2)
        assert mode == [-1]


def test_rule_34_labels_and_weights_that_cannot_be_fitted(be):
    y, w = np.asarray([[0, 1], [2, 3], [-1, 0], [1, 1]]), np.asarray([[1.0, 1.0], [1, 1], [1, 1], [-1, 1]])
    if be.readable:
        message = "`labels` must hold labels in 0..2, not 3 at (1, 1)."
        refused(ValueError, message, Categorical.fit, be.array(y), classes=3)
        message = "`sample_weight` must hold finite numbers >= 0, not -1.0 at (3, 0)."
        refused(ValueError, message, Categorical.fit, be.array(y % 3), classes=3, sample_weight=be.array(w))
        shares = Categorical.fit(be.array(y % 3), classes=3, check_values=True).mean
        near(be, be.numpy(shares), np.asarray([[1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 2, 0]]) / 2, roundings=4)
    family = Categorical.fit(be.array(y), classes=3, sample_weight=be.array(w), check_values=False)
    got = be.numpy(family.mean)
    assert np.array_equal(np.isnan(got).any(-1), [False, True, True, True])
    assert np.array_equal(np.isnan(got).all(-1), [False, True, True, True])


def test_log_probabilities_follow_the_rules_of_targets(be):
    """Labels are one-hot rows, also along axes of samples; out of range is never a number."""
    family, y = Categorical(be.array(U)), np.asarray([[1, 0, 2, 1], [0, 3, 1, 0], [2, 2, 3, 1]])
    of_labels, of_rows = outputs(
        be, lambda y, x: (family.log_prob(y, check_values=False), family.log_prob(x, check_values=False)),
        be.array(y), be.array(np.eye(4)[y]),
    )  # fmt: skip
    with np.errstate(divide="ignore"):
        expected = np.take_along_axis(np.log(of(U)[0])[None], y[..., None], axis=-1)[..., 0]
    near(be, of_labels, expected, roundings=4)
    close(of_rows, of_labels, rtol=0)
    bad = be.array(np.asarray([1, 4, -1, 1]))
    if be.readable:
        refused(ValueError, "`targets` must hold labels in 0..3, not 4 at (1,).", family.log_prob, bad)
    got = outputs(be, lambda y: family.log_prob(y, check_values=False), bad)
    assert np.array_equal(np.isnan(got), [False, True, True, False])


def test_log_probabilities_are_minus_the_loss(be):
    def both(u: Any, y: Any) -> Any:
        return Categorical(u).log_prob(y), SoftmaxCrossEntropy(y, reduction="none")(u)

    got, loss = outputs(be, both, be.array(U), be.array(LABELS))
    close(got, -loss, rtol=0)
    alone = be.numpy(Categorical(be.array(U[0])).log_prob(be.array(LABELS[0])))
    assert alone.shape == ()
    close(alone, got[0], rtol=0)


TIES = [-INF, 0.0, 0.0, -INF, 0.0, 0.0, -INF]
"""Four classes of probability 1/4 among those of 0: cumulative sums are exact."""


@pytest.mark.traced
def test_rule_33_draws_at_the_edges_of_the_cells(be):
    """A cell holds its lower end and not its upper one; neither a class of probability 0 nor label K is drawn."""
    below = 1 - be.eps / 2
    uniforms = [0.0, 0.25 * below, 0.25, 0.5 * below, 0.5, 0.75 * below, 0.75, below]

    def chosen(u: Any, x: Any) -> Any:
        family = Categorical(u)
        return family.sample(x, check_values=False), family.mode

    got, mode = outputs(be, chosen, be.array(TIES), be.array(uniforms))
    assert got.tolist() == [1, 1, 2, 2, 4, 4, 5, 5]
    assert mode == 1


def test_uniforms_that_round_to_1(be):
    """Uniforms are cast to the dtype of the logits: the last possible class is drawn."""
    if be.has_float64:
        got = be.run(lambda u, x: Categorical(u).sample(x), be.array(TIES, "float32"), be.array([1 - 1e-12], "float64"))
        assert be.numpy(got).tolist() == [5]


def test_rule_33_uniforms_outside_of_the_interval(be):
    family, uniforms = Categorical(be.array(TIES)), be.array([0.5, 1.0, -0.25, NAN, INF])
    if be.readable:
        refused(ValueError, "`uniforms` must hold numbers in [0, 1), not 1.0 at (1,).", family.sample, uniforms)
    got = outputs(be, lambda x: family.sample(x, check_values=False), uniforms)
    assert got.tolist() == [4, -1, -1, -1, -1]


def test_evenly_spaced_uniforms_draw_each_class_as_often_as_it_is_likely(be):
    p = np.asarray([0.125, 0.0, 0.5, 0.25, 0.125])
    uniforms = (np.arange(800) + 0.5) / 800
    got = outputs(be, lambda p, x: Categorical.from_probs(p).sample(x), be.array(p), be.array(uniforms))
    assert np.all(np.diff(got) >= 0)
    assert np.array_equal(np.bincount(got, minlength=5), 800 * p)
