"""The normal form of sums: right on random terms, and not to be led into what SymPy gets wrong."""

from __future__ import annotations

import random
from typing import Any

import mpmath
import pytest
import sympy
from sympy import Add, Dummy, Integer, KroneckerDelta, Mul, Pow, Rational, Sum, Symbol

from verification._atoms import Element, Exp, Facts, Less, Log, Reciprocal
from verification._results import UndecidedError
from verification._sums import Normaliser

U, P, N, K = Symbol("u", real=True), Symbol("p", positive=True), *sympy.symbols("N K", integer=True, positive=True)
PLACES = 40


@pytest.fixture
def facts() -> Facts:
    return Facts()


def total(facts: Facts, size: Any, body: Any) -> Any:
    k = facts.index("k", size)
    return Sum(body(k), (k, 0, size - 1))


class Instance:
    """Numbers for all symbols, and the value of a term at them."""

    def __init__(self, seed: int, values: dict[Any, int]) -> None:
        self.seed, self.values = seed, values

    def of(self, term: Any) -> Any:
        if isinstance(term, Element):
            name = f"{self.seed} {term.base} {[int(self.of(i)) for i in term.indices]}"
            return mpmath.mpf(random.Random(name).randint(1, 60)) / 20
        if isinstance(term, Symbol):
            return self.values[term]
        if isinstance(term, Sum):
            *inner, (k, low, high) = term.limits  # the outermost comes last
            body = Sum(term.function, *inner) if inner else term.function
            places = range(int(self.of(low)), int(self.of(high)) + 1)
            return sum((Instance(self.seed, self.values | {k: i}).of(body) for i in places), mpmath.mpf(0))
        return self.function(term)

    def function(self, term: Any) -> Any:
        if term.is_Rational:
            return mpmath.mpf(int(term.p)) / int(term.q)
        parts = [self.of(a) for a in term.args]
        kinds = {
            Add: lambda *a: sum(a, mpmath.mpf(0)),
            Mul: lambda *a: mpmath.fprod(a),
            Pow: mpmath.power,
            Exp: mpmath.exp,
            Log: mpmath.log,
            Reciprocal: lambda a: 1 / mpmath.mpf(a),
            KroneckerDelta: lambda a, b: int(a == b),
            Less: lambda a, b: int(a < b),
        }
        return kinds[type(term)](*parts)


def random_term(draw: random.Random, facts: Facts, indices: list[Any], depth: int) -> Any:
    u = Element(U, draw.choice(indices))
    if depth == 0:
        i, j = draw.choice(indices), draw.choice(indices)
        leaves = [Rational(draw.randint(-3, 3), 2), u, Element(P, i), KroneckerDelta(i, j), Less(u, Integer(1))]
        return draw.choice(leaves)
    parts = [random_term(draw, facts, indices, depth - 1) for _ in range(2)]
    k = facts.index("k", K)
    inner = random_term(draw, facts, [*indices, k], depth - 1)
    one = [
        Add(*parts),
        Mul(*parts),
        Sum(inner, (k, 0, K - 1)),
        Exp(u - Element(U, draw.choice(indices))) * parts[0],
        Log(Exp(u) * Element(P, draw.choice(indices)) + 1),
        Reciprocal(parts[0] ** 2 + Exp(u)) * parts[1],
        Sum(inner, (k, 0, K - 1)) ** 2,
    ]
    return draw.choice(one)


@pytest.mark.parametrize("seed", range(120))
def test_normal_form_has_the_value_of_the_term(seed: int, facts: Facts) -> None:
    draw = random.Random(seed)
    free = [facts.index("i", K), facts.index("j", K)]
    term = random_term(draw, facts, free, 3)
    normal = Normaliser(facts)
    again = normal.term(normal.polynomial(term))
    with mpmath.workdps(PLACES):
        for classes in (1, 2, 3):
            values = {symbol: draw.randrange(classes) for symbol in free}
            instance = Instance(seed, values | {K: classes})
            difference = abs(instance.of(again) - instance.of(term))
            assert difference <= mpmath.mpf(10) ** (10 - PLACES) * max(1, abs(instance.of(term)))


def test_derivative_by_an_element_that_shares_its_name_with_a_bound_index(facts: Facts) -> None:
    i = facts.index("k", K)
    whole = total(facts, K, lambda k: Exp(Element(U, k)))
    assert Normaliser(facts).is_zero(sympy.diff(whole, Element(U, i)) - Exp(Element(U, i)))


