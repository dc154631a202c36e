"""A normal form of terms with sums over symbolic ranges, in which equal terms differ by the zero polynomial.

Only rewrites that are theorems on finite sums over a field, on exp and on log are made: linearity, factors without the
index pulled out, Σ_k c = c K, Σ_k f(k) δ(k, a) = f(a) where a is known to be in the range, exp(a + b) = exp a · exp b,
log(a b) = log a + log b of positive factors, c² = c of a condition.  What is left are atoms: symbols, elements,
exponentials, logarithms, sums, reciprocals.  A term is 0 if its numerator is the zero polynomial in the atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
from sympy import Add, Dummy, Float, KroneckerDelta, Mul, Pow, Rational, Sum, Symbol

from verification._atoms import UNDECIDED, Element, Exp, Facts, Log, Reciprocal
from verification._results import UndecidedError
from verification._traverse import mentions, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

Monomial = frozenset[tuple[Any, int]]
Polynomial = dict[Monomial, Any]
ONE: Monomial = frozenset()


def _depth(term: Any) -> int:
    inner = max((_depth(a) for a in term.args), default=0)
    return inner + len(term.limits) if isinstance(term, Sum) else inner  # SymPy makes one sum of two


class Normaliser:
    """Brings terms into normal form, given what is known of their symbols."""

    def __init__(self, facts: Facts) -> None:
        """Remember each normal form that is found."""
        self.facts = facts
        self._known: dict[Any, Polynomial] = {}
        self._rules: dict[type, Callable[[Any], Polynomial]] = {
            Float: self._refuse,
            Rational: self._rational,
            Add: lambda t: self._added([self.polynomial(a) for a in t.args]),
            Mul: self._product,
            Pow: lambda t: self._power(self.polynomial(t.base), self._whole(t.exp)),
            Exp: lambda t: self._exponential(self.polynomial(t.args[0])),
            Log: lambda t: self._logarithm(self.polynomial(t.args[0])),
            Reciprocal: lambda t: self._power(self.polynomial(t.args[0]), -1),
            KroneckerDelta: lambda t: self._delta(*t.args),
            Sum: self._sums,
            **dict.fromkeys((Symbol, Element, *UNDECIDED), self._atom),
        }

    def polynomial(self, term: Any) -> Polynomial:
        """Return a term as a polynomial in atoms, with whole exponents of either sign."""
        found = self._known.get(term)
        if found is None:
            found = self._known[term] = self._polynomial(term)
        return found

    def term(self, polynomial: Polynomial) -> Any:
        """Return a polynomial as a term."""
        return Add(*(Mul(c, *(Pow(a, n) for a, n in monomial)) for monomial, c in polynomial.items()))

    def _polynomial(self, term: Any) -> Polynomial:
        if self.facts.is_held(term):
            return {ONE: sympy.S.One}
        for kind in type(term).__mro__:
            if kind in self._rules:
                return self._rules[kind](term)
        msg = f"no rule for {type(term).__name__}"
        raise UndecidedError(msg, str(term))

    def _rational(self, term: Any) -> Polynomial:
        return {ONE: term} if term else {}

    def _refuse(self, term: Any) -> Polynomial:
        msg = "a number with digits after the point, which is rounded"
        raise UndecidedError(msg, str(term))

    def _atom(self, term: Any) -> Polynomial:
        return {frozenset([(term, 1)]): sympy.S.One}

    def _product(self, term: Any) -> Polynomial:
        product: Polynomial = {ONE: sympy.S.One}
        for factor in term.args:
            product = self.times(product, self.polynomial(factor))
        return product

    def _whole(self, exponent: Any) -> int:
        if not exponent.is_Integer:
            msg = "a power that is not whole"
            raise UndecidedError(msg, str(exponent))
        return int(exponent)

    def _added(self, parts: list[Polynomial]) -> Polynomial:
        total: Polynomial = {}
        for part in parts:
            for monomial, c in part.items():
                total[monomial] = total.get(monomial, 0) + c
        return {monomial: c for monomial, c in total.items() if c}

    def times(self, one: Polynomial, other: Polynomial) -> Polynomial:
        """Multiply two polynomials; the square of a condition is the condition."""
        product: Polynomial = {}
        for m, c in one.items():
            for n, d in other.items():
                monomial = self._monomial(m, n)
                product[monomial] = product.get(monomial, 0) + c * d
        return {monomial: c for monomial, c in product.items() if c}

    def _monomial(self, one: Monomial, other: Monomial) -> Monomial:
        if not one or not other:
            return one or other
        powers = dict(one)
        for atom, n in other:
            powers[atom] = powers.get(atom, 0) + n
        return frozenset((a, min(n, 1) if self.facts.is_indicator(a) else n) for a, n in powers.items() if n)

    def _power(self, base: Polynomial, n: int) -> Polynomial:
        if n < 0:
            base, n = self._reciprocal(base), -n
        product: Polynomial = {ONE: sympy.S.One}
        for _ in range(n):
            product = self.times(product, base)
        return product

    def _reciprocal(self, base: Polynomial) -> Polynomial:
        if not base:
            msg = "a division by 0"
            raise UndecidedError(msg)
        if len(base) == 1:
            (monomial, c), *_ = base.items()
            if not any(self.facts.is_indicator(a) for a, _ in monomial):
                return {frozenset((a, -n) for a, n in monomial): 1 / c}
        powers = [dict(monomial) for monomial in base]
        atoms = {a for p in powers for a in p if not self.facts.is_indicator(a)}
        common = frozenset((a, -min(p.get(a, 0) for p in powers)) for a in atoms)
        outside = {frozenset((a, n) for a, n in common if n): 1 / _content(list(base.values()))}
        inside = Reciprocal(self.term(self.times(base, outside)))
        return self.times(outside, {frozenset([(inside, 1)]): sympy.S.One})

    def _exponential(self, exponent: Polynomial) -> Polynomial:
        powers: dict[Any, int] = {}
        logarithms = []
        for monomial, c in exponent.items():
            if not (2 * c).is_Integer:
                msg = "an exponent that is no multiple of a half"
                raise UndecidedError(msg, str(self.term(exponent)))
            ((atom, n), *others) = monomial or ((None, 0),)
            if isinstance(atom, Log) and n == 1 and not others and c.is_Integer:
                logarithms.append((atom.args[0], int(c)))
                continue
            powers[Exp(self.term({monomial: Rational(1, 2)}))] = int(2 * c)
        product = {frozenset(powers.items()): sympy.S.One}
        for argument, n in logarithms:
            product = self.times(product, self._power(self.polynomial(argument), n))
        return product

    def _logarithm(self, argument: Polynomial) -> Polynomial:
        if len(argument) != 1:
            self.require_positive(argument)
            common = self._common_factor(argument)
            rest = self.times(argument, self._reciprocal(common))
            log = {frozenset([(Log(self.term(rest)), 1)]): sympy.S.One}
            return self._added([log, self._logarithm(common)])
        (monomial, c), *_ = argument.items()
        parts = [] if c == 1 else [self.logarithm_of_number(c)]
        for atom, n in monomial:
            if isinstance(atom, Exp):
                parts.append(self.times({ONE: sympy.Integer(n)}, self.polynomial(atom.args[0])))
                continue
            if isinstance(atom, Reciprocal):
                part = self._logarithm(self.polynomial(atom.args[0]))
                parts.append(self.times({ONE: sympy.Integer(-n)}, part))
                continue
            self.require_positive({frozenset([(atom, 1)]): sympy.S.One})
            parts.append({frozenset([(Log(atom), 1)]): sympy.Integer(n)})
        return self._added(parts)

    def _common_factor(self, argument: Polynomial) -> Polynomial:
        """Return the positive product that, divided by, leaves whole coefficients and no power less than 0."""
        powers = [dict(monomial) for monomial in argument]
        atoms = {a for p in powers for a in p if self._atom_sign(a) == 1}
        least = {a: min(p.get(a, 0) for p in powers) for a in atoms}
        content = _content(list(argument.values()))
        return {frozenset((a, n) for a, n in least.items() if n): content}

    def logarithm_of_number(self, number: Any) -> Polynomial:
        """Return log c, a sum over the primes of c."""
        if not number.is_positive:
            msg = "a logarithm of a number that is not positive"
            raise UndecidedError(msg, str(number))
        parts = sympy.factorrat(number)
        return {frozenset([(Log(sympy.Integer(p)), 1)]): sympy.Integer(n) for p, n in parts.items()}

    def require_positive(self, polynomial: Polynomial) -> None:
        """Refuse a polynomial that is not positive by the signs of its coefficients and atoms."""
        if not self.is_positive(polynomial):
            msg = "this is not known to be positive"
            raise UndecidedError(msg, str(self.term(polynomial)))

    def is_positive(self, polynomial: Polynomial) -> bool:
        """Tell whether all coefficients and atoms are positive, or 0 in some of the summands but not in all."""
        signs = [self._sign(monomial) if c.is_positive else None for monomial, c in polynomial.items()]
        return bool(signs) and None not in signs and 1 in signs

    def is_nonnegative(self, polynomial: Polynomial) -> bool:
        """Tell whether no coefficient and no atom is negative."""
        return all(c.is_positive and self._sign(monomial) is not None for monomial, c in polynomial.items())

    def _sign(self, monomial: Monomial) -> int | None:
        """Return 1 for a product that is positive, 0 for one that is not negative, None for an unknown sign."""
        signs = [1 if n % 2 == 0 and self._atom_sign(a) == 1 else self._atom_sign(a) for a, n in monomial]
        known = [sign for sign in signs if sign is not None]
        if len(known) == len(signs):
            return min(known, default=1)
        odd = [self._atom_sign(a) for a, n in monomial if n % 2]
        return None if None in odd or any(n < 0 for _, n in monomial) else 0

    def _atom_sign(self, atom: Any) -> int | None:
        if isinstance(atom, Exp) or atom.is_positive:
            return 1
        if self.facts.is_indicator(atom):
            return 0
        if isinstance(atom, Reciprocal):
            return 1 if self.is_positive(self.polynomial(atom.args[0])) else None
        if isinstance(atom, Sum):
            return self._sum_sign(atom)
        return 0 if atom.is_nonnegative else None

    def _sum_sign(self, atom: Any) -> int | None:
        body, sizes = self.polynomial(atom.function), [high + 1 for _, _, high in atom.limits]
        if self.is_positive(body) and all(size.is_positive for size in sizes):
            return 1
        k, masks = atom.limits[0][0], self.facts.positive
        left = [a for m in body for a, n in m if n == 1 and _is_of_a_row(a, k) and a.base in masks]
        if (
            len(sizes) == len(body) == 1
            and left
            and all(self._atom_sign(a) == 1 for m in body for a, _ in m if a not in left)
        ):
            return 1  # positive terms over a set of classes that is not empty
        return 0 if self.is_nonnegative(body) else None

    def _delta(self, one: Any, other: Any) -> Polynomial:
        known = self.facts.same(one, other)
        if known is None:
            return {frozenset([(KroneckerDelta(one, other), 1)]): sympy.S.One}
        return {ONE: sympy.S.One} if known else {}

    def _sums(self, term: Any) -> Polynomial:
        body, total = term.function, {}
        for k, low, high in term.limits:  # the innermost comes first
            if low != 0:
                msg = "a sum that does not start at 0"
                raise UndecidedError(msg, str(term))
            total = self._sum(body, k, high + 1)
            body = self.term(total)
        return total

    def _sum(self, body: Any, k: Any, size: Any) -> Polynomial:
        if size.is_Integer:
            return self._added([self.polynomial(replaced(body, {k: sympy.Integer(i)})) for i in range(int(size))])
        bound = self.facts.index("k", size)
        summands = self._divided(self.polynomial(replaced(body, {k: bound})), bound)
        return self._added([self._summed(monomial, c, bound, size) for monomial, c in summands.items()])

    def _divided(self, polynomial: Polynomial, k: Dummy) -> Polynomial:
        """Write a (1 / (a + b)) as 1 − b (1 / (a + b)), for each reciprocal that depends on the index of a sum."""
        inverses = {a for m in polynomial for a, _ in m if isinstance(a, Reciprocal) and mentions(a, k)}
        for inverse in sorted(inverses, key=str):
            base = self.polynomial(inverse.args[0])
            alone = [
                (str(a), a, n, m) for m in base for a, n in m if mentions(a, k) and n > 0 and self._only_in(a, m, base)
            ]
            if not alone:
                continue
            _, atom, n, lead = min(alone, key=lambda one: one[0])
            quotient = self._power({lead: base[lead]}, -1)
            remainder = {m: -c for m, c in base.items() if m != lead} | {frozenset([(inverse, -1)]): sympy.S.One}
            while high := [m for m in polynomial if dict(m).get(inverse, 0) > 0 and dict(m).get(atom, 0) >= n]:
                rest = {m: c for m, c in polynomial.items() if m not in high}
                part = self.times({m: polynomial[m] for m in high}, quotient)
                polynomial = self._added([rest, self.times(part, remainder)])
        return polynomial

    def _only_in(self, atom: Any, lead: Monomial, base: Polynomial) -> bool:
        """Tell whether one term alone of a sum has an atom, and consists of positive ones."""
        others = all(atom not in dict(m) for m in base if m != lead)
        return others and all(self._atom_sign(a) == 1 for a, _ in lead)

    def _summed(self, monomial: Monomial, c: Any, k: Dummy, size: Any) -> Polynomial:
        for atom, _ in monomial:
            if isinstance(atom, KroneckerDelta) and k in atom.args:
                a = atom.args[1] if atom.args[0] == k else atom.args[0]
                if mentions(a, k) or not self.facts.within(a, size):
                    msg = f"whether {a} is one of 0 to {size} − 1"
                    raise UndecidedError(msg)
                rest = self.term({monomial - {(atom, 1)}: c})
                return self.polynomial(replaced(rest, {k: a}))
        inside = frozenset((a, n) for a, n in monomial if mentions(a, k))
        outside = monomial - inside
        if not inside:
            return self.times({outside: c}, self.polynomial(size))
        if self._sums_to_one(inside, k):
            return {outside: c}
        body = self.term({inside: sympy.S.One})
        level = Symbol(f"k{_depth(body)}", integer=True, nonnegative=True)
        atom = Sum(replaced(body, {k: level}), (level, 0, size - 1))
        return self.times({outside: c}, {frozenset([(atom, 1)]): sympy.S.One})

    def _sums_to_one(self, inside: Monomial, k: Dummy) -> bool:
        if len(inside) != 1:
            return False
        (atom, n), *_ = inside
        return n == 1 and _is_of_a_row(atom, k) and atom.base in self.facts.summed

    def has_positive_numerator(self, term: Any) -> bool:
        """Tell whether a term is positive as a quotient of positive terms."""
        polynomial = self.polynomial(term)
        reciprocals = {a for m in polynomial for a, _ in m if isinstance(a, Reciprocal)}
        positive = all(self._atom_sign(a) == 1 for a in reciprocals)
        return positive and self.is_positive(self._without_reciprocals(polynomial))

    def _without_reciprocals(self, polynomial: Polynomial) -> Polynomial:
        """Multiply with the terms whose reciprocals a polynomial holds."""
        while inverses := {a for m in polynomial for a, _ in m if isinstance(a, Reciprocal)}:
            outer = max(inverses, key=_nesting)
            base, most = self.polynomial(outer.args[0]), max(dict(m).get(outer, 0) for m in polynomial)
            powers = [self._power(base, n) for n in range(most + 1)]
            polynomial = self._added([self._cleared(m, c, outer, powers) for m, c in polynomial.items()])
        return polynomial

    def _cleared(self, monomial: Monomial, c: Any, inverse: Any, powers: list[Polynomial]) -> Polynomial:
        held = dict(monomial).get(inverse, 0)
        rest = frozenset((a, n) for a, n in monomial if a != inverse)
        return self.times({rest: c}, powers[len(powers) - 1 - held])

    def is_zero(self, term: Any) -> bool:
        """Tell whether the numerator of a term is the zero polynomial in its atoms."""
        return not self._without_reciprocals(self.polynomial(term))


def _is_of_a_row(atom: Any, k: Any) -> bool:
    """Tell whether an atom is an element of which an index runs through a row: the last one, and no other."""
    return (
        isinstance(atom, Element) and atom.indices[-1:] == (k,) and not any(mentions(i, k) for i in atom.indices[:-1])
    )


def _content(numbers: list[Any]) -> Any:
    """Return the greatest rational number of which all are whole multiples."""
    return sympy.igcd(*(c.p for c in numbers)) * sympy.S.One / sympy.ilcm(*(c.q for c in numbers))


def _nesting(atom: Any) -> int:
    return max((_nesting(a) for a in atom.args), default=0) + isinstance(atom, Reciprocal)
