"""The setting in which a theorem is proved for every number of rows, classes and features at once, with SymPy."""

from __future__ import annotations

import itertools
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Integer, Symbol

from verification._atoms import Element, Facts, Log, Reciprocal, undecided
from verification._cases import Cases, collapse, leaves
from verification._certificates import certificate
from verification._derivative import derivative
from verification._namespace import ShapesNamespace
from verification._options import Option
from verification._results import Check, NotProvedError, Step, UndecidedError, Verdict
from verification._shapes import INFINITE, exponential
from verification._traverse import exchanged, parts_of, symbols_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from verification._certificates import Tree
    from verification._results import Theorem
    from verification._sums import Polynomial

AXES = "NKD"


class Every:
    """All sizes are symbols."""

    name = "SymPy, every K"

    def __init__(self, drop: str | None = None) -> None:
        """Know nothing yet; leave a hypothesis out."""
        self.drop = drop
        self.facts = Facts()
        self.xp = ShapesNamespace(self.facts)
        self.steps: list[Step] = []
        self._sizes = {axis: Symbol(axis, integer=True, positive=True) for axis in AXES}
        self._bases: dict[int, Any] = {}
        self._kept: list[Any] = []
        self._named = 0
        self._normaliser = self.xp.elements.normaliser

    def size(self, axis: str) -> Any:
        """Return the size of an axis."""
        return self._sizes[axis]

    def given(self, hypothesis: str) -> bool:
        """Tell whether a hypothesis may be used."""
        return hypothesis != self.drop

    def _array(self, name: str, shape: str, dtype: str = "float64", **assumptions: bool) -> Any:
        indices = [self.facts.index("i", self._sizes[axis]) for axis in shape]
        base = Symbol(name, **assumptions)
        element = Element(base, *indices) if shape else base
        if dtype == "bool":
            self.facts.booleans.add(base)
            element = Cases(element, yes=True, no=False)
        x = self.xp.array(element, [(i, self._sizes[axis]) for i, axis in zip(indices, shape, strict=True)], dtype)
        self._bases[id(x)] = base
        self._kept.append(x)  # so that its id stays its own
        return x

    def reals(self, name: str, shape: str) -> Any:
        """Return an array of real numbers."""
        return self._array(name, shape, real=True)

    def nonzeros(self, name: str, shape: str) -> Any:
        """Return an array of real numbers other than 0."""
        return self._array(name, shape, real=True, nonzero=True)

    def positives(self, name: str, shape: str) -> Any:
        """Return an array of positive numbers."""
        return self._array(name, shape, positive=True)

    def probabilities(self, name: str, shape: str, *, summed: bool = True) -> Any:
        """Return an array of positive numbers; where `summed`, those of each row add up to 1."""
        x = self._array(name, shape, positive=True)
        if summed:
            self.facts.summed.add(self._bases[id(x)])
        return x

    def labels(self, name: str, shape: str, *, known: bool = True) -> Any:
        """Return an array of class labels."""
        x = self._array(name, shape, "int64", integer=True, nonnegative=True)
        if known:
            self.facts.sizes[self._bases[id(x)]] = self._sizes["K"]
        return x

    def mask(self, name: str, shape: str, label: Any = None, *, empty: bool = False) -> Any:
        """Return a boolean array with a True in each row, unless that may be empty; with labels, True at the label."""
        x = self._array(name, shape, "bool", integer=True, nonnegative=True)
        if not empty:
            self.facts.positive.add(self._bases[id(x)])
        if label is not None:
            self.facts.held[self._bases[id(x)]] = self._bases[id(label)]
        return x

    def number(self, name: str, *, low: float = 2.0**-900, high: float = 2.0**900) -> Option:
        """Return a positive number between two others, for an option."""
        return Option(Symbol(name, positive=True), low, high)

    def term(self, number: Any) -> Any:
        """Return an option or a Python integer as a term."""
        return number.value if isinstance(number, Option) else Integer(number)

    def indices(self, shape: str, label: Any = None) -> Iterator[tuple[Any, ...]]:
        """Go through all cases of equal and distinct indices."""
        by_axis = [_partitions([k for k, a in enumerate(shape) if a == axis]) for axis in dict.fromkeys(shape)]
        for partitions in itertools.product(*by_axis):
            blocks = [block for partition in partitions for block in partition]
            classes = [block for block in blocks if shape[block[0]] == "K"]
            for hit in (None, *classes) if label is not None else (None,):
                yield self._index(shape, blocks, hit, label)

    def _index(self, shape: str, blocks: list[list[int]], hit: list[int] | None, label: Any) -> tuple[Any, ...]:
        found: dict[int, Any] = {}
        for block in sorted(blocks, key=lambda b: shape[b[0]] == "K"):  # rows first: a label is that of its row
            axis = shape[block[0]]
            made = label.at(found[0]) if block is hit else self.facts.index(self._fresh(axis), self._sizes[axis])
            found |= dict.fromkeys(block, made)
        firsts = {axis: [found[b[0]] for b in blocks if shape[b[0]] == axis] for axis in set(shape)}
        if label is not None and hit is None:
            firsts["K"].append(label.at(found[0]))
        for members in firsts.values():
            self.facts.distinct |= {frozenset(pair) for pair in itertools.combinations(members, 2)}
        return tuple(found[k] for k in range(len(shape)))

    def _fresh(self, axis: str) -> str:
        """Return a name that no other index of this setting has."""
        self._named += 1
        return f"{axis.lower()}_{self._named}"

    def at(self, x: Any, *index: Any) -> Any:
        """Return an element, once it is shown that it depends on no free condition or shift."""
        value = x.at(*index)
        if any(leaf in INFINITE for leaf in leaves(value)):
            msg = "an element is finite"
            raise NotProvedError(msg, str(value))
        return self._settled(sympy.sympify(collapse(value, lambda atom: atom) * 1))  # a condition counts 1 or 0

    def _settled(self, term: Any) -> Any:
        conditions = {atom: Integer(0) for atom in undecided(term)}
        shifts = {s: Integer(0) for s in _shifts(term)}
        if not conditions and not shifts:
            return term
        settled = exchanged(term, conditions | shifts)
        if not self._normaliser.is_zero(term - settled):
            msg = "the result depends neither on the shift nor on the mask of ties"
            raise NotProvedError(msg, self._shown(term - settled))
        return settled

    def diff(self, term: Any, x: Any, *index: Any) -> Any:
        """Return the derivative of a term by an element of an array that this setting made."""
        base = self._bases[id(x)]
        if undecided(term):
            msg = "a derivative of what depends on a condition"
            raise UndecidedError(msg, str(term))
        return derivative(term, Element(base, *index) if index else base)

    def sum(self, axis: str, terms: Callable[[Any], Any]) -> Any:
        """Return the sum over an axis."""
        bound = self.facts.index("k", self._sizes[axis])
        return sympy.Sum(terms(bound), (bound, 0, self._sizes[axis] - 1))

    def exp(self, term: Any) -> Any:
        """Return the exponential of a term."""
        return exponential(term)

    def log(self, term: Any) -> Any:
        """Return the logarithm of a positive term."""
        return Log(term)

    def equal(self, claim: str, left: Any, right: Any) -> None:
        """Show that two terms are equal."""
        difference = sympy.sympify(left - right)
        if not self._normaliser.is_zero(difference):
            raise NotProvedError(claim, self._shown(difference))
        self.steps.append(Step(claim, self._certificate(sympy.sympify(left), sympy.sympify(right))))

    def _certificate(self, left: Any, right: Any) -> str:
        """Return both sides as quotients of atoms, which are what the rules on sums, exp and log leave."""
        return certificate(*(self._tree(self._normaliser.polynomial(x)) for x in (left, right)))

    def _tree(self, polynomial: Polynomial) -> Tree:
        products = [
            ("mul", ("rational", int(c.p), int(c.q)), *(self._power(a, n) for a, n in monomial))
            for monomial, c in polynomial.items()
        ]
        return ("add", *products) if products else ("rational", 0, 1)

    def _power(self, atom: Any, n: int) -> Tree:
        if isinstance(atom, Reciprocal):
            return ("pow", self._tree(self._normaliser.polynomial(atom.args[0])), -n)
        return ("pow", ("atom", _label(atom)), n)

    def positive(self, claim: str, term: Any) -> None:
        """Show that a term is positive from the signs of its parts."""
        if not self.xp.elements.positive(term):
            raise UndecidedError(claim, str(term))
        self.steps.append(Step(claim))

    def _shown(self, term: Any) -> str:
        normal = self._normaliser.term(self._normaliser.polynomial(term))
        return str(normal).replace("_", "")[:2000]


