"""`Categorical` against torch.distributions and scipy.stats on the same numbers, and where they deviate."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.stats
import torch

from xent_arrayapi import Categorical

Peer = torch.distributions.Categorical

LOGITS = np.asarray([[0.5, -1.0, 2.0, 0.25], [1.0, 1.0, -0.5, 1.0], [-30.0, 0.0, 3.0, -2.0]])
OTHERS = LOGITS[::-1].copy()
LABELS = np.asarray([[1, 0, 3], [2, 3, 0]])
P = np.asarray([0.5, 0.0, 0.25, 0.25])
"""With a class that is impossible."""
ROUNDINGS = 2.0**-46


def same(ours: object, theirs: object, *, size: float = 0.0) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=ROUNDINGS, atol=ROUNDINGS * size)


@pytest.mark.parametrize("logits", [LOGITS, LOGITS.astype(np.float32)])
def test_torch_on_finite_logits(logits):
    """Probabilities, entropy, log-probabilities along axes of samples, divergence, mode: the same numbers."""
    u, v = torch.from_numpy(logits), torch.from_numpy(OTHERS.astype(logits.dtype))
    ours, theirs = Categorical(u), Peer(logits=u)
    eps = torch.finfo(u.dtype).eps
    pairs = [(ours.mean, theirs.probs), (ours.entropy, theirs.entropy()), (ours.mode, theirs.mode)]
    pairs.append((ours.log_prob(torch.from_numpy(LABELS)), theirs.log_prob(torch.from_numpy(LABELS))))
    pairs.append((ours.kl_divergence(Categorical(v)), torch.distributions.kl_divergence(theirs, Peer(logits=v))))
    pairs.append((Categorical.from_probs(theirs.probs).mean, theirs.probs))
    for got, expected in pairs:
        assert got.dtype == expected.dtype
        torch.testing.assert_close(got, expected, rtol=64 * eps, atol=16 * eps)
    variance = torch.distributions.OneHotCategorical(logits=u).variance
    torch.testing.assert_close(torch.diagonal(ours.covariance, dim1=-2, dim2=-1), variance, rtol=64 * eps, atol=eps)


def test_draws_have_the_frequencies_of_torch():
    """Its draws and ours of the same size, each against the other, by the χ² test."""
    torch.manual_seed(0)
    u = torch.from_numpy(LOGITS[1])
    ours = Categorical(u).sample(torch.rand(4000, dtype=torch.float64))
    counts = [torch.bincount(x, minlength=4).numpy() for x in (ours, Peer(logits=u).sample((4000,)))]
    assert scipy.stats.chi2_contingency(np.asarray(counts)).pvalue > 0.01


def test_torch_gives_impossible_classes_a_finite_logarithm():
    """It clamps probabilities to eps: log 0 is −36.04 in float64."""
    p = torch.from_numpy(P)
    ours, theirs, label = Categorical.from_probs(p), Peer(probs=p), torch.tensor(1)
    assert float(theirs.log_prob(label)) == pytest.approx(np.log(2.0**-52))
    assert float(ours.log_prob(label)) == -np.inf
    same(ours.entropy, 1.5 * np.log(2))


def test_torch_on_minus_infinity():
    """Logits of −inf: its entropy is finite by a clamp to the least number, and the gradient of its divergence nan."""
    u = torch.tensor([0.0, 0.0, -np.inf], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([0.5, 0.0, -np.inf], dtype=torch.float64, requires_grad=True)
    theirs = torch.distributions.kl_divergence(Peer(logits=u), Peer(logits=v))
    ours = Categorical(u).kl_divergence(Categorical(v))
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(x, (u, v)) for x in (ours, theirs)]
    assert all(bool(torch.isfinite(x).all()) for x in gradients[0])
    assert any(bool(torch.isnan(x).any()) for x in gradients[1])


def test_torch_loses_the_divergence_of_families_nearly_alike():
    """KL is about ½ Σ p z² = 1.25e-17 here, of which torch keeps no digit: it may even be negative."""
    u = torch.from_numpy(LOGITS[0])
    step = torch.tensor([1e-8, -1e-8, 0.0, 0.0], dtype=torch.float64)
    z = ((u + step) - u).numpy()
    p = torch.softmax(u, 0).numpy()
    exact = 0.5 * (np.sum(p * z * z) - np.sum(p * z) ** 2)  # the next term is of third order, 1e-8 of it
    ours = float(Categorical(u).kl_divergence(Categorical(u + step)))
    theirs = float(torch.distributions.kl_divergence(Peer(logits=u), Peer(logits=u + step)))
    assert ours == pytest.approx(exact, rel=1e-6)
    assert abs(theirs - exact) > 0.5 * exact


def test_scipy_on_probabilities():
    """Entropy, divergence, moments and quantiles of the same probabilities, one of them exactly 0."""
    q = np.asarray([0.25, 0.25, 0.375, 0.125])
    ours, other = Categorical.from_probs(P), Categorical.from_probs(q)
    same(ours.entropy, scipy.stats.entropy(P))
    same(ours.kl_divergence(other), scipy.stats.entropy(P, q))
    assert float(other.kl_divergence(ours)) == scipy.stats.entropy(q, P) == np.inf
    theirs = scipy.stats.multinomial(n=1, p=P)
    same(ours.covariance, theirs.cov(), size=1)
    same(ours.entropy, theirs.entropy())
    hits = np.eye(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it takes the logarithm of 0
        same(ours.log_prob(hits), theirs.logpmf(hits))
    discrete = scipy.stats.rv_discrete(values=(np.arange(4), P))
    uniforms = (np.arange(64) + 0.5) / 64
    assert np.array_equal(ours.sample(uniforms), discrete.ppf(uniforms))
    numbers = np.arange(4)
    same(np.sum(ours.mean * numbers), discrete.mean())
    third = np.einsum("ijk,i,j,k->", ours.third_cumulant, numbers, numbers, numbers)
    same(third, float(discrete.stats(moments="s")) * discrete.var() ** 1.5)


def test_scipy_draws_what_is_impossible_at_0():
    """The quantile of a uniform of exactly 0 is the number below the support, −1; ours is the first possible class."""
    discrete = scipy.stats.rv_discrete(values=(np.arange(3), [0.0, 0.5, 0.5]))
    assert discrete.ppf(0.0) == -1
    assert Categorical.from_probs(np.asarray([0.0, 0.5, 0.5])).sample(np.asarray(0.0)) == 1
