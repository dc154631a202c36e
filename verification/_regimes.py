"""Rows of logits by regime, seeded, and what rule 7 of the contract allows of errors."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from verification._definitions import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verification._enclosures import Exact

    Array = NDArray[Any]

ULPS = 6
"""What rule 7 allows for K ≤ 1000."""
ULPS_MANY = 8
"""What it allows for K ≤ 100 000."""
ULPS_LOGSUMEXP = 4

SMALLEST = {"float32": 87.34, "float64": 708.4}
"""exp(−x) is subnormal from this x on."""
VANISHING = {"float32": 103.0, "float64": 745.0}
"""exp(−x) is not 0 up to this x."""
FAR = 1e4
"""Further below the maximum than exp can tell from 0."""


def below_zero(rng: np.random.Generator, low: float, high: float, rows: int = 20) -> Array:
    """Return rows of ten logits of which one is 0 and the others far below, half of them with an offset."""
    u = -rng.uniform(low, high, size=(rows, 10))
    u[np.arange(rows), np.arange(rows) % 10] = 0
    offset = rng.normal(size=rows) * 5
    shifted: Array = u + np.where(np.arange(rows) % 2, offset, 0)[:, None]
    return shifted


@functools.cache
def regimes(dtype: str) -> dict[str, Array]:
    """Return rows of logits of up to 1000 classes, by the name of their regime."""
    rng = np.random.default_rng(7)
    single = dtype == "float32"
    spread = 40 if single else 350
    found = {
        "N(0, 3²)": rng.normal(size=(20, 10)) * 3,
        "dominant logit": below_zero(rng, *((10, 30) if single else (25, 60))),
        "subnormal result": below_zero(rng, SMALLEST[dtype] + np.log(20), VANISHING[dtype]),
        "log-probabilities": np.log(rng.dirichlet(np.ones(10), 10)),
        "offset 1e6": rng.normal(size=(10, 10)) + 1e6,
        "two classes": rng.normal(size=(10, 2)) * 3,
        f"spread ±{spread}": rng.uniform(-spread, spread, size=(20, 50)),
        "spread ±1e30": rng.uniform(-1e30, 1e30, size=(4, 50)),
        "ties": np.full((2, 1000), [[1.7], [-0.3]]),
        "N(0, 4²)": rng.normal(size=(4, 1000)) * 4,
    }
    return {name: rows.astype(dtype) for name, rows in found.items()}


@dataclass(frozen=True, eq=False)
class Case:
    """Rows of logits with two labels each, and the exact values that results are held against."""

    rows: Rows
    names: list[str]
    """The regime of each row."""

    @property
    def top(self) -> Array:
        """Labels at a largest logit."""
        top: Array = np.argmax(self.rows.logits, axis=-1)
        return top

    @property
    def other(self) -> Array:
        """Labels elsewhere, among the first classes."""
        other: Array = (self.top == 0).astype(np.int64)
        return other

    @functools.cached_property
    def exact(self) -> dict[str, tuple[Exact, Exact]]:
        """All that rule 7 speaks of, for labels at the top and for those elsewhere."""
        rows = self.rows
        return {
            "softmax": (rows.softmax, rows.softmax),
            "log_softmax": (rows.log_softmax, rows.log_softmax),
            "logsumexp": (rows.logsumexp, rows.logsumexp),
            "loss": (rows.loss(self.top), rows.loss(self.other)),
            "gradient": (rows.gradient(self.top), rows.gradient(self.other)),
        }


def of_regimes(found: dict[str, Array], classes: int) -> Case:
    """Return rows as one case, filled up to a number of classes with logits far below."""
    filled = []
    for rows in found.values():
        lowest = np.min(rows, axis=-1, keepdims=True)
        more = np.broadcast_to(lowest - rows.dtype.type(FAR), (len(rows), classes - rows.shape[-1]))
        filled.append(np.concatenate([rows, more], axis=-1))
    return Case(Rows(np.concatenate(filled)), [name for name, rows in found.items() for _ in rows])


@functools.cache
def case(classes: int, dtype: str) -> Case:
    """Return the regimes of at most so many classes: all of them for 1000."""
    if classes == 100_000:
        u = np.random.default_rng(7).normal(size=classes) * 4
        return Case(Rows(np.stack([u, np.full(classes, 1.7)]).astype(dtype)), ["N(0, 4²)", "ties"])
    return of_regimes({name: u for name, u in regimes(dtype).items() if u.shape[-1] <= classes}, classes)
