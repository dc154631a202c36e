r"""Theorems on the derivatives of softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from verification.theorems_partition import REAL
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._softmax_rows import LOG_SOFTMAX, LOGSUMEXP
from xent_arrayapi._softmax_rows import SOFTMAX as PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification._setting import Setting


def jacobian(s: Setting) -> None:
    """Differentiate S, for equal and for distinct classes, and for rows apart."""
    u = s.reals("u", "NK")
    probs, blocks = xent.softmax(u), xent.softmax_jacobian(u)
    for n, m, i, j in s.indices("NNKK"):
        slope = s.diff(s.at(probs, n, i), u, m, j)
        if n != m:
            s.equal(r"$\partial S_{ni} / \partial u_{mj} = 0$ for $n \ne m$", slope, s.term(0))
            continue
        a, b = s.at(probs, n, i), s.at(probs, n, j)
        if i == j:
            s.equal(r"$\partial S_i / \partial u_i = S_i (1 - S_i)$", slope, a * (1 - a))
        else:
            s.equal(r"$\partial S_i / \partial u_j = -S_i S_j$ for $i \ne j$", slope, -a * b)
        s.equal(r"$J_{ij} = \partial S_i / \partial u_j$", s.at(blocks, n, i, j), slope)


def jacobian_of_logarithm(s: Setting) -> None:
    """Differentiate log S."""
    u = s.reals("u", "NK")
    probs, logs = xent.softmax(u), xent.log_softmax(u)
    for n, i, j in s.indices("NKK"):
        slope = s.diff(s.at(logs, n, i), u, n, j)
        s.equal(r"$\partial \log S_i / \partial u_j = \delta_{ij} - S_j$", slope, int(i == j) - s.at(probs, n, j))


def product(s: Setting) -> None:
    """Multiply the Jacobian with a vector."""
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    blocks, jv = xent.softmax_jacobian(u), xent.softmax_jvp(u, v)
    probs = xent.softmax(u)
    for n, i in s.indices("NK"):
        along = s.sum("K", lambda j: s.at(blocks, n, i, j) * s.at(v, n, j))
        back = s.sum("K", lambda j: s.at(blocks, n, j, i) * s.at(v, n, j))
        mean = s.sum("K", lambda j: s.at(probs, n, j) * s.at(v, n, j))
        s.equal(r"$(J v)_i = \sum_j J_{ij} v_j$", s.at(jv, n, i), along)
        s.equal(r"$J v = J^\top v$", s.at(jv, n, i), back)
        s.equal(
            r"$J v = S \circ (v - \langle S, v \rangle)$", s.at(jv, n, i), s.at(probs, n, i) * (s.at(v, n, i) - mean)
        )


def hessian(s: Setting) -> None:
    """Show that the Hessian of A is J, with the constant vector in its kernel and no negative direction."""
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    a, blocks, probs, jv = xent.logsumexp(u), xent.softmax_jacobian(u), xent.softmax(u), xent.softmax_jvp(u, v)
    for n, i, j in s.indices("NKK"):
        second = s.diff(s.diff(s.at(a, n), u, n, i), u, n, j)
        s.equal(r"$\partial^2 A / \partial u_i \partial u_j = J_{ij}$", second, s.at(blocks, n, i, j))
    for n, i in s.indices("NK"):
        s.equal(r"$J \mathbf{1} = 0$", s.sum("K", lambda j: s.at(blocks, n, i, j)), s.term(0))
        form = s.sum("K", lambda k: s.at(v, n, k) * s.at(jv, n, k))
        squares = s.sum("K", lambda k: s.sum("K", lambda j: _square(s, n, k, j)(probs, v)))
        s.equal(r"$v^\top J v = \frac{1}{2} \sum_{k,l} S_k S_l (v_k - v_l)^2$", 2 * form, squares)
        s.positive("each $S_k S_l > 0$", s.at(probs, n, i) * s.at(probs, n, i))


def _square(s: Setting, n: Any, k: Any, j: Any) -> Callable[[Any, Any], Any]:
    return lambda p, v: s.at(p, n, k) * s.at(p, n, j) * (s.at(v, n, k) - s.at(v, n, j)) ** 2


def steepness(s: Setting) -> None:
    """Show what is left of half the identity, or of a quarter for two classes, when the Hessian of A is taken off."""
    u, v, y = s.reals("u", "NK"), s.reals("v", "NK"), s.positives("y", "NK")
    probs, jv = xent.softmax(u), xent.softmax_jvp(u, v)
    sigma = xent.sigmoid(u)
    along = xent.SigmoidCrossEntropy(y / (1 + y), reduction="sum").hvp(u, v)
    for (n,) in s.indices("N"):
        rest = s.sum("K", lambda k: s.at(v, n, k) * (s.at(v, n, k) - 2 * s.at(jv, n, k)))
        own = s.sum("K", lambda k: ((1 - 2 * s.at(probs, n, k)) * s.at(v, n, k)) ** 2)
        pairs = s.sum("K", lambda k: s.sum("K", lambda j: _square_of_sum(s, n, k, j)(probs, v)))
        alone = s.sum("K", lambda k: _square_of_sum(s, n, k, k)(probs, v))
        s.equal(
            r"$\lVert v \rVert^2 - 2 v^\top J v = \sum_k (1 - 2 S_k)^2 v_k^2 + \sum_{k \ne l} S_k S_l (v_k + v_l)^2$",
            rest,
            own + pairs - alone,
        )
    for n, k in s.indices("NK"):
        s.positive("each $S_k S_l > 0$", s.at(probs, n, k) * s.at(probs, n, k))
        square, slope = s.at(v, n, k) ** 2, s.at(sigma, n, k)
        left = square - 4 * s.at(v, n, k) * s.at(along, n, k)
        s.equal(
            r"two classes: $v^2 - 4 \sigma (1 - \sigma) v^2 = (1 - 2 \sigma)^2 v^2$",
            left,
            (1 - 2 * slope) ** 2 * square,
        )


def _square_of_sum(s: Setting, n: Any, k: Any, j: Any) -> Callable[[Any, Any], Any]:
    return lambda p, v: s.at(p, n, k) * s.at(p, n, j) * (s.at(v, n, k) + s.at(v, n, j)) ** 2


def complement(s: Setting) -> None:
    """Evaluate 1 − S from the other classes."""
    u = s.reals("u", "NK")
    got = Evaluation.of(u, s.xp)
    for n, k in s.indices("NK"):
        s.equal("the complement is $1 - S_k$", s.at(got.complements(), n, k), 1 - s.at(xent.softmax(u), n, k))
        s.equal("the surprisal is $-\\log S_k$", s.at(got.surprisals(), n, k), -s.at(xent.log_softmax(u), n, k))


def given(s: Setting) -> None:
    """Hold what torch and JAX are given, forwards and backwards, against the derivatives of the values."""
    u, v, g, c, xp = s.reals("u", "NK"), s.reals("v", "NK"), s.reals("g", "NK"), s.reals("c", "N"), s.xp
    a, probs, logs = xent.logsumexp(u), xent.softmax(u), xent.log_softmax(u)
    number = xp.squeeze(LOGSUMEXP.along(probs, v, xp), axis=-1)
    shared = LOGSUMEXP.back(probs, xp.expand_dims(c, axis=-1), xp)
    for n, i in s.indices("NK"):
        total = s.sum("K", lambda j: s.diff(s.at(a, n), u, n, j) * s.at(v, n, j))
        s.equal(r"$\langle \nabla A, v \rangle$", s.at(number, n), total)
        s.equal(r"$c \, \nabla A$", s.at(shared, n, i), s.at(c, n) * s.diff(s.at(a, n), u, n, i))
        for name, function, value in (("S", PROBABILITIES, probs), (r"\log S", LOG_SOFTMAX, logs)):
            along, back = _sums(s, value, u, v, (n, i)), _sums_back(s, value, u, g, (n, i))
            s.equal(rf"the derivative of ${name}$ times $v$", s.at(function.along(probs, v, xp), n, i), along)
            s.equal(rf"$g$ times the derivative of ${name}$", s.at(function.back(probs, g, xp), n, i), back)


def _sums(s: Setting, value: Any, u: Any, v: Any, at: tuple[Any, Any]) -> Any:
    n, i = at
    return s.sum("K", lambda j: s.diff(s.at(value, n, i), u, n, j) * s.at(v, n, j))


def _sums_back(s: Setting, value: Any, u: Any, g: Any, at: tuple[Any, Any]) -> Any:
    n, i = at
    return s.sum("K", lambda j: s.at(g, n, j) * s.diff(s.at(value, n, j), u, n, i))


SOFTMAX = (
    Theorem(
        "jacobian-of-softmax",
        "The Jacobian of softmax, both cases",
        r"\frac{\partial S_i}{\partial u_j} = \begin{cases} S_i (1 - S_i) & i = j \\ -S_i S_j & i \ne j \end{cases}"
        r" \; = S_i (\delta_{ij} - S_j)",
        jacobian,
        ("seeds/001, equations 3 to 7", "seeds/003, the derivative of softmax"),
        covers=("softmax", "softmax_jacobian"),
        assumptions=(REAL,),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "derivative-of-log-softmax",
        "The derivative of the logarithm of softmax",
        r"\frac{\partial \log S_i}{\partial u_j} = \delta_{ij} - S_j",
        jacobian_of_logarithm,
        ("seeds/001, equation 7, divided by the probability",),
        covers=("log_softmax", "softmax"),
        assumptions=(REAL,),
    ),
    Theorem(
        "jacobian-product",
        "The product of the Jacobian with a vector, from either side",
        r"J v = J^\top v = S \circ (v - \langle S, v \rangle)",
        product,
        ("seeds/001, equation 7", "seeds/003"),
        covers=("softmax_jvp", "softmax_jacobian"),
        assumptions=(REAL, "$v$ real"),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "given-derivatives",
        "What torch and JAX are given where they differentiate",
        r"\nabla A \cdot v = \langle S, v \rangle, \qquad \frac{\partial S}{\partial u} v = J v, \qquad"
        r" \frac{\partial \log S}{\partial u} v = v - \langle S, v \rangle \mathbf{1}, \qquad"
        r" c \, \nabla A = c S, \qquad g^\top \frac{\partial S}{\partial u} = (J g)^\top, \qquad"
        r" g^\top \frac{\partial \log S}{\partial u} = \bigl(g - S \sum_k g_k\bigr)^\top",
        given,
        ("the gradient, the Jacobian and the derivative of log softmax, as products with vectors",),
        covers=("logsumexp", "softmax", "log_softmax"),
        assumptions=(REAL, "$v$, $g$ and $c$ real"),
        sizes=(2, 3, 4),
    ),
    Theorem(
        "hessian-of-logsumexp",
        "The log-partition function is convex",
        r"\nabla^2 A = J, \qquad J \mathbf{1} = 0, \qquad"
        r" v^\top J v = \frac{1}{2} \sum_{k,l} S_k S_l (v_k - v_l)^2 \ge 0",
        hessian,
        ("seeds/000, logSumExp", "seeds/002, the second derivative of the log-normaliser"),
        covers=("logsumexp", "softmax_jacobian", "softmax_jvp"),
        assumptions=(REAL, "$v$ real"),
        sizes=(2, 3, 4),
    ),
    Theorem(
        "bound-of-the-hessian",
        "The Hessian is nowhere steeper than one half",
        r"\tfrac{1}{2} \lVert v \rVert^2 - v^\top J v = \tfrac{1}{2} \sum_k (1 - 2 S_k)^2 v_k^2"
        r" + \tfrac{1}{2} \sum_{k \ne l} S_k S_l (v_k + v_l)^2 \ge 0, \qquad"
        r" \tfrac{1}{4} - \sigma (1 - \sigma) = \tfrac{1}{4} (1 - 2 \sigma)^2 \ge 0",
        steepness,
        ("docs/theory.md, the Hessian",),
        covers=("softmax_jvp", "sigmoid"),
        assumptions=(REAL, "$v$ real"),
        sizes=(2, 3, 4),
    ),
    Theorem(
        "complement",
        "1 − S without cancellation",
        r"1 - S_k = \frac{\sum_{j \ne k} e^{u_j}}{\sum_j e^{u_j}}",
        complement,
        ("the definition",),
        covers=("softmax_jacobian",),
        assumptions=(REAL,),
    ),
)
