"""Derivatives of terms by an element, each shared part once; held against SymPy's own in the tests."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Add, Integer, KroneckerDelta, Mul, Pow, Sum, Symbol

from verification._atoms import Atom, Element
from verification._results import UndecidedError
from verification._traverse import mentions

ZERO, ONE = Integer(0), Integer(1)


class Derivative:
    """The derivative by an element of an array, or by a number."""

    def __init__(self, by: Any) -> None:
        """Take what to differentiate by, whose indices are no bound ones."""
        self.by, self._symbol = by, by.base if isinstance(by, Element) else by
        self._known: dict[Any, Any] = {}

    def of(self, term: Any) -> Any:
        """Return the derivative of a term."""
        if not mentions(term, self._symbol):
            return ZERO
        found = self._known.get(term)
        if found is None:
            found = self._known[term] = self._of(term)
        return found

    def _of(self, term: Any) -> Any:
        if isinstance(term, Add):
            return Add(*(self.of(a) for a in term.args))
        if isinstance(term, Mul):
            return self._product(term.args)
        if isinstance(term, Pow) and term.exp.is_Integer:
            return term.exp * term.base ** (term.exp - 1) * self.of(term.base)
        if isinstance(term, Sum):
            return Sum(self.of(term.function), *term.limits)
        if isinstance(term, Atom):
            return term.slope() * self.of(term.args[0])
        if isinstance(term, Element | Symbol):
            return self._element(term)
        msg = f"no derivative of {type(term).__name__}"
        raise UndecidedError(msg, str(term))

    def _product(self, factors: tuple[Any, ...]) -> Any:
        slopes = [self.of(f) for f in factors]
        return Add(*(Mul(d, *factors[:i], *factors[i + 1 :]) for i, d in enumerate(slopes) if d is not ZERO))

    def _element(self, term: Any) -> Any:
        if term == self.by:
            return ONE
        if not (isinstance(self.by, Element) and isinstance(term, Element) and term.base == self._symbol):
            msg = "a derivative by an index"
            raise UndecidedError(msg, f"{term} by {self.by}")
        pairs = zip(term.indices, self.by.indices, strict=True)
        return Mul(*(KroneckerDelta(i, j) for i, j in pairs))


def derivative(term: Any, by: Any) -> Any:
    """Return the derivative of a term by an element or by a number."""
    return Derivative(by).of(sympy.sympify(term))
