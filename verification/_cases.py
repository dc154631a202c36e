"""Values that depend on conditions: `where` is exact, also where a branch is infinite."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Cases:
    """One value where a condition holds, and another where it does not; both may be cases of later conditions.

    Conditions are atoms: values that hash and that `order` sorts.  What is no `Cases` is a leaf.
    """

    atom: Any
    yes: Any
    no: Any


def order(atom: Any) -> Any:
    """Return by what atoms are sorted: any total order will do, as long as it is always the same."""
    return atom.sort_key() if hasattr(atom, "sort_key") else str(atom)


def cases(atom: Any, yes: Any, no: Any) -> Any:
    """Return a value by a condition; a condition that decides nothing is left out."""
    return yes if yes is no or (type(yes) is type(no) and yes == no) else Cases(atom, yes, no)


def apply(f: Callable[..., Any], *values: Any) -> Any:
    """Apply a function of leaves to values that depend on conditions."""
    atoms = [value.atom for value in values if isinstance(value, Cases)]
    if not atoms:
        return f(*values)
    first = min(atoms, key=order)
    return cases(first, *(apply(f, *(_under(value, first, held) for value in values)) for held in (True, False)))


def branch(f: Callable[..., Any], *values: Any, facts: Mapping[Any, bool] = MappingProxyType({})) -> Any:
    """Apply a function of leaves that is also told, first, which conditions hold on the branch of the leaves.

    What it returns may depend on further conditions.
    """
    atoms = [value.atom for value in values if isinstance(value, Cases)]
    if not atoms:
        return f(facts, *values)
    first = min(atoms, key=order)
    yes, no = (
        branch(f, *(_under(value, first, held) for value in values), facts={**facts, first: held})
        for held in (True, False)
    )
    if isinstance(yes, Cases) or isinstance(no, Cases):
        return choose(Cases(first, yes=True, no=False), yes, no)  # puts the conditions in order
    return cases(first, yes, no)


def _under(value: Any, atom: Any, held: bool) -> Any:  # noqa: FBT001  # the two halves of a case
    if isinstance(value, Cases) and value.atom == atom:
        return value.yes if held else value.no
    return value


def leaves(value: Any) -> list[Any]:
    """Return all leaves."""
    return [*leaves(value.yes), *leaves(value.no)] if isinstance(value, Cases) else [value]


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """Return `where(condition, yes, no)` for a condition whose leaves are True and False."""
    return apply(lambda held, one, other: one if held else other, condition, yes, no)


def atoms_of(value: Any) -> set[Any]:
    """Return the conditions that a value depends on."""
    return {value.atom} | atoms_of(value.yes) | atoms_of(value.no) if isinstance(value, Cases) else set()


def restrict(value: Any, atom: Any, held: bool) -> Any:  # noqa: FBT001  # the two halves of a case
    """Return a value where a condition is known."""
    if not isinstance(value, Cases):
        return value
    if value.atom == atom:
        return value.yes if held else value.no
    return cases(value.atom, restrict(value.yes, atom, held), restrict(value.no, atom, held))


def collapse(value: Any, indicator: Callable[[Any], Any]) -> Any:
    """Return a value as one term, c · yes + (1 − c) · no with the indicator c of each condition."""
    if not isinstance(value, Cases):
        return value
    c, yes, no = indicator(value.atom), collapse(value.yes, indicator), collapse(value.no, indicator)
    if no == 0:
        return c * yes
    return (1 - c) * no if yes == 0 else c * yes + (1 - c) * no
