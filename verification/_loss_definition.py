"""The loss of a row with all its options, and its derivatives, in balls: the formulas of `docs/theory.md`, as written.

Each number comes with a scale, the sum of the sizes of the terms that it is made of: an error is measured in ulps of
that, where terms of both signs may cancel.  A term is one of the gradient in the form that keeps its digits,
S (q − Q) − Q (1 − S), which a result that goes through 1 minus a rounded S cannot hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

from verification._enclosures import Exact, enclosed_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    Pairs = list[tuple[arb, arb]]

ULPS_TERMS = 8
"""What is allowed where rule 7 gives no bound, in ulps of the sum of the sizes of the terms of a result."""
NOTHING = (arb(0), arb(0))


@dataclass(frozen=True)
class LossRow:
    """One row of logits, its targets and a tangent, all of them floats, under all options."""

    logits: tuple[float, ...]
    targets: tuple[float, ...]
    tangent: tuple[float, ...]
    labelled: bool
    """Whether the targets are a label."""
    class_weights: tuple[float, ...] | None = None
    sample_weight: float = 1.0
    label_smoothing: float = 0.0
    temperature: float = 1.0
    softcap: float | None = None
    z_loss: float = 0.0
    mask: tuple[bool, ...] | None = None
    ignored: bool = False
    divisor: float = 1.0
    tempered: bool = False
    """Whether the logits are divided by the temperature already, and rounded."""

    @property
    def kept(self) -> list[int]:
        """The classes that the mask leaves."""
        return [k for k in range(len(self.logits)) if self.mask is None or self.mask[k]]

    @property
    def live(self) -> bool:
        """Whether the row has a part in the loss."""
        return not self.ignored and self.sample_weight != 0

    @property
    def weight(self) -> float:
        """Σ w t, before smoothing: exact for the short floats that we choose."""
        w = self.class_weights or (1.0,) * len(self.targets)
        return sum(x * t for x, t in zip(w, self.targets, strict=True))


class Formulas:
    """What a row defines, evaluated in the precision that is in force, over the classes that its mask leaves."""

    def __init__(self, row: LossRow, tiny: arb) -> None:
        """Evaluate y, S, A, and the weights Q; what is tiny counts for the spacing of subnormal numbers in scales."""
        self.row, self.tiny, kept = row, tiny, row.kept
        self._bend([arb(row.logits[k]) for k in kept])
        e = [y.exp() for y in self.y]
        total = sum(e, arb(0))
        self.s, self.a = [x / total for x in e], total.log()
        top = self.y.index(max(self.y, key=lambda y: y.mid()))
        m = self.y[top]
        self.a_scale = max(abs(m), self.a - m, key=lambda x: x.mid()) + (self.strain - 1) / 2
        w = [arb(row.class_weights[k]) if row.class_weights else arb(1) for k in kept]
        t = [arb(row.targets[k]) for k in kept]
        rest = 1 - arb(row.label_smoothing)
        self.q = [x * (rest * y + (1 - rest) / len(kept)) for x, y in zip(w, t, strict=True)]
        self.mass = sum(self.q, arb(0))
        self.tilt = 2 * arb(row.z_loss) * arb(row.weight)
        self.factor = arb(row.sample_weight) / arb(row.divisor)
        self._push([arb(row.tangent[k]) for k in kept], top)

    def _bend(self, u: list[arb]) -> None:
        """Evaluate y = f(u), f′ and f″, and by how much their roundings are amplified: in S, and in f′ itself."""
        t, c = arb(self.row.temperature), self.row.softcap
        y = u if self.row.tempered else [one / t for one in u]
        self.y, self.slope, self.curvature = y, [1 / t] * len(u), [arb(0)] * len(u)
        self.strain, self.strains = arb(1), [arb(1)] * len(u)
        if c is not None:
            x = [one / arb(c) for one in u]
            self.y = [arb(c) * one.tanh() / t for one in x]
            self.slope = [1 / (one.cosh() ** 2 * t) for one in x]
            self.curvature = [-2 * one.tanh() * f / arb(c) for one, f in zip(x, self.slope, strict=True)]
            self.strain = 1 + 2 * max((abs(y) for y in self.y), key=lambda y: y.mid())
            self.strains = [self.strain + 2 * abs(one) for one in x]

    def _push(self, v: list[arb], top: int) -> None:
        """Evaluate the tangent of y, its mean, and the sizes of what is left of it when one entry is subtracted."""
        self.v = v
        self.w = [f * x for f, x in zip(self.slope, v, strict=True)]
        self.mean = sum((s * w for s, w in zip(self.s, self.w, strict=True)), arb(0))
        exact = self.row.temperature == 1 and self.row.softcap is None
        self.sizes = [abs(w - self.w[top]) if exact else abs(w) for w in self.w]
        self.size = sum(((s + self.tiny) * x for s, x in zip(self.s, self.sizes, strict=True)), arb(0))
        self.mean_size = sum((s * abs(w) for s, w in zip(self.s, self.w, strict=True)), abs(self.w[top]))

    def value(self) -> tuple[arb, arb]:
        """Return s (q A − ⟨Q, y⟩ + z r A²)."""
        surprisal = sum((q * (self.a - y) for q, y in zip(self.q, self.y, strict=True)), arb(0))
        scale = (surprisal + self.mass * self.tiny) * self.strain + self.tilt * abs(self.a) * (
            self.a_scale + abs(self.a)
        )
        return self._weighted(surprisal + self.tilt * self.a**2 / 2, scale)

    def by_y(self, k: int) -> tuple[arb, arb]:
        """Return g = q S − Q + 2 z r A S."""
        s, q = self.s[k], self.q[k]
        plain = self.row.labelled and not self.row.label_smoothing  # q − Q is exactly 0 or q
        others = abs(self.mass - q) if plain else self.mass + q
        tiny = self.tiny
        scale = (s + tiny) * others + q * (1 - s + tiny) + self.tilt * self.a_scale * (s + tiny)
        return self.mass * s - q + self.tilt * self.a * s, scale * self.strain

    def gradient(self, k: int) -> tuple[arb, arb]:
        """Return s f′ g."""
        g, scale = self.by_y(k)
        return self._weighted(self.slope[k] * g, self.slope[k] * scale * self.strains[k])

    def hessian(self, k: int, j: int) -> tuple[arb, arb]:
        """Return s (f′ (q + 2 z r A) (S δ − S S) f′ + f′ 2 z r S S f′ + f″ g δ)."""
        jacobian = self.s[k] * ((k == j) - self.s[j])
        bowl = self.tilt * self.s[k] * self.s[j]
        value = (self.mass + self.tilt * self.a) * jacobian + bowl
        scale = ((self.mass + self.tilt * self.a_scale) * (abs(jacobian) + self.tiny) + bowl) * self.strain
        strain = self.strains[k] + self.strains[j]
        value, scale = self.slope[k] * value * self.slope[j], self.slope[k] * scale * self.slope[j] * strain
        return self._weighted(*self._with_bending(value, scale, k, arb(int(k == j))))

    def product(self, k: int) -> tuple[arb, arb]:
        """Return s (f′ ((q + 2 z r A) S (w − ⟨S, w⟩) + 2 z r S ⟨S, w⟩) + f″ g v), with w = f′ v."""
        s = self.s[k]
        spread = s * (self.w[k] - self.mean)
        value = (self.mass + self.tilt * self.a) * spread + self.tilt * s * self.mean
        by_jacobian, by_mean = self.mass + self.tilt * self.a_scale, self.tilt * self.mean_size
        scale = (s + self.tiny) * (by_jacobian * (self.sizes[k] + self.size) + by_mean)
        value, scale = self.slope[k] * value, self.slope[k] * scale * self.strain * self.strains[k]
        return self._weighted(*self._with_bending(value, scale, k, self.v[k]))

    def _with_bending(self, value: arb, scale: arb, k: int, v: arb) -> tuple[arb, arb]:
        """Add f″ g v."""
        g, of_g = self.by_y(k)
        bent = self.curvature[k] * v
        return value + bent * g, scale + abs(bent) * of_g * self.strains[k]

    def _weighted(self, value: arb, scale: arb) -> tuple[arb, arb]:
        return self.factor * value, self.factor * scale


QUANTITIES = ("value", "grad", "hvp", "hessian_diag", "hessian")


def tiny_of(dtype: np.dtype[Any]) -> arb:
    """Return the number of which `ULPS_TERMS` ulps are two spacings of subnormal numbers: of a product of roundings."""
    return 2 * arb(float(np.finfo(dtype).tiny)) / ULPS_TERMS


def numbers_of(row: LossRow, tiny: arb) -> Pairs:
    """Return the value, gradient, product, diagonal and Hessian of a row, one after another."""
    size, kept = len(row.logits), row.kept
    found = [NOTHING] * (1 + 3 * size + size * size)
    if not row.live:
        return found
    of = Formulas(row, tiny)
    found[0] = of.value()
    for i, k in enumerate(kept):
        found[1 + k] = of.gradient(i)
        found[1 + size + k] = of.product(i)
        for j, other in enumerate(kept):
            found[1 + 3 * size + k * size + other] = of.hessian(i, j)
        found[1 + 2 * size + k] = found[1 + 3 * size + k * size + k]
    return found


def exact_loss(rows: Sequence[LossRow], dtype: np.dtype[Any]) -> dict[str, Exact]:
    """Enclose all that rows of one size define, by the name of the quantity."""
    size = len(rows[0].logits)
    parts = np.stack([enclosed_pairs(partial(_split, row, tiny_of(dtype)), dtype) for row in rows], axis=1)
    cuts = np.cumsum([1, size, size, size])
    value, *rest, blocks = np.split(parts, cuts, axis=-1)
    found = [value[..., 0], *rest, np.reshape(blocks, (3, len(rows), size, size))]
    return {name: Exact(x, dtype) for name, x in zip(QUANTITIES, found, strict=True)}


def exact_total(rows: Sequence[LossRow], dtype: np.dtype[Any]) -> Exact:
    """Enclose the sum of the values of rows, each over its divisor."""

    def balls() -> tuple[list[arb], list[arb]]:
        values = [Formulas(row, tiny_of(dtype)).value() for row in rows if row.live]
        return [sum((x for x, _ in values), arb(0))], [sum((scale for _, scale in values), arb(0))]

    return Exact(enclosed_pairs(balls, dtype)[:, 0], dtype)


def _split(row: LossRow, tiny: arb) -> tuple[list[arb], list[arb]]:
    numbers, scales = zip(*numbers_of(row, tiny), strict=True)
    return list(numbers), list(scales)
