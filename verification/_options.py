"""Options of a loss as symbols: Python numbers to the library, terms to the prover."""

from __future__ import annotations

import contextlib
import math
import sys
from builtins import float as builtin_float
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TINY = (2.0**-1023, 2.0**-1021)
"""Where the smallest normal number of a dtype lies."""
EPS = (2.0**-53, 2.0**-22)
"""Where the spacing of a dtype at 1 lies."""
HUGE = (sys.float_info.max, math.inf)
"""Where its largest number lies: no option is beyond it."""


@dataclass(frozen=True, eq=False)
class Option:
    """A number of which a term is known, and an open interval that it lies in."""

    value: Any
    low: builtin_float
    high: builtin_float

    def _with(self, other: Any, f: Callable[[Any, Any], Any]) -> Any:
        other = option_of(other, type(self.value))
        if other is None:
            return NotImplemented
        ends = [f(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Option(f(self.value, other.value), min(ends), max(ends))

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b / a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Option:
        return Option(-self.value, -self.high, -self.low)

    def _below(self, other: Any, claim: str) -> bool:
        other = option_of(other, type(self.value))
        if self.high <= other.low:
            return True
        if other.high <= self.low:
            return False
        raise UndecidedError(claim, f"{self.value} and {other.value}")

    def __lt__(self, other: Any) -> bool:
        return self._below(other, "which of two options is less")

    __le__ = __lt__

    def __gt__(self, other: Any) -> bool:
        return not self < other

    __ge__ = __gt__

    def __eq__(self, other: object) -> bool:
        """Say no to 0, 1 and inf: what an option does there is another case, which is proved without it."""
        if isinstance(other, Real) and not isinstance(other, Option) and other not in (0, 1, math.inf):
            msg = "whether an option is a number"
            raise UndecidedError(msg, f"{self.value} and {other}")
        return self is other

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return not self._below(0, "whether an option is 0") or self.high <= 0


Real.register(Option)


def option_of(number: Any, kind: type) -> Option | None:
    """Return a Python number as an option; None of what is no number."""
    if isinstance(number, Option):
        return number
    if not isinstance(number, Real):
        return None
    value = builtin_float(number)
    if math.isinf(value) or value.is_integer():
        return Option(value if math.isinf(value) else lifted(int(value), kind), value, value)
    msg = "a number with digits after the point, which is rounded"
    raise UndecidedError(msg, str(number))


def lifted(number: int, kind: type) -> Any:
    """Return a whole number as a term of a kind; most terms take one as it is."""
    lift = getattr(kind, "lift", None)
    return number if lift is None else lift(number)


def symbolic_float(x: Any = 0.0) -> Any:
    """Stand for the constructor `float`, which leaves a symbol as it is."""
    return x if isinstance(x, Option) else builtin_float(x)


@contextlib.contextmanager
def symbolic_options() -> Iterator[None]:
    """Have `float(option)` leave a symbol as it is, in the modules of the library."""
    modules = [m for name, m in sys.modules.items() if name.startswith("xent_arrayapi.")]
    for module in modules:
        vars(module)["float"] = symbolic_float
    try:
        yield
    finally:
        for module in modules:
            vars(module).pop("float", None)
