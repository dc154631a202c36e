"""Exact elements with declared signs, extended by inf, −inf and nan: what the symbolic domains have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from verification._cases import Cases, apply, cases, choose, leaves
from verification._options import Option
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verification._certificates import Tree

MOST_BRANCHES = 64
"""How many values a sum may have: true theorems need 2^K, and merge them."""


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


class Symbolic(ABC):
    """A domain of exact elements: extended reals, comparisons by declared signs, a free number for a maximum."""

    name: str
    true_maxima = False
    """Whether a maximum is looked for among the values, before a free number stands for it."""

    def __init__(self) -> None:
        """Know no maxima yet."""
        self._maxima: dict[tuple[Any, ...], Any] = {}

    @abstractmethod
    def number(self, value: Fraction) -> Any:
        """Return a fraction as an element."""

    @abstractmethod
    def variable(self, label: str, *, positive: bool = False, nonzero: bool = False, free: bool = False) -> Any:
        """Return a new real number; a free one is what no result may depend on."""

    @abstractmethod
    def nonzero(self, x: Any) -> bool:
        """Tell whether an element is known to differ from 0."""

    @abstractmethod
    def plus(self, x: Any, y: Any) -> Any:
        """Return x + y."""

    @abstractmethod
    def minus(self, x: Any, y: Any) -> Any:
        """Return x − y."""

    @abstractmethod
    def times(self, x: Any, y: Any) -> Any:
        """Return x y."""

    @abstractmethod
    def over(self, x: Any, y: Any) -> Any:
        """Return x / y, for y that does not vanish."""

    @abstractmethod
    def constant(self, x: Any) -> Fraction | None:
        """Return the number that an element is, None of one that depends on symbols."""

    @abstractmethod
    def sign(self, x: Any) -> int | None:
        """Return −1, 0 or 1, None where the declared signs do not tell."""

    @abstractmethod
    def normal(self, x: Any) -> tuple[Any, bool]:
        """Return x up to a factor of known sign, the same for the same condition, and whether that is positive."""

    @abstractmethod
    def exponential(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return exp of an element; sums become products."""

    @abstractmethod
    def logarithm(self, x: Any) -> Any:
        """Return log of a positive element; products become sums."""

    @abstractmethod
    def where_zero(self, x: Any, zero: Any) -> Any:
        """Return x where another element is 0, None where that is not worked out."""

    @abstractmethod
    def free(self, x: Any) -> bool:
        """Tell whether an element depends on a free number."""

    @abstractmethod
    def without_free(self, x: Any) -> Any:
        """Return x with 0 in the place of free numbers, None where that is not defined."""

    @abstractmethod
    def substituted(self, x: Any, by: Mapping[Any, Any]) -> Any:
        """Return x with elements in the place of symbols."""

    @abstractmethod
    def images(self, by: Mapping[Any, Any]) -> dict[str, Tree]:
        """Return trees for the atoms that change with elements in the place of symbols."""

    @abstractmethod
    def declare_positive(self, x: Any) -> None:
        """Take it for granted that an element is positive."""

    @abstractmethod
    def derivative(self, x: Any, symbol: Any) -> Any:
        """Return the derivative by a symbol."""

    @abstractmethod
    def derivative_tree(self, x: Any, symbol: Any) -> Tree:
        """Return the derivative by a symbol as the rules of differentiation give it, not reduced."""

    @abstractmethod
    def tree(self, x: Any) -> Tree:
        """Return an element as a tree."""

    @abstractmethod
    def witness(self, x: Any, summed: Mapping[Any, Any]) -> str:
        """Return a point where an element is not 0, or no text; some symbols stand for other elements there."""

    # Numbers

    def element_of(self, value: Any) -> Any:
        """Return a whole number, a fraction or an element as an element, None of anything else."""
        if isinstance(value, Element):
            return value if value.domain is self else None
        return self.number(Fraction(value)) if isinstance(value, int | Fraction) else None

    def lift(self, number: Any) -> Any:
        """Return a number as a leaf; one with digits after the point is refused: it is rounded."""
        number = number.value if isinstance(number, Option) else number
        if isinstance(number, float):
            if not math.isfinite(number):
                return number
            if number != int(number):
                claim = "a number with digits after the point, which is rounded"
                raise UndecidedError(claim, repr(number))
            number = int(number)
        element = self.element_of(number)
        if element is None:
            msg = f"An element must be a number or an element of {self.name}, not {type(number).__name__}."
            raise TypeError(msg)
        return element

    def known(self, x: Any, facts: Mapping[Any, bool], claim: str) -> int:
        """Return the sign of a leaf that is no nan, from its parts or from facts, or give up."""
        if isinstance(x, float):
            return int(math.copysign(1, x))
        sign = self.sign(x)
        if sign is None:
            sign = self._from_facts(x, facts)
        if sign is None:
            raise UndecidedError(claim, f"the sign of {x}")
        return sign

    def _from_facts(self, x: Any, facts: Mapping[Any, bool]) -> int | None:
        if not facts:
            return None
        less, equal, positive = self._atoms(x)
        if facts.get(equal):
            return 0
        if facts.get(less) or (less in facts and (equal in facts or self.nonzero(x))):
            return -1 if bool(facts[less]) is positive else 1
        return None

    def _atoms(self, x: Any) -> tuple[Atom, Atom, bool]:
        element, positive = self.normal(x)
        return Atom(element, "<", f"{element} < 0"), Atom(element, "=", f"{element} = 0"), positive

    # Arithmetic

    def add(self, x: Any, y: Any) -> Any:
        """Return x + y."""
        if isinstance(x, float) and isinstance(y, float):
            return x + y
        return x if isinstance(x, float) else y if isinstance(y, float) else self.plus(x, y)

    def negative(self, x: Any) -> Any:
        """Return −x."""
        return -x

    def subtract(self, x: Any, y: Any) -> Any:
        """Return x − y."""
        return self.add(x, -y) if isinstance(x, float) or isinstance(y, float) else self.minus(x, y)

    def multiply(self, x: Any, y: Any) -> Any:
        """Return x y."""
        if not (isinstance(x, float) or isinstance(y, float)):
            return self.times(x, y)
        if self.isnan(x) or self.isnan(y):
            return math.nan
        sign = math.prod(self.known(z, {}, "a factor of infinity") for z in (x, y))
        return sign * math.inf

    def divide(self, x: Any, y: Any, facts: Mapping[Any, bool]) -> Any:
        """Return x / y; 0 / 0 is nan, and so is what is over nan."""
        if isinstance(y, float):
            return math.nan if isinstance(x, float) or self.isnan(y) else self.number(Fraction(0))
        if isinstance(x, Element) and self.nonzero(y):
            return self.over(x, y)
        sign = self.known(y, facts, "a division by what may be 0")
        if isinstance(x, float):
            return x * (sign or 1)
        if sign:
            return self.over(x, y)
        return {0: math.nan, 1: math.inf, -1: -math.inf}[self.known(x, facts, "a division by 0")]

    def power(self, x: Any, n: int) -> Any:
        """Return x raised to a whole number from 0 on."""
        if n < 0:
            claim = "a negative power"
            raise UndecidedError(claim, f"{x} to the {n}")
        return x**n

    def absolute(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the absolute value."""
        if isinstance(x, float):
            return abs(x)
        sign = self.sign(x)
        sign = self._from_facts(x, facts) if sign is None else sign
        if sign is None:
            return choose(self.less(x, self.number(Fraction(0))), -x, x)
        return -x if sign < 0 else x

    def exp(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the exponential."""
        if isinstance(x, float):
            return self.number(Fraction(0)) if x == -math.inf else x
        return self.exponential(x, facts)

    def log(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the logarithm: −inf at 0, nan below."""
        if isinstance(x, float):
            return x if x == math.inf else math.nan
        sign = self.known(x, facts, "a logarithm")
        return self.logarithm(x) if sign > 0 else -math.inf if sign == 0 else math.nan

    def log1p(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the logarithm of 1 + x."""
        return self.log(self.add(self.number(Fraction(1)), x), facts)

    def tanh(self, x: Any) -> Any:
        """Return the hyperbolic tangent, as a quotient of exponentials."""
        if isinstance(x, float):
            return x if math.isnan(x) else self.number(Fraction(int(math.copysign(1, x))))
        square = self.exponential(x * 2, {})
        return (square - 1) / (square + 1)

    # Conditions

    def isfinite(self, x: Any) -> bool:
        """Tell whether x is finite: every symbol is."""
        return not isinstance(x, float)

    def isinf(self, x: Any) -> bool:
        """Tell whether x is inf or −inf."""
        return isinstance(x, float) and math.isinf(x)

    def isnan(self, x: Any) -> bool:
        """Tell whether x is nan."""
        return isinstance(x, float) and math.isnan(x)

    def less(self, x: Any, y: Any) -> Any:
        """Return the condition x < y: an atom where the declared signs do not decide it."""
        if isinstance(x, float) or isinstance(y, float):
            return (x if isinstance(x, float) else 0.0) < (y if isinstance(y, float) else 0.0)
        difference = self.minus(x, y)
        sign = self.sign(difference)
        if sign is not None:
            return sign < 0
        less, equal, positive = self._atoms(difference)
        if positive:
            return Cases(less, yes=True, no=False)
        return Cases(less, yes=False, no=self.nonzero(difference) or Cases(equal, yes=False, no=True))

    def less_equal(self, x: Any, y: Any) -> Any:
        """Return the condition x <= y."""
        if self.isnan(x) or self.isnan(y):
            return False
        return apply(lambda held: not held, self.less(y, x))

    def equal(self, x: Any, y: Any) -> Any:
        """Return the condition x == y."""
        if isinstance(x, float) or isinstance(y, float):
            return isinstance(x, float) and isinstance(y, float) and x == y
        difference = self.minus(x, y)
        sign = self.sign(difference)
        if sign is not None or self.nonzero(difference):
            return sign == 0
        less, equal, _ = self._atoms(difference)
        return Cases(less, yes=False, no=Cases(equal, yes=True, no=False))

    # Rows

    def total(self, values: Sequence[Any]) -> Any:
        """Return the sum of values: on each branch of their conditions, the sum there."""
        result: Any = self.number(Fraction(0))
        for value in values:
            result = apply(self.add, result, value)
            if len(leaves(result)) > MOST_BRANCHES:
                claim = "a sum that depends on many conditions"
                raise UndecidedError(claim, str(result.atom))
        return result

    def maximum(self, values: Sequence[Any]) -> Any:
        """Return a free real number, −inf where all values are; of numbers alone, and of one value, the maximum."""
        numbers = [self._plain(value) for value in values]
        if all(n is not None for n in numbers):
            return values[max(range(len(values)), key=lambda k: numbers[k])]
        inside = [value for value in values if value != -math.inf]
        if len(inside) == 1:
            return inside[0]
        largest = self._largest(inside) if self.true_maxima else None
        if largest is not None:
            return largest
        if any(leaf == math.inf or self.isnan(leaf) for value in inside for leaf in leaves(value)):
            claim = "a maximum of infinities or nan among symbols"
            raise UndecidedError(claim)
        some = apply(lambda *held: any(held), *(apply(self.isfinite, value) for value in inside))
        key = tuple(inside)
        if key not in self._maxima:  # of the same values, it is the same number
            self._maxima[key] = self.variable(f"m{len(self._maxima)}", free=True)
        return choose(some, self._maxima[key], -math.inf)

    def _largest(self, values: Sequence[Any]) -> Any:
        """Return the value that is known to be at least as large as all others, None where none is."""
        known = (x for x in values if all(self.less_equal(y, x) is True for y in values))
        return next(known, None) if not any(isinstance(x, Cases) for x in values) else None

    def _plain(self, value: Any) -> Any:
        """Return a value that is a number, nan excepted, as one that Python compares."""
        if isinstance(value, Cases) or self.isnan(value):
            return None
        return value if isinstance(value, float) else self.constant(value)

    def tidy(self, value: Any) -> Any:
        """Leave out a condition x = 0 where both values are the same at x = 0, and put x = 0 in where it holds."""
        if not isinstance(value, Cases):
            return value
        yes, no = self.tidy(value.yes), self.tidy(value.no)
        if value.atom.relation == "=" and not any(isinstance(leaf, Cases | float) for leaf in (yes, no)):
            there = self.where_zero(yes, value.atom.element)
            if there is not None:
                yes = there
            if there is not None and self.where_zero(no, value.atom.element) == yes:
                return no
        return cases(value.atom, yes, no)
