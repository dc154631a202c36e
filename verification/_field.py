"""The second prover: a differential field on python-flint, which shares no code with SymPy.

Each exponential exp(b / 2) and each logarithm is a generator with its derivative; the halves are there for square roots
of exponentials.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import flint

from verification._quotients import Quotient, Quotients, fraction_of
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verification._certificates import Tree

POINTS = 8
"""At how many points a residual is evaluated to see that it is not 0."""


class Field(Quotients):
    """Quotients with exponentials, logarithms and derivatives."""

    name = "python-flint"

    def __init__(self) -> None:
        """Begin with no generators."""
        super().__init__()
        self._rates: dict[tuple[int, int], Quotient] = {}

    # Exponentials and logarithms

    def exponential(self, x: Quotient, facts: Mapping[Any, bool]) -> Quotient:
        """Return exp of an element; sums become products."""
        rest, result = x, self.one
        for place in self.used(x):
            share = self._linear(rest, place) if self.generators[place].kind != "exp" else None
            if share is not None:
                rest = rest - self.generator(place) * share
                result = result * self._raised(place, share, facts)
        for basis, share in self._parts(rest):
            result = result * self._exp(basis, share)
        return result

    def _linear(self, x: Quotient, place: int) -> Fraction | None:
        """Return the constant c of x = c g + rest."""
        rate, den = self.poly(x).derivative(place), self.denominator(x)
        if rate == 0 or den.degrees()[place] > 0 or rate != den * rate.leading_coefficient():
            return None
        return fraction_of(rate.leading_coefficient())

    def _raised(self, place: int, share: Fraction, facts: Mapping[Any, bool]) -> Quotient:
        generator = self.generators[place]
        if generator.kind == "log" and generator.argument is not None and share.denominator == 1:
            sign = self.sign(generator.argument) or self._from_facts(generator.argument, facts)
            if sign:
                power: Quotient = (generator.argument * sign) ** int(share)
                return power
        return self._exp(self.generator(place), share)

    def _parts(self, x: Quotient) -> list[tuple[Quotient, Fraction]]:
        """Return x as a sum of elements with factors: its terms, if it is over a monomial."""
        num, den = self.poly(x), Quotient(self, self.denominator(x))
        if num == 0:
            return []
        if len(den.num) == 1:
            terms = [(Quotient(self, self.ring.term(exp_vec=e)), fraction_of(c)) for e, c in num.terms()]
        else:
            lead = num.leading_coefficient()
            terms = [(Quotient(self, num / lead), fraction_of(lead))]
        return [(basis / den, share) for basis, share in terms]

    def _exp(self, basis: Quotient, share: Fraction) -> Quotient:
        halves = 2 * share
        if halves.denominator != 1:
            basis, halves = basis * abs(share), Fraction(2 if share > 0 else -2)
        power: Quotient = self._of("exp", basis, f"exp({basis}/2)", positive=True) ** int(halves)
        return power

    def logarithm(self, x: Quotient) -> Quotient:
        """Return log of a positive element; products become sums."""
        content, factors = self.factored(self.poly(x))
        arguments = [(Quotient(self, factor), n) for factor, n in factors]
        arguments += [(Quotient(self, factor), -n) for factor, n in self.factors(x)]
        result = self._log_of_number(content)
        for argument, n in arguments:
            result = result + self._log_of_factor(argument) * n
        return result

    def _log_of_number(self, content: Any) -> Quotient:
        result = self.zero
        for number, way in ((content.p, 1), (content.q, -1)):
            for prime, n in flint.fmpz(abs(number)).factor():
                log = self._of("log", self.number(Fraction(int(prime))), f"log({prime})")
                result = result + log * (way * int(n))
        return result

    def _log_of_factor(self, argument: Quotient) -> Quotient:
        places = self.used(argument)
        if len(places) == 1 and argument == self.generator(places[0]):
            generator = self.generators[places[0]]
            if generator.kind == "exp" and generator.argument is not None:
                half: Quotient = generator.argument / 2
                return half
        return self._of("log", argument, f"log({argument})")

    # Derivatives and zeros

    def derivative(self, x: Quotient, symbol: Quotient) -> Quotient:
        """Return the derivative by a symbol."""
        return self._total(self._slopes(x, symbol))

    def derivative_tree(self, x: Quotient, symbol: Quotient) -> Tree:
        """Return the derivative by a symbol as the rules of differentiation give it, not reduced."""
        products = (("mul", self.tree(slope), self.tree(rate)) for slope, rate in self._slopes(x, symbol))
        return ("add", ("rational", 0, 1), *products)

    def _slopes(self, x: Quotient, symbol: Quotient) -> list[tuple[Quotient, Quotient]]:
        """Return the derivatives by the generators, with those of the generators."""
        (place,) = self.used(symbol)
        rates = [(k, rate) for k in self.used(x) if (rate := self._rate(k, place)) != self.zero]
        slopes = []
        for k, rate in rates:
            num = self.poly(x)
            slope = self._reduced(num.derivative(k), x.den)
            for factor, n in self.factors(x):
                fall = factor.derivative(k)
                if fall != 0:
                    slope = slope - Quotient(self, num, x.den) * Quotient(self, fall * n) / Quotient(self, factor)
            slopes.append((slope, rate))
        return slopes

    def _total(self, slopes: list[tuple[Quotient, Quotient]]) -> Quotient:
        return sum((slope * rate for slope, rate in slopes), self.zero)

    def _rate(self, k: int, place: int) -> Quotient:
        """Return the derivative of a generator by a symbol."""
        key = (k, place)
        if key not in self._rates:
            generator = self.generators[k]
            if generator.argument is None:
                rate = self.one if k == place else self.zero
            else:
                inner = self.derivative(generator.argument, self.generator(place))
                rate = self.generator(k) * inner / 2 if generator.kind == "exp" else inner / generator.argument
            self._rates[key] = rate
        return self._rates[key]

    def where_zero(self, x: Quotient, zero: Quotient) -> Quotient | None:
        """Return x where another element is 0, None where that is not worked out."""
        places = self.used(zero)
        if len(places) == 1 and zero == self.generator(places[0]):
            return self.substitute(x, {places[0]: self.zero})
        return self.zero if divmod(self.poly(x), self.poly(zero))[1] == 0 else x

    def substitute(self, x: Quotient, by: Mapping[int, Quotient]) -> Quotient | None:
        """Return x with elements in the place of symbols, None where that is not defined."""
        images = {k: self._image(k, by) for k in self.used(x)}
        if None in images.values():
            return None
        num, den = (self._evaluated(p, images) for p in (self.poly(x), self.denominator(x)))
        return None if den == self.zero else num / den

    def _image(self, k: int, by: Mapping[int, Quotient]) -> Quotient | None:
        generator = self.generators[k]
        if generator.argument is None:
            return by.get(k, self.generator(k))
        inside = self.substitute(generator.argument, by)
        if inside is None or inside == generator.argument:
            return None if inside is None else self.generator(k)
        if generator.kind == "exp":
            return self.exponential(inside / 2, {})
        return self.logarithm(inside) if self.sign(inside) == 1 else None

    def _evaluated(self, poly: Any, images: Mapping[int, Any]) -> Quotient:
        result = self.zero
        for exponents, c in poly.terms():
            factors = (images[k] ** int(e) for k, e in enumerate(exponents) if e)
            result = result + math.prod(factors, start=self.number(fraction_of(c)))
        return result

    def without_free(self, x: Quotient) -> Quotient | None:
        """Return x with 0 in the place of free numbers, None where that is not defined."""
        free = [k for k, known in enumerate(self._free) if known and self.generators[k].argument is None]
        return self.substitute(x, dict.fromkeys(free, self.zero))

    def _places(self, by: Mapping[Quotient, Quotient]) -> dict[int, Quotient]:
        return {self.used(symbol)[0]: image for symbol, image in by.items()}

    def substituted(self, x: Quotient, by: Mapping[Quotient, Quotient]) -> Quotient:
        """Return x with elements in the place of symbols."""
        result = self.substitute(x, self._places(by)) if by else x
        if result is None:
            claim = "what is put in is in the domain"
            raise UndecidedError(claim, str(x))
        return result

    def images(self, by: Mapping[Quotient, Quotient]) -> dict[str, Tree]:
        """Return trees for the atoms that change with elements in the place of symbols."""
        if not by:
            return {}
        places = self._places(by)
        images = [(self.generator(k), self._image(k, places)) for k in range(len(self.generators))]
        return {str(old): self.tree(new) for old, new in images if new is not None and new != old}

    # Points

    def witness(self, x: Quotient, summed: Mapping[Quotient, Quotient]) -> str:
        """Return a point where an element is not 0, by enclosures; no text where none is found."""
        for trial in range(POINTS):
            values: dict[int, Any] = {}
            for last, others in summed.items():
                (place,) = self.used(last)
                values[place] = self._value(others, values, trial)
            value = self._value(x, values, trial)
            if value is not None and value.is_finite() and not value.contains(0) and self._admissible(values, trial):
                shown = (f"{self.generators[k].label} = {v.str(6, radius=False)}" for k, v in sorted(values.items()))
                symbols = ", ".join(text for text in shown if "(" not in text)
                where = f" at {symbols}" if symbols else ""
                return f";{where} it is {value.str(6, radius=False)}"
        return ""

    def _admissible(self, values: dict[int, Any], trial: int) -> bool:
        positive = [values[k] for k, generator in enumerate(self.generators) if generator.positive and k in values]
        return all(v > 0 for v in (*positive, *(self._value(d, values, trial) for d in self._declared)))

    def _value(self, x: Quotient, values: dict[int, Any], trial: int) -> Any:
        for k in self.used(x):
            if k not in values:
                values[k] = self._value_of(k, values, trial)
        return self._ball(self.poly(x), values) / self._ball(self.denominator(x), values)

    def _value_of(self, k: int, values: dict[int, Any], trial: int) -> Any:
        generator = self.generators[k]
        if generator.argument is None:
            value = flint.arb(flint.fmpq(1 + (7 * k + 3 * trial) % 11, 13 + 5 * trial + k))
            return value if generator.positive or (k + trial) % 2 else -value
        inside = self._value(generator.argument, values, trial)
        return (inside / 2).exp() if generator.kind == "exp" else abs(inside).log()

    def _ball(self, poly: Any, values: Mapping[int, Any]) -> Any:
        result = flint.arb(0)
        for exponents, c in poly.terms():
            term = flint.arb(c)
            for k, e in enumerate(exponents):
                if e:
                    term = term * values[k] ** int(e)
            result = result + term
        return result
