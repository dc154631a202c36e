r"""Theorems on the cross-entropy of targets and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from verification.theorems_partition import REAL

if TYPE_CHECKING:
    from verification._setting import Setting

LOSS = "SoftmaxCrossEntropy"
CALLS = (LOSS, "softmax_cross_entropy")
SECOND = tuple(f"{LOSS}.{name}" for name in ("hvp", "hessian", "hessian_diag"))
TOGETHER = f"{LOSS}.linearize"
FIRST = (*CALLS, f"{LOSS}.grad", f"{LOSS}.value_and_grad")


def derivatives(s: Setting, h: Any, u: Any, label: Any = None) -> None:
    """Show that a loss without reduction has the gradient, Hessian and products that it says it has."""
    value, gradient = h.value_and_grad(u)
    for n, k in s.indices("NK", label):
        slope = s.diff(s.at(value, n), u, n, k)
        s.equal(r"$\nabla h$ is the derivative of $h$", s.at(gradient, n, k), slope)
    second_derivatives(s, h, u, gradient, label)


def agreement(s: Setting, h: Any, u: Any, label: Any = None) -> None:
    """Show that value and gradient are the same one by one as together."""
    (value, gradient), alone, called = h.value_and_grad(u), h.grad(u), h(u)
    v = s.reals("v", "NK")
    (held, slopes, along), product = h.linearize(u), h.hvp(u, v)
    products = along(v)
    for n, k in s.indices("NK", label):
        s.equal("`linearize` gives the value", s.at(held, n), s.at(value, n))
        s.equal("and the gradient", s.at(slopes, n, k), s.at(gradient, n, k))
        s.equal("and `hvp` as a function", s.at(products, n, k), s.at(product, n, k))
        s.equal("`grad` and `value_and_grad` agree", s.at(alone, n, k), s.at(gradient, n, k))
        s.equal("a call and `value_and_grad` agree", s.at(called, n), s.at(value, n))


def second_derivatives(s: Setting, h: Any, u: Any, gradient: Any, label: Any) -> None:
    """Differentiate the gradient of a loss without reduction."""
    v = s.reals("v", "NK")
    blocks, diagonal, product = h.hessian(u), h.hessian_diag(u), h.hvp(u, v)
    for n, i, j in s.indices("NKK", label):
        slope = s.diff(s.at(gradient, n, i), u, n, j)
        s.equal(r"$(\nabla^2 h)_{ij} = \partial (\nabla h)_i / \partial u_j$", s.at(blocks, n, i, j), slope)
        if i == j:
            s.equal(r"`hessian_diag` is its diagonal", s.at(diagonal, n, i), slope)
    for n, i in s.indices("NK", label):
        along = s.sum("K", lambda j: s.at(blocks, n, i, j) * s.at(v, n, j))
        s.equal(r"`hvp` is $\nabla^2 h \, v$", s.at(product, n, i), along)


def value(s: Setting) -> None:
    """Expand h."""
    u, p = s.reals("u", "NK"), s.probabilities("p", "NK", summed=s.given(r"$\sum_k p_k = 1$"))
    h, a, logs = xent.softmax_cross_entropy(u, p, reduction="none"), xent.logsumexp(u), xent.log_softmax(u)
    probs = xent.softmax(u)
    for (n,) in s.indices("N"):
        inner = s.sum("K", lambda k: s.at(p, n, k) * s.at(u, n, k))
        s.equal(r"$h = -\sum_k p_k \log S_k$", s.at(h, n), -s.sum("K", lambda k: s.at(p, n, k) * s.at(logs, n, k)))
        s.equal(r"$h = A - \langle p, u \rangle$", s.at(h, n), s.at(a, n) - inner)
        s.equal(r"$h = \ell(p, S(u))$", s.at(xent.cross_entropy(p, probs), n), s.at(h, n))


def gradient(s: Setting) -> None:
    """Differentiate h for targets that add up to 1."""
    u, p = s.reals("u", "NK"), s.probabilities("p", "NK", summed=s.given(r"$\sum_k p_k = 1$"))
    h, probs = xent.SoftmaxCrossEntropy(p, reduction="none"), xent.softmax(u)
    value, derivative = h.value_and_grad(u)
    for n, k in s.indices("NK"):
        difference = s.at(probs, n, k) - s.at(p, n, k)
        s.equal(r"$\partial h / \partial u_k = S_k - p_k$", s.diff(s.at(value, n), u, n, k), difference)
        s.equal(r"`grad` is $S - p$", s.at(derivative, n, k), difference)
        total = s.sum("K", lambda j: s.at(derivative, n, j))
        s.equal(r"$\sum_k (S_k - p_k) = 0$", total, s.term(0))


def labels(s: Setting) -> None:
    """Differentiate h for a label, at the label and elsewhere."""
    u, y = s.reals("u", "NK"), s.labels("y", "N", known=s.given(r"$y \in \{0, \dots, K - 1\}$"))
    h, probs, logs = xent.SoftmaxCrossEntropy(y, reduction="none"), xent.softmax(u), xent.log_softmax(u)
    value, derivative = h.value_and_grad(u)
    narrow = xent.softmax_cross_entropy(u, s.xp.astype(y, s.xp.int8), reduction="none")
    for n, k in s.indices("NK", y):
        s.equal("labels of any integer dtype", s.at(narrow, n), s.at(value, n))
        hit, label = k == s.at(y, n), s.at(y, n)
        s.equal("$h = -\\log S_y$", s.at(value, n), -s.at(logs, n, label))
        expected = s.at(probs, n, k) - (1 if hit else 0)
        s.equal(f"$\\partial h / \\partial u_k = S_k - {int(hit)}$", s.diff(s.at(value, n), u, n, k), expected)
        s.equal(f"`grad` is $S_k - {int(hit)}$", s.at(derivative, n, k), expected)
    second_derivatives(s, h, u, derivative, y)
    agreement(s, h, u, y)


def unnormalised(s: Setting) -> None:
    """Differentiate h for targets of any sum."""
    u, p = s.reals("u", "NK"), s.probabilities("p", "NK", summed=False)
    h, probs, a = xent.SoftmaxCrossEntropy(p, reduction="none"), xent.softmax(u), xent.logsumexp(u)
    value, derivative = h.value_and_grad(u)
    for n, k in s.indices("NK"):
        mass = s.sum("K", lambda j: s.at(p, n, j))
        inner = s.sum("K", lambda j: s.at(p, n, j) * s.at(u, n, j))
        s.equal(r"$h = s A - \langle p, u \rangle$ with $s = \sum_k p_k$", s.at(value, n), mass * s.at(a, n) - inner)
        expected = mass * s.at(probs, n, k) - s.at(p, n, k)
        s.equal("`grad` is $s S - p$", s.at(derivative, n, k), expected)
    derivatives(s, h, u)
    agreement(s, h, u)


def hessian(s: Setting) -> None:
    """Show that the Hessian of h is the Jacobian of softmax, and its kernel and its sign."""
    u, p = s.reals("u", "NK"), s.probabilities("p", "NK", summed=s.given(r"$\sum_k p_k = 1$"))
    h, jacobian, probs = xent.SoftmaxCrossEntropy(p, reduction="none"), xent.softmax_jacobian(u), xent.softmax(u)
    blocks, v = h.hessian(u), s.reals("v", "NK")
    product, value = h.hvp(u, v), h(u)
    for n, i, j in s.indices("NKK"):
        s.equal(r"$\nabla^2 h = \nabla^2 A = J$", s.at(blocks, n, i, j), s.at(jacobian, n, i, j))
        twice = s.diff(s.diff(s.at(value, n), u, n, i), u, n, j)
        s.equal(r"$\partial^2 h / \partial u_i \partial u_j = (\nabla^2 h)_{ij}$", s.at(blocks, n, i, j), twice)
    constant = h.hvp(u, s.xp.ones_like(u))
    for n, i in s.indices("NK"):
        s.equal(r"$\nabla^2 h \, \mathbf{1} = 0$", s.at(constant, n, i), s.term(0))
        form = s.sum("K", lambda k: s.at(v, n, k) * s.at(product, n, k))
        mean = s.sum("K", lambda k: s.at(probs, n, k) * s.at(v, n, k))
        variance = s.sum("K", lambda k: s.at(probs, n, k) * (s.at(v, n, k) - mean) ** 2)
        s.equal(r"$v^\top \nabla^2 h \, v = \operatorname{Var}_S v$", form, variance)
        s.positive("each $S_k > 0$", s.at(probs, n, i))


def minimum(s: Setting) -> None:
    """Compare h with its value at log p."""
    u, p = s.reals("u", "NK"), s.probabilities("p", "NK", summed=s.given(r"$\sum_k p_k = 1$"))
    h, best = xent.SoftmaxCrossEntropy(p, reduction="none"), s.xp.log(p)
    logs, entropy = xent.log_softmax(u), xent.entropy(p)
    divergence = xent.kl_divergence(p, xent.softmax(u))
    for n, k in s.indices("NK"):
        s.equal(r"$S(\log p) = p$", s.at(xent.softmax(best), n, k), s.at(p, n, k))
        s.equal(r"$\nabla h(\log p) = 0$", s.at(h.grad(best), n, k), s.term(0))
        s.equal("$h(\\log p) = H(p)$", s.at(h(best), n), s.at(entropy, n))
        gap = s.at(h(u), n) - s.at(entropy, n)
        s.equal(r"$h(u) - H(p) = \mathrm{KL}(p \Vert S(u))$", gap, s.at(divergence, n))
        bound = s.sum("K", lambda j: s.at(p, n, j) * _excess(s, n, j)(p, logs))
        s.equal(r"$\mathrm{KL} = \sum_k p_k \varphi(S_k / p_k)$ with $\varphi(z) = z - 1 - \log z \ge 0$", gap, bound)


def _excess(s: Setting, n: Any, k: Any) -> Any:
    """Return φ(S / p) = S / p − 1 − log(S / p), which is not negative, as log z ≤ z − 1."""

    def excess(p: Any, logs: Any) -> Any:
        logarithm = s.at(logs, n, k) - s.log(s.at(p, n, k))
        return s.exp(logarithm) - 1 - logarithm

    return excess


LOSSES = (
    Theorem(
        "cross-entropy-of-softmax",
        "The cross-entropy of a target and softmax",
        r"h(u) = \ell(p, S(u)) = -\sum_k p_k \log S_k(u) = A(u) - \langle p, u \rangle",
        value,
        ("seeds/000, the expansion of h", "seeds/003, equation 3"),
        covers=(*CALLS, "cross_entropy"),
        assumptions=(REAL, "$p$ positive"),
        hypotheses=(r"$\sum_k p_k = 1$",),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "gradient-of-the-loss",
        "The gradient of the loss is S − p",
        r"\nabla h(u) = S(u) - p \quad \text{for } \sum_k p_k = 1",
        gradient,
        ("seeds/000, the gradient of h", "seeds/003, the result"),
        covers=FIRST,
        assumptions=(REAL, "$p$ positive"),
        hypotheses=(r"$\sum_k p_k = 1$",),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "gradient-for-labels",
        "The gradient for a label",
        r"h(u) = -\log S_y(u), \qquad \frac{\partial h}{\partial u_k} = S_k - [k = y]",
        labels,
        ("seeds/003, i = k and i ≠ k",),
        covers=(*FIRST, *SECOND, TOGETHER),
        assumptions=(REAL,),
        hypotheses=(r"$y \in \{0, \dots, K - 1\}$",),
    ),
    Theorem(
        "unnormalised-targets",
        "Targets that do not add up to 1",
        r"h(u) = s A(u) - \langle p, u \rangle, \qquad \nabla h = s S - p, \qquad \nabla^2 h = s J,"
        r" \qquad s = \sum_k p_k",
        unnormalised,
        ("seeds/000, the gradient of h, without its assumption",),
        covers=(*FIRST, *SECOND, TOGETHER),
        assumptions=(REAL, "$p$ positive"),
    ),
    Theorem(
        "hessian-of-the-loss",
        "The Hessian of the loss is the Jacobian of softmax",
        r"\nabla^2 h = \operatorname{diag} S - S S^\top, \qquad \nabla^2 h \, \mathbf{1} = 0, \qquad"
        r" v^\top \nabla^2 h \, v = \operatorname{Var}_S v \ge 0",
        hessian,
        ("seeds/000, convexity", "seeds/001, equation 7"),
        covers=(LOSS, *SECOND),
        assumptions=(REAL, "$p$ positive", "$v$ real"),
        hypotheses=(r"$\sum_k p_k = 1$",),
    ),
    Theorem(
        "minimum-of-the-loss",
        "The loss is smallest where softmax is the target",
        r"h(u) - H(p) = \mathrm{KL}(p \Vert S(u)) \ge 0, \qquad \nabla h(u) = 0 \text{ at } S(u) = p",
        minimum,
        ("seeds/000, the minimum of h", "Kullback and Leibler 1951, doi:10.1214/aoms/1177729694"),
        covers=(LOSS, f"{LOSS}.grad", "entropy", "kl_divergence"),
        assumptions=(REAL, "$p$ positive"),
        hypotheses=(r"$\sum_k p_k = 1$",),
        slow=True,
    ),
)
