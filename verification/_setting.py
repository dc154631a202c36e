"""Where a theorem is proved: for every number of classes at once, or for one number of them, by one of two provers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xent_arrayapi._typing import Array, Namespace


class Setting(Protocol):
    """Makes symbolic arrays, reads their elements, differentiates them, and shows identities.

    Axes are letters: N rows, K classes, D features; a shape is a word of them, such as "NK", and "" a number.
    A term is a number that depends on the symbols: terms are added, subtracted, multiplied, divided by and raised
    to whole numbers with the operators of Python, also with Python integers.
    """

    xp: Namespace
    name: str

    def size(self, axis: str) -> Any:
        """Return the size of an axis."""

    def given(self, hypothesis: str) -> bool:
        """Tell whether a hypothesis of the theorem may be used: one is dropped in some runs."""

    def reals(self, name: str, shape: str) -> Array:
        """Return an array of real numbers."""

    def nonzeros(self, name: str, shape: str) -> Array:
        """Return an array of real numbers other than 0."""

    def positives(self, name: str, shape: str) -> Array:
        """Return an array of positive numbers."""

    def probabilities(self, name: str, shape: str, *, summed: bool = True) -> Array:
        """Return an array of positive numbers; where `summed`, those of each row add up to 1 along the last axis."""

    def labels(self, name: str, shape: str, *, known: bool = True) -> Array:
        """Return an array of class labels, integers in 0..K−1; any from 0 on, unless they are `known` to be those."""

    def mask(self, name: str, shape: str, label: Array | None = None, *, empty: bool = False) -> Array:
        """Return a boolean array with a True in each row, unless it may be `empty`; with labels, True at the label."""

    def number(self, name: str, *, low: float = 2.0**-900, high: float = 2.0**900) -> Any:
        """Return a positive number between two others, for an option."""

    def term(self, number: Any) -> Any:
        """Return an option or a Python integer as a term."""

    def indices(self, shape: str, label: Array | None = None) -> Iterable[tuple[Any, ...]]:
        """Go through all index tuples of a shape, whose letters may recur: equal and distinct indices are cases.

        With labels, whether a class index is the label of the row of the same tuple is a case as well.
        """

    def at(self, x: Array, *index: Any) -> Any:
        """Return an element, once it is shown that it does not depend on the shift, nor on the mask of ties."""

    def diff(self, term: Any, x: Array, *index: Any) -> Any:
        """Return the derivative of a term by an element of an array that this setting made."""

    def sum(self, axis: str, terms: Callable[[Any], Any]) -> Any:
        """Return the sum over an axis of what a function makes of each index."""

    def exp(self, term: Any) -> Any:
        """Return the exponential of a term."""

    def log(self, term: Any) -> Any:
        """Return the logarithm of a positive term."""

    def equal(self, claim: str, left: Any, right: Any) -> None:
        """Show that two terms are equal, and note the step, or raise NotProvedError."""

    def positive(self, claim: str, term: Any) -> None:
        """Show that a term is positive from the signs of its parts, or raise NotProvedError."""
