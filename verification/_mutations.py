"""Mutants of the shipped source: every rule at every place of every core, and a sample of them that leaves none out."""

from __future__ import annotations

import ast
import copy
import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import count, takewhile, zip_longest
from typing import TYPE_CHECKING, Any

from verification._cores import cores, heads, is_of_a_backend, modules
from verification._operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification._cores import Core, Statement

LEFT_ALONE = {None, "axis", "keepdims", "dtype", "slice", "annotation", "last"}
"""Keywords (None is **) and fields without formulas: axes and indices are altered where they are used, and by `last`
only memory is chosen, which numbers hold."""
SAMPLE = 120
"""How many mutants are run."""
AROUND = 40
"""How many characters are shown on either side of a change."""


@dataclass(frozen=True)
class Mutant:
    """A wrong core."""

    id: str
    """Core, rule and a hash of the change: it stays when lines move."""
    module: str
    function: str
    operator: str
    before: str
    after: str
    lines: tuple[int, int]
    """The first and the last line of the statement that is altered."""
    source: str
    """The function, altered."""

    @property
    def core(self) -> str:
        """Module and function."""
        return f"{self.module}.{self.function}"


@cache
def mutants() -> tuple[Mutant, ...]:
    """Generate all mutants, in the order of the source."""
    return tuple(mutant for core in cores() for mutant in mutants_of(core))


def mutants_of(core: Core) -> list[Mutant]:
    """Generate the mutants of a core; those that read alike are one."""
    original = _source(core)
    found: dict[str, Mutant] = {}
    ids = set[str]()
    for statement in core.formulas:
        before = _shown(statement)
        for operator in _altered(statement, frozenset(_refusing(core.module))):
            source, after = _source(core), _shown(statement)
            if source == original or source in found:
                continue
            change = hashlib.sha256(f"{before}\n{after}".encode()).hexdigest()[:6]
            name = next(name for name in _names(f"{core.id}:{operator}-{change}") if name not in ids)
            ids.add(name)
            lines = (statement.lineno, heads(statement)[-1].end_lineno or statement.lineno)
            found[source] = Mutant(name, core.module, core.name, operator, *_excerpts(before, after), lines, source)
    return list(found.values())


def sample(size: int = SAMPLE) -> tuple[Mutant, ...]:
    """Choose mutants by their hashes: one of each core, then one of each rule in turn."""
    drawn = sorted(mutants(), key=lambda mutant: hashlib.sha256(mutant.id.encode()).hexdigest())
    subtle_last = sorted(drawn, key=lambda mutant: mutant.operator != "argument")  # what crashes at once shows little
    chosen = {mutant.id for mutant in {mutant.core: mutant for mutant in subtle_last}.values()}
    by_rule = ([m.id for m in drawn if m.operator == rule and m.id not in chosen] for rule in OPERATORS)
    in_turn = [id_ for turn in zip_longest(*by_rule) for id_ in turn if id_]
    chosen.update(in_turn[: max(size - len(chosen), len(OPERATORS))])
    return tuple(mutant for mutant in mutants() if mutant.id in chosen)


def _altered(statement: Statement, refusing: frozenset[str]) -> Iterator[str]:
    """Alter a statement in place, once by each rule at each place, name the rule, and put back what was there."""
    if isinstance(statement, ast.If):
        test = statement.test
        for other in OPERATORS["branch"](statement):
            statement.test = other.test  # type: ignore[attr-defined]  # an `if` as well
            yield "branch"
        statement.test = test
    for node, put in _places(statement, refusing):
        for operator, rule in OPERATORS.items():
            for other in rule(node):
                put(other)
                yield operator
                put(node)


def _places(statement: Statement, refusing: frozenset[str]) -> Iterator[tuple[ast.AST, Any]]:
    """Go through the nodes of formulas, each with what puts another node in its place."""
    open_: list[tuple[ast.AST, str]]
    if isinstance(statement, ast.If | ast.While):
        open_ = [(statement, "test")]
    elif isinstance(statement, ast.For):
        open_ = [(statement, "iter")]
    else:
        open_ = [(statement, field) for field in statement._fields]
    while open_:
        parent, field = open_.pop(0)
        value = getattr(parent, field)
        for k, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or isinstance(node, ast.expr_context | ast.JoinedStr):
                continue
            if isinstance(node, ast.Call) and ast.unparse(node.func) in refusing:
                continue
            if isinstance(node, ast.IfExp) and is_of_a_backend(node.test):
                continue
            yield node, _putting(parent, field, k)
            if not (isinstance(node, ast.keyword) and node.arg in LEFT_ALONE):
                open_ += [(node, inner) for inner in node._fields if inner not in LEFT_ALONE]


def _putting(parent: ast.AST, field: str, k: int) -> Any:
    value = getattr(parent, field)
    if isinstance(value, list):
        return lambda node: value.__setitem__(k, node)
    return lambda node: setattr(parent, field, node)


def _refusing(module: str) -> Iterator[str]:
    """Go through the names that a module has of the one that refuses arguments: what they are handed is no formula."""
    for node in modules()[module].body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("._validate"):
            yield from (alias.name for alias in node.names)


def _source(core: Core) -> str:
    """Return the source of a core as it stands, without docstring and decorators."""
    plain = copy.copy(core.node)
    plain.body, plain.decorator_list, plain.returns = _without_docstring(plain.body), [], None
    return _text(plain)


def _text(node: ast.AST) -> str:
    """Return the source of a node; what is negated twice is not negated."""
    return ast.unparse(node).replace("--", "").replace("not not ", "")


def _without_docstring(body: list[Statement]) -> list[Statement]:
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if documented else body


def _shown(statement: Statement) -> str:
    """Return a statement as a line of a diff; of a compound one, the head."""
    text = _text(statement)
    return text if heads(statement) == [statement] else text.partition("\n")[0]


def _excerpts(before: str, after: str) -> tuple[str, str]:
    """Cut what two long lines have in common, but for some words around the change."""
    same = _common(before, after)
    start = max(0, before.rfind(" ", 0, max(0, same - AROUND)) + 1)
    tail = _common(before[:same:-1], after[:same:-1]) - AROUND
    return _cut(before, start, tail), _cut(after, start, tail)


def _common(one: str, other: str) -> int:
    """Return how many characters two lines have in common from their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut(line: str, start: int, tail: int) -> str:
    end = line.find(" ", len(line) - tail) if tail > 0 else -1
    return ("… " if start else "") + (line[start:] if end < 0 else f"{line[start:end]} …")


def _names(name: str) -> Iterator[str]:
    """Go through the names that a mutant may have: the same change may be made twice in a function."""
    yield name
    yield from (f"{name}-{k}" for k in count(2))
