r"""Theorems on two classes: the logistic function and the logistic loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem

if TYPE_CHECKING:
    from verification._setting import Setting

LOSS = "SigmoidCrossEntropy"
COVERS = (
    *(LOSS, "sigmoid_cross_entropy"),
    *(f"{LOSS}.{name}" for name in ("grad", "value_and_grad", "linearize", "hvp", "hessian", "hessian_diag")),
)
TWO = "$u$ real and finite"


def logistic(s: Setting) -> None:
    """Hold the logistic function against its definition, softmax of two classes and its derivative."""
    u, v = s.reals("u", "N"), s.reals("v", "N")
    sigma, logs, mirrored = xent.sigmoid(u), xent.log_sigmoid(u), xent.sigmoid(-1 * u)
    pair = xent.softmax(s.xp.stack([v, u + v], axis=-1))
    for (n,) in s.indices("N"):
        one = s.at(sigma, n)
        s.equal(r"$\sigma(u) = 1 / (1 + e^{-u})$", one, 1 / (1 + s.exp(-s.at(u, n))))
        s.equal(r"$\sigma(u_1 - u_0) = S_1(u_0, u_1)$", one, s.at(pair[..., 1], n))
        s.equal(r"$1 - \sigma(u) = \sigma(-u) = S_0(u_0, u_1)$", 1 - one, s.at(mirrored, n))
        s.equal(r"$1 - \sigma(u) = S_0(u_0, u_1)$", 1 - one, s.at(pair[..., 0], n))
        s.equal(r"$\log \sigma(u)$ is its logarithm", s.exp(s.at(logs, n)), one)
        s.equal(r"$\sigma' = \sigma (1 - \sigma)$", s.diff(one, u, n), one * (1 - one))
        s.equal(r"$(\log \sigma)' = 1 - \sigma$", s.diff(s.at(logs, n), u, n), 1 - one)


def loss(s: Setting) -> None:
    """Hold the logistic loss against its formula and that of two-class softmax, with all its options."""
    u, t = s.reals("u", "N"), s.positives("t", "N")
    w, r, epsilon, temperature = s.positives("w", ""), s.positives("s", "N"), s.number("epsilon", high=1), s.number("T")
    t = t / (1 + t)
    for options, weight, sample, share, cooled in (
        ({}, None, None, None, None),
        ({"pos_weight": w}, w, None, None, None),
        ({"sample_weight": r, "label_smoothing": epsilon}, None, r, epsilon, None),
        (
            {"pos_weight": w, "sample_weight": r, "label_smoothing": epsilon, "temperature": temperature},
            *(w, r, epsilon, temperature),
        ),
    ):
        h = xent.SigmoidCrossEntropy(t, reduction="none", **options)
        for (n,) in s.indices("N"):
            y = s.at(u, n) if cooled is None else s.at(u, n) / s.term(cooled)
            e = s.term(0) if share is None else s.term(share)
            target = (1 - e) * s.at(t, n) + e / 2
            other = (1 - e) * (1 - s.at(t, n)) + e / 2
            own = target if weight is None else target * s.at(weight)
            expected = own * s.log(1 + s.exp(-y)) + other * s.log(1 + s.exp(y))
            expected = expected if sample is None else expected * s.at(sample, n)
            s.equal(r"$h = -w t \log \sigma(u) - (1 - t) \log(1 - \sigma(u))$", s.at(h(u), n), expected)
        derivatives(s, h, u)


def derivatives(s: Setting, h: Any, u: Any) -> None:
    """Show that a logistic loss without reduction has the derivatives that it says it has."""
    v = s.reals("v", "N")
    (value, gradient), blocks, diagonal, product = h.value_and_grad(u), h.hessian(u), h.hessian_diag(u), h.hvp(u, v)
    held, slopes, along = h.linearize(u)
    for (n,) in s.indices("N"):
        s.equal("`linearize` gives the value", s.at(held, n), s.at(value, n))
        s.equal("and the gradient", s.at(slopes, n), s.at(gradient, n))
        s.equal("and `hvp` as a function", s.at(along(v), n), s.at(product, n))
        slope = s.diff(s.at(value, n), u, n)
        s.equal("$h'$ is the derivative of $h$", s.at(gradient, n), slope)
        s.equal("`grad` and `value_and_grad` agree", s.at(h.grad(u), n), slope)
        second = s.diff(slope, u, n)
        s.equal("$h''$ is its derivative", s.at(blocks, n), second)
        s.equal("`hessian_diag` is the same", s.at(diagonal, n), second)
        s.equal("`hvp` is $h'' v$", s.at(product, n), second * s.at(v, n))


def closed_forms(s: Setting) -> None:
    """Hold the derivatives against σ − t and σ (1 − σ), for targets as numbers and as labels."""
    u, t = s.reals("u", "N"), s.positives("t", "N")
    t = t / (1 + t)
    sigma = xent.sigmoid(u)
    zero = s.xp.zeros_like(u, dtype=s.xp.int64)
    for targets, at in ((t, lambda n: s.at(t, n)), (zero, lambda _: 0), (zero + 1, lambda _: 1)):
        h = xent.SigmoidCrossEntropy(targets, reduction="none")
        mean = xent.SigmoidCrossEntropy(targets, reduction="sum")
        derivatives(s, h, u)
        for (n,) in s.indices("N"):
            p = s.at(sigma, n)
            s.equal(r"$h' = \sigma - t$", s.at(h.grad(u), n), p - at(n))
            s.equal(r"$h'' = \sigma (1 - \sigma)$", s.at(h.hessian(u), n), p * (1 - p))
            s.equal("the sum has the same gradient", s.at(mean.grad(u), n), p - at(n))
            called = xent.sigmoid_cross_entropy(u, targets, reduction="none")
            s.equal("`sigmoid_cross_entropy` is the value", s.at(called, n), s.at(h(u), n))


def reduced(s: Setting) -> None:
    """Add and divide the losses of the logits."""
    u, t = s.reals("u", "N"), s.positives("t", "N")
    t = t / (1 + t)
    rows = xent.SigmoidCrossEntropy(t, reduction="none")
    ways: tuple[tuple[dict[str, Any], Any], ...] = (
        ({}, s.sum("N", lambda _: s.term(1))),
        ({"reduction": "sum"}, s.term(1)),
    )
    for how, divisor in ways:
        h = xent.SigmoidCrossEntropy(t, **how)
        value, gradient = h.value_and_grad(u)
        whole, _ = h.total_and_weight(u)
        total = s.sum("N", lambda n: s.at(rows(u), n))
        s.equal("the value is the sum over the divisor", s.at(value) * divisor, total)
        s.equal("`total_and_weight` gives the sum", s.at(whole), total)
        for (n,) in s.indices("N"):
            s.equal("`grad` is its derivative", s.at(gradient, n), s.diff(s.at(value), u, n))


SIGMOID = (
    Theorem(
        "logistic-function",
        "The logistic function is softmax of two classes",
        r"\sigma(u) = \frac{1}{1 + e^{-u}} = S_1(u_0, u_1), \quad u = u_1 - u_0, \qquad \sigma' = \sigma (1 - \sigma)",
        logistic,
        ("seeds/001, section 2.3.3", "seeds/001, the remark after equation 6"),
        covers=("sigmoid", "log_sigmoid", "softmax"),
        assumptions=(TWO,),
        sizes=(2,),
    ),
    Theorem(
        "logistic-loss",
        "The logistic loss, with all its options",
        r"h(u) = s \bigl( -w t \log \sigma(u) - (1 - t) \log (1 - \sigma(u)) \bigr)",
        loss,
        ("seeds/001, sections 2.1, 2.2 and 2.3.3",),
        covers=COVERS,
        assumptions=(TWO, "$0 < t < 1$", r"$w, s, T > 0$, $0 < \varepsilon < 1$"),
        sizes=(2,),
        slow=True,
    ),
    Theorem(
        "logistic-derivatives",
        "The derivatives of the logistic loss",
        r"h' = \sigma - t, \qquad h'' = \sigma (1 - \sigma)",
        closed_forms,
        ("seeds/001, the remark after equation 6", "seeds/001, section 2.3.3"),
        covers=COVERS,
        assumptions=(TWO, r"$0 < t < 1$, or $t \in \{0, 1\}$"),
        sizes=(2,),
        slow=True,
    ),
    Theorem(
        "logistic-reductions",
        "Sum and mean of the logistic loss",
        r"\frac{\sum_n h_n}{d}, \qquad d = 1 \text{ or } N",
        reduced,
        ("seeds/001, section 2.1",),
        covers=(LOSS, f"{LOSS}.grad", f"{LOSS}.value_and_grad", f"{LOSS}.total_and_weight"),
        assumptions=(TWO, "$0 < t < 1$"),
        sizes=(2,),
    ),
)
