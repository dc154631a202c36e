"""What an array of objects has to know of its elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Domain(Protocol):
    """Arithmetic on elements: expressions, quotients of polynomials, balls.

    An element is what `lift` returns; inf, −inf and nan are elements of every domain.  A condition is True, False
    or, where it cannot be decided, a `Cases` whose leaves are True and False.  `facts` tells which conditions hold
    on the branch where a function is applied.
    """

    name: str

    def lift(self, number: Any) -> Any:
        """Return a Python number, or a symbolic one, as an element; refuse one that is not exact."""

    def add(self, x: Any, y: Any) -> Any:
        """Return x + y."""

    def subtract(self, x: Any, y: Any) -> Any:
        """Return x − y."""

    def multiply(self, x: Any, y: Any) -> Any:
        """Return x y."""

    def divide(self, x: Any, y: Any, facts: Mapping[Any, bool]) -> Any:
        """Return x / y."""

    def power(self, x: Any, n: int) -> Any:
        """Return x raised to a whole number."""

    def negative(self, x: Any) -> Any:
        """Return −x."""

    def absolute(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the absolute value."""

    def exp(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the exponential."""

    def log(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the logarithm: −inf at 0, nan below."""

    def log1p(self, x: Any, facts: Mapping[Any, bool]) -> Any:
        """Return the logarithm of 1 + x."""

    def tanh(self, x: Any) -> Any:
        """Return the hyperbolic tangent."""

    def less(self, x: Any, y: Any) -> Any:
        """Return the condition x < y."""

    def less_equal(self, x: Any, y: Any) -> Any:
        """Return the condition x <= y."""

    def equal(self, x: Any, y: Any) -> Any:
        """Return the condition x == y."""

    def isfinite(self, x: Any) -> bool:
        """Tell whether x is finite."""

    def isinf(self, x: Any) -> bool:
        """Tell whether x is inf or −inf."""

    def isnan(self, x: Any) -> bool:
        """Tell whether x is nan."""

    def total(self, values: Sequence[Any]) -> Any:
        """Return the sum of values, which may be `Cases`."""

    def maximum(self, values: Sequence[Any]) -> Any:
        """Return the maximum of values, which may be `Cases`, or a number that stands for it."""

    def tidy(self, value: Any) -> Any:
        """Return the same value with fewer conditions, where that is known."""
