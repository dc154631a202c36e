r"""Theorems on the categorical distribution as an exponential family, beyond what softmax has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xent_arrayapi as xent
from verification._results import Theorem
from verification.theorems_partition import REAL
from xent_arrayapi import Categorical

if TYPE_CHECKING:
    from verification._fixed import Fixed
    from verification._paths import Path
    from verification._setting import Setting

MOMENTS = "Barndorff-Nielsen 1978, Information and Exponential Families, section 8.1"
INVERSION = "Devroye 1986, Non-Uniform Random Variate Generation, section III.2.1"


def cumulants(s: Setting) -> None:
    """Differentiate the covariance, for equal and for distinct classes."""
    u = s.reals("u", "NK")
    family = Categorical(u)
    mean, covariance, third = family.mean, family.covariance, family.third_cumulant
    for n, i, j, k in s.indices("NKKK"):
        slope = s.diff(s.at(covariance, n, i, j), u, n, k)
        s.equal(
            r"$\kappa_{ijk} = \partial^3 A / \partial u_i \partial u_j \partial u_k$", s.at(third, n, i, j, k), slope
        )
        a, b, c = (s.at(mean, n, m) for m in (i, j, k))
        moment = (
            2 * a * b * c
            + (a * int(j == k) if i == j else s.term(0))
            - sum((x * y * int(p == q) for p, q, x, y in ((i, j, a, c), (i, k, a, b), (j, k, b, a))), s.term(0))
        )
        s.equal(
            r"$\kappa_{ijk} = \mathrm{E} (x - \theta)_i (x - \theta)_j (x - \theta)_k$", s.at(third, n, i, j, k), moment
        )


def entropies(s: Setting) -> None:
    """Evaluate entropy and cross-entropy from logits."""
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    family, other = Categorical(u), Categorical(v)
    own, cross, divergence = family.entropy, family.cross_entropy(other), family.kl_divergence(other)
    for (n,) in s.indices("N"):
        for value, w, claim in (
            (own, u, r"$H = A(u) - \langle u, \theta \rangle$"),
            (cross, v, r"$\ell(\theta, \theta') = A(v) - \langle v, \theta \rangle$"),
        ):
            inner = s.sum("K", lambda k: s.at(w, n, k) * s.at(family.mean, n, k))
            s.equal(claim, s.at(value, n), s.at(xent.logsumexp(w), n) - inner)
        s.equal(r"$\mathrm{KL} = \ell(\theta, \theta') - H$", s.at(divergence, n), s.at(cross, n) - s.at(own, n))


def minimal(s: Fixed) -> None:
    """Go from minimal parameters to the family and back, for every reference class of either sign."""
    eta = s.reals("eta", "NK")
    classes = int(s.size("K")) + 1
    for r in range(-classes, classes):
        family = Categorical.from_natural(eta, reference=r)
        a, mean, back = family.log_normalizer, family.mean, family.natural(reference=r)
        information, others = family.fisher_information(reference=r), [k for k in range(classes) if k != r % classes]
        for n, i, j in s.indices("NKK"):
            z = 1 + s.sum("K", lambda k: s.exp(s.at(eta, n, k)))
            s.equal(r"$A(\eta) = \log (1 + \sum_i e^{\eta_i})$", s.at(a, n), s.log(z))
            s.equal(r"$A(\eta) = -\log \theta_r$", s.at(a, n), -s.log(s.at(mean, n, r % classes)))
            s.equal(r"$\eta_i = \log \theta_i / \theta_r$ again", s.at(back, n, i), s.at(eta, n, i))
            slope = s.diff(s.at(a, n), eta, n, i)
            s.equal(r"$\partial A / \partial \eta_i = \theta_i$", slope, s.at(mean, n, others[i]))
            second = s.diff(slope, eta, n, j)
            s.equal(r"$\partial^2 A / \partial \eta_i \partial \eta_j = I_{ij}$", s.at(information, n, i, j), second)


def log_probabilities(s: Setting) -> None:
    """Evaluate labels and rows, of which there are several for each row of logits."""
    u, y = s.reals("u", "NK"), s.labels("y", "DN")
    x = s.probabilities("x", "DNK", summed=s.given(r"$\sum_k x_k = 1$"))
    family = Categorical(u)
    of_labels, of_rows, a = family.log_prob(y), family.log_prob(x), family.log_normalizer
    for d, n in s.indices("DN"):
        s.equal(r"$\log p(y) = u_y - A(u)$", s.at(of_labels, d, n), s.at(u, n, s.at(y, d, n)) - s.at(a, n))
        inner = s.sum("K", lambda k: s.at(x, d, n, k) * s.at(u, n, k))
        s.equal(r"$\log p(x) = \langle x, u \rangle - A(u)$", s.at(of_rows, d, n), inner - s.at(a, n))


def moment_matching(s: Fixed) -> None:
    """Match the mean of counts, and of labels with weights, some of whose classes do not occur."""
    w, y = s.positives("w", "NK"), s.labels("y", "NK")
    counted, fitted = Categorical.from_probs(w), Categorical.fit(y, classes=int(s.size("K")), sample_weight=w)
    for n, k in s.indices("NK"):
        total = s.sum("K", lambda j: s.at(w, n, j))
        s.equal(r"$\theta_k = w_k / \sum_j w_j$ of counts", s.at(counted.mean, n, k) * total, s.at(w, n, k))
        hits = s.sum("K", lambda j: s.at(w, n, j) * int(s.at(y, n, j) == k))
        s.equal(r"$\theta_k = \sum_i w_i [y_i = k] / \sum_i w_i$ of labels", s.at(fitted.mean, n, k) * total, hits)


def inversion(s: Fixed) -> None:
    """Draw from a uniform that lies anywhere between two cumulative probabilities, at a / (a + b) of the way."""
    u, y, a, b = s.reals("u", "NK"), s.labels("y", "N"), s.positives("a", "N"), s.positives("b", "N")
    family, k = Categorical(u), s.xp.arange(s.size("K"))
    below = s.xp.sum(s.xp.where(k < y[:, None], family.mean, 0), axis=-1)
    uniforms = below + s.xp.sum(s.xp.where(k == y[:, None], family.mean, 0), axis=-1) * a / (a + b)
    labels, first = family.sample(uniforms), family.sample(below)
    for (n,) in s.indices("N"):
        s.equal(r"$U = \sum_{j < y} \theta_j + f \theta_y$ draws $y$", s.term(s.at(labels, n)), s.term(s.at(y, n)))
        s.equal(r"and so does $f = 0$", s.term(s.at(first, n)), s.term(s.at(y, n)))


def largest(s: Path) -> None:
    """Take the first of the classes whose logit is the largest."""
    u = s.reals("u", "NK")
    mode = Categorical(u).mode
    for (n,) in s.indices("N"):
        s.equal(r"the mode is $\min \arg\max u$", s.term(s.at(mode, n)), s.term(s.ties(n)[0]))


CATEGORICAL = (
    Theorem(
        "third-cumulant",
        "The third cumulant is the third derivative of the log-normaliser",
        r"\frac{\partial^3 A}{\partial u_i \partial u_j \partial u_k}"
        r" = \mathrm{E} (x - \theta)_i (x - \theta)_j (x - \theta)_k",
        cumulants,
        ("seeds/002, the log-normaliser", MOMENTS),
        covers=("Categorical.third_cumulant", "Categorical.covariance", "Categorical.mean"),
        assumptions=(REAL,),
    ),
    Theorem(
        "entropy-of-families",
        "Entropy and cross-entropy from logits",
        r"H = A(u) - \langle u, \theta \rangle, \quad \ell(\theta, \theta') = A(v) - \langle v, \theta \rangle",
        entropies,
        ("seeds/000, the cross-entropy", "seeds/002"),
        covers=("Categorical.entropy", "Categorical.cross_entropy", "Categorical.kl_divergence"),
        assumptions=("$u, v$ real and finite",),
    ),
    Theorem(
        "log-probability",
        "The log-probability is that of an exponential family",
        r"\log p(x) = \langle x, u \rangle - A(u)",
        log_probabilities,
        ("seeds/002",),
        covers=("Categorical.log_prob", "Categorical.log_normalizer"),
        assumptions=(REAL, "$y$ a label, $x$ positive"),
        hypotheses=(r"$\sum_k x_k = 1$",),
    ),
    Theorem(
        "minimal-parameters",
        "The minimal natural parameters, there and back",
        r"\eta_i = \log \frac{\theta_i}{\theta_r}, \quad A(\eta) = -\log \theta_r, \quad \nabla A = \theta, \quad"
        r" \nabla^2 A = I(\eta)",
        minimal,
        ("seeds/002",),
        covers=("Categorical.from_natural", "Categorical.natural", "Categorical.fisher_information"),
        assumptions=(r"$\eta$ real and finite", "any reference class $r$, of either sign"),
        sizes=(2, 1),
        every=False,
    ),
    Theorem(
        "moment-matching",
        "Fitting matches moments",
        r"\theta_k = \frac{\sum_i w_i [y_i = k]}{\sum_i w_i}",
        moment_matching,
        ("seeds/002", MOMENTS),
        covers=("Categorical.from_probs", "Categorical.fit", "Categorical.mean"),
        assumptions=("$w$ positive",),
        every=False,
    ),
    Theorem(
        "inverse-of-the-distribution-function",
        "A draw is the class whose cell of the unit interval holds the uniform",
        r"\sum_{j < y} \theta_j \le U < \sum_{j \le y} \theta_j \; \Rightarrow \; y",
        inversion,
        (INVERSION,),
        covers=("Categorical.sample", "Categorical.mean"),
        assumptions=("$u$ real and finite", r"$0 \le f < 1$"),
        sizes=(2, 1, 3),
        every=False,
    ),
    Theorem(
        "mode",
        "The mode is the first of the most probable classes",
        r"\min \arg\max_k u_k",
        largest,
        ("the definition",),
        covers=("Categorical.mode",),
        assumptions=(REAL,),
        sizes=(1, 2, 3),
        every=False,
        branches=True,
    ),
)
