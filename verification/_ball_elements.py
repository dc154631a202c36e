"""Balls of Arb as the elements of object arrays: every result is an enclosure of what the library computes exactly."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Facts = Mapping[Any, bool]

INFINITE, NAN = arb(math.inf), arb(math.nan)


def by_rule(f: Callable[..., Any], *values: arb) -> arb:
    """Apply a function where a value is infinite or nan, as IEEE 754 has it: of a finite number the sign counts."""
    signs = [float(x.mid()) if not x.is_finite() else float((x > 0) - (x < 0)) for x in values]
    with np.errstate(all="ignore"):
        return arb(float(f(*map(np.float64, signs))))


def decide(x: arb, y: arb, claim: str, *, yes: bool, no: bool) -> bool:
    """Return whether a comparison holds, which more precision may decide where neither side is certain."""
    if yes == no:
        raise UndecidedError(claim, f"{x} and {y}")
    return yes


class Balls:
    """Arithmetic on balls, in the precision that is in force; inf, −inf and nan are exact balls."""

    name = "balls"

    def lift(self, number: Any) -> arb:
        """Return a Python number as a ball of radius 0: a float is the number that it is."""
        return number if isinstance(number, arb) else arb(number if isinstance(number, int) else float(number))

    def _of_two(self, f: Callable[[Any, Any], Any], x: arb, y: arb) -> arb:
        return f(x, y) if x.is_finite() and y.is_finite() else by_rule(f, x, y)

    def add(self, x: arb, y: arb) -> arb:
        """Return x + y."""
        return self._of_two(lambda a, b: a + b, x, y)

    def subtract(self, x: arb, y: arb) -> arb:
        """Return x − y."""
        return self._of_two(lambda a, b: a - b, x, y)

    def multiply(self, x: arb, y: arb) -> arb:
        """Return x y."""
        return self._of_two(lambda a, b: a * b, x, y)

    def divide(self, x: arb, y: arb, _: Facts) -> arb:
        """Return x / y."""
        return by_rule(np.divide, x, y) if y.is_zero() else self._of_two(lambda a, b: a / b, x, y)

    def power(self, x: arb, n: int) -> arb:
        """Return x raised to a whole number."""
        return x**n if x.is_finite() else by_rule(lambda a: a**n, x)

    def negative(self, x: arb) -> arb:
        """Return −x."""
        return -x

    def absolute(self, x: arb, _: Facts) -> arb:
        """Return the absolute value."""
        return abs(x)

    def exp(self, x: arb, _: Facts) -> arb:
        """Return the exponential."""
        return x.exp() if x.is_finite() else by_rule(np.exp, x)

    def log(self, x: arb, _: Facts) -> arb:
        """Return the logarithm: −inf at 0, nan below."""
        return x.log() if x.is_finite() and not x.is_zero() else by_rule(np.log, x)

    def log1p(self, x: arb, _: Facts) -> arb:
        """Return the logarithm of 1 + x."""
        return x.log1p() if x.is_finite() and x != -1 else by_rule(np.log1p, x)

    def tanh(self, x: arb) -> arb:
        """Return the hyperbolic tangent."""
        return x.tanh() if x.is_finite() else by_rule(np.tanh, x)

    def less(self, x: arb, y: arb) -> bool:
        """Return whether x < y."""
        if x is y or x.is_nan() or y.is_nan():
            return False
        return decide(x, y, "which of two balls is less", yes=bool(x < y), no=bool(x >= y))

    def less_equal(self, x: arb, y: arb) -> bool:
        """Return whether x <= y."""
        if x.is_nan() or y.is_nan():
            return False
        return x is y or decide(x, y, "which of two balls is less", yes=bool(x <= y), no=bool(x > y))

    def equal(self, x: arb, y: arb) -> bool:
        """Return whether x == y."""
        if x.is_nan() or y.is_nan():
            return False
        return x is y or decide(x, y, "whether two balls are one number", yes=bool(x == y), no=bool(x != y))

    def isfinite(self, x: arb) -> bool:
        """Tell whether x is finite."""
        return bool(x.is_finite())

    def isinf(self, x: arb) -> bool:
        """Tell whether x is inf or −inf."""
        return not x.is_finite() and not x.is_nan()

    def isnan(self, x: arb) -> bool:
        """Tell whether x is nan."""
        return bool(x.is_nan())

    def total(self, values: Sequence[arb]) -> arb:
        """Return the sum."""
        return reduce(self.add, values, arb(0))

    def maximum(self, values: Sequence[arb]) -> arb:
        """Return the ball of the largest midpoint: whether the others are less is asked of the comparison."""
        lost = next((x for x in values if x.is_nan()), None)
        return max(values, key=lambda x: x.mid()) if lost is None else lost

    def tidy(self, value: arb) -> arb:
        """Return the value: nothing depends on conditions here."""
        return value
