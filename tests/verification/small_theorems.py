"""Theorems to try the settings on, and what is nearly one of them."""

from __future__ import annotations

import xent_arrayapi as xa
from verification._results import Theorem


def softmax_is_the_gradient(s, sign=1):
    u = s.reals("u", "NK")
    a, p = xa.logsumexp(u), xa.softmax(u)
    for n, k in s.indices("NK"):
        s.equal("∂A/∂u = S", s.diff(s.at(a, n), u, n, k), sign * s.at(p, n, k))
        total = s.sum("K", lambda j: s.exp(s.at(u, n, j)))
        s.equal("S = e^u / Σ e^u", s.at(p, n, k), s.exp(s.at(u, n, k)) / total)
        s.equal("e^(log S) = S", s.exp(s.at(xa.log_softmax(u), n, k)), s.at(p, n, k))


def minus_softmax_is_the_gradient(s):
    softmax_is_the_gradient(s, sign=-1)


def jacobian(s, factor=1):
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    p, blocks, product = xa.softmax(u), xa.softmax_jacobian(u), xa.softmax_jvp(u, v)
    for n, i, j in s.indices("NKK"):
        s.equal("∂S/∂u = J", s.diff(s.at(p, n, i), u, n, j), s.at(blocks, n, i, j))
        s.equal("J", s.at(blocks, n, i, j), s.at(p, n, i) * ((factor if i == j else 0) - s.at(p, n, j)))
    for n, i in s.indices("NK"):
        row = s.sum("K", lambda j: s.at(blocks, n, i, j) * s.at(v, n, j))
        s.equal("J v", s.at(product, n, i), row)


def wrong_jacobian(s):
    jacobian(s, factor=2)


def derivatives(s, loss, u, v, *, summed):
    """The gradient is that of the value; the products, blocks and diagonals are those of the gradient."""
    value, gradient, product = loss(u), loss.grad(u), loss.hvp(u, v)
    blocks, diagonal = loss.hessian(u), loss.hessian_diag(u)
    for n, i, j in s.indices("NKK"):
        h = s.at(value) if summed else s.at(value, n)
        s.equal("∂h/∂u", s.diff(h, u, n, i), s.at(gradient, n, i))
        s.equal("∂²h/∂u²", s.diff(s.at(gradient, n, i), u, n, j), s.at(blocks, n, i, j))
    for n, i in s.indices("NK"):
        s.equal("diagonal", s.at(diagonal, n, i), s.at(blocks, n, i, i))
        row = s.sum("K", lambda j: s.at(blocks, n, i, j) * s.at(v, n, j))
        s.equal("H v", s.at(product, n, i), row)


def of_labels(s, **options):
    u, v, labels = s.reals("u", "NK"), s.reals("v", "NK"), s.labels("y", "N")
    loss = xa.SoftmaxCrossEntropy(labels, **options)
    derivatives(s, loss, u, v, summed=loss.reduction != "none")


def of_rows(s, **options):
    u, v, p = s.reals("u", "NK"), s.reals("v", "NK"), s.positives("p", "NK")
    loss = xa.SoftmaxCrossEntropy(p, **options)
    derivatives(s, loss, u, v, summed=loss.reduction != "none")


def labels_alone(s):
    of_labels(s, reduction="none")


def rows_alone(s):
    of_rows(s)


def gradient_is_s_less_p(s):
    u, p = s.reals("u", "NK"), s.probabilities("p", "NK", summed=s.given("p sums to 1"))
    gradient, probs = xa.SoftmaxCrossEntropy(p, reduction="none").grad(u), xa.softmax(u)
    for n, k in s.indices("NK"):
        s.equal("S − p", s.at(gradient, n, k), s.at(probs, n, k) - s.at(p, n, k))


def weighted_labels(s):
    w, r = s.positives("w", "K"), s.positives("r", "N")
    of_labels(s, class_weights=w, sample_weight=r, label_smoothing=s.number("eps", high=1), z_loss=s.number("z"))


def smoothed_rows_at_a_temperature(s):
    of_rows(s, label_smoothing=s.number("eps", high=1), temperature=s.number("T"), reduction="sum")


def capped_labels_at_a_temperature(s):
    of_labels(s, softcap=s.number("c"), temperature=s.number("T"), reduction="none")


def masked_labels(s):
    u, v, labels = s.reals("u", "NK"), s.reals("v", "NK"), s.labels("y", "N")
    mask = s.mask("mask", "NK", labels)
    loss = xa.SoftmaxCrossEntropy(labels, where=mask, label_smoothing=s.number("eps", high=1))
    derivatives(s, loss, u, v, summed=True)


