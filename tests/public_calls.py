"""One call of each public function and method, and the textbook formula that it has to agree with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import xent_arrayapi as xent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backends.base import Backend

U = np.asarray([[0.5, -1.0, 2.0, 0.25], [3.0, 2.5, -2.0, 1.0], [0.125, 0.0, 0.25, -0.5]])
V = np.asarray([[1.0, 0.5, -0.25, 0.0], [0.0, 2.0, 1.0, -1.0], [0.5, 0.75, 1.5, 0.25]])
P = np.asarray([[0.125, 0.25, 0.125, 0.5], [0.25, 0.25, 0.25, 0.25], [0.5, 0.125, 0.25, 0.125]])
LABELS = np.asarray([2, 0, 3])
HITS = np.eye(4)[LABELS]
SIGNS = HITS[:, ::2]


class Call(NamedTuple):
    """A public call, as a function of floating arrays."""

    made: Callable[[Backend], Callable[..., Any]]
    """Make the function, with labels and the like as arrays of a backend."""
    plain: Callable[..., np.ndarray]
    """The textbook formula, analytic: derivatives are taken of it by complex steps."""
    primals: tuple[np.ndarray, ...]


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


def loss(u: np.ndarray) -> np.ndarray:
    return np.mean(lse(u) - np.sum(HITS * u, axis=-1))


def logistic(u: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-u))


def curvature(u: np.ndarray) -> np.ndarray:
    return logistic(u) * logistic(-u)


def logistic_loss(u: np.ndarray) -> np.ndarray:
    return np.mean(np.log(1 + np.exp(u)) - SIGNS * u)


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.sum(p * np.log(p / q), axis=-1)


def halves(u: Any) -> Any:
    """Merge the partitions of two halves of the classes, and evaluate the first half."""
    left, right = xent.LogPartition.of(u[:, :2]), xent.LogPartition.of(u[:, 2:])
    return left.merge(right)


def of_softmax_loss(use: Callable[..., Any]) -> Callable[[Backend], Callable[..., Any]]:
    """Make what uses a loss with labels, which are made outside of what is traced."""

    def made(be: Backend) -> Callable[..., Any]:
        h = xent.SoftmaxCrossEntropy(be.array(LABELS), check_values=False)
        return lambda *arrays: use(h, *arrays)

    return made


def of_sigmoid_loss(use: Callable[..., Any]) -> Callable[[Backend], Callable[..., Any]]:
    """Make what uses a logistic loss."""

    def made(be: Backend) -> Callable[..., Any]:
        h = xent.SigmoidCrossEntropy(be.array(SIGNS), check_values=False)
        return lambda *arrays: use(h, *arrays)

    return made


def quotient(of: tuple[Any, Any]) -> Any:
    return of[0] / of[1]


def product(of: tuple[Any, Any]) -> Any:
    return of[0] * of[1]


N, M = U.shape[0], SIGNS.size
W = U[:, :2]

CALLS = {
    "logsumexp": Call(lambda _: xent.logsumexp, lse, (U,)),
    "softmax": Call(lambda _: xent.softmax, probs, (U,)),
    "log_softmax": Call(lambda _: xent.log_softmax, lambda u: u - lse(u)[:, None], (U,)),
    "softmax_jacobian": Call(lambda _: xent.softmax_jacobian, jacobian, (U,)),
    "softmax_jvp": Call(lambda _: xent.softmax_jvp, jvp, (U, V)),
    "LogPartition.merge": Call(lambda _: lambda u: halves(u).logsumexp, lse, (U,)),
    "LogPartition.softmax": Call(lambda _: lambda u: halves(u).softmax(u), probs, (U,)),
    "LogPartition.log_softmax": Call(lambda _: lambda u: halves(u).log_softmax(u), lambda u: u - lse(u)[:, None], (U,)),
    "entropy": Call(lambda _: xent.entropy, lambda p: -np.sum(p * np.log(p), axis=-1), (P,)),
    "cross_entropy": Call(lambda _: xent.cross_entropy, lambda p, q: -np.sum(p * np.log(q), axis=-1), (P, P[::-1])),
    "kl_divergence": Call(lambda _: xent.kl_divergence, divergence, (P, P[::-1])),
    "softmax_cross_entropy": Call(
        of_softmax_loss(lambda h, u: xent.softmax_cross_entropy(u, h.targets, check_values=False)), loss, (U,)
    ),
    "SoftmaxCrossEntropy": Call(of_softmax_loss(lambda h, u: h(u)), loss, (U,)),
    "SoftmaxCrossEntropy.grad": Call(of_softmax_loss(lambda h, u: h.grad(u)), lambda u: (probs(u) - HITS) / N, (U,)),
    "SoftmaxCrossEntropy.value_and_grad": Call(
        of_softmax_loss(lambda h, u: product(h.value_and_grad(u))), lambda u: loss(u) * (probs(u) - HITS) / N, (U,)
    ),
    "SoftmaxCrossEntropy.hvp": Call(of_softmax_loss(lambda h, u, v: h.hvp(u, v)), lambda u, v: jvp(u, v) / N, (U, V)),
    "SoftmaxCrossEntropy.hessian": Call(of_softmax_loss(lambda h, u: h.hessian(u)), lambda u: jacobian(u) / N, (U,)),
    "SoftmaxCrossEntropy.hessian_diag": Call(
        of_softmax_loss(lambda h, u: h.hessian_diag(u)), lambda u: probs(u) * (1 - probs(u)) / N, (U,)
    ),
    "SoftmaxCrossEntropy.total_and_weight": Call(
        of_softmax_loss(lambda h, u: quotient(h.total_and_weight(u))), loss, (U,)
    ),
    "sigmoid": Call(lambda _: xent.sigmoid, logistic, (U,)),
    "log_sigmoid": Call(lambda _: xent.log_sigmoid, lambda u: -np.log(1 + np.exp(-u)), (U,)),
    "sigmoid_cross_entropy": Call(
        of_sigmoid_loss(lambda h, u: xent.sigmoid_cross_entropy(u, h.targets, check_values=False)),
        logistic_loss,
        (W,),
    ),
    "SigmoidCrossEntropy": Call(of_sigmoid_loss(lambda h, u: h(u)), logistic_loss, (W,)),
    "SigmoidCrossEntropy.grad": Call(
        of_sigmoid_loss(lambda h, u: h.grad(u)), lambda u: (logistic(u) - SIGNS) / M, (W,)
    ),
    "SigmoidCrossEntropy.value_and_grad": Call(
        of_sigmoid_loss(lambda h, u: product(h.value_and_grad(u))),
        lambda u: logistic_loss(u) * (logistic(u) - SIGNS) / M,
        (W,),
    ),
    "SigmoidCrossEntropy.hvp": Call(
        of_sigmoid_loss(lambda h, u, v: h.hvp(u, v)), lambda u, v: curvature(u) * v / M, (W, V[:, :2])
    ),
    "SigmoidCrossEntropy.hessian": Call(of_sigmoid_loss(lambda h, u: h.hessian(u)), lambda u: curvature(u) / M, (W,)),
    "SigmoidCrossEntropy.hessian_diag": Call(
        of_sigmoid_loss(lambda h, u: h.hessian_diag(u)), lambda u: curvature(u) / M, (W,)
    ),
    "SigmoidCrossEntropy.total_and_weight": Call(
        of_sigmoid_loss(lambda h, u: quotient(h.total_and_weight(u))), logistic_loss, (W,)
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
