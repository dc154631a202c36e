r"""Theorems on the options of the loss: its value is the formula, its derivatives are those of the value."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from verification.theorems_loss import FIRST, LOSS, SECOND, derivatives
from verification.theorems_partition import REAL
from xent_arrayapi._logits import bent

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification._setting import Setting

FORMULA = (
    r"h = s \Bigl( q A(y) - \langle Q, y \rangle + z \, r A(y)^2 \Bigr), \quad y = \tfrac{c}{T} \tanh \tfrac{u}{c},"
    r" \quad Q_k = w_k \bigl( (1 - \varepsilon) t_k + \tfrac{\varepsilon}{K} \bigr), \quad q = \sum_k Q_k,"
    r" \quad r = \sum_k w_k t_k"
)


@dataclass(frozen=True)
class Chosen:
    """Which options are given, and the formula of the loss with them."""

    s: Setting
    labels: bool = False
    weights: bool = False
    samples: bool = False
    smoothing: bool = False
    temperature: bool = False
    softcap: bool = False
    z_loss: bool = False
    mask: bool = False

    def prove(self) -> None:
        """Hold the value against the formula, and the derivatives against the value."""
        s, options = self.s, {}
        u = s.nonzeros("u", "NK") if self.softcap else s.reals("u", "NK")
        targets = s.labels("y", "N") if self.labels else s.probabilities("t", "NK", summed=False)
        label, some = targets if self.labels else None, s.given("$M$ not empty")
        taken = s.mask("M", "NK", label, empty=not some) if self.mask else None
        if taken is not None:
            options["where"] = taken
            targets = targets if self.labels else s.xp.where(taken, targets, 0)
        for name, given, make in (
            ("class_weights", self.weights, lambda: _signed(s, "w", "K")),
            ("sample_weight", self.samples, lambda: _signed(s, "s", "N")),
            ("label_smoothing", self.smoothing, lambda: s.number("epsilon", high=1)),
            ("temperature", self.temperature, lambda: s.number("T")),
            ("softcap", self.softcap, lambda: s.number("c")),
            ("z_loss", self.z_loss, lambda: s.number("z")),
        ):
            if given:
                options[name] = make()
        h = xent.SoftmaxCrossEntropy(targets, reduction="none", **options)
        value = h(u)
        for (n,) in s.indices("N"):
            s.equal("the value is the formula", s.at(value, n), self.formula(n, u, targets, options))
        derivatives(s, h, u, targets if self.labels else None)

    def formula(self, n: Any, u: Any, targets: Any, options: dict[str, Any]) -> Any:
        """Return the loss of a row, as the documentation writes it."""
        s = self.s
        taken = options.get("where")
        inside = s.xp.ones_like(u) if taken is None else s.xp.where(taken, s.xp.ones_like(u), 0)
        classes = s.sum("K", lambda k: s.at(inside, n, k))
        t, w = self._targets(u, targets), options.get("class_weights")
        share = s.term(options["label_smoothing"]) if self.smoothing else s.term(0)

        def logit(k: Any) -> Any:
            return bent_logit(s, s.at(u, n, k), options.get("softcap"), options.get("temperature"))

        def weight(k: Any) -> Any:
            return s.at(inside, n, k) * (s.term(1) if w is None else s.at(w, k))

        def target(k: Any) -> Any:
            return weight(k) * ((1 - share) * s.at(t, n, k) + share / classes)

        a = s.log(s.sum("K", lambda k: s.at(inside, n, k) * s.exp(logit(k))))
        mass, inner = s.sum("K", target), s.sum("K", lambda k: target(k) * logit(k))
        loss = mass * a - inner
        if self.z_loss:
            loss = loss + s.term(options["z_loss"]) * s.sum("K", lambda k: weight(k) * s.at(t, n, k)) * a**2
        return loss * s.at(options["sample_weight"], n) if self.samples else loss

    def _targets(self, u: Any, targets: Any) -> Any:
        """Return the targets as rows: labels as rows of one 1."""
        xp = self.s.xp
        if not self.labels:
            return targets
        return xp.where(xp.arange(self.s.size("K")) == targets[:, None], xp.ones_like(u), 0)


def _signed(s: Setting, name: str, shape: str) -> Any:
    """Return weights, which are positive as far as that is given."""
    return s.positives(name, shape) if s.given(f"${name} > 0$") else s.reals(name, shape)


def bent_logit(s: Setting, u: Any, softcap: Any, temperature: Any) -> Any:
    """Return y = c tanh(u / c) / T."""
    if softcap is not None:
        c = s.term(softcap)
        growth = s.exp(2 * u / c)
        u = c * (growth - 1) / (growth + 1)
    return u if temperature is None else u / s.term(temperature)


def with_options(*names: str) -> Callable[[Setting], None]:
    """Return the proof for a set of options, with rows of targets and with labels."""

    def prove(s: Setting) -> None:
        for labels in (False, True):
            Chosen(s, labels=labels, **dict.fromkeys(names, True)).prove()

    return prove


def bending(s: Setting) -> None:
    """Differentiate the softcap, also at 0, and with a temperature at the end of the range of the dtype."""
    u, c = s.nonzeros("u", "NK"), s.number("c")
    for t in (s.number("T"), s.number("T_high", low=1.5 * 2.0**1023, high=sys.float_info.max)):
        y, slope, curvature = bent(u, c, t, s.xp)
        zero = bent(s.xp.zeros_like(u), c, t, s.xp)
        for n, k in s.indices("NK"):
            expected = bent_logit(s, s.at(u, n, k), c, t)
            first = s.diff(expected, u, n, k)
            s.equal(r"$y = \frac{c}{T} \tanh \frac{u}{c}$", s.at(y, n, k), expected)
            s.equal("$y' = \\frac{1}{T} \\operatorname{sech}^2 \\frac{u}{c}$", s.at(slope, n, k), first)
            s.equal("$y''$ is its derivative", s.at(curvature, n, k), s.diff(first, u, n, k))
            s.equal("$y(0) = 0$", s.at(zero.y, n, k), s.term(0))
            s.equal("$y'(0) = 1 / T$", s.at(zero.slope, n, k) * s.term(t), s.term(1))
            s.equal("$y''(0) = 0$", s.at(zero.curvature, n, k), s.term(0))


def ignored(s: Setting) -> None:
    """Leave out the rows whose label is the one to ignore."""
    u, y, w = s.reals("u", "NK"), s.labels("y", "N"), s.positives("w", "K")
    plain = xent.SoftmaxCrossEntropy(y, class_weights=w, reduction="none")
    h = xent.SoftmaxCrossEntropy(y, class_weights=w, reduction="none", ignore_index=0)
    summed = xent.SoftmaxCrossEntropy(y, class_weights=w, ignore_index=0)
    none = xent.SoftmaxCrossEntropy(y, class_weights=w, reduction="none", ignore_index=-(2**70))
    kept = s.xp.where(y == 0, s.xp.zeros_like(y, dtype=s.xp.float64), s.xp.ones_like(y, dtype=s.xp.float64))
    total, weight = summed.total_and_weight(u)
    value, gradient = h.value_and_grad(u)
    all_values, all_gradients = plain.value_and_grad(u)
    for n, k in s.indices("NK", y):
        s.equal("$h_n = 0$ for an ignored label", s.at(value, n), s.at(kept, n) * s.at(all_values, n))
        s.equal(r"$\nabla h_n = 0$ there", s.at(gradient, n, k), s.at(kept, n) * s.at(all_gradients, n, k))
        s.equal("a label that no row can have leaves none out", s.at(none(u), n), s.at(all_values, n))
    s.equal("the total leaves them out", s.at(total), s.sum("N", lambda n: s.at(kept, n) * s.at(all_values, n)))
    mass = s.sum("N", lambda n: s.at(kept, n) * s.at(w, s.at(y, n)))
    s.equal("so does the weight", s.at(weight), mass)
    for normalizer, rows in (
        ("count", s.sum("N", lambda n: s.at(kept, n))),
        ("batch", s.sum("N", lambda _: s.term(1))),
    ):
        _, weight = xent.SoftmaxCrossEntropy(y, ignore_index=0, normalizer=normalizer).total_and_weight(u)
        s.equal(f"`{normalizer}` is the number of rows", s.at(weight), rows)
    derivatives(s, h, u, y)


def reductions(s: Setting) -> None:
    """Add and divide the losses of the rows."""
    u, t = s.reals("u", "NK"), s.probabilities("t", "NK", summed=False)
    r, w = s.positives("s", "N"), s.positives("w", "K")
    c, d = s.number("c"), s.positives("d", "")
    options = {"sample_weight": r if s.given("$s > 0$") else s.reals("s", "N"), "class_weights": w}
    rows = xent.SoftmaxCrossEntropy(t, reduction="none", **options)(u)

    def mass(n: Any) -> Any:
        return s.at(r, n) * s.sum("K", lambda k: s.at(w, k) * s.at(t, n, k))

    total, count = s.sum("N", lambda n: s.at(rows, n)), s.sum("N", lambda _: s.term(1))
    for how, divisor in (
        ({"reduction": "sum"}, s.term(1)),
        ({}, s.sum("N", mass)),
        ({"normalizer": "count"}, count),
        ({"normalizer": "batch"}, count),
        ({"normalizer": c}, s.term(c)),
        ({"normalizer": d}, s.at(d)),
    ):
        h = xent.SoftmaxCrossEntropy(t, **how, **options)
        value, gradient = h.value_and_grad(u)
        s.equal("the value is the sum of the rows over the divisor", s.at(value) * divisor, total)
        _derivatives_of_a_mean(s, h, u, value, gradient)
        if isinstance(how.get("normalizer", ""), str) and "reduction" not in how:
            whole, weight = h.total_and_weight(u)
            s.equal("`total_and_weight` gives the sum", s.at(whole), total)
            s.equal("and the divisor", s.at(weight), divisor)


def _derivatives_of_a_mean(s: Setting, h: Any, u: Any, value: Any, gradient: Any) -> None:
    v = s.reals("v", "NK")
    blocks, diagonal, product = h.hessian(u), h.hessian_diag(u), h.hvp(u, v)
    for n, k in s.indices("NK"):
        s.equal("`grad` is its derivative", s.at(gradient, n, k), s.diff(s.at(value), u, n, k))
        along = s.sum("K", lambda j: s.at(blocks, n, k, j) * s.at(v, n, j))
        s.equal("`hvp` is the Hessian times the vector", s.at(product, n, k), along)
    for n, m, i, j in s.indices("NNKK"):
        slope = s.diff(s.at(gradient, n, i), u, m, j)
        block = s.at(blocks, n, i, j) if n == m else s.term(0)
        s.equal("`hessian` has the blocks of the Hessian, which are all", slope, block)
        if n == m and i == j:
            s.equal("`hessian_diag` is its diagonal", s.at(diagonal, n, i), slope)


def _option(
    theorem: str,
    title: str,
    source: str,
    *names: str,
    assumptions: tuple[str, ...] = (),
    drops: str = "",
    slow: bool = True,
) -> Theorem:
    return Theorem(
        theorem,
        title,
        FORMULA,
        with_options(*names),
        (source,),
        covers=(*FIRST, *SECOND),
        assumptions=(REAL, r"targets: positive rows, or labels in $0, \dots, K - 1$", *assumptions),
        hypotheses=(drops,) if drops else (),
        sizes=(2,),
        slow=slow,
    )


OPTIONS = (
    _option("class-weights", "Weights of the classes", "the definition", "weights", drops="$w > 0$", slow=False),
    _option("sample-weights", "Weights of the rows", "the definition", "samples", drops="$s > 0$"),
    _option(
        "label-smoothing",
        "Label smoothing",
        "Szegedy et al. 2016, arXiv:1512.00567, section 7",
        "smoothing",
        assumptions=(r"$0 < \varepsilon < 1$",),
    ),
    _option("temperature-of-the-loss", "Temperature of the loss", "seeds/000", "temperature", assumptions=("$T > 0$",)),
    _option(
        "softcap",
        "Softcap",
        "Gemma Team 2024, arXiv:2408.00118, section 2",
        "softcap",
        assumptions=("$c > 0$", r"$u_k \ne 0$ (there: softcap-derivatives)"),
    ),
    _option("z-loss", "z-loss", "Chowdhery et al. 2022, arXiv:2204.02311, section 5", "z_loss"),
    _option(
        *("masked-loss", "Classes that are left out of the loss", "the definition", "mask"),
        drops="$M$ not empty",
        slow=False,
    ),
    _option("mask-and-smoothing", "Smoothing over the classes that are left", "the definition", "mask", "smoothing"),
    _option(
        "all-options",
        "All options at once",
        "docs/theory.md, equation options",
        *("weights", "samples", "smoothing", "temperature", "softcap", "z_loss"),
        assumptions=("all options positive", r"$\varepsilon < 1$", r"$u_k \ne 0$"),
    ),
    _option(
        "all-options-masked",
        "All options at once, and a mask",
        "docs/theory.md, equation options",
        *("weights", "samples", "smoothing", "temperature", "softcap", "z_loss", "mask"),
        assumptions=("all options positive", r"$\varepsilon < 1$", r"$u_k \ne 0$"),
    ),
    Theorem(
        "softcap-derivatives",
        "The softcap and its derivatives",
        r"y = \tfrac{c}{T} \tanh \tfrac{u}{c}, \quad y' = \tfrac{1}{T} \operatorname{sech}^2 \tfrac{u}{c},"
        r" \quad y'' = -\tfrac{2}{c T} \tanh \tfrac{u}{c} \operatorname{sech}^2 \tfrac{u}{c}",
        bending,
        ("Gemma Team 2024, arXiv:2408.00118, section 2",),
        covers=(LOSS, *SECOND),
        assumptions=("$c, T > 0$", r"$u \ne 0$, and $u = 0$"),
        sizes=(2,),
        slow=True,
    ),
    Theorem(
        "ignored-rows",
        "Rows that are ignored",
        r"h_n = [y_n \ne i] \, \bigl( -w_{y_n} \log S_{y_n} \bigr)",
        ignored,
        ("the definition",),
        covers=(*FIRST, *SECOND, f"{LOSS}.total_and_weight"),
        assumptions=(REAL, "$w > 0$"),
        sizes=(2, 3),
        slow=True,
    ),
    Theorem(
        "reductions",
        "Sum and mean",
        r"\frac{\sum_n h_n}{d}, \qquad d = 1, \; \sum_n s_n r_n, \; N, \text{ or given}",
        reductions,
        ("seeds/001, section 2.1, the mean over the data",),
        covers=(*FIRST, *SECOND, f"{LOSS}.total_and_weight"),
        assumptions=(REAL, "targets and weights positive"),
        hypotheses=("$s > 0$",),
        sizes=(2,),
        slow=True,
    ),
)
