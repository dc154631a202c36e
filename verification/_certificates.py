"""Certificates: both sides of an identity as canonical JSON, checked again by programs that know nothing of the prover.

A side is a tree of tuples: ("add", tree, ...), ("mul", tree, ...), ("pow", tree, n) with a whole n,
("rational", p, q) and ("atom", label).  Atoms stand for any real numbers: what they are plays no part in the identity.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Tree = tuple[Any, ...]


class Fraction(NamedTuple):
    """A numerator over factors, each under a name with its value and how often it occurs."""

    num: Any
    dens: dict[str, tuple[Any, int]]


def certificate(left: Tree, right: Tree) -> str:
    """Return canonical JSON of the identity left = right: operands in order, atoms numbered as they come."""
    sides = [_ordered(left), _ordered(right)]
    labels = list(dict.fromkeys(label for side in sides for label in atoms(side)))
    numbers = {label: k for k, label in enumerate(labels)}
    content = {
        "atoms": labels,
        "left": _numbered(sides[0], numbers),
        "nonzero": _unique(_numbered(base, numbers) for side in sides for base in _denominators(side)),
        "right": _numbered(sides[1], numbers),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def sha256(text: str) -> str:
    """Return the hash of a certificate."""
    return hashlib.sha256(text.encode()).hexdigest()


def atoms(tree: Tree) -> Iterator[str]:
    """Go through the labels of the atoms of a tree."""
    if tree[0] == "atom":
        yield tree[1]
    for part in tree[1:]:
        if isinstance(part, tuple):
            yield from atoms(part)


def replaced(tree: Tree, by: Mapping[str, Tree]) -> Tree:
    """Return a tree with other trees in the place of atoms."""
    if tree[0] == "atom":
        return by.get(tree[1], tree)
    return (tree[0], *(replaced(part, by) if isinstance(part, tuple) else part for part in tree[1:]))


def _ordered(tree: Tree) -> Tree:
    """Return a tree with the operands of sums and products in one order, and sums of sums as one sum."""
    return _with_key(tree)[0]


def _with_key(tree: Tree) -> tuple[Tree, str]:
    """Return an ordered tree, with the text that it is ordered by."""
    if tree[0] not in ("add", "mul", "pow"):
        return tree, repr(tree)
    if tree[0] == "pow":
        base, key = _with_key(tree[1])
        return (base, key) if tree[2] == 1 else (("pow", base, tree[2]), f"pow({key},{tree[2]})")
    flat: list[tuple[Tree, str]] = []
    for part in tree[1:]:
        ordered, key = _with_key(part)
        flat += [_with_key(inner) for inner in ordered[1:]] if ordered[0] == tree[0] else [(ordered, key)]
    flat.sort(key=lambda pair: pair[1])
    if len(flat) == 1:
        return flat[0]
    return (tree[0], *(part for part, _ in flat)), f"{tree[0]}({','.join(key for _, key in flat)})"


def _denominators(tree: Tree) -> Iterator[Tree]:
    if tree[0] == "pow" and tree[2] < 0:
        yield tree[1]
    for part in tree[1:]:
        if isinstance(part, tuple):
            yield from _denominators(part)


def _numbered(tree: Tree, numbers: Mapping[str, int]) -> list[Any]:
    if tree[0] == "atom":
        return ["atom", numbers[tree[1]]]
    return [tree[0], *(_numbered(part, numbers) if isinstance(part, tuple) else part for part in tree[1:])]


def _unique(items: Iterator[list[Any]]) -> list[list[Any]]:
    return [json.loads(text) for text in dict.fromkeys(json.dumps(item) for item in items)]


def fraction(tree: list[Any], atom: Callable[[int], Any], number: Callable[[int, int], Any]) -> Fraction:
    """Return a tree over a common denominator, worked out by whatever the atoms are numbers of."""
    kind, one = tree[0], number(1, 1)
    if kind == "rational":
        return Fraction(number(tree[1], tree[2]), {})
    if kind == "atom":
        return Fraction(atom(tree[1]), {})
    if kind == "pow":
        return _raised(fraction(tree[1], atom, number), tree[1], tree[2], one)
    parts = [fraction(part, atom, number) for part in tree[1:]]
    if kind == "mul":
        dens: dict[str, tuple[Any, int]] = {}
        for part in parts:
            for key, (value, n) in part.dens.items():
                dens[key] = (value, n + (dens[key][1] if key in dens else 0))
        return Fraction(math.prod((part.num for part in parts), start=one), dens)
    common = _common(parts)
    return Fraction(sum((_over(part, common, one) for part in parts), one - one), common)


def _raised(inner: Fraction, base: list[Any], n: int, one: Any) -> Fraction:
    if n >= 0:
        return Fraction(power(inner.num, n, one), {key: (value, m * n) for key, (value, m) in inner.dens.items()})
    upside = math.prod((power(value, -m * n, one) for value, m in inner.dens.values()), start=one)
    return Fraction(upside, {json.dumps(base): (inner.num, -n)})


def _common(parts: list[Fraction]) -> dict[str, tuple[Any, int]]:
    """Return the least common multiple of denominators."""
    common: dict[str, tuple[Any, int]] = {}
    for part in parts:
        for key, (value, n) in part.dens.items():
            common[key] = (value, max(n, common[key][1] if key in common else 0))
    return common


def _over(part: Fraction, common: Mapping[str, tuple[Any, int]], one: Any) -> Any:
    """Return the numerator of a fraction over a common denominator."""
    missing = (power(v, n - part.dens.get(key, (v, 0))[1], one) for key, (v, n) in common.items())
    return math.prod(missing, start=part.num)


def difference(content: Mapping[str, Any], atom: Callable[[int], Any], number: Callable[[int, int], Any]) -> Any:
    """Return the numerator of the left side less the right side, over their common denominator."""
    left, right = (fraction(content[side], atom, number) for side in ("left", "right"))
    common = _common([left, right])
    return _over(left, common, number(1, 1)) - _over(right, common, number(1, 1))


def power(base: Any, n: int, one: Any) -> Any:
    """Return a base raised to a whole number from 0 on."""
    result = one
    for _ in range(n):
        result = result * base
    return result


def recheck_flint(text: str) -> bool:
    """Check a certificate with python-flint: over a common denominator, the sides are the same polynomial."""
    import flint  # noqa: PLC0415  # each checker is loaded where it is asked

    content = json.loads(text)
    ring = flint.fmpq_mpoly_ctx.get([f"a{k}" for k in range(max(1, len(content["atoms"])))], "degrevlex")
    gens = ring.gens()

    def number(p: int, q: int) -> Any:
        return ring.constant(flint.fmpq(p, q))

    stated = [fraction(tree, gens.__getitem__, number).num for tree in content["nonzero"]]
    return bool(difference(content, gens.__getitem__, number) == 0) and all(n != 0 for n in stated)


def recheck_z3(text: str) -> bool:
    """Check a certificate with z3: no real numbers with nonzero denominators make the sides differ."""
    import z3  # noqa: PLC0415  # each checker is loaded where it is asked

    content = json.loads(text)
    gens = [z3.Real(f"a{k}") for k in range(len(content["atoms"]))]
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    for tree in content["nonzero"]:
        solver.add(fraction(tree, gens.__getitem__, z3.Q).num != 0)
    if solver.check() != z3.sat:
        return False  # what is claimed under no circumstances is no claim
    solver.add(z3.simplify(difference(content, gens.__getitem__, z3.Q), som=True) != 0)
    return bool(solver.check() == z3.unsat)
