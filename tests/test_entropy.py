"""Entropy, cross-entropy and divergence of probability vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

import xent_arrayapi as xent
from tests.test_properties import near, outputs

NAN, INF = np.nan, np.inf


def three(p: Any, q: Any) -> Any:
    return xent.entropy(p), xent.cross_entropy(p, q), xent.kl_divergence(p, q)


def test_known_values(be):
    p = np.asarray([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    q = np.asarray([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])
    got = outputs(be, three, be.array(p), be.array(q))
    for x, bits in zip(got, ([1.5, 0, 1], [1.75, 1, 2], [0.25, 1, 1]), strict=True):
        near(be, x, np.log(2) * np.asarray(bits), roundings=4, size=1)


def test_zeros_and_what_is_no_probability(be):
    """0 log 0 = 0 whatever q holds, nan included; q = 0 under p is +inf; negative and nan are nan."""
    p = np.asarray([[0.0, 1.0], [0.0, 1.0], [0.5, 0.5], [-0.5, 1.5], [NAN, 1.0], [0.5, 0.5], [0.5, 0.5]])
    q = np.asarray([[0.0, 1.0], [NAN, 1.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [-0.5, 1.5], [NAN, 1.0]])
    entropy, cross, divergence = outputs(be, three, be.array(p), be.array(q))
    assert np.array_equal(np.isnan(entropy), [False] * 3 + [True] * 2 + [False] * 2)
    for x in (cross, divergence):
        near(be, x, np.asarray([0.0, 0.0, INF, NAN, NAN, NAN, NAN]), roundings=0)


def test_infinite_entries_are_no_probabilities(be):
    got = outputs(
        be, three, be.array([[INF, 1.0], [0.5, 0.5], [0.0, 1.0]]), be.array([[2.0, 1.0], [INF, 1.0], [INF, 1.0]])
    )
    assert np.array_equal(np.isnan(got[0]), [True, False, False])
    for x in got[1:]:
        assert np.isnan(x[1])
        assert x[2] == 0


def test_a_small_divergence_keeps_its_digits(be):
    """With p − q = 2⁻²⁰ exactly, KL = Σ p log1p((p − q) / q) to a few roundings of its terms."""
    h = 2.0**-12
    p, q = np.asarray([0.5 + h, 0.5 - h]), np.asarray([0.5, 0.5])
    got = outputs(be, xent.kl_divergence, be.array(p), be.array(q))
    near(be, got, np.sum(p * np.log1p((p - q) / q)), roundings=8, size=2 * h)


def test_far_apart_by_logarithms(be):
    p, q = np.asarray([1.0, 1e-30]), np.asarray([1e-30, 1.0])
    got = outputs(be, xent.kl_divergence, be.array(p), be.array(q))
    near(be, got, np.asarray(30 * np.log(10)), roundings=8)


def test_no_class_and_one(be):
    for shape, expected in (((2, 0), 0.0), ((0, 3), 0.0), ((2, 1), 0.0)):
        got = outputs(be, three, be.array(np.ones(shape)), be.array(np.ones(shape)))
        for x in got:
            assert x.shape == shape[:1]
            assert np.all(x == expected)


def test_a_second_vector_is_cast_to_the_first(be):
    p, q = be.array([0.5, 0.5], "float32"), be.array([0.25, 0.75], be.dtypes[-1])
    for function in (xent.cross_entropy, xent.kl_divergence):
        assert outputs(be, function, p, q).dtype == np.float32
