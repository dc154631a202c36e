"""Cores that note each formula before it runs, for Python 3.11, which cannot watch single functions."""

from __future__ import annotations

import ast
import contextlib
import copy
import sys
from functools import cache
from types import CodeType
from typing import TYPE_CHECKING

from verification._cores import cores
from verification._loading import function_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verification._cores import Core

NOTE = "__ran__"
"""The name by which noting cores call what they tell."""


@contextlib.contextmanager
def noting(ran: Callable[[str, int], object]) -> Iterator[None]:
    """Have each core tell the first line of a formula before it runs: nothing else runs slower."""
    functions = {function_of(core.module, core.name): core for core in cores()}
    modules = [vars(sys.modules[f"xent_arrayapi.{module}"]) for module in {core.module for core in cores()}]
    before = {function: function.__code__ for function in functions}
    try:
        for names in modules:
            names[NOTE] = ran
        for function, core in functions.items():
            function.__code__ = _noting(core)
        yield
    finally:
        for function, code in before.items():
            function.__code__ = code
        for names in modules:
            del names[NOTE]


class _Notes(ast.NodeTransformer):
    """Puts a note before each formula of a core."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.places = {(formula.lineno, formula.col_offset) for formula in core.formulas}

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST]:
        """Return a statement, after a note where it is a formula."""
        visited: ast.AST = self.generic_visit(node)
        if not isinstance(node, ast.stmt) or (node.lineno, node.col_offset) not in self.places:
            return visited
        call = ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(self.core.id), ast.Constant(node.lineno)], [])
        return [ast.copy_location(ast.Expr(call), node), visited]


@cache
def _noting(core: Core) -> CodeType:
    """Compile a core with notes."""
    plain = copy.deepcopy(core.node)
    plain.decorator_list = []
    annotations = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    _Notes(core).generic_visit(plain)
    module = ast.fix_missing_locations(ast.Module([annotations, plain], []))
    outer = compile(module, str(core.path), "exec", dont_inherit=True)
    (code,) = (constant for constant in outer.co_consts if isinstance(constant, CodeType))
    return code
