"""What is altered in a formula: rules that turn a node of the source into wrong ones."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
}
NUMBERS = {0: (1,), 1: (0, 2), 2: (1,), 3: (2,), 4: (2,)}
OTHER_FUNCTIONS = {
    "all": ("any",),
    "any": ("all",),
    "isfinite": ("isnan",),
    "isinf": ("isfinite", "isnan"),
    "isnan": ("isinf",),
    "log": ("log1p",),
    "log1p": ("log",),
    "max": ("min",),
    "min": ("max",),
    "ones_like": ("zeros_like",),
    "sum": ("mean", "max"),
    "zeros_like": ("ones_like",),
}
DROPPED_FUNCTIONS = {"abs", "exp", "log", "log1p", "logical_not", "tanh"}
SETTLED = {"isinstance", "logical_and", "logical_or", "max", "mean", "min", "multiplied", "shares", "where"}
"""Functions whose arguments may be exchanged or never are, and `where`, which has rules of its own."""


def sign(node: ast.AST) -> Iterator[ast.AST]:
    """Exchange + and −; drop a minus."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand


def term(node: ast.AST) -> Iterator[ast.AST]:
    """Drop a term of a sum."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield node.left
        yield node.right if isinstance(node.op, ast.Add) else ast.UnaryOp(ast.USub(), node.right)


def factor(node: ast.AST) -> Iterator[ast.AST]:
    """Drop a factor of a product."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield node.left
        yield node.right


def division(node: ast.AST) -> Iterator[ast.AST]:
    """Multiply by the divisor, drop it, or take the reciprocal of the quotient."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield ast.BinOp(node.left, ast.Mult(), node.right)
        yield node.left
        yield ast.BinOp(node.right, ast.Div(), node.left)


def power(node: ast.AST) -> Iterator[ast.AST]:
    """Drop a square."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield node.left


def axis(node: ast.AST) -> Iterator[ast.AST]:
    """Take the first axis for the last, or drop the axis that was summed over."""
    if isinstance(node, ast.Call):
        for k, keyword in enumerate(node.keywords):
            value = ast.unparse(keyword.value)
            other = {("axis", "-1"): ast.Constant(0), ("keepdims", "True"): ast.Constant(value=False)}
            if (keyword.arg or "", value) in other:
                changed = ast.keyword(keyword.arg, other[keyword.arg or "", value])
                yield ast.Call(node.func, node.args, [*node.keywords[:k], changed, *node.keywords[k + 1 :]])


def constant(node: ast.AST) -> Iterator[ast.AST]:
    """Take another small number, inf for −inf and the other way round, 0 for nan."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield from map(ast.Constant, NUMBERS.get(node.value, ()))
    elif isinstance(node, ast.Attribute) and node.attr == "inf":
        yield ast.UnaryOp(ast.USub(), node)
    elif isinstance(node, ast.Attribute) and node.attr == "nan":
        yield ast.Constant(0)


def index(node: ast.AST) -> Iterator[ast.AST]:
    """Take the other of two classes, or lay rows out along the other axis of a block."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
        return
    places = node.slice.elts
    last = ast.unparse(places[-1])
    if last in {"0", "1"}:
        yield ast.Subscript(node.value, ast.Tuple([*places[:-1], ast.Constant(1 - int(last))]))
    elif any(isinstance(place, ast.Slice) for place in places):
        yield ast.Subscript(node.value, ast.Tuple([*places[:-2], places[-1], places[-2]]))


def branch(node: ast.AST) -> Iterator[ast.AST]:
    """Exchange what holds where a condition does and where it does not."""
    if isinstance(node, ast.Call) and _called(node) == "where":
        condition, yes, no = node.args
        yield ast.Call(node.func, [condition, no, yes], node.keywords)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.If):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def guard(node: ast.AST) -> Iterator[ast.AST]:
    """Drop a condition: take what holds where it does everywhere, or what holds elsewhere."""
    if isinstance(node, ast.Call) and _called(node) == "where":
        yield from node.args[1:]
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse


def comparison(node: ast.AST) -> Iterator[ast.AST]:
    """Count equality to the other side; exchange = and ≠."""
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            if type(op) in COMPARISONS:
                ops = [*node.ops[:k], COMPARISONS[type(op)](), *node.ops[k + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)


def function(node: ast.AST) -> Iterator[ast.AST]:
    """Take another function, or none."""
    if not isinstance(node, ast.Call):
        return
    name = _called(node)
    for other in OTHER_FUNCTIONS.get(name, ()):
        if isinstance(node.func, ast.Attribute):
            yield ast.Call(ast.Attribute(node.func.value, other), node.args, node.keywords)
        else:
            yield ast.Call(ast.Name(other), node.args, node.keywords)
    if name in DROPPED_FUNCTIONS:
        yield node.args[0]


def connective(node: ast.AST) -> Iterator[ast.AST]:
    """Exchange and and or, or drop one condition of the two."""
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _called(node).startswith("logical_"):
        other = {"logical_and": "logical_or", "logical_or": "logical_and"}.get(node.func.attr)
        if other:
            yield ast.Call(ast.Attribute(node.func.value, other), node.args, node.keywords)
            yield from node.args


def argument(node: ast.AST) -> Iterator[ast.AST]:
    """Exchange two arguments beside each other, unless one is the namespace or the name that an error gives."""
    if isinstance(node, ast.Call) and _called(node) not in SETTLED:
        for k in range(len(node.args) - 1):
            pair = node.args[k : k + 2]
            if not any(isinstance(one, ast.Starred | ast.Constant) or ast.unparse(one).endswith("xp") for one in pair):
                yield ast.Call(node.func, [*node.args[:k], *reversed(pair), *node.args[k + 2 :]], node.keywords)


def _called(node: ast.Call) -> str:
    """Return the name of the function, without what it is taken from."""
    return ast.unparse(node.func).rpartition(".")[2]


OPERATORS: dict[str, Callable[[ast.AST], Iterator[ast.AST]]] = {
    rule.__name__: rule
    for rule in (
        *(sign, term, factor, division, power, axis, constant, index, branch, guard),
        *(comparison, function, connective, argument),
    )
}
"""All rules, by name."""
