"""Public functions: which theorems cover them, what their docstrings cite, and the hashes of their sources."""

from __future__ import annotations

import hashlib
import inspect
import re
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import xent_arrayapi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verification._results import Theorem

ROOT = Path(__file__).parents[1]
CITATION = re.compile(r"^(?P<indent> *)Theorems: (?P<ids>[^.]*)\.$", re.MULTILINE)


def thing(name: str) -> Any:
    """Return a public function, class or method by its name; a property by what it calls."""
    found: Any = xent_arrayapi
    for part in name.split("."):
        found = inspect.getattr_static(found, part) if inspect.isclass(found) else getattr(found, part)
    function: Any = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    return inspect.unwrap(function)


@cache
def public_names() -> tuple[str, ...]:
    """Return all public names: functions, classes, and of those the methods and properties."""
    return tuple(_names())


def _names() -> Iterator[str]:
    for name in xent_arrayapi.__all__:
        yield name
        if inspect.isclass(found := getattr(xent_arrayapi, name)):
            kinds = (FunctionType, property, classmethod, staticmethod)
            members = [member for base in found.__mro__[:-1] for member in vars(base) if not member.startswith("_")]
            for member in dict.fromkeys(members):
                if isinstance(inspect.getattr_static(found, member), kinds):
                    yield f"{name}.{member}"


def has_to_be_covered(name: str) -> bool:
    """Tell what computes from a class of mere data; an object that is called goes by the name of its class."""
    found = thing(name)
    return not inspect.isclass(found) or any("__call__" in vars(base) for base in found.__mro__)


def theorems_by_name(theorems: Iterable[Theorem]) -> dict[str, tuple[str, ...]]:
    """Return the ids of the theorems that cover each public name, in order."""
    covering: dict[str, list[str]] = {name: [] for name in public_names()}
    for theorem in theorems:
        for name in set(theorem.covers) & set(covering):
            covering[name].append(theorem.id)
    return {name: tuple(ids) for name, ids in covering.items()}


def due(theorems: Iterable[Theorem]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return what each public docstring is to cite, by the names that share it: inherited methods have one."""
    covering = theorems_by_name(theorems)
    sharing: dict[int, list[str]] = {}
    for name in covering:
        sharing.setdefault(id(thing(name)), []).append(name)
    return {
        tuple(names): tuple(dict.fromkeys(theorem for name in names for theorem in covering[name]))
        for names in sharing.values()
    }


def cited(name: str) -> tuple[str, ...]:
    """Return the ids that the docstring of a public name cites."""
    found = CITATION.search(inspect.getdoc(thing(name)) or "")
    return tuple(found["ids"].replace(",", " ").split()) if found else ()


def citation(ids: tuple[str, ...]) -> str:
    """Return the line that cites theorems."""
    return f"Theorems: {', '.join(ids)}."


def source_hash(name: str) -> str:
    """Return the SHA-256 of the source of a public name."""
    return hashlib.sha256(inspect.getsource(thing(name)).encode()).hexdigest()


def uncovered(theorems: Iterable[Theorem]) -> tuple[str, ...]:
    """Return the public functions and methods that no theorem covers."""
    covering = theorems_by_name(theorems)
    return tuple(name for name, ids in covering.items() if not ids and has_to_be_covered(name))


def strangers(theorem: Theorem) -> tuple[str, ...]:
    """Return what a theorem claims to cover and is not public."""
    return tuple(name for name in theorem.covers if name not in public_names())


def digest() -> str:
    """Return the SHA-256 of the source of the library and of what proves it."""
    whole = hashlib.sha256()
    for folder in ("xent_arrayapi", "verification"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            whole.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
            whole.update(path.read_bytes() + b"\0")
    return whole.hexdigest()
