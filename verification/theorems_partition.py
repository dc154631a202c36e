"""Theorems on the log-partition function and the form in which it is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._exponentials import Relative, exponentials, finite_exponentials, shift
from xent_arrayapi._partition import LogPartition
from xent_arrayapi._picked import Marked

if TYPE_CHECKING:
    from verification._paths import Path
    from verification._setting import Setting

REAL = r"$u$ real and finite, $K \ge 1$"
BLANCHARD = "Blanchard, D. J. Higham and N. J. Higham 2021, doi:10.1093/imanum/draa038, section 4"
MILAKOV = "Milakov and Gimelshein 2018, arXiv:1805.02867, section 3.1"


def total(s: Setting, u: Any, *row: Any) -> Any:
    """Return Σ exp(u) of a row."""
    return s.sum("K", lambda k: s.exp(s.at(u, *row, k)))


def definitions(s: Setting) -> None:
    """Hold A, S and log S against their definitions."""
    u = s.reals("u", "NK")
    a, probs, logs = xent.logsumexp(u), xent.softmax(u), xent.log_softmax(u)
    state = LogPartition.of(u)
    _, sign = xent.logsumexp(u, return_sign=True)
    for n, k in s.indices("NK"):
        z, e = total(s, u, n), s.exp(s.at(u, n, k))
        s.equal(r"$A = \log \sum_k e^{u_k}$", s.at(a, n), s.log(z))
        s.equal(r"$S_k = e^{u_k} / \sum_j e^{u_j}$", s.at(probs, n, k), e / z)
        s.equal(r"$\log S_k = u_k - \log \sum_j e^{u_j}$", s.at(logs, n, k), s.at(u, n, k) - s.log(z))
        s.equal("the sign of the sum is 1", s.at(sign, n), s.term(1))
        s.equal(r"$m + \log(1 + t) = A$", s.at(state.logsumexp, n), s.log(z))
        s.equal(r"$e^{u_k - A} = S_k$", s.at(state.softmax(u), n, k), e / z)
        s.equal(r"$u_k - A = \log S_k$", s.at(state.log_softmax(u), n, k), s.at(logs, n, k))
        s.equal(r"$\sum_k S_k = 1$", s.sum("K", lambda j: s.at(probs, n, j)), s.term(1))
        s.positive(r"$S_k > 0$", s.at(probs, n, k))


def gradient(s: Setting) -> None:
    """Differentiate A."""
    u = s.reals("u", "NK")
    a, probs = xent.logsumexp(u), xent.softmax(u)
    for n, k in s.indices("NK"):
        s.equal(r"$\partial A / \partial u_k = S_k$", s.diff(s.at(a, n), u, n, k), s.at(probs, n, k))


def shifts(s: Setting) -> None:
    """Add a number to all logits of a row."""
    u, c = s.reals("u", "NK"), s.reals("c", "N")
    moved = u + (c[:, None] if s.given("$c$ the same for all classes of a row") else s.reals("d", "NK"))
    for n, k in s.indices("NK"):
        there, here = s.at(xent.logsumexp(moved), n), s.at(xent.logsumexp(u), n)
        s.equal("$A(u + c) = A(u) + c$", there, here + s.at(c, n))
        for function in (xent.softmax, xent.log_softmax):
            s.equal(
                f"${function.__name__}(u + c) = {function.__name__}(u)$".replace("_", r"\_"),
                *(s.at(function(x), n, k) for x in (moved, u)),
            )


def compensation(s: Setting) -> None:
    """Evaluate the rounding error of the shift in exact arithmetic."""
    u, m = s.reals("u", "NK"), s.reals("m", "N")
    d, error = shift(u, m[:, None], s.xp)
    rows, e = exponentials(u, m[:, None], s.xp), finite_exponentials(u, m[:, None], s.xp)
    plain, late = Relative(u, m[:, None], e), exponentials(u, m[:, None], s.xp, late=True)
    for n, k in s.indices("NK"):
        s.equal("$e^{u - m}$ without guards", s.at(plain.e, n, k), s.at(rows.e, n, k))
        s.equal("$e^{u - m}$, infinities told late", s.at(late.e, n, k), s.at(rows.e, n, k))
        s.equal("$u - m$ without guards", s.at(plain.d, n, k), s.at(rows.d, n, k))
        s.equal("$d = u - m$", s.at(d, n, k), s.at(u, n, k) - s.at(m, n))
        s.equal("$(u - (d - b)) - (m + b) = 0$ with $b = d - u$", s.at(error, n, k), s.term(0))


def rows_in_place(s: Setting) -> None:
    """Take exponentials relative to another number than the maximum, as 0, and evaluate all that they give."""
    u, m, r = s.reals("u", "NK"), s.reals("m", "N")[:, None], s.reals("r", "N")[:, None]
    e, largest = finite_exponentials(u, r, s.xp), s.xp.exp(m - r)
    tail = s.xp.sum(e, axis=-1, keepdims=True) - largest
    got = Evaluation(s.xp, m, tail, Relative(u, m, e), None, largest, sound=True)
    one = got.at(Marked(s.mask("M", "NK"), s.xp))
    a, probs, logs = xent.logsumexp(u), xent.softmax(u), xent.log_softmax(u)
    for (n,) in s.indices("N"):
        s.equal("$A$", s.at(got.log_partition, n, 0), s.at(a, n))
    for n, k in s.indices("NK"):
        s.equal("$S$", s.at(got.probs(), n, k), s.at(probs, n, k))
        s.equal("$1 - S$", s.at(got.complements(), n, k), 1 - s.at(probs, n, k))
        s.equal(r"$\log S$", s.at(got.log_probs(), n, k), s.at(logs, n, k))
        s.equal(r"$-\log S$", s.at(got.surprisals(), n, k), -s.at(logs, n, k))
        s.equal(r"$-\log S$ of a class that is picked", s.at(one.surprisals(), n, k), -s.at(logs, n, k))


def merging(s: Setting) -> None:
    """Merge partitions."""
    parts = [
        LogPartition(
            s.reals(f"m_{i}", "N"), s.positives(f"t_{i}", "N") if s.given("$t_i > 0$") else s.reals(f"t_{i}", "N")
        )
        for i in "123"
    ]
    one, two, three = parts
    union = one.merge(two)
    for (n,) in s.indices("N"):
        size = [s.exp(s.at(p.max, n)) * (1 + s.at(p.tail, n)) for p in parts]
        whole = s.log(size[0] + size[1])
        s.equal("$A_{1 + 2} = \\log(e^{A_1} + e^{A_2})$", s.at(union.logsumexp, n), whole)
        s.equal("$A_{2 + 1} = A_{1 + 2}$", s.at(two.merge(one).logsumexp, n), whole)
        every = s.log(size[0] + size[1] + size[2])
        s.equal("$A_{(1 + 2) + 3} = A_{1 + 2 + 3}$", s.at(union.merge(three).logsumexp, n), every)
        s.equal("$A_{1 + (2 + 3)} = A_{1 + 2 + 3}$", s.at(one.merge(two.merge(three)).logsumexp, n), every)


def union_of_classes(s: Setting) -> None:
    """Merge the partitions of two sets of classes, and read off the probabilities of one of them."""
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    union = LogPartition.of(u).merge(LogPartition.of(v))
    for n, k in s.indices("NK"):
        z = total(s, u, n) + total(s, v, n)
        s.equal(r"$A = \log(\sum e^u + \sum e^v)$", s.at(union.logsumexp, n), s.log(z))
        s.equal("$S_k = e^{u_k} / (\\sum e^u + \\sum e^v)$", s.at(union.softmax(u), n, k), s.exp(s.at(u, n, k)) / z)
        logs = s.at(v, n, k) - s.log(z)
        s.equal(r"$\log S_k = v_k - \log(\sum e^u + \sum e^v)$", s.at(union.log_softmax(v), n, k), logs)


def weights(s: Setting) -> None:
    """Weight the classes with numbers of one sign."""
    u = s.reals("u", "NK")
    w = s.positives("w", "K") if s.given("all $w_k$ of one sign") else s.reals("w", "K")
    value, sign = xent.logsumexp(u, weights=w, return_sign=True)
    plain = xent.logsumexp(u, weights=w)
    below, negative = xent.logsumexp(u, weights=-1 * w, return_sign=True)
    for n, k in s.indices("NK"):
        z = s.sum("K", lambda j: s.at(w, j) * s.exp(s.at(u, n, j)))
        s.equal(r"$A = \log \sum_k w_k e^{u_k}$", s.at(plain, n), s.log(z))
        s.equal("with its sign: the same", s.at(value, n), s.log(z))
        s.equal("the sign is 1", s.at(sign, n), s.term(1))
        s.equal(r"for $-w$: $\log |\sum_k -w_k e^{u_k}| = A$", s.at(below, n), s.log(z))
        s.equal("for $-w$: the sign is $-1$", s.at(negative, n), s.term(-1))
        share = s.at(w, k) * s.exp(s.at(u, n, k)) / z
        s.equal(
            r"$\partial A / \partial u_k = w_k e^{u_k} / \sum_j w_j e^{u_j}$", s.diff(s.at(plain, n), u, n, k), share
        )


def masks(s: Setting) -> None:
    """Leave classes out."""
    u, taken = s.reals("u", "NK"), s.mask("M", "NK", empty=not s.given("$M$ not empty"))
    a, probs = xent.logsumexp(u, where=taken), xent.softmax(u, where=taken)
    state = LogPartition.of(u, where=taken)
    logs = s.xp.where(taken, xent.log_softmax(u, where=taken), 0)
    indicator = s.xp.where(taken, s.xp.ones_like(u), 0)
    for n, k in s.indices("NK"):
        z = s.sum("K", lambda j: s.at(indicator, n, j) * s.exp(s.at(u, n, j)))
        share = s.at(indicator, n, k) * s.exp(s.at(u, n, k)) / z
        s.equal(r"$A = \log \sum_{k \in M} e^{u_k}$", s.at(a, n), s.log(z))
        s.equal("as a partition: the same", s.at(state.logsumexp, n), s.log(z))
        s.equal(r"$S_k = [k \in M] \, e^{u_k} / \sum_{j \in M} e^{u_j}$", s.at(probs, n, k), share)
        s.equal(r"$\partial A / \partial u_k = S_k$", s.diff(s.at(a, n), u, n, k), share)
        expected = s.at(indicator, n, k) * (s.at(u, n, k) - s.log(z))
        s.equal(r"$\log S_k = u_k - A$ for $k \in M$", s.at(logs, n, k), expected)


def temperatures(s: Setting) -> None:
    """Divide the logits by a temperature."""
    u, t = s.reals("u", "NK"), s.number("T")
    probs, logs = xent.softmax(u, temperature=t), xent.log_softmax(u, temperature=t)
    hot, cooled = xent.softmax(u, temperature=float("inf")), s.term(t)
    for n, k in s.indices("NK"):
        z = s.sum("K", lambda j: s.exp(s.at(u, n, j) / cooled))
        s.equal(r"$S_k = e^{u_k / T} / \sum_j e^{u_j / T}$", s.at(probs, n, k), s.exp(s.at(u, n, k) / cooled) / z)
        s.equal(r"$\log S_k = u_k / T - \log \sum_j e^{u_j / T}$", s.at(logs, n, k), s.at(u, n, k) / cooled - s.log(z))
        s.equal(r"$S_k = 1 / K$ for $T = \infty$", s.at(hot, n, k) * s.sum("K", lambda _: s.term(1)), s.term(1))


def coldest(s: Path) -> None:
    """Divide by the temperature 0, which leaves the maximal logits."""
    u = s.reals("u", "NK")
    probs, logs = xent.softmax(u, temperature=0), xent.log_softmax(u, temperature=0)
    for n, k in s.indices("NK"):
        ties = s.term(len(s.ties(n)))
        if k in s.ties(n):
            s.equal(r"$S_k = 1 / |\arg\max u|$ at a maximal logit", s.at(probs, n, k) * ties, s.term(1))
            s.equal(r"$\log S_k = -\log |\arg\max u|$ there", s.at(logs, n, k), -s.log(ties))
        else:
            s.equal("$S_k = 0$ at another", s.at(probs, n, k), s.term(0))
            s.minus_infinite(r"$\log S_k = -\infty$ there", logs, n, k)


def true_maximum(s: Path) -> None:
    """Evaluate on each branch of the true maximum, ties among them."""
    u = s.reals("u", "NK")
    state, probs = LogPartition.of(u), xent.softmax(u)
    for n, k in s.indices("NK"):
        s.equal(r"$m = \max u$", s.at(state.max, n), s.at(u, n, s.ties(n)[0]))
        s.equal(r"$t = \sum_k e^{u_k - m} - 1$", s.at(state.tail, n), total(s, u, n) / s.exp(s.at(state.max, n)) - 1)
        s.equal("$S$ as for any shift", s.at(probs, n, k), s.exp(s.at(u, n, k)) / total(s, u, n))


PARTITION = (
    Theorem(
        "log-partition",
        "Softmax and the log-partition function",
        r"A(u) = \log \sum_{k} e^{u_k} = m + \log(1 + t), \qquad S_k(u) = \frac{e^{u_k}}{\sum_j e^{u_j}}"
        r" = e^{u_k - A(u)}",
        definitions,
        ("seeds/000, definition", "seeds/001, equation 1", BLANCHARD),
        covers=(
            *("logsumexp", "softmax", "log_softmax", "LogPartition", "LogPartition.of", "LogPartition.logsumexp"),
            *("LogPartition.softmax", "LogPartition.log_softmax"),
        ),
        assumptions=(REAL, "$m$ any real number, ties with it any set: the maximum is one of them"),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "gradient-of-logsumexp",
        "The gradient of the log-partition function is softmax",
        r"\nabla A(u) = S(u)",
        gradient,
        ("seeds/000, logSumExp and its gradient", "seeds/002"),
        covers=("logsumexp", "softmax"),
        assumptions=(REAL,),
        sizes=(2, 3, 4, 5),
    ),
    Theorem(
        "shift-invariance",
        "A constant added to all logits",
        r"A(u + c) = A(u) + c, \qquad S(u + c) = S(u)",
        shifts,
        ("seeds/000, definition",),
        covers=("logsumexp", "softmax", "log_softmax"),
        assumptions=(REAL, "$c$ real"),
        hypotheses=("$c$ the same for all classes of a row",),
    ),
    Theorem(
        "compensated-shift",
        "The rounding error of the shift is 0 in exact arithmetic",
        r"b = d - u, \quad \bigl(u - (d - b)\bigr) - (m + b) = 0 \quad \text{for } d = u - m",
        compensation,
        ("Møller 1965, doi:10.1007/BF01975722", "Knuth 1969, section 4.2.2"),
        covers=("logsumexp", "softmax", "log_softmax"),
        assumptions=(REAL, "$m$ real"),
    ),
    Theorem(
        "rows-in-place",
        "Exponentials relative to any number, as 0, give the same",
        r"S_k = \frac{e^{u_k - r}}{\sum_j e^{u_j - r}}, \qquad A = m + \log \frac{\sum_j e^{u_j - r}}{e^{m - r}}",
        rows_in_place,
        ("seeds/000, definition",),
        covers=("logsumexp", "softmax", "log_softmax"),
        assumptions=(REAL, "$m$ and $r$ real"),
    ),
    Theorem(
        "merge",
        "Partitions merge, in any order and grouping",
        r"e^{A_{1+2}} = e^{A_1} + e^{A_2}, \qquad (1 + 2) + 3 = 1 + (2 + 3), \qquad 1 + 2 = 2 + 1",
        merging,
        (MILAKOV,),
        covers=("LogPartition.merge", "LogPartition.logsumexp"),
        assumptions=("$m_i$ real, whichever is larger",),
        hypotheses=("$t_i > 0$",),
    ),
    Theorem(
        "partition-of-the-union",
        "The merged partition is that of the union of the classes",
        r"A(u \cup v) = \log \Bigl( \sum_k e^{u_k} + \sum_k e^{v_k} \Bigr)",
        union_of_classes,
        (MILAKOV,),
        covers=("LogPartition.of", "LogPartition.merge", "LogPartition.softmax", "LogPartition.log_softmax"),
        assumptions=(REAL, "$v$ real and finite"),
    ),
    Theorem(
        "weighted-logsumexp",
        "Weights of the classes",
        r"A(u) = \log \Bigl| \sum_k w_k e^{u_k} \Bigr|, \qquad"
        r" \frac{\partial A}{\partial u_k} = \frac{w_k e^{u_k}}{\sum_j w_j e^{u_j}}",
        weights,
        ("scipy.special.logsumexp, its arguments b and return_sign",),
        covers=("logsumexp",),
        assumptions=(REAL,),
        hypotheses=("all $w_k$ of one sign",),
    ),
    Theorem(
        "mask",
        "Classes that are left out",
        r"A(u) = \log \sum_{k \in M} e^{u_k}, \qquad S_k = \frac{[k \in M] \, e^{u_k}}{\sum_{j \in M} e^{u_j}}",
        masks,
        ("the definition, on fewer classes",),
        covers=("logsumexp", "softmax", "log_softmax", "LogPartition.of"),
        assumptions=(REAL,),
        hypotheses=("$M$ not empty",),
    ),
    Theorem(
        "temperature",
        "Temperature",
        r"S_k = \frac{e^{u_k / T}}{\sum_j e^{u_j / T}}, \qquad \lim_{T \to \infty} S_k = \frac{1}{K}",
        temperatures,
        ("seeds/000, the Boltzmann distribution",),
        covers=("softmax", "log_softmax"),
        assumptions=(REAL, "$T > 0$, representable in the dtype"),
    ),
    Theorem(
        "true-maximum",
        "The state of a partition, on each branch of the maximum",
        r"m = \max_k u_k, \qquad t = \sum_k e^{u_k - m} - 1",
        true_maximum,
        (MILAKOV,),
        covers=("LogPartition", "LogPartition.of", "softmax"),
        assumptions=(REAL, "any set of logits maximal"),
        every=False,
        branches=True,
    ),
    Theorem(
        "temperature-zero",
        "The limit of temperature 0",
        r"\lim_{T \to 0} S_k = \frac{[k \in M]}{|M|}, \qquad M = \arg\max u",
        coldest,
        ("seeds/000, the Boltzmann distribution",),
        covers=("softmax", "log_softmax"),
        assumptions=(REAL, "any set of logits maximal"),
        every=False,
        branches=True,
    ),
)
