"""The numeric layer: NumPy's results held against enclosures of the definitions, all functions, regimes and dtypes.

Proofs over the reals cannot see in which order a sum is added, what a shift rounds off, or what happens at infinity:
this layer does.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from verification import (
    _numeric_edges,
    _numeric_families,
    _numeric_functions,
    _numeric_layout,
    _numeric_losses,
    _numeric_probabilities,
    _numeric_special,
)
from verification._judged import Judge, NumericResult

if TYPE_CHECKING:
    from collections.abc import Callable

    Part = Callable[[Judge], None]

PARTS: dict[str, Part] = {
    "rule 7": _numeric_functions.check_rule_7,
    "long sums": _numeric_functions.check_long_sums,
    "merging": _numeric_functions.check_merging,
    "temperature and mask": _numeric_functions.check_temperature_and_mask,
    "Jacobian": _numeric_functions.check_jacobian,
    "weighted sums": _numeric_functions.check_weights,
    "probability vectors": _numeric_probabilities.check_probabilities,
    "families": _numeric_families.check_families,
    "labels of families": _numeric_families.check_labels,
    "logistic function": _numeric_probabilities.check_sigmoid,
    "options of the logistic loss": _numeric_probabilities.check_sigmoid_options,
    "options of the loss": _numeric_losses.check_options,
    "reductions": _numeric_losses.check_reductions,
    "infinities and nan": _numeric_special.check_special_rows,
    "masks and sizes": _numeric_special.check_masks_and_sizes,
    "limits": _numeric_special.check_limits,
    "special weights": _numeric_special.check_special_weights,
    "special probabilities": _numeric_special.check_special_probabilities,
    "special losses": _numeric_special.check_special_losses,
    "rows left out": _numeric_special.check_rows_left_out,
    "dtypes": _numeric_layout.check_dtypes,
    "edges": _numeric_edges.check_edges,
    "axes": _numeric_layout.check_axes,
}
DTYPES = ("float32", "float64")


def numeric_layer(progress: Callable[[str], None] | None = None) -> tuple[NumericResult, ...]:
    """Check everything; `progress` is told the name of each part before it runs."""
    found: list[NumericResult] = []
    for dtype in DTYPES:
        for name, part in PARTS.items():
            if progress is not None:
                progress(f"{name}, {dtype}")
            found += run_part(name, part, dtype)
    return tuple(found)


def run_part(name: str, part: Part, dtype: str) -> list[NumericResult]:
    """Run one part, with warnings as errors; what the library raises is a finding, and what it found before stays."""
    judge = Judge(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            part(judge)
        except Exception as error:  # noqa: BLE001  # whatever a wrong library raises, it fails
            judge.raised(name, "raised", error)
    return judge.found
