"""Libraries that array-api-compat does not know, or that lack something: an error names both."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import array_api_compat.numpy as compat
import array_api_strict as strict
import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from xent_arrayapi import _namespace

pytestmark = pytest.mark.once


def library(*without: str) -> tuple[Any, Any]:
    """Make a namespace of NumPy's functions, without some, and a function that makes arrays of its own."""
    xp: Any = ModuleType("pocket")

    def lowered(x: Any) -> Any:
        if isinstance(x, list):
            return [lowered(one) for one in x]
        return x.data if isinstance(x, Own) else x

    def wrapped(function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            got = function(*(lowered(x) for x in args), **options)
            return Own(got) if isinstance(got, np.ndarray | np.generic) else got

        return call

    class Own:
        """An array without a device."""

        def __init__(self, data: Any) -> None:
            self.data = np.asarray(data)
            self.shape, self.dtype, self.ndim = self.data.shape, self.data.dtype, self.data.ndim

        def __array_namespace__(self, **_: Any) -> Any:
            return xp

    Own.__module__ = "pocket.arrays"
    operations = ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "neg", "getitem", "bool", "int")
    for operation in (*operations, "eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Own, f"__{operation}__", wrapped(getattr(np.ndarray, f"__{operation}__")))
    for needed in set(_namespace.NEEDED) - set(without):
        whole = getattr(compat, needed)
        plain = not callable(whole) or isinstance(whole, type) or needed in ("isdtype", "__array_namespace_info__")
        setattr(xp, needed, whole if plain else wrapped(whole))
    return xp, Own


def uses() -> dict[str, set[str]]:
    """Return what each module of the library, the self-check left out, uses of a namespace, also as `of.xp`."""
    found = {}
    package = Path(xent.__file__).parent
    for path in set(package.glob("*.py")) - set(package.glob("_selfcheck*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        held = [(node.attr, node.value) for node in nodes if isinstance(node, ast.Attribute)]
        found[path.stem] = {name for name, of in held if "xp" in (getattr(of, "id", ""), getattr(of, "attr", ""))}
    return found


def test_what_is_needed_is_what_is_used():
    assert set().union(*uses().values()) - {"__name__"} == set(_namespace.NEEDED)
    assert len(set(_namespace.NEEDED)) == len(_namespace.NEEDED)
    assert {"arange", "zeros"} <= uses()["_namespace"]
    assert "stack" in uses()["_sigmoid"]


def test_a_library_that_nobody_knows_will_do():
    """It has the functions of the standard, and no device to ask for."""
    _, own = library()
    u, t = np.asarray([[0.5, -1.0, 2.0], [3.0, 3.0, -np.inf]]), np.asarray([2, 0])
    assert _namespace.namespace_of(u=own(u)).__name__ == "pocket"
    assert _namespace.device_of(own(u)) is None
    close(xent.softmax(own(u)).data, xent.softmax(u), rtol=0)
    for made, expected in zip(
        xent.SoftmaxCrossEntropy(own(t)).value_and_grad(own(u)),
        xent.SoftmaxCrossEntropy(t).value_and_grad(u),
        strict=True,
    ):
        assert isinstance(made, own)
        close(made.data, expected, rtol=0)
    unread = xent.SoftmaxCrossEntropy(own([-1]), reduction="none")(own([[0.0, 1.0]]))
    close(unread.data, [np.nan], rtol=0)


def test_a_missing_function_is_named_with_its_library_where_it_is_used():
    """What needs it raises, and all else works."""
    _, own = library("arange", "tanh")
    u, t = own([[0.0, 1.0]]), own([0])
    close(xent.softmax(u).data, xent.softmax(np.asarray([[0.0, 1.0]])), rtol=0)
    rows = xent.SoftmaxCrossEntropy(own([[0.5, 0.5]]))
    close(rows(u).data, xent.SoftmaxCrossEntropy(np.asarray([[0.5, 0.5]]))(np.asarray([[0.0, 1.0]])), rtol=0)
    for name, call in {
        "arange": lambda: xent.softmax_cross_entropy(u, t),
        "tanh": lambda: xent.SoftmaxCrossEntropy(own([[0.5, 0.5]]), softcap=1.0).grad(u),
    }.items():
        message = f"The array library must have `{name}` for this, which pocket has not: convert to another one."
        for kind in (TypeError, AttributeError):
            with pytest.raises(kind, match=f"^{re.escape(message)}$"):
                call()


def test_types_of_one_incomplete_library_are_of_one_namespace():
    _, own = library("arange")
    derived = type("Derived", (own,), {})
    xp = _namespace.namespace_of(x=own([1.0]), y=derived([1.0]))
    assert xp is _namespace.namespace_of(x=derived([1.0]))
    assert isinstance(xp, _namespace.Incomplete)
    with pytest.raises(TypeError, match="must come from one array library, not from pocket and numpy"):
        _namespace.namespace_of(x=own([1.0]), y=np.ones(1))


def test_a_complete_namespace_is_itself():
    for x in (np.ones(1), strict.ones(1)):
        assert not isinstance(_namespace.namespace_of(x=x), _namespace.Incomplete)
    xp, own = library()
    assert _namespace.namespace_of(x=own([1.0])) is xp
