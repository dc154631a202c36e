"""The branches of the true maximum: which logits are maximal, for what a free number in its place cannot tell."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from verification._cases import leaves
from verification._fixed import DOMAINS, Fixed, checked
from verification._object_array import boxed
from verification._results import NotProvedError, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification._results import Check, Theorem
    from verification._symbolic import Symbolic

LOGITS = "u"
"""The array whose maxima are known: its maximal entries are one symbol, and another is that less a positive symbol."""


class Path(Fixed):
    """K classes, of whose logits it is known which are the maximal ones: in each row others, by the pattern."""

    def __init__(self, k: int, domain: Symbolic, *, pattern: int, rows: int = 1, drop: str | None = None) -> None:
        """Know the ties of each row."""
        super().__init__(k, domain, rows=rows, pattern=pattern, drop=drop)
        domain.true_maxima = True
        self.name = f"{domain.name}, K = {k}, branches of the maximum"

    def ties(self, row: int) -> tuple[int, ...]:
        """Return the classes with a maximal logit."""
        subsets = ties_of(self.size("K"))
        return subsets[(self.pattern + row) % len(subsets)]

    def reals(self, name: str, shape: str) -> Any:
        """Return an array of real numbers; of logits, the maximal ones are equal, and the others less.

        By logits that are tied to each other, nothing is differentiated.
        """
        if name != LOGITS or shape[-1:] != "K":
            return super().reals(name, shape)
        gaps = super().positives(f"{name} below its maximum by ", shape)
        tops = super().reals(f"max {name} ", shape[:-1])
        for row, index in enumerate(itertools.product(*(range(self.size(axis)) for axis in shape[:-1]))):
            for k in range(self.size("K")):
                gap = 0 if k in self.ties(row) else gaps.data[(*index, k)]
                gaps.data[(*index, k)] = boxed(tops.data[index]).item() - gap
        del self._made[id(gaps)], self._made[id(tops)]
        return gaps

    def minus_infinite(self, claim: str, x: Any, *index: Any) -> None:
        """Show that an element is −inf."""
        if any(leaf != -math.inf for leaf in leaves(boxed(x.data[index]).item())):
            raise NotProvedError(claim, str(x.data[index]))
        self.steps.append(Step(claim))


def ties_of(k: int) -> list[tuple[int, ...]]:
    """Return all sets of classes that can be the maximal ones."""
    return [ties for n in range(1, k + 1) for ties in itertools.combinations(range(k), n)]


def paths(k: int, domain_name: str = "python-flint", drop: str | None = None) -> Iterator[Path]:
    """Make a setting for each branch of the maximum: the first two rows of the first take two branches at once."""
    for pattern in range(len(ties_of(k))):
        yield Path(k, DOMAINS[domain_name](), pattern=pattern, rows=1 if pattern else 2, drop=drop)


def path_check(theorem: Theorem, k: int, domain_name: str = "python-flint", drop: str | None = None) -> Check:
    """Prove a theorem on each branch of the maximum."""
    return checked(f"{domain_name}, K = {k}, branches of the maximum", theorem, paths(k, domain_name, drop))
