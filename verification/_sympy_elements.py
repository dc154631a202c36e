"""The same field on SymPy: its polynomials, its factors, and its derivatives of its own expressions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
from sympy import QQ
from sympy.polys.orderings import grevlex
from sympy.polys.rings import PolyRing

from verification._field import Field
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from verification._quotients import Quotient


class Ring:
    """A ring of polynomials with rational coefficients."""

    def __init__(self, names: list[str]) -> None:
        """Make a ring with generators of these names."""
        self.names, self.ring = names, PolyRing(names, QQ, grevlex)
        self.places = {name: k for k, name in enumerate(names)}

    def gens(self) -> list[Polynomial]:
        """Return the generators."""
        return [Polynomial(self, gen) for gen in self.ring.gens]

    def constant(self, value: Any) -> Polynomial:
        """Return a constant polynomial."""
        return Polynomial(self, self.ring.ground_new(QQ.convert(value)))

    def term(self, *, exp_vec: tuple[int, ...]) -> Polynomial:
        """Return a product of powers of the generators."""
        return Polynomial(self, self.ring.term_new(exp_vec, QQ.one))


class Polynomial:
    """A polynomial with the operations that quotients ask for."""

    __slots__ = ("p", "ring")

    def __init__(self, ring: Ring, p: Any) -> None:
        """Hold a polynomial of SymPy."""
        self.ring, self.p = ring, p

    def _with(self, other: Any, f: Callable[[Any, Any], Any]) -> Polynomial:
        return Polynomial(self.ring, f(self.p, other.p if isinstance(other, Polynomial) else other))

    def __add__(self, other: Any) -> Polynomial:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Polynomial:
        return self._with(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Polynomial:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, number: Any) -> Polynomial:
        return Polynomial(self.ring, self.p.quo_ground(number))

    def __neg__(self) -> Polynomial:
        return Polynomial(self.ring, -self.p)

    def __pow__(self, n: int) -> Polynomial:
        return Polynomial(self.ring, self.p**n)

    def __divmod__(self, other: Polynomial) -> tuple[Polynomial, Polynomial]:
        """Divide; where the first or the last terms do not divide, the remainder is not worked out: it is not 0."""
        if not self.p:
            return self, self
        ends = ((self.p.LM, other.p.LM), (min(self.p, key=grevlex), min(other.p, key=grevlex)))
        if any(b > a for mine, its in ends for a, b in zip(mine, its, strict=True)):
            return self, self
        quotient, rest = self.p.div(other.p)
        return Polynomial(self.ring, quotient), Polynomial(self.ring, rest)

    def __eq__(self, other: object) -> bool:
        return bool(self.p == (other.p if isinstance(other, Polynomial) else other))

    def __hash__(self) -> int:
        return hash(self.p)

    def __len__(self) -> int:
        return len(self.p)

    def __str__(self) -> str:
        return str(self.p)

    def project_to_context(self, ring: Ring) -> Polynomial:
        """Return the polynomial in a ring that has the generators that occur in it."""
        new = [ring.places.get(name) for name in self.ring.names]
        terms = {}
        for powers, c in self.p.terms():
            moved = [0] * len(ring.names)
            for place, n in zip(new, powers, strict=True):
                if n and place is not None:
                    moved[place] = n
            terms[tuple(moved)] = c
        return Polynomial(ring, ring.ring.from_dict(terms))

    def is_constant(self) -> bool:
        """Tell whether no generator occurs."""
        return bool(self.p.is_ground)

    def leading_coefficient(self) -> Any:
        """Return the coefficient of the first term."""
        return self.p.LC

    def total_degree(self) -> int:
        """Return the largest sum of powers of a term."""
        return max((sum(powers) for powers in self.p.monoms()), default=0)

    def degrees(self) -> tuple[int, ...]:
        """Return the degree in each generator."""
        return tuple(max(powers) for powers in zip(*self.p.monoms(), strict=True)) or (0,) * len(self.ring.names)

    def coeffs(self) -> list[Any]:
        """Return the coefficients."""
        return list(self.p.coeffs())

    def monoms(self) -> list[tuple[int, ...]]:
        """Return the powers of the generators, term by term."""
        return list(self.p.monoms())

    def terms(self) -> list[tuple[tuple[int, ...], Any]]:
        """Return the terms: powers and coefficients."""
        return list(self.p.terms())

    def derivative(self, k: int) -> Polynomial:
        """Return the derivative by a generator."""
        return Polynomial(self.ring, self.p.diff(self.ring.ring.gens[k]))

    def factor(self) -> tuple[Any, list[tuple[Polynomial, int]]]:
        """Return a number and the irreducible factors with their powers."""
        content, factors = self.p.factor_list()
        return content, [(Polynomial(self.ring, factor), n) for factor, n in factors]


class SympyField(Field):
    """Quotients of SymPy's polynomials; derivatives are those that SymPy takes of expressions."""

    name = "SymPy"

    def __init__(self) -> None:
        """Know no expression of a generator yet."""
        self._expressions: list[Any] = []
        self._logs: dict[Any, int] = {}
        super().__init__()

    def polynomials(self, names: list[str]) -> Ring:
        """Return a ring of polynomials."""
        return Ring(names)

    def rational(self, value: Fraction) -> Any:
        """Return a fraction as a coefficient of polynomials."""
        return QQ(value.numerator, value.denominator)

    def derivative(self, x: Quotient, symbol: Quotient) -> Quotient:
        """Return the derivative by a symbol, which SymPy takes of an expression."""
        return self.quotient_of(sympy.diff(self.expression(x), self.expression(symbol)))

    def expression(self, x: Quotient) -> Any:
        """Return an element as an expression of SymPy."""
        for k in range(len(self._expressions), len(self.generators)):
            self._expressions.append(self._generated(k))
        return self._expressed(self.poly(x)) / self._expressed(self.denominator(x))

    def _expressed(self, poly: Polynomial) -> Any:
        terms = []
        for powers, c in poly.terms():
            product = sympy.Mul(*(self._expressions[k] ** n for k, n in enumerate(powers) if n))
            terms.append(sympy.Rational(int(c.numerator), int(c.denominator)) * product)
        return sympy.Add(*terms)

    def _generated(self, k: int) -> Any:
        generator = self.generators[k]
        if generator.argument is None:
            return sympy.Symbol(f"g{k}")
        inside = self._expressed(self.poly(generator.argument)) / self._expressed(self.denominator(generator.argument))
        if generator.kind == "exp":
            return sympy.exp(inside / 2)
        log = sympy.log(inside)
        self._logs[log] = k
        return log

    def quotient_of(self, expression: Any) -> Quotient:
        """Return an expression of SymPy as an element."""
        parts = [self.quotient_of(part) for part in expression.args if expression.is_Add or expression.is_Mul]
        if expression.is_Symbol:
            result = self.generator(int(expression.name[1:]))
        elif expression.is_Rational:
            result = self.one * int(expression.p) / int(expression.q)
        elif parts:
            result = sum(parts, self.zero) if expression.is_Add else math.prod(parts, start=self.one)
        elif isinstance(expression, sympy.exp):
            result = self.exponential(self.quotient_of(expression.exp), {})
        elif expression.is_Pow and expression.exp.is_Integer:
            result = self.quotient_of(expression.base) ** int(expression.exp)
        elif expression in self._logs:
            result = self.generator(self._logs[expression])
        else:
            claim = "an expression of the field"
            raise UndecidedError(claim, str(expression))
        return result