def logistic(s):
    u, p, q, w = s.reals("u", "N"), s.positives("p", "N"), s.positives("q", "N"), s.positives("w", "")
    loss = xa.SigmoidCrossEntropy(p / (p + q), pos_weight=w, reduction="sum")
    for (n,) in s.indices("N"):
        s.equal("h′", s.diff(s.at(loss(u)), u, n), s.at(loss.grad(u), n))
        s.equal("h″", s.diff(s.at(loss.grad(u), n), u, n), s.at(loss.hessian(u), n))
        s.equal("σ", s.at(xa.sigmoid(u), n), 1 / (1 + s.exp(-s.at(u, n))))
        s.equal("log σ", s.exp(s.at(xa.log_sigmoid(u), n)), s.at(xa.sigmoid(u), n))


def partitions_merge(s):
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    parts = xa.LogPartition.of(u), xa.LogPartition.of(v)
    both, union = parts[0].merge(parts[1]), xa.logsumexp(s.xp.concat([u, v], axis=-1))
    other = parts[1].merge(parts[0])
    for n, k in s.indices("NK"):
        s.equal("A of the union", s.at(both.logsumexp, n), s.at(union, n))
        s.equal("in either order", s.at(other.logsumexp, n), s.at(union, n))
        s.equal("S", s.at(both.softmax(u), n, k), s.exp(s.at(u, n, k) - s.at(union, n)))


def signed_sums(s):
    u, w = s.reals("u", "NK"), s.nonzeros("w", "NK")
    value, sign = xa.logsumexp(u, weights=w, return_sign=True)
    signed = s.xp.exp(value) * sign
    for (n,) in s.indices("N"):
        total = s.sum("K", lambda k: s.at(w, n, k) * s.exp(s.at(u, n, k)))
        s.equal("e^value sign = Σ w e^u", s.at(signed, n), total)


def positive_weights(s):
    u, w = s.reals("u", "NK"), s.positives("w", "NK")
    value = xa.logsumexp(u, weights=w)
    for (n,) in s.indices("N"):
        total = s.sum("K", lambda k: s.at(w, n, k) * s.exp(s.at(u, n, k)))
        s.equal("log Σ w e^u", s.at(value, n), s.log(total))
        s.positive("Σ w e^u > 0", total)


def entropies(s):
    p, q = s.positives("p", "NK"), s.positives("q", "NK")
    entropy, divergence, cross = xa.entropy(p), xa.kl_divergence(p, q), xa.cross_entropy(p, q)
    for n, k in s.indices("NK"):
        s.equal("KL = cross-entropy − entropy", s.at(divergence, n), s.at(cross, n) - s.at(entropy, n))
        s.equal("∂H/∂p", s.diff(s.at(entropy, n), p, n, k), -s.log(s.at(p, n, k)) - 1)
        s.equal("∂KL/∂q", s.diff(s.at(divergence, n), q, n, k), -s.at(p, n, k) / s.at(q, n, k))


def theorem(prove, *, sizes=(2, 3), hypotheses=()):
    name = prove.__name__.replace("_", "-")
    return Theorem(name, name, "", prove, sources=("none",), sizes=sizes, hypotheses=hypotheses, every=False)


TRUE = (
    *(softmax_is_the_gradient, jacobian, labels_alone, rows_alone, gradient_is_s_less_p, weighted_labels),
    *(smoothed_rows_at_a_temperature, capped_labels_at_a_temperature, masked_labels, logistic, partitions_merge),
    *(positive_weights, entropies),
)
FALSE = (minus_softmax_is_the_gradient, wrong_jacobian)


def coldest_softmax(s, share=1):
    """At temperature 0, uniform over the maxima."""
    u = s.reals("u", "NK")
    p, logs = xa.softmax(u, temperature=0), xa.log_softmax(u, temperature=0)
    for n, k in s.indices("NK"):
        if k in s.ties(n):
            s.equal("S = 1 / ties", s.at(p, n, k) * len(s.ties(n)), share)
            s.equal("log S = −log ties", s.at(logs, n, k), -s.log(s.term(len(s.ties(n)))))
        else:
            s.equal("S = 0", s.at(p, n, k), 0)
            s.minus_infinite("log S = −inf", logs, n, k)


def softmax_at_the_true_maximum(s):
    u = s.reals("u", "NK")
    p, a = xa.softmax(u), xa.logsumexp(u)
    for n, k in s.indices("NK"):
        total = s.sum("K", lambda j: s.exp(s.at(u, n, j)))
        s.equal("S", s.at(p, n, k), s.exp(s.at(u, n, k)) / total)
        s.equal("A", s.at(a, n), s.log(total))
        s.equal("1 − S", s.at(xa.softmax_jacobian(u), n, k, k), s.at(p, n, k) * (1 - s.at(p, n, k)))


def too_cold_softmax(s):
    coldest_softmax(s, share=2)
