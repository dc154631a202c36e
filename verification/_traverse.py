"""Walks through terms that visit each shared part once: SymPy's own walk visits it as often as it occurs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sympy import Integer, Mul, Symbol

EMPTY: frozenset[Any] = frozenset()
ZERO = Integer(0)


@lru_cache(maxsize=200_000)
def symbols_of(term: Any) -> frozenset[Any]:
    """Return all symbols in a term, bound ones as well."""
    if isinstance(term, Symbol):
        return frozenset((term,))
    return EMPTY.union(*(symbols_of(a) for a in term.args)) if term.args else EMPTY


def mentions(term: Any, symbol: Any) -> bool:
    """Tell whether a symbol occurs in a term."""
    return symbol in symbols_of(term)


def replaced(term: Any, by: dict[Any, Any]) -> Any:
    """Replace symbols in a term, all at once."""
    keys = frozenset(by)
    done: dict[Any, Any] = {}

    def walk(part: Any) -> Any:
        if keys.isdisjoint(symbols_of(part)):
            return part
        found = by.get(part) if isinstance(part, Symbol) else done.get(part)
        if found is None:
            found = done[part] = _of(part, [walk(a) for a in part.args])
        return found

    return walk(term)


def _of(part: Any, parts: list[Any]) -> Any:
    """Return a term like another, of other parts; SymPy asks of the factors of 0 whether they are finite: all are."""
    return ZERO if isinstance(part, Mul) and ZERO in parts else part.func(*parts)


def parts_of(term: Any, kinds: tuple[type, ...]) -> set[Any]:
    """Return the parts of a term that are of some kinds."""
    seen: set[Any] = set()
    left = [term]
    while left:
        part = left.pop()
        if part not in seen:
            seen.add(part)
            left.extend(part.args)
    return {part for part in seen if isinstance(part, kinds)}


def exchanged(term: Any, by: dict[Any, Any]) -> Any:
    """Replace parts of a term, all at once."""
    done = dict(by)

    def walk(part: Any) -> Any:
        found = done.get(part)
        if found is None:
            found = done[part] = _of(part, [walk(a) for a in part.args]) if part.args else part
        return found

    return walk(term)
