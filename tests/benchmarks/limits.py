"""How many times as long as a peer we may take, in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks.works import BACKWARD, CALL, FUNCTIONS

if TYPE_CHECKING:
    from tests.benchmarks.works import Work

FEW, MANY = 100, 10_000
"""Classes: up to FEW, and from MANY on, a limit is another than between."""


class Limit(NamedTuple):
    """The largest ratio of two times."""

    ends: float
    """Where K <= FEW or K >= MANY."""
    between: float
    only: tuple[str, ...] = FUNCTIONS
    """The functions that it is of."""


HOST = {
    "SciPy": Limit(1.0, 1.0),
    "scikit-learn": Limit(1.0, 1.0),
    "torch": Limit(1.0, 1.5),
    "torch.compile": Limit(2.0, 3.5),
    "JAX jit": Limit(2.0, 2.0),
    "Numba": Limit(2.0, 2.0),
}
LIMITS = {
    "NumPy": HOST,
    "torch": {name: HOST[name] for name in ("torch", "torch.compile")},
    "torch.compile": {"torch.compile": Limit(1.3, 1.3)},
    "JAX jit": {"JAX jit": Limit(3.5, 3.5, only=("value_and_grad", *BACKWARD))},
}
"""By where we run, and by peer: each pair that is timed."""
OF_A_CALL = 40 / 45
"""Loss and gradient of a few rows in NumPy over SciPy's logsumexp alone: 40 µs where that was measured to take 45."""
OF_A_FIT = 1.0


def limit(ours: str, peer: str, function: str, work: Work) -> float | None:
    """Return the largest ratio that is good enough; None where none was set."""
    if peer == "SciPy" and function == "value_and_grad":
        return OF_A_CALL if work == CALL else None
    ends, between, only = LIMITS[ours][peer]
    if function not in only:
        return None
    return between if FEW < work.classes < MANY else ends
