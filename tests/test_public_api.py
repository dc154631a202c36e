"""The public names: their docstrings, signatures and examples, and the rules of the house."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent

pytestmark = pytest.mark.once

PACKAGE = Path(xent.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__main__")
CLASSES = [name for name in xent.__all__ if inspect.isclass(getattr(xent, name))]
FUNCTIONS = [name for name in xent.__all__ if name not in CLASSES]
WRAPPERS = {"softmax_cross_entropy": "SoftmaxCrossEntropy", "sigmoid_cross_entropy": "SigmoidCrossEntropy"}
ARRAYS = {"x", "p", "q", "logits", "targets", "tangent", "other", "eta", "labels", "uniforms"}
OF_METHODS = {"temperature", "beta", "mean_energy"}
"""Arrays of methods, where functions have an option of that name."""
SETTINGS = {"threads"}
"""What computes nothing, and is no part of a star import."""
EXTRA = {
    *("_maxent", "_duality", "_predicting", "_chunks", "_sgd", "_solvers", "_penalised", "_training"),
    "_by_torch",
    "_by_jax",
}
"""The modules of the classifier, which import what its extra installs: its example runs with its own tests."""
EXACT_CORES = ("_partition", "_softmax", "_loss_rows", "_logits", "_targets", "_entropy", "_family", "_levels")


def sections(docstring: str) -> dict[str, str]:
    """Split a numpydoc docstring into its sections."""
    parts = re.split(r"^(\w[\w ]*)\n-+$", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return {"Summary": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def source(module: str) -> str:
    return (PACKAGE / f"{module}.py").read_text(encoding="utf-8")


def test_the_list_of_names_is_sorted_and_complete():
    assert list(xent.__all__) == sorted(xent.__all__)
    for name in xent.__all__:
        assert getattr(xent, name).__name__ == name
    public = {name for name, value in vars(xent).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(xent.__all__) | SETTINGS


@pytest.mark.parametrize("name", xent.__all__)
def test_docstrings_say_what_and_whence(name):
    docs = sections(getattr(xent, name).__doc__)
    summary = docs["Summary"].splitlines()[0]
    assert re.fullmatch(r"[A-Z][^\n]*\.", summary)
    assert not summary.split()[0].endswith("s"), "the summary is imperative"
    for section in ("Parameters", "See Also", "Notes", "Examples"):
        assert docs.get(section, "").strip(), f"{name} has no {section}"
    assert (name in CLASSES) or docs["Returns"].strip()
    assert ">>> " in docs["Examples"]
    if name in WRAPPERS:
        assert f":class:`{WRAPPERS[name]}`" in docs["Notes"]
    else:
        assert re.search(r"\bSources?:|``seeds/\d{3}``|arXiv:|doi:", docs["Notes"]), f"{name} names no source"


@pytest.mark.parametrize("name", xent.__all__)
def test_docstrings_list_every_parameter(name):
    documented = re.findall(
        r"^(\*{0,2}\w+) : ", sections(getattr(xent, name).__doc__)["Parameters"], flags=re.MULTILINE
    )
    given = [
        f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name
        for p in inspect.signature(getattr(xent, name)).parameters.values()
        if not p.name.startswith("_")
    ]
    assert documented == given


def methods() -> list[tuple[str, str]]:
    return [(name, method) for name in CLASSES for method, value in inspect.getmembers(getattr(xent, name))
            if not method.startswith("_") and callable(value)]  # fmt: skip


@pytest.mark.parametrize(("name", "method"), methods())
def test_methods_are_documented(name, method):
    docs = sections(getattr(getattr(xent, name), method).__doc__)
    assert re.fullmatch(r"[A-Z][^\n]*\.", docs["Summary"].splitlines()[0])
    assert {"Parameters", "Returns"} <= docs.keys()


def called(name: str) -> bool:
    """Tell whether objects of a class are called."""
    return any("__call__" in vars(base) for base in getattr(xent, name).__mro__)


def check_kinds(signature: inspect.Signature, arrays: set[str] = ARRAYS) -> None:
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        expected = parameter.POSITIONAL_ONLY if parameter.name in arrays else parameter.KEYWORD_ONLY
        assert parameter.kind in (expected, parameter.VAR_KEYWORD), parameter


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_are_positional_and_options_keywords(name):
    check_kinds(inspect.signature(getattr(xent, name)))


@pytest.mark.parametrize(("name", "method"), [*methods(), *((n, "__call__") for n in CLASSES if called(n))])
def test_arrays_of_methods_are_positional(name, method):
    check_kinds(inspect.signature(getattr(getattr(xent, name), method)), ARRAYS | OF_METHODS)


@pytest.mark.parametrize("name", WRAPPERS.values())
def test_options_of_losses_are_keywords(name):
    targets, *options = inspect.signature(getattr(xent, name)).parameters.values()
    assert targets.name == "targets"
    assert all(option.kind is option.KEYWORD_ONLY for option in options)


@pytest.mark.parametrize(("wrapper", "name"), WRAPPERS.items())
def test_wrappers_declare_the_options_of_their_class(wrapper, name):
    fields = {field.name for field in dataclasses.fields(getattr(xent, name))} - {"targets"}
    typing = importlib.import_module("xent_arrayapi._typing")
    options = {"SoftmaxCrossEntropy": typing.LossOptions, "SigmoidCrossEntropy": typing.SigmoidOptions}[name]
    assert options.__annotations__.keys() == fields
    with pytest.raises(TypeError, match="unexpected keyword argument 'eps'"):
        getattr(xent, wrapper)(np.zeros((1, 2)), np.zeros(1, dtype=int), eps=0.1)


@pytest.mark.parametrize("module", sorted({*MODULES} - EXTRA))
def test_examples_run(module):
    loaded = importlib.import_module(f"xent_arrayapi.{module}" if module != "__init__" else "xent_arrayapi")
    said: list[str] = []
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(loaded):
        runner.run(test, out=said.append)
    assert not said, "".join(said)


def test_every_name_has_an_example_that_is_run():
    finder, tested = doctest.DocTestFinder(), set()
    for module in {*MODULES} - EXTRA:
        loaded = importlib.import_module(f"xent_arrayapi.{module}" if module != "__init__" else "xent_arrayapi")
        tested |= {test.name.rpartition(".")[2] for test in finder.find(loaded) if test.examples}
    assert tested >= set(xent.__all__)


def test_the_version_is_in_one_place():
    root = Path(__file__).parent.parent
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "/".join(Path(xent.__file__).parts[-2:])
    assert re.fullmatch(r"\d+\.\d+\.\d+", xent.__version__)
    assert source("__init__").count(f'__version__ = "{xent.__version__}"') == 1


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_short_and_say_what_they_do(module):
    text = source(module)
    assert len(text.splitlines()) <= 400
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    assert re.fullmatch(r"[^\n]+\.", docstring), "one sentence on one line"
    assert not re.search(r"\. [A-Z]", docstring), "one sentence"


@pytest.mark.parametrize("module", EXACT_CORES)
def test_cores_hold_no_floating_constant(module):
    """Their formulas are exact: integers alone, so that no eps hides; defaults of options are outside of them."""
    tree = ast.parse(source(module))
    defaults = {
        id(default)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        for default in (*node.args.defaults, *node.args.kw_defaults)
    }
    found = [
        f"{module}:{node.lineno}: {node.value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)) and id(node) not in defaults
    ]
    assert found == []
