"""What the normal form of a term is made of, beside symbols, elements of arrays and sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from sympy import Add, Dummy, Expr, Integer, KroneckerDelta, Mul

from verification._results import UndecidedError
from verification._traverse import parts_of


class Atom(Expr):
    """A function that SymPy leaves as it is: it neither merges, splits nor evaluates it."""

    is_commutative = is_real = True

    def __new__(cls, *args: Any) -> Self:
        """Take arguments that are terms already."""
        return Expr.__new__(cls, *args)

    def _eval_derivative(self, x: Any) -> Any:
        return self.slope() * self.args[0].diff(x)

    def slope(self) -> Any:
        """Return the derivative by the argument."""
        msg = "a derivative of what depends on a condition"
        raise UndecidedError(msg, str(self))


class Element(Expr):
    """An element of an array: a symbol for the array, whose signs are those of the element, and indices."""

    is_commutative = True
    is_symbol = _diff_wrt = True

    def __new__(cls, *args: Any) -> Self:
        """Take the symbol and the indices."""
        return Expr.__new__(cls, *args)

    @property
    def base(self) -> Any:
        """The symbol of the array."""
        return self.args[0]

    @property
    def indices(self) -> tuple[Any, ...]:
        """The indices."""
        return tuple(self.args[1:])

    def _eval_derivative(self, x: Any) -> Any:
        if not isinstance(x, Element) or x.base != self.base:
            return Integer(0)
        return Mul(*(KroneckerDelta(i, j) for i, j in zip(self.indices, x.indices, strict=True)))

    def _eval_is_real(self) -> bool | None:
        return self.base.is_real

    def _eval_is_integer(self) -> bool | None:
        return self.base.is_integer

    def _eval_is_positive(self) -> bool | None:
        return self.base.is_positive

    def _eval_is_nonnegative(self) -> bool | None:
        return self.base.is_nonnegative

    def _eval_is_zero(self) -> bool | None:
        return self.base.is_zero

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.base)}[{', '.join(map(printer._print, self.indices))}]"  # noqa: SLF001  # SymPy's way


class Exp(Atom):
    """The exponential."""

    is_positive = True

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
        return self.sizes.get(index.base if isinstance(index, Element) else index)

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
        if not (isinstance(atom, Element) and atom.base in self.held):
            return False
        *row, k = atom.indices
        return bool(k == Element(self.held[atom.base], *row))

    def is_indicator(self, atom: Any) -> bool:
        """Tell whether an atom is 0 or 1."""
        if isinstance(atom, (KroneckerDelta, *UNDECIDED)):
            return True
        return isinstance(atom, Element) and atom.base in self.booleans


def undecided(term: Any) -> set[Any]:
    """Return the conditions in a term that are not decided."""
    return parts_of(term, UNDECIDED)
