"""One call of each public function and method, and the textbook formula that it has to agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import xent_arrayapi as xent

if TYPE_CHECKING:
    from collections.abc import Callable

U = np.asarray([[0.5, -1.0, 2.0, 0.25], [3.0, 2.5, -2.0, 1.0], [0.125, 0.0, 0.25, -0.5]])
V = np.asarray([[1.0, 0.5, -0.25, 0.0], [0.0, 2.0, 1.0, -1.0], [0.5, 0.75, 1.5, 0.25]])
P = np.asarray([[0.125, 0.25, 0.125, 0.5], [0.25, 0.25, 0.25, 0.25], [0.5, 0.125, 0.25, 0.125]])
LABELS = np.asarray([2, 0, 3])
HITS = np.eye(4)[LABELS]
SIGNS = HITS[:, ::2]
UNIFORMS = np.asarray([0.75, 0.25, 0.5])
DRAWN = np.eye(4)[[2, 0, 1]]
"""What the uniforms draw."""
SAMPLES = np.asarray([[0, 1, 2, 1], [2, 2, 0, 1], [1, 0, 0, 2]])
W = U[:, :2]
N, M = U.shape[0], SIGNS.size


TEMPERATURES = np.asarray([0.5, -2.0, 1.25])
"""One of them negative."""
MEANS = np.asarray([0.0, 2.75, 0.0625])
"""Between the two levels of each row of W."""


class Call(NamedTuple):
    """A public call, as a function of floating arrays, and of labels where it takes some."""

    function: Callable[..., Any]
    plain: Callable[..., np.ndarray]
    """The textbook formula of the floating arrays, analytic: derivatives are taken of it by complex steps."""
    primals: tuple[np.ndarray, ...]
    labels: tuple[np.ndarray, ...] = ()


def lse(u: np.ndarray) -> np.ndarray:
    return np.log(np.sum(np.exp(u), axis=-1))


def probs(u: np.ndarray) -> np.ndarray:
    e = np.exp(u)
    return e / np.sum(e, axis=-1, keepdims=True)


def jvp(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    s = probs(u)
    return s * (v - np.sum(s * v, axis=-1, keepdims=True))


def jacobian(u: np.ndarray) -> np.ndarray:
    s = probs(u)
    return s[..., None] * (np.eye(s.shape[-1]) - s[..., None, :])


def third(u: np.ndarray) -> np.ndarray:
    s, same = probs(u), np.eye(4)
    pairs = [
        np.einsum(f"{pair},n{one},n{other}->nijk", same, s, s)
        for pair, one, other in (("ij", "i", "k"), ("ik", "i", "j"), ("jk", "j", "i"))
    ]
    return np.einsum("ni,ij,ik->nijk", s, same, same) - sum(pairs) + 2 * np.einsum("ni,nj,nk->nijk", s, s, s)


def log_prob(u: np.ndarray, hits: np.ndarray) -> np.ndarray:
    return np.sum(hits * u, axis=-1) - lse(u)


def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return lse(v) - np.sum(probs(u) * v, axis=-1)


def shares(w: np.ndarray) -> np.ndarray:
    return np.einsum("ni,nik->nk", w, np.eye(3)[SAMPLES]) / np.sum(w, axis=-1, keepdims=True)


def loss(u: np.ndarray) -> np.ndarray:
    return np.mean(lse(u) - np.sum(HITS * u, axis=-1))


def gradient(u: np.ndarray) -> np.ndarray:
    return (probs(u) - HITS) / N


def logistic(u: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-u))


def curvature(u: np.ndarray) -> np.ndarray:
    return logistic(u) * logistic(-u)


def logistic_loss(u: np.ndarray) -> np.ndarray:
    return np.mean(np.log(1 + np.exp(u)) - SIGNS * u)


def logistic_gradient(u: np.ndarray) -> np.ndarray:
    return (logistic(u) - SIGNS) / M


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.sum(p * np.log(p / q), axis=-1)


def moments(e: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of the energy."""
    p = probs(-beta[:, None] * e)
    mean = np.sum(p * e, axis=-1)
    return mean, np.sum(p * e * e, axis=-1) - mean * mean


