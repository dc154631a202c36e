"""What importing the package imports, and which of its modules may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import xent_arrayapi

pytestmark = pytest.mark.once

PACKAGE = Path(xent_arrayapi.__file__).parent
ORDER = (
    *("__main__", "_selfcheck_report", "_selfcheck", "_selfcheck_special", "_selfcheck_values"),
    *("_selfcheck_machine", "_selfcheck_place", "_selfcheck_references"),
    "__init__",
    *("_maxent", "_duality", "_predicting", "_chunks", "_sgd", "_progress", "_solvers", "_penalised", "_training"),
    *("_linear", "_boltzmann", "_certificate", "_bracketed", "_levels", "_categorical", "_entropy", "_moments"),
    *(
        "_family",
        "_sigmoid",
        "_cross_entropy",
        "_objective",
        "_assembly",
        "_loss_rows",
        "_softmax",
        "_closed_form",
        "_by_torch",
        "_by_jax",
        "_softmax_rows",
        "_jacobian",
    ),
    *(
        "_logits",
        "_targets",
        "_signed",
        "_partition",
        "_evaluation",
        "_exponentials",
        "_picked",
        "_reduction",
        "_blocks",
        "_rows",
        "_threads",
        "_validate",
    ),
    *("_namespace", "_libraries", "_tensors", "_host", "_typing"),
)
"""From the top down: a module imports those to its right only."""
MORE = {
    "_namespace": {"array_api_compat", "numpy"},
    "_maxent": {"numpy", "sklearn"},
    "_predicting": {"sklearn"},
    "_training": {"numpy", "sklearn"},
    "_chunks": {"dask", "numpy", "sklearn"},
    "_sgd": {"numpy", "sklearn"},
    "_duality": {"numpy"},
    "_solvers": {"numpy", "scipy"},
    "_penalised": {"numpy"},
    "_progress": {"rich"},
    "_by_torch": {"torch"},
    "_by_jax": {"jax", "numpy"},
}
"""What a module imports that is neither of the standard library nor ours: all but `_namespace` and those for libraries
that differentiate, to serve the classifier."""
LIBRARIES = (
    "numpy",
    "torch",
    "jax",
    "cupy",
    "dask",
    "scipy",
    "sympy",
    "sklearn",
    "array_api_strict",
    "sparse",
    "ndonnx",
)


def modules_after(statement: str) -> set[str]:
    """Run a statement in a new interpreter and return the modules that are loaded then."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    path = str(PACKAGE.parent)
    run = subprocess.run(  # noqa: S603  # this interpreter, on code of ours
        [sys.executable, "-I", "-c", f"import sys\nsys.path.insert(0, {path!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_importing_loads_array_api_compat_and_nothing_else():
    """Beyond the standard library, and what `import array_api_compat` loads by itself: no array library."""
    ours = modules_after("import xent_arrayapi")
    theirs = modules_after("import array_api_compat")
    added = {name.partition(".")[0] for name in ours - theirs}
    assert "xent_arrayapi" in added
    assert added <= {"xent_arrayapi"} | sys.stdlib_module_names
    assert not {name.partition(".")[0] for name in ours} & set(LIBRARIES)


def test_using_it_on_numpy_loads_no_other_library():
    use = "import numpy, xent_arrayapi\nu = numpy.zeros((2, 3))\nxent_arrayapi.SoftmaxCrossEntropy(u).hessian(u)"
    loaded = {name.partition(".")[0] for name in modules_after(use)}
    assert not loaded & (set(LIBRARIES) - {"numpy"})


def imported(module: str) -> list[tuple[str, int]]:
    """Return the modules of the package that a module imports, anywhere in it, with the line."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(name.name.partition(".")[2] or "__init__", node.lineno) for name in node.names
                      if name.name.partition(".")[0] == "xent_arrayapi"]  # fmt: skip
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} is relative"
            if node.module == "xent_arrayapi":
                found += [(name.name, node.lineno) for name in node.names]
            elif (node.module or "").startswith("xent_arrayapi."):
                found.append(((node.module or "").partition(".")[2], node.lineno))
    return found


def test_every_module_has_its_place():
    assert sorted(ORDER) == sorted(path.stem for path in PACKAGE.glob("*.py"))
    assert not [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]


@pytest.mark.parametrize("module", ORDER)
def test_imports_go_downwards(module):
    below = ORDER[ORDER.index(module) + 1 :]
    for name, line in imported(module):
        assert name in below, f"{module}:{line} imports {name}"


def test_only_one_module_knows_the_libraries():
    """array-api-compat is imported by `_namespace` alone; an array library there, or by what serves the classifier."""
    for module in ORDER:
        tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
        names = {name.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import)
                 for name in node.names}  # fmt: skip
        names |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        foreign = names - sys.stdlib_module_names - {"xent_arrayapi", "__future__"}
        assert foreign <= MORE.get(module, set()), module
