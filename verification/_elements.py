"""Elements of symbolic domains, and the conditions on them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verification._symbolic import Symbolic


@dataclass(frozen=True)
class Atom:
    """A condition on an element: that it is less than 0, or equal to 0."""

    element: Any
    relation: str
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


class Element:
    """A finite number that depends on symbols: the operators of Python, also with whole numbers and fractions."""

    __slots__ = ("domain",)
    domain: Symbolic

    def _with(self, other: Any, operation: str, *, swapped: bool = False) -> Any:
        other = self.domain.element_of(other)
        if other is None:
            return NotImplemented
        operate = getattr(self.domain, operation)
        return operate(other, self) if swapped else operate(self, other)

    def __add__(self, other: Any) -> Any:
        return self._with(other, "plus")

    def __radd__(self, other: Any) -> Any:
        return self._with(other, "plus")

    def __sub__(self, other: Any) -> Any:
        return self._with(other, "minus")

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "minus", swapped=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, "times")

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, "times")

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, "over")

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, "over", swapped=True)

    def __neg__(self) -> Any:
        return self * -1

    def __pow__(self, n: int) -> Any:
        one = self.domain.number(Fraction(1))
        power = math.prod([self] * abs(n), start=one)
        return power if n >= 0 else one / power
