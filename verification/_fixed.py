"""The settings in which a theorem is proved for one number of classes: arrays of objects, by one of two provers."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from verification._cases import Cases, branch, leaves
from verification._certificates import certificate, replaced
from verification._field import Field
from verification._object_array import boxed
from verification._objects import Limits, ObjectNamespace
from verification._options import EPS, HUGE, TINY, Option, symbolic_options
from verification._results import Check, NotProvedError, Step, UndecidedError, Verdict
from verification._sympy_elements import SympyField
from verification._terms import Term

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from verification._results import Theorem
    from verification._symbolic import Symbolic

DOMAINS: dict[str, Callable[[], Symbolic]] = {domain.name: domain for domain in (Field, SympyField)}
ROWS = 2
"""How many rows there are in the first pattern: in the others, one row has other labels and masks."""
CERTIFIED = 1
"""How many steps of one claim get a certificate: the others differ in the names of symbols."""


class Fixed:
    """K classes; labels and masks are those of one pattern, of which `patterns` says how many there are."""

    def __init__(
        self,
        k: int,
        domain: Symbolic,
        *,
        rows: int = ROWS,
        features: int = 2,
        pattern: int = 0,
        drop: str | None = None,
    ) -> None:
        """Know nothing yet; leave a hypothesis out."""
        self.domain, self.pattern, self.drop = domain, pattern, drop
        self.xp = ObjectNamespace(domain, self._limits)
        self.name = f"{domain.name}, K = {k}"
        self.patterns = 1
        self.steps: list[Step] = []
        self._sizes = {"N": rows, "K": k, "D": features}
        self._made: dict[int, Any] = {}
        self._summed: dict[Any, Any] = {}
        self._certified: Counter[str] = Counter()

    def _limits(self, dtype: str) -> Limits:
        bits = np.finfo(dtype).bits
        tiny, huge = (Option(self.domain.number(Fraction(2) ** n), *ends) for n, ends in ((-1022, TINY), (1022, HUGE)))
        eps = Option(self.domain.number(Fraction(2) ** -52), *EPS)
        return Limits(bits, None, huge, eps, tiny)

    def size(self, axis: str) -> int:
        """Return the size of an axis."""
        return self._sizes[axis]

    def given(self, hypothesis: str) -> bool:
        """Tell whether a hypothesis of the theorem may be used: one is dropped in some runs."""
        return hypothesis != self.drop

    # Arrays

    def _shape(self, word: str) -> tuple[int, ...]:
        return tuple(self._sizes[axis] for axis in word)

    def _array(self, name: str, shape: str, **signs: bool) -> Any:
        """Return an array of symbols."""
        data = np.empty(self._shape(shape), dtype=object)
        for index in np.ndindex(*data.shape):
            label = f"{name}[{','.join(map(str, index))}]" if index else name
            data[index] = self.domain.variable(label, **signs)
        x = self.xp.array(data, "float64")
        self._made[id(x)] = x  # so that its id stays its own
        return x

    def reals(self, name: str, shape: str) -> Any:
        """Return an array of real numbers."""
        return self._array(name, shape)

    def positives(self, name: str, shape: str) -> Any:
        """Return an array of positive numbers."""
        return self._array(name, shape, positive=True)

    def nonzeros(self, name: str, shape: str) -> Any:
        """Return an array of real numbers other than 0."""
        return self._array(name, shape, nonzero=True)

    def probabilities(self, name: str, shape: str, *, summed: bool = True) -> Any:
        """Return an array of positive numbers; where `summed`, the last of each row stands for 1 less the others.

        That it does is used where terms are compared; that it is positive, is declared like that of the others.
        """
        x = self.positives(name, shape)
        if summed:
            for row in np.ndindex(*x.shape[:-1]):
                *others, last = x.data[row]
                self._summed[last] = rest = 1 - sum(others, self.domain.lift(0))
                self.domain.declare_positive(rest)
        return x

    def _choice(self, count: int) -> int:
        self.patterns = max(self.patterns, count)
        return self.pattern % count

    def labels(self, name: str, shape: str, *, known: bool = True) -> Any:  # noqa: ARG002  # they are numbers
        """Return an array of class labels: those of the pattern, in which each row has another label."""
        k, count = self._sizes["K"] + (not known), math.prod(self._shape(shape))
        first = self._choice(k)
        data = np.empty(self._shape(shape), dtype=object)
        data.ravel()[:] = [(first + n) % k for n in range(count)]
        return self.xp.array(data, "int64")

    def mask(self, name: str, shape: str, label: Any = None, *, empty: bool = False) -> Any:  # noqa: ARG002  # no symbols
        """Return a boolean array, that of the pattern, with a True in each row: at the label, where that is given."""
        k = self._sizes["K"]
        subsets = [s for s in itertools.product((False, True), repeat=k) if empty or any(s)]
        first = self._choice(len(subsets))
        data = np.empty(self._shape(shape), dtype=object)
        for n, row in enumerate(np.ndindex(*data.shape[:-1])):
            data[row] = subsets[(first + n) % len(subsets)]
            if label is not None:
                data[(*row, label.data[row])] = True
        return self.xp.array(data, "bool")

    def number(self, name: str, *, low: float = 2.0**-900, high: float = 2.0**900) -> Option:
        """Return a positive number between two others, for an option."""
        symbol = self.domain.variable(name, positive=True)
        if high == 1:
            self.domain.declare_positive(1 - symbol)
        return Option(symbol, low, high)

    # Terms

    def term(self, number: Any) -> Term:
        """Return an option or a Python integer as a term."""
        return Term(self.domain, self.domain.lift(number))

    def indices(self, shape: str, label: Any = None) -> Iterator[tuple[int, ...]]:  # noqa: ARG002  # all there are
        """Go through all index tuples of a shape."""
        return itertools.product(*(range(self._sizes[axis]) for axis in shape))

    def at(self, x: Any, *index: Any) -> Any:
        """Return an element, once it is shown that it does not depend on the shift, nor on the mask of ties."""
        value = boxed(x.data[index]).item()
        if x.dtype not in ("float64", "float32"):
            return int(value) if x.dtype != "bool" else self.term(int(value))
        if any(isinstance(leaf, float) for leaf in leaves(value)):
            claim = "an element is finite"
            raise NotProvedError(claim, str(value))
        return Term(self.domain, branch(lambda _, leaf: self._settled(leaf), self._without_ties(value)))

    def _without_ties(self, value: Any) -> Any:
        if not isinstance(value, Cases):
            return value
        yes, no = self._without_ties(value.yes), self._without_ties(value.no)
        if self.domain.free(value.atom.element):
            claim = "the result does not depend on the mask of ties"
            raise NotProvedError(claim, f"where {value.atom}: {yes}; elsewhere: {no}")
        return Cases(value.atom, yes, no)

    def _settled(self, leaf: Any) -> Any:
        if not self.domain.free(leaf):
            return leaf
        claim, settled = "the result does not depend on the shift", self.domain.without_free(leaf)
        if settled is None:
            raise UndecidedError(claim, str(leaf))
        residual = self.domain.minus(leaf, settled)
        if residual != self.domain.lift(0):
            raise self._refusal(claim, residual, {})
        return settled

    def diff(self, term: Term, x: Any, *index: Any) -> Term:
        """Return the derivative of a term by an element of an array that this setting made."""
        if isinstance(term.value, Cases):
            claim = "a derivative of what depends on a condition"
            raise UndecidedError(claim, str(term.value.atom))
        if id(x) not in self._made:
            claim = "a derivative by what is no array of symbols"
            raise UndecidedError(claim)
        symbol = boxed(x.data[index]).item()
        value = self.domain.derivative(term.value, symbol)
        return Term(self.domain, value, lambda: self.domain.derivative_tree(term.value, symbol))

    def sum(self, axis: str, terms: Callable[[Any], Any]) -> Any:
        """Return the sum over an axis of what a function makes of each index."""
        return sum((terms(k) for k in range(self._sizes[axis])), self.term(0))

    def exp(self, term: Any) -> Term:
        """Return the exponential of a term."""
        return Term(self.domain, branch(lambda facts, x: self.domain.exp(x, facts), self._valued(term)))

    def log(self, term: Any) -> Term:
        """Return the logarithm of a positive term."""
        return Term(self.domain, branch(lambda facts, x: self.domain.log(x, facts), self._valued(term)))

    def _valued(self, term: Any) -> Any:
        return term.value if isinstance(term, Term) else self.domain.lift(term)

    # Identities

    def equal(self, claim: str, left: Any, right: Any) -> None:
        """Show that two terms are equal, and note the step, or raise NotProvedError."""
        left, right = (x if isinstance(x, Term) else self.term(x) for x in (left, right))
        branch(lambda facts, x, y: self._same(claim, x, y, facts), left.value, right.value)
        self.steps.append(Step(claim, self._certificate(claim, left, right)))

    def _certificate(self, claim: str, left: Term, right: Term) -> str:
        """Return the certificate of an identity, if it is one without conditions, of the first pattern."""
        conditional = isinstance(left.value, Cases) or isinstance(right.value, Cases)
        if conditional or self.pattern or self._certified[claim] == CERTIFIED:
            return ""
        self._certified[claim] += 1
        by = self.domain.images(self._summed)
        return certificate(replaced(left.tree, by), replaced(right.tree, by))

    def _same(self, claim: str, left: Any, right: Any, facts: Any) -> bool:
        if isinstance(left, float) or isinstance(right, float):
            raise NotProvedError(claim, f"{left} and {right} are not finite")
        residual = self.domain.minus(left, right)
        residual = self.domain.substituted(residual, self._summed)
        for atom, held in facts.items():
            if held and atom.relation == "=":
                there = self.domain.where_zero(residual, atom.element)
                residual = residual if there is None else there
        if residual != self.domain.lift(0):
            raise self._refusal(claim, residual, facts)
        return True

    def _refusal(self, claim: str, residual: Any, facts: Mapping[Any, bool]) -> NotProvedError:
        """Return what says that a difference is not 0: refuted, where a point shows it."""
        where = "".join(f"; {atom} is {held}" for atom, held in facts.items())
        witness = self.domain.witness(residual, self._summed) if not facts else ""
        verdict = Verdict.REFUTED if witness else Verdict.UNDECIDED
        return NotProvedError(claim, f"left − right = {str(residual)[:2000]}{where}{witness}", verdict)

    def positive(self, claim: str, term: Any) -> None:
        """Show that a term is positive from the signs of its parts, or raise NotProvedError."""
        for leaf in leaves(self._valued(term)):
            if isinstance(leaf, float) or self.domain.sign(leaf) != 1:
                raise UndecidedError(claim, str(leaf))
        self.steps.append(Step(claim))


def in_patterns(k: int, domain_name: str, drop: str | None) -> Iterator[Fixed]:
    """Make a setting for each pattern; how many there are, a setting knows once it is used."""
    pattern, count = 0, 1
    while pattern < count:
        setting = Fixed(k, DOMAINS[domain_name](), rows=1 if pattern else ROWS, pattern=pattern, drop=drop)
        yield setting
        pattern, count = pattern + 1, setting.patterns


def checked(prover: str, theorem: Theorem, settings: Iterable[Fixed]) -> Check:
    """Prove a theorem in all settings."""
    start, verdict, detail = time.perf_counter(), Verdict.PROVED, ""
    steps: dict[Step, None] = {}
    try:
        with symbolic_options():
            for setting in settings:
                theorem.prove(setting)
                steps |= dict.fromkeys(setting.steps)
    except NotProvedError as error:
        verdict, detail = error.verdict, str(error)
    if verdict is Verdict.PROVED and not steps:
        verdict, detail = Verdict.UNDECIDED, "no identity was shown"
    return Check(prover, verdict, time.perf_counter() - start, tuple(steps), detail)


def fixed_check(theorem: Theorem, k: int, domain_name: str, drop: str | None = None) -> Check:
    """Prove a theorem for one number of classes, with all labels and masks."""
    return checked(f"{domain_name}, K = {k}", theorem, in_patterns(k, domain_name, drop))
