"""Terms: numbers that depend on symbols, and perhaps on conditions, with the operations that led to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verification._cases import Cases, branch
from verification._options import Option

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification._certificates import Tree
    from verification._symbolic import Symbolic

MINUS_ONE = ("rational", -1, 1)


class Term:
    """An element with the operators of Python; its tree tells how it was put together from elements of arrays."""

    __slots__ = ("_grow", "domain", "value")

    def __init__(self, domain: Symbolic, value: Any, grow: Callable[[], Tree] | None = None) -> None:
        """Take a value, and how to write it, where that is not its normal form."""
        self.domain, self.value, self._grow = domain, value, grow

    @property
    def tree(self) -> Tree:
        """The term as a tree."""
        return self.domain.tree(self.value) if self._grow is None else self._grow()

    def __repr__(self) -> str:
        return str(self.value)

    def _with(self, other: Any, name: str, write: Callable[[Tree, Tree], Tree], *, swapped: bool = False) -> Any:
        if isinstance(other, int | Option):
            other = Term(self.domain, self.domain.lift(other))
        if not isinstance(other, Term):
            return NotImplemented
        x, y = (other, self) if swapped else (self, other)
        operate, told = getattr(self.domain, name), name == "divide"
        value = branch(lambda facts, a, b: operate(a, b, facts) if told else operate(a, b), x.value, y.value)
        if isinstance(value, Cases | float) or any(isinstance(z.value, Cases | float) for z in (x, y)):
            return Term(self.domain, value)
        return Term(self.domain, value, lambda: write(x.tree, y.tree))

    def __add__(self, other: Any) -> Any:
        return self._with(other, "add", _sum)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, "subtract", _less)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "subtract", _less, swapped=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, "multiply", _product)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, "divide", _quotient)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, "divide", _quotient, swapped=True)

    def __neg__(self) -> Any:
        return self * -1

    def __pow__(self, n: int) -> Any:
        result: Any = Term(self.domain, self.domain.lift(1))
        for _ in range(abs(n)):
            result = result * self
        return result if n >= 0 else 1 / result


def _sum(x: Tree, y: Tree) -> Tree:
    return ("add", x, y)


def _less(x: Tree, y: Tree) -> Tree:
    return ("add", x, ("mul", MINUS_ONE, y))


def _product(x: Tree, y: Tree) -> Tree:
    return ("mul", x, y)


def _quotient(x: Tree, y: Tree) -> Tree:
    return ("mul", x, ("pow", y, -1))