def thermal(e: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return F − S C of levels at temperatures."""
    f, (mean, variance) = -t * lse(-e / t[:, None]), moments(e, 1 / t)
    return f - (mean - f) / t * variance / t**2


def of_two_levels(e: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return β of a mean energy."""
    return np.log((e[:, 1] - mean) / (mean - e[:, 0])) / (e[:, 1] - e[:, 0])


def thermodynamic(e: Any, t: Any) -> Any:
    """Return the same of an ensemble."""
    ensemble = xent.Boltzmann(e).at_temperature(t)
    return ensemble.free_energy - ensemble.entropy * ensemble.heat_capacity


def moment_product(e: Any, beta: Any) -> Any:
    """Return log Z ⟨E⟩ Var E."""
    ensemble = xent.Boltzmann(e).at_beta(beta)
    return ensemble.log_partition * ensemble.mean_energy * ensemble.energy_variance


def halves(u: Any) -> Any:
    """Merge the partitions of two halves of the classes, and evaluate the first half."""
    left, right = xent.LogPartition.of(u[:, :2]), xent.LogPartition.of(u[:, 2:])
    return left.merge(right)


def of_softmax_loss(use: Callable[..., Any]) -> Callable[..., Any]:
    """Return what uses a loss as a function of the arrays and the labels."""
    return lambda *arrays: use(xent.SoftmaxCrossEntropy(arrays[-1], check_values=False), *arrays[:-1])


def of_sigmoid_loss(use: Callable[..., Any]) -> Callable[..., Any]:
    """Return what uses a logistic loss as a function of the arrays and the targets."""
    return lambda *arrays: use(xent.SigmoidCrossEntropy(arrays[-1], check_values=False), *arrays[:-1])


def of_family(use: Callable[..., Any]) -> Callable[..., Any]:
    """Return what uses one or two families as a function of their logits and what follows."""
    return lambda u, *others: use(xent.Categorical(u), *others)


def quotient(of: tuple[Any, Any]) -> Any:
    return of[0] / of[1]


def product(of: tuple[Any, Any]) -> Any:
    return of[0] * of[1]


def together(of: tuple[Any, Any, Callable[..., Any]], v: Any) -> Any:
    """Use all that `linearize` returns."""
    value, grad, along = of
    return value * grad + along(v)


LOGITS = (U,), (LABELS,)
TANGENT = (U, V), (LABELS,)
SCORES = (W,), (SIGNS,)
SCORES_TANGENT = (W, V[:, :2]), (SIGNS,)

CALLS = {
    "logsumexp": Call(xent.logsumexp, lse, (U,)),
    "softmax": Call(xent.softmax, probs, (U,)),
    "log_softmax": Call(xent.log_softmax, lambda u: u - lse(u)[:, None], (U,)),
    "softmax_jacobian": Call(xent.softmax_jacobian, jacobian, (U,)),
    "softmax_jvp": Call(xent.softmax_jvp, jvp, (U, V)),
    "LogPartition.merge": Call(lambda u: halves(u).logsumexp, lse, (U,)),
    "LogPartition.softmax": Call(lambda u: halves(u).softmax(u), probs, (U,)),
    "LogPartition.log_softmax": Call(lambda u: halves(u).log_softmax(u), lambda u: u - lse(u)[:, None], (U,)),
    "Boltzmann.at_temperature": Call(thermodynamic, thermal, (U, TEMPERATURES)),
    "Boltzmann.at_beta": Call(
        moment_product,
        lambda e, b: lse(-b[:, None] * e) * moments(e, b)[0] * moments(e, b)[1],
        (U, 1 / TEMPERATURES),
    ),
    "Boltzmann.at_mean_energy": Call(
        lambda e, mean: xent.Boltzmann(e).at_mean_energy(mean, max_iter=2)[0].beta, of_two_levels, (W, MEANS)
    ),
    "entropy": Call(xent.entropy, lambda p: -np.sum(p * np.log(p), axis=-1), (P,)),
    "cross_entropy": Call(xent.cross_entropy, lambda p, q: -np.sum(p * np.log(q), axis=-1), (P, P[::-1])),
    "kl_divergence": Call(xent.kl_divergence, divergence, (P, P[::-1])),
    "softmax_cross_entropy": Call(lambda u, t: xent.softmax_cross_entropy(u, t, check_values=False), loss, *LOGITS),
    "SoftmaxCrossEntropy": Call(of_softmax_loss(lambda h, u: h(u)), loss, *LOGITS),
    "SoftmaxCrossEntropy.grad": Call(of_softmax_loss(lambda h, u: h.grad(u)), gradient, *LOGITS),
    "SoftmaxCrossEntropy.value_and_grad": Call(
        of_softmax_loss(lambda h, u: product(h.value_and_grad(u))), lambda u: loss(u) * gradient(u), *LOGITS
    ),
    "SoftmaxCrossEntropy.linearize": Call(
        of_softmax_loss(lambda h, u, v: together(h.linearize(u), v)),
        lambda u, v: loss(u) * gradient(u) + jvp(u, v) / N,
        *TANGENT,
    ),
    "SoftmaxCrossEntropy.hvp": Call(of_softmax_loss(lambda h, u, v: h.hvp(u, v)), lambda u, v: jvp(u, v) / N, *TANGENT),
    "SoftmaxCrossEntropy.hessian": Call(of_softmax_loss(lambda h, u: h.hessian(u)), lambda u: jacobian(u) / N, *LOGITS),
    "SoftmaxCrossEntropy.hessian_diag": Call(
        of_softmax_loss(lambda h, u: h.hessian_diag(u)), lambda u: probs(u) * (1 - probs(u)) / N, *LOGITS
    ),
    "SoftmaxCrossEntropy.total_and_weight": Call(
        of_softmax_loss(lambda h, u: quotient(h.total_and_weight(u))), loss, *LOGITS
    ),
    "Categorical.from_probs": Call(
        lambda p: xent.Categorical.from_probs(p).mean, lambda p: p / np.sum(p, axis=-1, keepdims=True), (3 * P,)
    ),
    "Categorical.from_natural": Call(
        lambda eta: xent.Categorical.from_natural(eta, reference=1).mean,
        lambda eta: probs(np.insert(eta, 1, 0, axis=-1)),
        (V[:, :3],),
    ),
    "Categorical.fit": Call(
        lambda w, y: xent.Categorical.fit(y, classes=3, sample_weight=w).mean, shares, (P,), (SAMPLES,)
    ),
    "Categorical.natural": Call(
        of_family(lambda family: family.natural(reference=-3)),
        lambda u: np.delete(u - u[:, 1:2], 1, axis=-1),
        (U,),
    ),
    "Categorical.log_normalizer": Call(of_family(lambda family: family.log_normalizer), lse, (U,)),
    "Categorical.mean": Call(of_family(lambda family: family.mean), probs, (U,)),
    "Categorical.covariance": Call(of_family(lambda family: family.covariance), jacobian, (U,)),
    "Categorical.third_cumulant": Call(of_family(lambda family: family.third_cumulant), third, (U,)),
    "Categorical.fisher_information": Call(
        of_family(lambda family: family.fisher_information(reference=2)),
        lambda u: np.delete(np.delete(jacobian(u), 2, axis=-1), 2, axis=-2),
        (U,),
    ),
    "Categorical.entropy": Call(of_family(lambda family: family.entropy), lambda u: cross(u, u), (U,)),
    "Categorical.cross_entropy": Call(
        of_family(lambda family, v: family.cross_entropy(xent.Categorical(v))), cross, (U, V)
    ),
    "Categorical.kl_divergence": Call(
        of_family(lambda family, v: family.kl_divergence(xent.Categorical(v))),
        lambda u, v: cross(u, v) - cross(u, u),
        (U, V),
    ),
    "Categorical.log_prob": Call(
        of_family(lambda family, y: family.log_prob(y, check_values=False)), lambda u: log_prob(u, HITS), *LOGITS
    ),
    "Categorical.mode": Call(
        of_family(lambda family: family.log_prob(family.mode, check_values=False)),
        lambda u: log_prob(u, np.eye(4)[[2, 0, 2]]),
        (U,),
    ),
    "Categorical.sample": Call(
        of_family(lambda family, x: family.log_prob(family.sample(x, check_values=False), check_values=False)),
        lambda u: log_prob(u, DRAWN),
        (U,),
        (UNIFORMS,),
    ),
    "sigmoid": Call(xent.sigmoid, logistic, (U,)),
    "log_sigmoid": Call(xent.log_sigmoid, lambda u: -np.log(1 + np.exp(-u)), (U,)),
    "sigmoid_cross_entropy": Call(
        lambda u, t: xent.sigmoid_cross_entropy(u, t, check_values=False), logistic_loss, *SCORES
    ),
    "SigmoidCrossEntropy": Call(of_sigmoid_loss(lambda h, u: h(u)), logistic_loss, *SCORES),
    "SigmoidCrossEntropy.grad": Call(of_sigmoid_loss(lambda h, u: h.grad(u)), logistic_gradient, *SCORES),
    "SigmoidCrossEntropy.value_and_grad": Call(
        of_sigmoid_loss(lambda h, u: product(h.value_and_grad(u))),
        lambda u: logistic_loss(u) * logistic_gradient(u),
        *SCORES,
    ),
    "SigmoidCrossEntropy.linearize": Call(
        of_sigmoid_loss(lambda h, u, v: together(h.linearize(u), v)),
        lambda u, v: logistic_loss(u) * logistic_gradient(u) + curvature(u) * v / M,
        *SCORES_TANGENT,
    ),
    "SigmoidCrossEntropy.hvp": Call(
        of_sigmoid_loss(lambda h, u, v: h.hvp(u, v)), lambda u, v: curvature(u) * v / M, *SCORES_TANGENT
    ),
    "SigmoidCrossEntropy.hessian": Call(
        of_sigmoid_loss(lambda h, u: h.hessian(u)), lambda u: curvature(u) / M, *SCORES
    ),
    "SigmoidCrossEntropy.hessian_diag": Call(
        of_sigmoid_loss(lambda h, u: h.hessian_diag(u)), lambda u: curvature(u) / M, *SCORES
    ),
    "SigmoidCrossEntropy.total_and_weight": Call(
        of_sigmoid_loss(lambda h, u: quotient(h.total_and_weight(u))), logistic_loss, *SCORES
    ),
}
"""By name, as the table of capabilities prints it."""


def pulled_back(call: Call, cotangent: np.ndarray) -> list[np.ndarray]:
    """Return the derivative of ⟨cotangent, plain⟩ in each primal, by complex steps: exact to rounding."""
    gradients = []
    for k, x in enumerate(call.primals):
        gradient = np.empty(x.shape)
        for index in np.ndindex(x.shape):
            step = x.astype(complex)
            step[index] += 1e-30j
            moved = call.plain(*call.primals[:k], step, *call.primals[k + 1 :])
            gradient[index] = np.sum(cotangent * moved).imag / 1e-30
        gradients.append(gradient)
    return gradients
