"""What the normal form of a term is made of, beside symbols, elements of arrays and sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Add, Dummy, Expr, Indexed, KroneckerDelta

from verification._results import UndecidedError


class Atom(Expr):
    """A function that SymPy leaves as it is: it neither merges, splits nor evaluates it."""

    is_commutative = True

    def __new__(cls, *args: Any) -> Atom:
        """Take arguments that are terms already."""
        return Expr.__new__(cls, *args)

    def _eval_derivative(self, x: Any) -> Any:
        return self.slope() * self.args[0].diff(x)

    def slope(self) -> Any:
        """Return the derivative by the argument."""
        msg = "a derivative of what depends on a condition"
        raise UndecidedError(msg, str(self))


class Exp(Atom):
    """The exponential."""

    def slope(self) -> Any:
        """Return exp."""
        return self


class Log(Atom):
    """The logarithm."""

    def slope(self) -> Any:
        """Return 1 / x."""
        return reciprocal(self.args[0])


class Reciprocal(Atom):
    """The reciprocal of a term that is no product."""

    def slope(self) -> Any:
        """Return −1 / x²."""
        return -(self**2)


class Less(Atom):
    """1 where one term is less than another, else 0: a condition that is not decided."""


class Same(Atom):
    """1 where two terms are equal, else 0: a condition that is not decided."""


def reciprocal(term: Any) -> Any:
    """Return 1 / x of a term other than 0."""
    return Reciprocal(term) if isinstance(term, Add) else 1 / term


UNDECIDED = (Less, Same)


@dataclass
class Facts:
    """What is known of the symbols of a proof."""

    sizes: dict[Any, Any] = field(default_factory=dict)
    """The number of values, from 0 on, of an index or of an array of labels."""
    distinct: set[frozenset[Any]] = field(default_factory=set)
    """Pairs of indices that differ."""
    booleans: set[Any] = field(default_factory=set)
    """The arrays whose elements are 0 or 1."""
    summed: set[Any] = field(default_factory=set)
    """The arrays whose elements add up to 1 along the last axis."""
    held: dict[Any, Any] = field(default_factory=dict)
    """Masks that are True at a label, and the array of labels."""
    positive: set[Any] = field(default_factory=set)
    """Arrays whose sums along the last axis are positive, though an element may be 0."""

    def index(self, name: str, size: Any) -> Dummy:
        """Return a new index of a range."""
        made = Dummy(name, integer=True, nonnegative=True)
        self.sizes[made] = size
        return made

    def range_of(self, index: Any) -> Any:
        """Return the number of values of an index or a label; None of another term."""
        return self.sizes.get(index.base if isinstance(index, Indexed) else index)

    def within(self, index: Any, size: Any) -> bool:
        """Tell whether an index is known to be one of 0 to size − 1."""
        if index.is_Integer and size.is_Integer:
            return bool(0 <= index < size)
        return self.range_of(index) == size or (index.is_Integer and index.is_zero and size.is_positive)

    def same(self, one: Any, other: Any) -> bool | None:
        """Tell whether two indices are equal, if that is known."""
        if one == other:
            return True
        if one.is_Integer and other.is_Integer:
            return False
        return False if frozenset((one, other)) in self.distinct else None

    def is_held(self, atom: Any) -> bool:
        """Tell whether a condition is known to hold: a mask at the label of its row."""
        if not (isinstance(atom, Indexed) and atom.base in self.held):
            return False
        *row, k = atom.indices
        return bool(k == self.held[atom.base][tuple(row)])

    def is_indicator(self, atom: Any) -> bool:
        """Tell whether an atom is 0 or 1."""
        if isinstance(atom, (KroneckerDelta, *UNDECIDED)):
            return True
        return isinstance(atom, Indexed) and atom.base in self.booleans


def undecided(term: Any) -> set[Any]:
    """Return the conditions in a term that are not decided."""
    return set(sympy.sympify(term).atoms(*UNDECIDED))
