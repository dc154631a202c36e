r"""Theorems on entropy, cross-entropy and divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xent_arrayapi as xent
from verification._results import Theorem

if TYPE_CHECKING:
    from verification._setting import Setting

KULLBACK = "Kullback and Leibler 1951, doi:10.1214/aoms/1177729694"
POSITIVE = "$p$ and $q$ positive"


def definitions(s: Setting) -> None:
    """Hold the three against their definitions, and against each other."""
    p, q = s.probabilities("p", "NK", summed=False), s.probabilities("q", "NK", summed=False)
    own, cross, divergence = xent.entropy(p), xent.cross_entropy(p, q), xent.kl_divergence(p, q)
    for n, k in s.indices("NK"):
        h = s.sum("K", lambda j: s.at(p, n, j) * s.log(s.at(p, n, j)))
        c = s.sum("K", lambda j: s.at(p, n, j) * s.log(s.at(q, n, j)))
        s.equal(r"$H(p) = -\sum_k p_k \log p_k$", s.at(own, n), -h)
        s.equal(r"$\ell(p, q) = -\sum_k p_k \log q_k$", s.at(cross, n), -c)
        s.equal(r"$\mathrm{KL} = \sum_k p_k \log (p_k / q_k)$", s.at(divergence, n), h - c)
        s.equal(r"$\mathrm{KL} = \ell(p, q) - H(p)$", s.at(divergence, n), s.at(cross, n) - s.at(own, n))
        slope = s.diff(s.at(own, n), p, n, k)
        s.equal(r"$\partial H / \partial p_k = -\log p_k - 1$", slope, -s.log(s.at(p, n, k)) - 1)
        slope = s.diff(s.at(cross, n), q, n, k)
        s.equal(r"$\partial \ell / \partial q_k = -p_k / q_k$", slope, -s.at(p, n, k) / s.at(q, n, k))


def zeros(s: Setting) -> None:
    """Leave out classes of probability 0."""
    p, q, taken = s.probabilities("p", "NK", summed=False), s.probabilities("q", "NK"), s.mask("M", "NK")
    some = s.xp.where(taken, p, 0)
    inside = s.xp.where(taken, s.xp.ones_like(p), 0)
    for (n,) in s.indices("N"):
        h = s.sum("K", lambda j: s.at(inside, n, j) * s.at(p, n, j) * s.log(s.at(p, n, j)))
        c = s.sum("K", lambda j: s.at(inside, n, j) * s.at(p, n, j) * s.log(s.at(q, n, j)))
        s.equal(r"$H(p)$ with $0 \log 0 = 0$", s.at(xent.entropy(some), n), -h)
        s.equal(r"$\ell(p, q)$ with $0 \log q = 0$", s.at(xent.cross_entropy(some, q), n), -c)
        s.equal(r"$\mathrm{KL}$ with $0 \log 0 = 0$", s.at(xent.kl_divergence(some, q), n), h - c)


def sign(s: Setting) -> None:
    """Show that the divergence of probabilities is not negative."""
    p = s.probabilities("p", "NK", summed=s.given(r"$\sum_k p_k = \sum_k q_k = 1$"))
    q = s.probabilities("q", "NK", summed=s.given(r"$\sum_k p_k = \sum_k q_k = 1$"))
    divergence = xent.kl_divergence(p, q)
    for (n,) in s.indices("N"):
        bound = s.sum(
            "K",
            lambda j: s.at(p, n, j) * (s.at(q, n, j) / s.at(p, n, j) - 1 - s.log(s.at(q, n, j)) + s.log(s.at(p, n, j))),
        )
        s.equal(
            r"$\mathrm{KL} = \sum_k p_k \varphi(q_k / p_k)$ with $\varphi(z) = z - 1 - \log z \ge 0$",
            s.at(divergence, n),
            bound,
        )


def of_softmax(s: Setting) -> None:
    """Evaluate the entropy of softmax."""
    u = s.reals("u", "NK")
    probs, a = xent.softmax(u), xent.logsumexp(u)
    for (n,) in s.indices("N"):
        mean = s.sum("K", lambda k: s.at(probs, n, k) * s.at(u, n, k))
        s.equal(r"$H(S(u)) = A - \langle S, u \rangle$", s.at(xent.entropy(probs), n), s.at(a, n) - mean)


ENTROPY = (
    Theorem(
        "entropy-and-divergence",
        "Entropy, cross-entropy and divergence",
        r"H(p) = -\sum_k p_k \log p_k, \quad \ell(p, q) = -\sum_k p_k \log q_k, \quad"
        r" \mathrm{KL}(p \Vert q) = \ell(p, q) - H(p)",
        definitions,
        ("seeds/000, the cross-entropy", "seeds/003, equation 3", KULLBACK),
        covers=("entropy", "cross_entropy", "kl_divergence"),
        assumptions=(POSITIVE,),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "classes-of-probability-zero",
        "Classes of probability 0 contribute nothing",
        r"0 \log 0 = 0, \qquad 0 \log q = 0",
        zeros,
        ("seeds/000, the cross-entropy", KULLBACK),
        covers=("entropy", "cross_entropy", "kl_divergence"),
        assumptions=(POSITIVE, "$p$ set to 0 outside any set $M$"),
    ),
    Theorem(
        "divergence-is-not-negative",
        "The divergence is not negative",
        r"\mathrm{KL}(p \Vert q) = \sum_k p_k \, \varphi \Bigl( \frac{q_k}{p_k} \Bigr) \ge 0, \qquad"
        r" \varphi(z) = z - 1 - \log z",
        sign,
        (KULLBACK,),
        covers=("kl_divergence",),
        assumptions=(POSITIVE, r"$\log z \le z - 1$"),
        hypotheses=(r"$\sum_k p_k = \sum_k q_k = 1$",),
    ),
    Theorem(
        "entropy-of-softmax",
        "The entropy of softmax",
        r"H(S(u)) = A(u) - \langle S(u), u \rangle",
        of_softmax,
        ("seeds/000, the Boltzmann distribution",),
        covers=("entropy", "softmax", "logsumexp"),
        assumptions=("$u$ real and finite",),
    ),
)
