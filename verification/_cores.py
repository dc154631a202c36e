"""Which functions of the library are cores, and which of their statements are formulas: found by rule in the source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import xent_arrayapi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = Path(xent_arrayapi.__file__).parent
NO_FORMULAS = re.compile(
    r"__\w+__|_selfcheck\w*|_typing|_validate|_certificate|_bracketed|"
    r"_host|_tensors|_blocks|_threads|_maxent|_predicting|_training|_chunks|_duality|_sgd|_solvers|_penalised|_progress|"
    r"_closed_form|_by_torch|_by_jax|_libraries"
)
"""The modules without formulas: entry points, the self-check, names of types, what refuses arguments, parts of rows,
threads, what NumPy does by index, what torch alone has, which library is whose, what gives a gradient to a library that
asks for it, data, fits on the host, and an iteration that ends where what it looked for is reached, as is told of each
row: its steps are formulas."""
BACKENDS = "_namespace"
"""The module of the backends: only what returns an array is a core."""
OF_A_BACKEND = re.compile(
    r"\b(on_host|is_torch|is_by_xla|is_dask|is_strict|is_ndonnx|is_traced|gathers)\(|, (Gathered|Indexed)\)"
)
"""The tests by which code is left to one backend."""
OF_SOME = re.compile(r"\w+OnHost|Gathered")
"""The classes that are for some backends alone: they choose among formulas by what they see, or read by an index as a
mask does elsewhere; numbers hold them."""
OF_KNOWN_SIZES = {"self.classes is not None", "isinstance(sizes, tuple)"}
"""The tests behind which sizes are unknown before a graph runs, as only ndonnx has them."""
READING = re.compile(r"\bcheck_values\b")
"""The option by which values are read in order to refuse them."""

Function = ast.FunctionDef
Statement = ast.stmt


@dataclass(frozen=True, eq=False)
class Core:
    """A function that computes: its place in the package, and its statements that are formulas."""

    module: str
    """As `_partition`."""
    name: str
    """Qualified, as `Evaluation.probs`."""
    node: Function
    formulas: tuple[Statement, ...]
    """Simple statements, and compound ones for their heads."""

    @property
    def id(self) -> str:
        """Module and name."""
        return f"{self.module}.{self.name}"

    @property
    def path(self) -> Path:
        """The file."""
        return FOLDER / f"{self.module}.py"


@cache
def modules() -> dict[str, ast.Module]:
    """Parse the modules that may hold formulas."""
    paths = sorted(FOLDER.glob("*.py"))
    return {p.stem: ast.parse(p.read_text(encoding="utf-8")) for p in paths if not NO_FORMULAS.fullmatch(p.stem)}


@cache
def cores() -> tuple[Core, ...]:
    """Find the cores."""
    return tuple(core for module, tree in modules().items() for core in _computing(module, tree.body))


def _computing(module: str, body: Iterable[Statement], outer: str = "") -> Iterator[Core]:
    """Go through functions that return something; of the backends, those for all of them that return an array."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not OF_SOME.fullmatch(node.name):
            yield from _computing(module, node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not _is_only_declared(node):
            returned = ast.unparse(node.returns) if node.returns else "None"
            formulas = tuple(_formulas(node.body))
            general = module != BACKENDS or (returned == "Array" and not node.name.startswith("_"))
            if formulas and returned != "None" and general:
                yield Core(module, outer + node.name, node, formulas)


def _is_only_declared(node: Function) -> bool:
    return any(ast.unparse(decorator) in {"overload", "abstractmethod"} for decorator in node.decorator_list)


def heads(statement: Statement) -> list[ast.stmt | ast.expr]:
    """Return what of a statement is a formula: all of a simple one, the head of a compound one."""
    if isinstance(statement, ast.If | ast.While):
        return [statement.test]
    return [statement.iter] if isinstance(statement, ast.For) else [statement]


def _formulas(body: Iterable[Statement]) -> Iterator[Statement]:
    """Go through statements, leaving out refusals, what is left to one backend, and what reads values."""
    for statement in body:
        if isinstance(statement, ast.If):
            inner = [*_formulas_behind(statement), *_formulas(statement.orelse)]
            yield from [statement, *inner] if inner and not _is_no_formula(statement) else inner
            if ast.unparse(statement.test) in OF_KNOWN_SIZES:
                return
        elif isinstance(statement, ast.With | ast.Try | ast.FunctionDef):
            yield from _formulas(statement.body)
        elif isinstance(statement, ast.For | ast.While):
            yield from (statement, *_formulas(statement.body))
        elif not _computes_nothing(statement):
            yield statement


def _computes_nothing(statement: Statement) -> bool:
    """Tell whether a statement raises, words a message, imports, or drops its value."""
    message = isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "msg"
    return message or isinstance(statement, ast.Expr | ast.Raise | ast.Import | ast.ImportFrom)


def _formulas_behind(statement: ast.If) -> list[Statement]:
    if isinstance(statement.body[-1], ast.Raise) or READING.search(ast.unparse(statement.test)):
        return []
    return [] if is_of_a_backend(statement.test) else list(_formulas(statement.body))


def is_of_a_backend(test: ast.expr) -> bool:
    """Tell whether a condition leaves code to one backend."""
    return bool(OF_A_BACKEND.search(ast.unparse(test)))


def _is_no_formula(statement: ast.If) -> bool:
    test = ast.unparse(statement.test)
    return test in OF_KNOWN_SIZES or is_of_a_backend(statement.test) or bool(READING.search(test))
