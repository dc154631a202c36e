"""Exact values of softmax and its kin, enclosed by Arb, and errors in ulps against them.

Everything here is the definition, exp(u) / Σ exp(u) and its logarithm, in ball arithmetic with the precision doubled
until the balls are small: no shift, no maximum, no log1p, nothing in common with the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import flint
import numpy as np
from flint import arb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TIGHT = 2.0**-20
"""The radius, in ulps, that an enclosure is refined to."""
MOST_BITS = 2**15


@dataclass(frozen=True, eq=False)
class Exact:
    """Numbers known to `TIGHT` ulps of a dtype: near, rest and exponent along the first axis of `parts`.

    They are (near + rest) · 2**exponent, where 2**exponent is the ulp at the exact value.
    """

    parts: np.ndarray
    dtype: np.dtype

    @property
    def subnormal(self) -> np.ndarray:
        """Where the exact value is below the smallest normal number."""
        bits, least = _format(self.dtype)
        return (self.parts[2] == least) & (np.abs(self.parts[0]) < 2.0 ** (bits - 1))

    def ulps(self, got: np.ndarray) -> np.ndarray:
        """Bound the error of each element from above, in ulps; inf for what is not a number."""
        near, rest, exponent = self.parts
        assert got.dtype == self.dtype
        assert got.shape == near.shape
        with np.errstate(over="ignore", invalid="ignore"):  # a result that is far off, or no number
            scaled = np.ldexp(got.astype(np.float64), -exponent.astype(np.int32))
            # scaled − near is exact within a factor of 2 (Sterbenz), else it rounds, which the factor covers.
            error = np.abs((scaled - near) - rest) * (1 + 2.0**-50) + 2 * TIGHT
        return np.where(np.isnan(error), np.inf, error)

    def column(self, columns: np.ndarray) -> Exact:
        """Return the element of each row in its column."""
        return Exact(self.parts[:, np.arange(len(columns)), columns], self.dtype)

    def with_column(self, columns: np.ndarray, other: Exact) -> Exact:
        """Return a copy with the element of each row in its column replaced."""
        parts = self.parts.copy()
        parts[:, np.arange(len(columns)), columns] = other.parts
        return Exact(parts, self.dtype)

    def negative(self) -> Exact:
        """Return −x."""
        return Exact(self.parts * np.reshape([-1, -1, 1], (3,) + (1,) * (self.parts.ndim - 1)), self.dtype)


def enclosed(
    balls: Callable[[], list[arb]], dtype: np.dtype, scales: Callable[[], list[arb]] | None = None
) -> np.ndarray:
    """Evaluate balls with the precision doubled until each is known to `TIGHT` ulps, as the parts of `Exact`.

    An ulp is that of the number itself, or of its scale where one is given.
    """
    bits = 128
    while bits <= MOST_BITS:
        with flint.ctx.workprec(bits):
            found = balls()
            parts = _in_ulps(found, found if scales is None else scales(), dtype)
        if parts is not None:
            return parts
        bits *= 2
    msg = f"no enclosure to {TIGHT} ulp with {MOST_BITS} bits"
    raise ArithmeticError(msg)


def _format(dtype: np.dtype) -> tuple[int, int]:
    """Return the digits of a binary format and the exponent of its subnormal spacing."""
    limits = np.finfo(dtype)
    return limits.nmant + 1, limits.minexp - limits.nmant


def _in_ulps(balls: list[arb], scales: list[arb], dtype: np.dtype) -> np.ndarray | None:
    bits, least = _format(dtype)
    parts = np.empty((3, len(balls)))
    spacings: dict[int, arb] = {}
    for i, (ball, scale) in enumerate(zip(balls, scales, strict=True)):
        mantissa, exponent = scale.abs_lower().man_exp()  # the least it can be, so that its ulp is not overestimated
        exponent = max(int(mantissa).bit_length() + int(exponent) - bits, least) if mantissa else least
        spacings[exponent] = spacings.get(exponent) or arb(2) ** -exponent
        inside = ball * spacings[exponent]
        if not inside.rad() < TIGHT:
            return None
        near = float(inside.mid())
        parts[:, i] = near, float(inside.mid() - arb(near)), exponent
    return parts


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of logits of a dtype, and what they define."""

    logits: np.ndarray

    @property
    def dtype(self) -> np.dtype:
        return self.logits.dtype

    @cached_property
    def softmax(self) -> Exact:
        """S = exp(u) / Z with Z = Σ exp(u)."""
        return self._elementwise(lambda u, total: [x.exp() / total for x in u])

    @cached_property
    def log_softmax(self) -> Exact:
        """The logarithm of S, u − log Z."""

        def logarithms(u: list[arb], total: arb) -> list[arb]:
            a = total.log()
            return [x - a for x in u]

        return self._elementwise(logarithms)

    @cached_property
    def logsumexp(self) -> Exact:
        """A = log Z; an ulp of it is one of the larger of |m| and log1p(tail) = A − m."""

        def scale(u: np.ndarray) -> list[arb]:
            m = arb(float(u.max()))
            return [(_total(u).log() - m).max(abs(m))]

        found = [enclosed(lambda u=u: [_total(u).log()], self.dtype, partial(scale, u)) for u in self.logits]
        return Exact(np.concatenate(found, axis=1), self.dtype)

    def loss(self, labels: np.ndarray) -> Exact:
        """Return −log S at the label of each row."""
        return self.log_softmax.column(labels).negative()

    def gradient(self, labels: np.ndarray) -> Exact:
        """Return S − onehot: S where the label is not."""
        at_label = [
            enclosed(lambda u=u, k=k: [arb(float(u[k])).exp() / _total(u) - 1], self.dtype)
            for u, k in zip(self.logits, labels, strict=True)
        ]
        return self.softmax.with_column(labels, Exact(np.concatenate(at_label, axis=1), self.dtype))

    def chained_gradient(self, labels: np.ndarray, slopes: Callable[[int], Iterable[arb]]) -> Exact:
        """Return (S − onehot) times the slopes, given for each row, of what was done to its logits before."""
        found = []
        for n, u in enumerate(self.logits):

            def balls(n: int = n, u: np.ndarray = u) -> list[arb]:
                total = _total(u)
                gradient = [x.exp() / total - int(k == labels[n]) for k, x in enumerate(_balls(u))]
                return [g * s for g, s in zip(gradient, slopes(n), strict=True)]

            found.append(enclosed(balls, self.dtype))
        return Exact(np.stack(found, axis=1), self.dtype)

    def _elementwise(self, formula: Callable[[list[arb], arb], list[arb]]) -> Exact:
        """Evaluate a formula in u and Z, once for each distinct logit of a row."""
        found = []
        for u in self.logits:
            distinct, where = np.unique(u, return_inverse=True)

            def balls(u: np.ndarray = u, distinct: np.ndarray = distinct) -> list[arb]:
                return formula(_balls(distinct), _total(u))

            found.append(enclosed(balls, self.dtype)[:, where])
        return Exact(np.stack(found, axis=1), self.dtype)


def _balls(u: np.ndarray) -> list[arb]:
    return [arb(x) for x in u.tolist()]


def _total(u: np.ndarray) -> arb:
    """Return Z = Σ exp(u), by its distinct terms."""
    distinct, times = np.unique(u, return_counts=True)
    return sum((x.exp() * count for x, count in zip(_balls(distinct), times.tolist(), strict=True)), arb(0))