def test_replacing_an_index_captures_none(facts: Facts) -> None:
    normal, i = Normaliser(facts), facts.index("i", K)
    product = total(facts, K, lambda k: Element(U, k) * total(facts, K, lambda j: Element(U, j) * Element(P, k)))
    apart = total(facts, K, lambda k: Element(U, k) * Element(P, k)) * total(facts, K, lambda k: Element(U, k))
    assert normal.is_zero(product - apart)
    assert not normal.is_zero(product - total(facts, K, lambda k: Element(U, k) ** 2 * Element(P, k)))
    assert normal.is_zero(total(facts, K, lambda k: KroneckerDelta(k, i) * Element(U, k)) - Element(U, i))


def test_nested_sums_are_not_merged(facts: Facts) -> None:
    one = total(facts, K, lambda k: total(facts, K, lambda j: Element(U, j) * Element(U, k)) * Element(U, k))
    other = total(facts, K, lambda k: Element(U, k)) * total(facts, K, lambda k: Element(U, k) ** 2)
    assert Normaliser(facts).is_zero(one - other)
    assert not Normaliser(facts).is_zero(one - total(facts, K, lambda k: Element(U, k) ** 3))


@pytest.mark.parametrize(
    ("term", "claim"),
    [
        (sympy.Float("0.1") * Element(U, Integer(0)), "digits after the point"),
        (Log(Element(U, Integer(0))), "positive"),
        (Log(Integer(-2)), "not positive"),
        (Exp(Element(U, Integer(0)) / 3), "no multiple of a half"),
        (sympy.sin(U), "no rule"),
        (Pow(Element(P, Integer(0)), Rational(1, 2)), "not whole"),
        (sympy.Piecewise((U, U > 0), (0, True)), "no rule"),
    ],
)
def test_what_has_no_rule_is_undecided(term: Any, claim: str, facts: Facts) -> None:
    with pytest.raises(UndecidedError, match=claim):
        Normaliser(facts).polynomial(term)


def test_a_delta_out_of_its_range_is_undecided(facts: Facts) -> None:
    elsewhere = facts.index("i", N)
    term = total(facts, K, lambda k: KroneckerDelta(k, elsewhere) * Element(U, k))
    with pytest.raises(UndecidedError, match="one of 0 to"):
        Normaliser(facts).polynomial(term)
    with pytest.raises(UndecidedError, match="does not start at 0"):
        Normaliser(facts).polynomial(Sum(Element(U, k := Dummy("k", integer=True)), (k, 1, K)))


def test_a_division_by_zero_is_undecided(facts: Facts) -> None:
    nothing = total(facts, K, lambda k: Element(U, k) - Element(U, k))
    with pytest.raises(UndecidedError, match="division by 0"):
        Normaliser(facts).polynomial(Reciprocal(nothing))


def test_a_difference_however_small_is_seen(facts: Facts) -> None:
    u = Element(U, facts.index("i", K))
    assert not Normaliser(facts).is_zero(Rational(1, 10**300) * u)
    assert not Normaliser(facts).is_zero(Exp(-Exp(Exp(u) + 9)))


def test_a_sum_of_probabilities_is_one_along_the_last_axis_only(facts: Facts) -> None:
    facts.summed.add(P)
    normal, n, k = Normaliser(facts), facts.index("n", N), facts.index("k", K)
    assert normal.is_zero(total(facts, K, lambda j: Element(P, n, j)) - 1)
    assert not normal.is_zero(total(facts, N, lambda j: Element(P, j, k)) - 1)
    assert not normal.is_zero(total(facts, K, lambda j: Element(P, n, j) ** 2) - 1)
    assert not normal.is_zero(total(facts, K, lambda j: Element(P, j, j)) - 1)


def test_a_mask_holds_somewhere_in_each_row_and_not_in_each_column(facts: Facts) -> None:
    mask = Symbol("M", integer=True, nonnegative=True)
    facts.booleans.add(mask)
    facts.positive.add(mask)
    normal, n, k = Normaliser(facts), facts.index("n", N), facts.index("k", K)
    row, column = (
        total(facts, K, lambda j: Element(mask, n, j) * Element(P, j)),
        total(facts, N, lambda j: Element(mask, j, k) * Element(P, j)),
    )
    assert normal.is_positive(normal.polynomial(row))
    assert not normal.is_positive(normal.polynomial(column))
    assert normal.is_nonnegative(normal.polynomial(column))
    assert not normal.is_positive(normal.polynomial(total(facts, K, lambda j: Element(mask, j, j))))


def test_conditions_are_their_own_squares(facts: Facts) -> None:
    normal, i = Normaliser(facts), facts.index("i", K)
    condition = Less(Element(U, i), Integer(0))
    assert normal.is_zero(condition**2 - condition)
    assert not normal.is_zero(condition - 1)
