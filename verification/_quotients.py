"""Quotients of polynomials on python-flint, in generators that are added as they are met.

A generator is a symbol, an exponential or a logarithm.  A quotient is 0 if its numerator is the zero polynomial.  That
the generators may depend on each other makes the test miss zeros, but never see one that is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import flint

from verification._symbolic import Element, Symbolic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification._certificates import Tree

START = 24
"""How many generators a ring has at first; it is doubled when they are used up, for factoring takes their square."""


class Quotient(Element):
    """A quotient of polynomials without a common factor, its denominator with leading coefficient 1."""

    __slots__ = ("_text", "den", "num")
    domain: Quotients

    def __init__(self, domain: Quotients, num: Any, den: Any) -> None:
        """Hold what is in lowest terms."""
        self.domain, self.num, self.den, self._text = domain, num, den, ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quotient):
            return NotImplemented
        x, y = self.domain.current(self), self.domain.current(other)
        return bool(x.num == y.num and x.den == y.den)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        if not self._text:
            self._text = self.domain.shown(self)
        return self._text

    __repr__ = __str__


@dataclass(frozen=True)
class Generator:
    """A generator of the ring: a symbol, exp(argument / 2), or log of the absolute value of an argument."""

    kind: str
    label: str
    positive: bool = False
    argument: Quotient | None = None


class Quotients(Symbolic):
    """Quotients of polynomials over the rational numbers: arithmetic, signs, trees."""

    def __init__(self) -> None:
        """Begin with no generators."""
        self.generators: list[Generator] = []
        self._known: dict[tuple[str, Quotient], int] = {}
        self._declared: list[Quotient] = []
        self._signs: dict[str, int | None] = {}
        self._free: list[bool] = []
        self._ring(START)

    def _ring(self, size: int) -> None:
        self.ring = flint.fmpq_mpoly_ctx.get([f"g{k}" for k in range(size)], "degrevlex")
        self.size, self.symbols, self.one_poly = size, self.ring.gens(), self.ring.constant(1)
        self.zero, self.one = (Quotient(self, self.ring.constant(k), self.one_poly) for k in (0, 1))

    # Quotients

    def current(self, x: Quotient) -> Quotient:
        """Return a quotient, which is brought into the ring of now first."""
        if x.den.context() is not self.ring:
            x.num, x.den = x.num.project_to_context(self.ring), x.den.project_to_context(self.ring)
        return x

    def quotient(self, num: Any, den: Any) -> Quotient:
        """Return a quotient in lowest terms."""
        if not den.is_constant():
            common = num.gcd(den)
            if not common.is_one():
                num, den = num / common, den / common
        return self._led(num, den)

    def number(self, value: Fraction) -> Quotient:
        """Return a fraction as an element."""
        return Quotient(self, self.ring.constant(flint.fmpq(value.numerator, value.denominator)), self.one_poly)

    def constant(self, x: Quotient) -> Fraction | None:
        """Return the number that an element is, None of one that depends on symbols."""
        self.current(x)
        if not (x.num.is_constant() and x.den.is_constant()):
            return None
        value = x.num.leading_coefficient() if x.num != 0 else flint.fmpq(0)
        return Fraction(int(value.p), int(value.q))

    def plus(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x + y, by the common factors of small parts rather than of large ones (Henrici 1956)."""
        self.current(x), self.current(y)
        if x.den.is_one() and y.den.is_one():
            return Quotient(self, x.num + y.num, x.den)
        common = x.den if x.den == y.den else x.den.gcd(y.den)
        mine, its = x.den / common, y.den / common
        num = x.num * its + y.num * mine
        left = num.gcd(common)
        return self._led(num / left, mine * (y.den / left))

    def minus(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x − y."""
        return self.plus(x, Quotient(self, -self.current(y).num, y.den))

    def times(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x y."""
        self.current(x), self.current(y)
        if x.den.is_one() and y.den.is_one():
            return Quotient(self, x.num * y.num, x.den)
        if x.num == 0 or y.num == 0:
            return self.zero
        one, other = x.num.gcd(y.den), y.num.gcd(x.den)
        return self._led((x.num / one) * (y.num / other), (x.den / other) * (y.den / one))

    def _led(self, num: Any, den: Any) -> Quotient:
        """Return a quotient of polynomials without a common factor."""
        lead = den.leading_coefficient()
        return Quotient(self, num, den) if lead == 1 else Quotient(self, num / lead, den / lead)

    def over(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x / y."""
        self.current(y)
        return self.times(x, self._led(y.den, y.num))

    # Generators

    def _new(self, generator: Generator, *, free: bool) -> int:
        place = len(self.generators)
        if place == self.size:
            self._ring(2 * self.size)
        self.generators.append(generator)
        self._free.append(free)
        return place

    def generator(self, place: int) -> Quotient:
        """Return a generator as an element."""
        return Quotient(self, self.symbols[place], self.one_poly)

    def variable(self, label: str, *, positive: bool = False, free: bool = False) -> Quotient:
        """Return a new real number; a free one is what no result may depend on."""
        return self.generator(self._new(Generator("symbol", label, positive), free=free))

    def declare_positive(self, x: Quotient) -> None:
        """Take it for granted that a polynomial is positive."""
        self._declared.append(x)
        self._signs.clear()

    def _of(self, kind: str, argument: Quotient, label: str, *, positive: bool = False) -> Quotient:
        key = (kind, argument)
        if key not in self._known:
            self._known[key] = self._new(Generator(kind, label, positive, argument), free=self.free(argument))
        return self.generator(self._known[key])

    def used(self, x: Quotient) -> Iterator[int]:
        """Go through the generators that occur in an element."""
        self.current(x)
        degrees = zip(x.num.degrees(), x.den.degrees(), strict=True)
        return (k for k, pair in enumerate(degrees) if max(pair) > 0)

    def free(self, x: Quotient) -> bool:
        """Tell whether an element depends on a free number."""
        return any(self._free[k] for k in self.used(x))

    # Signs

    def sign(self, x: Quotient) -> int | None:
        """Return −1, 0 or 1 from the declared signs of generators and polynomials, None where they do not tell."""
        self.current(x)
        signs = [self._sign_of(p) for p in (x.num, x.den)]
        return None if None in signs else signs[0] * signs[1]  # type: ignore[operator]

    def _sign_of(self, poly: Any) -> int | None:
        if poly == 0:
            return 0
        sign = self._sign_of_terms(poly)
        if sign is None:
            text = str(poly)
            if text not in self._signs:
                self._signs[text] = self._sign_of_factors(poly)
            sign = self._signs[text]
        return sign

    def _sign_of_terms(self, poly: Any) -> int | None:
        """Return the sign that all terms have, if all their odd powers are of positive generators."""
        unsure = {k for k, generator in enumerate(self.generators) if not generator.positive}
        negative = [c < 0 for c in poly.coeffs()]
        if any(negative) and not all(negative):
            return None
        even = all(exponents[k] == 0 for exponents in poly.monoms() for k in unsure)
        return (-1 if negative[0] else 1) if even else None

    def _sign_of_factors(self, poly: Any) -> int | None:
        content, factors = poly.factor()
        sign = -1 if content < 0 else 1
        for factor, times in factors:
            one = self._sign_of_terms(factor)
            one = self._sign_declared(factor) if one is None else one
            if one is None:
                return None
            sign *= one ** int(times)
        return sign

    def _sign_declared(self, factor: Any) -> int | None:
        for x in self._declared:
            known = self.current(x).num
            ratio = known.leading_coefficient() / factor.leading_coefficient()
            if factor * ratio == known:
                return 1 if ratio > 0 else -1
        return None

    def normal(self, x: Quotient) -> tuple[Quotient, bool]:
        """Return x up to a factor of known sign, the same for the same condition, and whether that is positive."""
        self.current(x)
        sign = self._sign_of(x.den)
        poly = x.num if sign is not None else x.num * x.den
        left = self.one_poly
        content, factors = poly.factor()
        positive = (content > 0) is (sign != -1)
        for factor, times in factors:
            one = self._sign_of(factor)
            if one is None:
                lead = factor.leading_coefficient()
                left = left * (factor / lead) ** int(times)
                one = -1 if lead < 0 else 1
            positive = positive is (one ** int(times) > 0)
        return Quotient(self, left, self.one_poly), positive

    # Showing

    def shown(self, x: Quotient) -> str:
        """Return an element in the labels of its generators."""
        self.current(x)
        num, den = (self._shown(p) for p in (x.num, x.den))
        return num if x.den.is_one() else f"({num})/({den})"

    def _shown(self, poly: Any) -> str:
        parts = []
        for exponents, c in poly.terms():
            powers = [self.generators[k].label + (f"^{e}" if e > 1 else "") for k, e in enumerate(exponents) if e]
            parts.append("*".join([str(c), *powers] if c != 1 or not powers else powers))
        return " + ".join(parts) or "0"

    def tree(self, x: Quotient) -> Tree:
        """Return an element as a tree."""
        self.current(x)
        num = self.poly_tree(x.num)
        return num if x.den.is_one() else ("mul", num, ("pow", self.poly_tree(x.den), -1))

    def poly_tree(self, poly: Any) -> Tree:
        """Return a polynomial as a tree."""
        terms = []
        for exponents, c in poly.terms():
            powers = [("pow", ("atom", self.generators[k].label), int(e)) for k, e in enumerate(exponents) if e]
            terms.append(("mul", ("rational", int(c.p), int(c.q)), *powers))
        return ("add", *terms) if terms else ("rational", 0, 1)
