"""What the tests of chunks and of ranks share: rows of logits that put every kind of value into some shard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import xent_arrayapi as xent

IGNORED = -100
PATIENCE = 300
"""Seconds that a busy machine is given."""


def rows_of_all_kinds(dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Return logits and labels: ignored rows, ties and maxima in any shard, a shard of −inf, a dominant logit."""
    rng = np.random.default_rng(20_161_122)
    u, y = 4 * rng.normal(size=(30, 20)), rng.integers(0, 20, 30)
    y[::9], u[9] = IGNORED, np.nan
    u[4] = -60
    u[4, 19], y[4] = 0, 19
    u[5, :14], y[5] = -np.inf, 16
    u[6, [2, 9, 17]] = u[6].max() + 1
    u[7] = 1.5
    return u.astype(dtype), y


def infinite_rows() -> tuple[np.ndarray, np.ndarray]:
    """Return rows with +inf once, in two shards, with −inf throughout, at the label, with nan; labels that are none."""
    u = np.zeros((8, 20))
    u[0, 8], u[1, [0, 19]], u[2], u[3, 5], u[6, 12] = np.inf, np.inf, -np.inf, -np.inf, np.nan
    return u, np.asarray([8, 19, 3, 5, 20, -1, 0, 12])


def in_one_process(u: np.ndarray, y: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate the loss and its gradient without shards."""
    return xent.SoftmaxCrossEntropy(y, check_values=False, **options).value_and_grad(u)


def within(got: np.ndarray, expected: np.ndarray, roundings: float) -> None:
    """Compare each element, nan with nan, to some roundings of itself."""
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=roundings * np.finfo(expected.dtype).eps, atol=0)


def said_by(script: str, *arguments: str) -> str:
    """Run a script of docs/examples as its readers do, and return what it prints."""
    root = Path(__file__).parents[1]
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, str(root / "docs" / "examples" / script), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(xent.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
