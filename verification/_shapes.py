"""Arrays of symbolic shape: one generic element, and an index for each axis.

What is proved of the generic element is proved for every number of rows and classes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Integer, KroneckerDelta, Symbol

from verification._atoms import Element, Exp, Facts, Less, Same, reciprocal
from verification._cases import Cases, apply, atoms_of, choose, collapse, leaves, restrict
from verification._options import Option
from verification._results import UndecidedError
from verification._sums import Normaliser
from verification._traverse import mentions, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

INFINITE = (sympy.oo, -sympy.oo, sympy.nan, sympy.zoo)
"""Leaves that are not finite; the last is an infinity of unknown sign, which no result may be."""


def leaf_of(number: Any) -> Any:
    """Return a Python number as the element of an array."""
    if isinstance(number, Option):
        number = number.value
    if isinstance(number, bool):
        return number
    if isinstance(number, float) and (math.isinf(number) or math.isnan(number)):
        return sympy.sympify(number)
    if isinstance(number, float) and number == int(number):
        return Integer(int(number))
    if isinstance(number, (int, sympy.Expr)) and not isinstance(number, sympy.Float):
        return sympy.sympify(number)
    msg = "a number with digits after the point, which is rounded"
    raise UndecidedError(msg, str(number))


def exponential(a: Any) -> Any:
    """Return exp of a leaf."""
    if a in INFINITE:
        return sympy.exp(a)
    return Integer(1) if a == 0 else Exp(a)


class Elements:
    """What is done to elements, given what is known of the symbols."""

    def __init__(self, facts: Facts) -> None:
        """Take what is known."""
        self.facts, self.normaliser = facts, Normaliser(facts)

    def condition(self, atom: Any) -> Any:
        """Return a condition: True or False where it is decided."""
        if isinstance(atom, KroneckerDelta):
            known = self.facts.same(*atom.args)
            return Cases(atom, yes=True, no=False) if known is None else known
        if self.facts.is_held(atom):
            return True
        return bool(atom) if atom in (0, 1) else Cases(atom, yes=True, no=False)

    def substitute(self, value: Any, by: dict[Any, Any]) -> Any:
        """Replace indices in a value and in its conditions."""
        if isinstance(value, Cases):
            condition = self.condition(replaced(value.atom, by))
            return choose(condition, self.substitute(value.yes, by), self.substitute(value.no, by))
        return value if isinstance(value, bool) else replaced(value, by)

    def positive(self, term: Any) -> bool:
        """Tell whether a finite term is known to be positive."""
        if term.is_Number:
            return bool(term.is_positive)
        return self.normaliser.is_positive(self.normaliser.polynomial(term)) or (
            self.normaliser.has_positive_numerator(term)
        )

    def negative(self, term: Any) -> bool:
        """Tell whether a finite term is known to be negative."""
        return self.positive(-term)

    def add(self, a: Any, b: Any) -> Any:
        """Add two leaves, with the rules of IEEE 754 for infinities."""
        if a in INFINITE or b in INFINITE:
            return (a if a in INFINITE else Integer(0)) + (b if b in INFINITE else Integer(0))
        return a + b

    def multiply(self, a: Any, b: Any) -> Any:
        """Multiply two leaves."""
        if a in INFINITE or b in INFINITE:
            return self._sign_of(a) * self._sign_of(b) * sympy.oo
        return Integer(0) if 0 in (a, b) else a * b

    def _sign_of(self, a: Any) -> Any:
        if a in (sympy.nan, sympy.zoo):
            return a
        if a in INFINITE or a == 0:
            return sympy.sign(a)
        if self.positive(a):
            return Integer(1)
        return Integer(-1) if self.negative(a) else sympy.zoo

    def divide(self, a: Any, b: Any) -> Any:
        """Divide two leaves."""
        if b in (sympy.oo, -sympy.oo) and a not in INFINITE:
            return Integer(0)
        if b == 0:
            msg = "a division by 0"
            raise UndecidedError(msg, str(a))
        return self.multiply(a, reciprocal(b))

    def less(self, a: Any, b: Any) -> Any:
        """Compare two leaves."""
        if sympy.nan in (a, b):
            return False
        if sympy.zoo in (a, b):
            msg = "the sign of an infinity"
            raise UndecidedError(msg, f"{a} < {b}")
        if a in INFINITE or b in INFINITE:
            return bool((a if a in INFINITE else 0) < (b if b in INFINITE else 0))
        difference = b - a
        if (self.facts.range_of(a) is not None and self.facts.within(a, b)) or self.positive(difference):
            return True
        opposite = self.normaliser.polynomial(-difference)
        if self.negative(difference) or self.normaliser.is_nonnegative(opposite):
            return False
        return Cases(Less(a, b), yes=True, no=False)

    def equal(self, a: Any, b: Any) -> Any:
        """Compare two leaves: of indices, by what is known of them."""
        if a in INFINITE or b in INFINITE:
            return a == b and a is not sympy.nan
        if isinstance(a, bool) or a == b:
            return a == b
        if all(isinstance(x, (Integer, Symbol, Element)) and x.is_integer for x in (a, b)):
            return self.condition(KroneckerDelta(a, b))
        if self.positive(a - b) or self.negative(a - b) or (a - b).is_nonzero:
            return False
        return Cases(Same(*sorted((a, b), key=sympy.default_sort_key)), yes=True, no=False)

    def summed(self, value: Any, index: Any, size: Any) -> Any:
        """Sum a value over an index; conditions that do not depend on it stay conditions."""
        outer = sorted((a for a in atoms_of(value) if not mentions(a, index)), key=sympy.default_sort_key)
        if outer:
            halves = [self.summed(restrict(value, outer[0], held), index, size) for held in (True, False)]
            return choose(self.condition(outer[0]), *halves)
        if isinstance(size, Integer):
            parts = [self.substitute(value, {index: Integer(n)}) for n in range(int(size))]
            return apply(sympy.Add, *parts)
        for atom in sorted(atoms_of(value), key=sympy.default_sort_key):
            if isinstance(atom, KroneckerDelta) and index in atom.args:
                other = atom.args[1] if atom.args[0] == index else atom.args[0]
                if self.facts.within(other, size):
                    return self._split(value, atom, index, other, size)
        if any(leaf in INFINITE for leaf in leaves(value)):
            msg = "a sum of what may be infinite"
            raise UndecidedError(msg, str(value))
        bound = self.facts.index("k", size)
        return sympy.Sum(replaced(collapse(value, lambda atom: atom), {index: bound}), (bound, 0, size - 1))

    def _split(self, value: Any, delta: Any, index: Any, other: Any, size: Any) -> Any:
        """Sum a value that has another form at one index: there it is known what else holds."""
        at, elsewhere = restrict(value, delta, held=True), restrict(value, delta, held=False)
        alone = self.substitute(at, {index: other})
        instead = self.substitute(elsewhere, {index: other})
        return apply(lambda a, b, c: a + b - c, alone, self.summed(elsewhere, index, size), instead)

    def some(self, value: Any, index: Any, size: Any) -> Any:
        """Tell whether a condition holds for any value of an index."""
        outer = sorted((a for a in atoms_of(value) if not mentions(a, index)), key=sympy.default_sort_key)
        if outer:
            halves = [self.some(restrict(value, outer[0], held), index, size) for held in (True, False)]
            return choose(self.condition(outer[0]), *halves)
        count = self.summed(apply(lambda held: Integer(1 if held else 0), value), index, size)
        return apply(lambda n: self.less(Integer(0), n), count)


class SymbolicArray:
    """A generic element, and an index with its size for each axis; None stands for an axis of size 1."""

    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]
    device = "symbolic"

    def __init__(self, xp: Any, element: Any, axes: tuple[Any, ...], dtype: str) -> None:
        """Take the parts as they are."""
        self.xp, self.element, self.axes, self.dtype = xp, element, tuple(axes), dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes."""
        return tuple(1 if axis is None else axis[1] for axis in self.axes)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.axes)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return self.xp

    def with_element(self, element: Any, dtype: str | None = None) -> SymbolicArray:
        """Return an array of the same axes."""
        return type(self)(self.xp, element, self.axes, dtype or self.dtype)

    def at(self, *index: Any) -> Any:
        """Return the element of an index."""
        by = {axis[0]: i for axis, i in zip(self.axes, index, strict=True) if axis is not None}
        return self.xp.elements.substitute(self.element, by)

    def __bool__(self) -> bool:
        if isinstance(self.element, bool):
            return self.element
        msg = "a branch of Python on a condition that is not decided"
        raise UndecidedError(msg, str(self.element))

    def __getitem__(self, key: Any) -> SymbolicArray:
        keys = list(key) if isinstance(key, tuple) else [key]
        taken = sum(1 for k in keys if k is not None and k is not Ellipsis)
        at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
        keys[at : at + 1] = [slice(None)] * (self.ndim - taken)
        axes: list[Any] = []
        element, left = self.element, list(self.axes)
        for k in keys:
            if k is None:
                axes.append(None)
                continue
            axis = left.pop(0)
            if isinstance(k, slice) and k == slice(None):
                axes.append(axis)
            elif isinstance(k, int) and axis is not None:
                element = self.xp.elements.substitute(element, {axis[0]: Integer(k)})
            else:
                msg = "an index that is no number, None or whole axis"
                raise UndecidedError(msg, str(key))
        return type(self)(self.xp, element, tuple(axes), self.dtype)

    def __pow__(self, n: int) -> SymbolicArray:
        return self.with_element(apply(lambda a: a**n, self.element))

    def __neg__(self) -> SymbolicArray:
        return self.xp.multiply(self, -1)


def _operator(name: str, *, reflected: bool = False) -> Callable[[Any, Any], Any]:
    def operate(self: SymbolicArray, other: Any) -> Any:
        function = getattr(self.xp, name)
        return function(other, self) if reflected else function(self, other)

    return operate


for _name, _function in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(SymbolicArray, f"__{_name}__", _operator(_function))
    if _name in ("add", "sub", "mul", "truediv"):
        setattr(SymbolicArray, f"__r{_name}__", _operator(_function, reflected=True))


def free_real(rows: list[Any]) -> Any:
    """Return a real number of which nothing is known, one for each row."""
    base = sympy.Dummy("m", real=True)
    return Element(base, *rows) if rows else base
