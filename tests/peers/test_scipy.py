"""SciPy's own tests of logsumexp, softmax and log_softmax, run on ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

import xent_arrayapi as xent
from tests.peers import hold, outcomes, record

NAMESPACES = "numpy", "array_api_strict", "torch"

DEVIATIONS = {
    r"complex|j\)|1j|test_gh21709": (r"TypeError: `(x|weights)` must be .* not .*complex", "rule 10: logits are real"),
    r"test_dtypes_ab\[(\S+-float64|numpy-int\d\d|array_api_strict-int\d\d)-float32\]": (
        "dtypes do not match",
        "rule 9: the logits' dtype decides, float32 here, not that of the weights (which come first in the id)",
    ),
    r"test_dtypes_ab\[torch-float32-int(32|64)\]": (
        "dtypes do not match",
        "rule 10: integer logits are promoted to the default dtype, float64 in SciPy's run, not to that of the weights",
    ),
    r"softmax_int_array\[array_api_strict\]": ("XFailed: int->float promotion", "SciPy does not run it"),
}


def array(x: Any) -> Any:
    """Return what SciPy takes as an array: anything."""
    return x if x is None or is_array_api_obj(x) else np.asarray(x)


def plain(x: Any) -> Any:
    """Return a NumPy scalar for an array without axes, as SciPy does."""
    return x[()] if isinstance(x, np.ndarray) else x


def logsumexp(a: Any, axis: Any = None, b: Any = None, *, keepdims: bool = False, return_sign: bool = False) -> Any:
    found = xent.logsumexp(array(a), axis=axis, weights=array(b), keepdims=keepdims, return_sign=return_sign)
    return tuple(plain(x) for x in found) if return_sign else plain(found)


def softmax(x: Any, axis: Any = None) -> Any:
    return plain(xent.softmax(array(x), axis=axis))


def log_softmax(x: Any, axis: Any = None) -> Any:
    return plain(xent.log_softmax(array(x), axis=axis))


def patch(theirs: Any) -> None:
    """Put our functions in the place of SciPy's."""
    theirs.logsumexp, theirs.softmax, theirs.log_softmax = logsumexp, softmax, log_softmax


def main() -> None:
    """Run SciPy's tests in this process."""
    import scipy.special

    record(str(Path(scipy.special.__file__).parent / "tests" / "test_logsumexp.py"), patch)


def test_logsumexp_softmax_and_log_softmax():
    found = outcomes(__name__, SCIPY_ARRAY_API=json.dumps(NAMESPACES))
    hold(found, DEVIATIONS)
    for name in NAMESPACES:
        assert sum(said == "passed" and f"[{name}" in test for test, said in found.items()) >= 45
