"""Quotients of polynomials on python-flint, in generators that are added as they are met.

A generator is a symbol, an exponential or a logarithm.  A quotient is 0 if its numerator is the zero polynomial.  That
the generators may depend on each other makes the test miss zeros, but never see one that is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import flint

from verification._elements import Element
from verification._symbolic import Symbolic

if TYPE_CHECKING:
    from collections.abc import Collection

    from verification._certificates import Tree

Powers = tuple[tuple[int, int], ...]
"""Factors by their numbers, in order, each with how often it occurs."""

START = 24
"""How many generators a ring has at first: it grows by half when they are used up, for large rings are slow."""


class Quotient(Element):
    """A polynomial over powers of factors of which none divides it: the numbers of the factors, and their powers."""

    __slots__ = ("_text", "den", "num", "size")
    domain: Quotients

    def __init__(self, domain: Quotients, num: Any, den: Powers = ()) -> None:
        """Hold what is in lowest terms."""
        self.domain, self.num, self.den, self._text, self.size = domain, num, den, "", domain.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quotient):
            return NotImplemented
        return self.den == other.den and bool(self.domain.poly(self) == self.domain.poly(other))

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
    nonzero: bool = False
    argument: Quotient | None = None


class Quotients(Symbolic):
    """Quotients of polynomials over the rational numbers: arithmetic, signs, trees."""

    def __init__(self) -> None:
        """Begin with no generators."""
        super().__init__()
        self.generators: list[Generator] = []
        self._known: dict[tuple[str, Quotient], int] = {}
        self._declared: list[Quotient] = []
        self._signs: dict[str, int | None] = {}
        self._free: list[bool] = []
        self._factors: list[Any] = []
        self._numbers: dict[str, int] = {}
        self._factorings: dict[str, tuple[Any, Powers]] = {}
        self._ring(START)

    def _ring(self, size: int) -> None:
        self.ring = self.polynomials([f"g{k}" for k in range(size)])
        self.size, self.symbols, self.one_poly = size, self.ring.gens(), self.ring.constant(1)
        self._factors = [factor.project_to_context(self.ring) for factor in self._factors]
        self.zero, self.one = (Quotient(self, self.ring.constant(k)) for k in (0, 1))

    # Quotients

    def polynomials(self, names: list[str]) -> Any:
        """Return a ring of polynomials."""
        return flint.fmpq_mpoly_ctx.get(names, "degrevlex")

    def rational(self, value: Fraction) -> Any:
        """Return a fraction as a coefficient of polynomials."""
        return flint.fmpq(value.numerator, value.denominator)

    def poly(self, x: Quotient) -> Any:
        """Return the numerator of a quotient, which is brought into the ring of now first."""
        if x.size != self.size:
            x.num, x.size = x.num.project_to_context(self.ring), self.size
        return x.num

    def number(self, value: Fraction) -> Quotient:
        """Return a fraction as an element."""
        return Quotient(self, self.ring.constant(self.rational(value)))

    def constant(self, x: Quotient) -> Fraction | None:
        """Return the number that an element is, None of one that depends on symbols."""
        num = self.poly(x)
        if x.den or not num.is_constant():
            return None
        return fraction_of(num.leading_coefficient()) if num != 0 else Fraction(0)

    def plus(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x + y."""
        if x.den == y.den:
            return self._reduced(self.poly(x) + self.poly(y), x.den)
        mine, its = dict(x.den), dict(y.den)
        common = {k: max(mine.get(k, 0), its.get(k, 0)) for k in sorted(mine | its)}
        num, other = self.poly(x), self.poly(y)
        for k, power in common.items():
            num = num * self._factors[k] ** (power - mine.get(k, 0))
            other = other * self._factors[k] ** (power - its.get(k, 0))
        alike = {k for k, power in common.items() if mine.get(k) == its.get(k) == power}  # the others divide one alone
        return self._reduced(num + other, tuple(common.items()), alike)

    def _reduced(self, num: Any, den: Powers, among: Collection[int] | None = None) -> Quotient:
        """Return a quotient in lowest terms, dividing by the factors that may occur in the numerator."""
        if num == 0:
            return self.zero
        left = []
        for k, power in den:
            n = power
            while n and (among is None or k in among):
                quotient, rest = divmod(num, self._factors[k])
                if rest != 0:
                    break
                num, n = quotient, n - 1
            if n:
                left.append((k, n))
        return Quotient(self, num, tuple(left))

    def minus(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x − y."""
        return self.plus(x, Quotient(self, -self.poly(y), y.den))

    def times(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x y."""
        one, other = self._reduced(self.poly(x), y.den), self._reduced(self.poly(y), x.den)
        powers = dict(other.den)  # of x, for they were tried on y
        for k, n in one.den:
            powers[k] = powers.get(k, 0) + n
        num = self.poly(one) * self.poly(other)
        return self.zero if num == 0 else Quotient(self, num, tuple(sorted(powers.items())))

    def over(self, x: Quotient, y: Quotient) -> Quotient:
        """Return x / y."""
        content, factors = self.factored(self.poly(y))
        powers = tuple(sorted((self._number_of(factor), n) for factor, n in factors))
        inverse = Quotient(self, self.denominator(y) / content, powers)
        return self.times(x, inverse)

    def denominator(self, x: Quotient) -> Any:
        """Return the denominator as a polynomial."""
        return math.prod((self._factors[k] ** n for k, n in x.den), start=self.one_poly)

    def factors(self, x: Quotient) -> list[tuple[Any, int]]:
        """Return the factors of the denominator, with their powers."""
        return [(self._factors[k], n) for k, n in x.den]

    def factored(self, poly: Any) -> tuple[Any, list[tuple[Any, int]]]:
        """Return a content and irreducible factors with leading coefficient 1, from a ring of what occurs alone."""
        if poly.total_degree() <= 1:
            lead = poly.leading_coefficient()
            return lead, [] if poly.is_constant() else [(poly / lead, 1)]
        text = str(poly)
        if text not in self._factorings:
            self._factorings[text] = self._factored(poly)
        content, factors = self._factorings[text]
        return content, [(self._factors[k], n) for k, n in factors]

    def _factored(self, poly: Any) -> tuple[Any, Powers]:
        names = [f"g{k}" for k, degree in enumerate(poly.degrees()) if degree > 0]
        small = self.polynomials(names)
        content, found = poly.project_to_context(small).factor()
        factors = []
        for part, n in found:
            factor = part.project_to_context(self.ring)
            lead = factor.leading_coefficient()
            content = content * lead ** int(n)
            factors.append((self._number_of(factor / lead), int(n)))
        return content, tuple(factors)

    def _number_of(self, factor: Any) -> int:
        text = str(factor)
        if text not in self._numbers:
            self._numbers[text] = len(self._factors)
            self._factors.append(factor)
        return self._numbers[text]

    # Generators

    def _new(self, generator: Generator, *, free: bool) -> int:
        place = len(self.generators)
        if place == self.size:
            self._ring(self.size + self.size // 2)
        self.generators.append(generator)
        self._free.append(free)
        return place

    def generator(self, place: int) -> Quotient:
        """Return a generator as an element."""
        return Quotient(self, self.symbols[place])

    def variable(self, label: str, *, positive: bool = False, nonzero: bool = False, free: bool = False) -> Quotient:
        """Return a new real number; a free one is what no result may depend on."""
        return self.generator(self._new(Generator("symbol", label, positive, nonzero), free=free))

    def declare_positive(self, x: Quotient) -> None:
        """Take it for granted that a polynomial is positive."""
        self._declared.append(x)
        self._signs.clear()

    def _of(self, kind: str, argument: Quotient, label: str, *, positive: bool = False) -> Quotient:
        key = (kind, argument)
        if key not in self._known:
            self._known[key] = self._new(Generator(kind, label, positive, argument=argument), free=self.free(argument))
        return self.generator(self._known[key])

    def used(self, x: Quotient) -> list[int]:
        """Return the generators that occur in an element."""
        degrees = zip(*(p.degrees() for p in (self.poly(x), *(self._factors[k] for k, _ in x.den))), strict=True)
        return [k for k, powers in enumerate(degrees) if max(powers) > 0]

    def free(self, x: Quotient) -> bool:
        """Tell whether an element depends on a free number."""
        return any(self._free[k] for k in self.used(x))

    # Signs

    def sign(self, x: Quotient) -> int | None:
        """Return −1, 0 or 1 from the declared signs of generators and polynomials, None where they do not tell."""
        sign = self._sign_of(self.poly(x))
        for factor, n in self.factors(x):
            one = self._sign_of(factor)
            if sign is None or (one is None and n % 2):
                return None
            sign *= (one or 1) ** n
        return sign

    def nonzero(self, x: Quotient) -> bool:
        """Tell whether an element is known to differ from 0."""
        num = self.poly(x)
        return num != 0 and all(self._sign_of(f) or self._is_nonzero(f) for f, _ in self.factored(num)[1])

    def _is_nonzero(self, factor: Any) -> bool:
        return any(g.nonzero and factor == self.symbols[k] for k, g in enumerate(self.generators))

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
        """Return the sign of all terms, if their odd powers are of positive generators, and one has no others."""
        negative = [c < 0 for c in poly.coeffs()]
        if any(negative) and not all(negative):
            return None
        unsure = [k for k, generator in enumerate(self.generators) if not generator.positive]
        powers = [[exponents[k] for k in unsure] for exponents in poly.monoms()]
        if any(n % 2 for row in powers for n in row) or all(any(row) for row in powers):
            return None  # the last: 0 where all squares are
        return -1 if negative[0] else 1

    def _sign_of_factors(self, poly: Any) -> int | None:
        content, factors = self.factored(poly)
        sign = -1 if content < 0 else 1
        for factor, n in factors:
            one = self._sign_of_terms(factor)
            one = self._sign_declared(factor) if one is None else one
            if one is None:
                return None
            sign *= one**n
        return sign

    def _sign_declared(self, factor: Any) -> int | None:
        for x in self._declared:
            known = self.poly(x)
            lead = known.leading_coefficient()
            if factor * lead == known:
                return 1 if lead > 0 else -1
        return None

    def normal(self, x: Quotient) -> tuple[Quotient, bool]:
        """Return x up to a factor of known sign, the same for the same condition, and whether that is positive."""
        content, factors = self.factored(self.poly(x))
        left, positive = self.one_poly, bool(content > 0)
        for factor, n in (*factors, *self.factors(x)):
            one = self._sign_of(factor)
            if one is None:
                turned = -1 if self._begins_free(factor) else 1
                left, positive = left * (factor * turned) ** n, positive is (turned**n > 0)
            else:
                positive = positive is (one**n > 0)
        return Quotient(self, left), positive

    def _begins_free(self, poly: Any) -> bool:
        """Tell whether the first term with a free number is positive: u < m is to be u − m < 0, one condition."""
        terms = (c > 0 for e, c in poly.terms() if any(n and free for n, free in zip(e, self._free, strict=False)))
        return next(terms, False)

    # Showing

    def shown(self, x: Quotient) -> str:
        """Return an element in the labels of its generators."""
        num = self._shown(self.poly(x))
        dens = "*".join(f"({self._shown(factor)})" + (f"^{n}" if n > 1 else "") for factor, n in self.factors(x))
        return f"({num})/({dens})" if dens else num

    def _shown(self, poly: Any) -> str:
        parts = []
        for exponents, c in poly.terms():
            powers = [self.generators[k].label + (f"^{e}" if e > 1 else "") for k, e in enumerate(exponents) if e]
            parts.append("*".join([str(c), *powers] if c != 1 or not powers else powers))
        return " + ".join(parts) or "0"

    def tree(self, x: Quotient) -> Tree:
        """Return an element as a tree."""
        num = self.poly_tree(self.poly(x))
        return ("mul", num, *(("pow", self.poly_tree(factor), -n) for factor, n in self.factors(x))) if x.den else num

    def poly_tree(self, poly: Any) -> Tree:
        """Return a polynomial as a tree."""
        terms = []
        for exponents, c in poly.terms():
            powers = [("pow", ("atom", self.generators[k].label), int(e)) for k, e in enumerate(exponents) if e]
            terms.append(("mul", ("rational", int(c.numerator), int(c.denominator)), *powers))
        return ("add", *terms) if terms else ("rational", 0, 1)


def fraction_of(number: Any) -> Fraction:
    """Return a coefficient of a polynomial as a fraction of Python."""
    return Fraction(int(number.numerator), int(number.denominator))