def _shifts(term: Any) -> set[Any]:
    """Return the free real numbers that `max` returned."""
    shifts = {s for s in symbols_of(term) if isinstance(s, sympy.Dummy) and s.name == "m"}
    elements = {e for e in parts_of(term, (Element,)) if e.base in shifts}
    return elements | (shifts - {e.base for e in elements})


@lru_cache(maxsize=50_000)
def _label(atom: Any) -> str:
    return str(atom).replace("_", "")


def _partitions(items: list[int]) -> Iterable[list[list[int]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for partition in _partitions(rest):
        yield [[first], *partition]
        for k, block in enumerate(partition):
            yield [*partition[:k], [first, *block], *partition[k + 1 :]]


def every_check(theorem: Theorem, drop: str | None = None) -> Check:
    """Prove a theorem for every number of classes."""
    start = time.perf_counter()
    setting = Every(drop)
    verdict, detail = Verdict.PROVED, ""
    try:
        theorem.prove(setting)
    except NotProvedError as error:
        verdict, detail = error.verdict, str(error)
    if verdict is Verdict.PROVED and not setting.steps:
        verdict, detail = Verdict.UNDECIDED, "no identity was shown"
    return Check(setting.name, verdict, time.perf_counter() - start, tuple(setting.steps), detail)
