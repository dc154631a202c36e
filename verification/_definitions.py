"""What rows of logits define, in balls: exp(u) / Σ exp(u) and its kin, with nothing in common with the library.

No shift, no maximum, no log1p: digits that cancel are bought back with precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

from verification._enclosures import Exact, balls_of, enclosed, enclosed_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of finite logits of a dtype, and what they define."""

    logits: Array

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype whose ulps count."""
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
        found = [enclosed_pairs(partial(_logsumexp, u), self.dtype) for u in self.logits]
        return Exact(np.concatenate(found, axis=1), self.dtype)

    @cached_property
    def tail(self) -> Exact:
        """Σ exp(u) / exp(m) − 1, with m the largest logit."""
        found = [enclosed(partial(_tail, u), self.dtype) for u in self.logits]
        return Exact(np.concatenate(found, axis=1), self.dtype)

    def loss(self, labels: Array) -> Exact:
        """Return −log S at the label of each row."""
        return self.log_softmax.column(labels).negative()

    def gradient(self, labels: Array) -> Exact:
        """Return S − onehot: S where the label is not."""
        at_label = [enclosed(partial(_less_one, u, u[k]), self.dtype) for u, k in zip(self.logits, labels, strict=True)]
        return self.softmax.with_column(labels, Exact(np.concatenate(at_label, axis=1), self.dtype))

    def chained_gradient(self, labels: Array, slopes: Callable[[int], Iterable[arb]]) -> Exact:
        """Return (S − onehot) times the slopes, given for each row, of what was done to its logits before."""
        found = []
        for n, u in enumerate(self.logits):

            def balls(n: int = n, u: Array = u) -> list[arb]:
                total = total_of(u)
                gradient = [x.exp() / total - int(k == labels[n]) for k, x in enumerate(balls_of(u))]
                return [g * s for g, s in zip(gradient, slopes(n), strict=True)]

            found.append(enclosed(balls, self.dtype))
        return Exact(np.stack(found, axis=1), self.dtype)

    def _elementwise(self, formula: Callable[[list[arb], arb], list[arb]]) -> Exact:
        """Evaluate a formula in u and Z, once for each distinct logit of a row."""
        found = []
        for u in self.logits:
            distinct, where = np.unique(u, return_inverse=True)

            def balls(u: Array = u, distinct: Array = distinct) -> list[arb]:
                return formula(balls_of(distinct), total_of(u))

            found.append(enclosed(balls, self.dtype)[:, where])
        return Exact(np.stack(found, axis=1), self.dtype)


def _logsumexp(u: Array) -> tuple[list[arb], list[arb]]:
    m, a = arb(float(u.max())), total_of(u).log()
    return [a], [(a - m).max(abs(m))]


def _tail(u: Array) -> list[arb]:
    return [total_of(u) / arb(float(u.max())).exp() - 1]


def _less_one(u: Array, at: float) -> list[arb]:
    """Return S − 1 at a class."""
    return [arb(float(at)).exp() / total_of(u) - 1]


def total_of(u: Array) -> arb:
    """Return Z = Σ exp(u), by its distinct terms."""
    distinct, times = np.unique(u, return_counts=True)
    return sum((x.exp() * count for x, count in zip(balls_of(distinct), times.tolist(), strict=True)), arb(0))
