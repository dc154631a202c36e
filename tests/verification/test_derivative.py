"""Derivatives: those of SymPy, of random terms, by elements that they hold and by others."""

from __future__ import annotations

import random

import pytest
import sympy
from sympy import Integer, Symbol

from tests.verification.test_sums import K, P, U, random_term
from verification._atoms import Element, Exp, Facts, Less
from verification._derivative import derivative
from verification._results import UndecidedError
from verification._sums import Normaliser


def without_conditions(term: sympy.Expr) -> sympy.Expr:
    return term.replace(lambda part: isinstance(part, Less), lambda part: part.args[0])


@pytest.mark.parametrize("seed", range(60))
def test_a_derivative_is_that_of_sympy(seed: int) -> None:
    facts, draw = Facts(), random.Random(seed)
    free = [facts.index("i", K), facts.index("j", K)]
    term = without_conditions(random_term(draw, facts, free, 3))
    by = Element(draw.choice([U, P]), free[0])
    normal = Normaliser(facts)
    assert normal.polynomial(derivative(term, by)) == normal.polynomial(sympy.diff(term, by))


def test_a_derivative_by_a_number() -> None:
    beta, u = Symbol("beta", real=True), Element(U, Facts().index("i", K))
    assert derivative(Exp(beta**2 * u), beta) == 2 * beta * u * Exp(beta**2 * u)
    assert derivative(u, beta) == 0


def test_a_term_is_linear_in_an_element_by_another_only_where_they_are_one() -> None:
    facts = Facts()
    i, j = facts.index("i", K), facts.index("j", K)
    slope = derivative(Element(U, i) * Element(P, i), Element(U, j))
    assert slope == sympy.KroneckerDelta(i, j) * Element(P, i)
    assert derivative(Element(P, i), Element(U, j)) == 0


@pytest.mark.parametrize("term", [Less(Element(U, Integer(0)), Integer(0)), sympy.sin(Element(U, Integer(0)))])
def test_what_has_no_derivative_is_undecided(term: sympy.Expr) -> None:
    with pytest.raises(UndecidedError):
        derivative(term, Element(U, Integer(0)))
