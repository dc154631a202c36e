"""What only a real device shows: the memory that a call takes there, and the verdict of the self-check."""

from __future__ import annotations

import numpy as np
import pytest

import xent_arrayapi as xent
from xent_arrayapi.__main__ import main
from xent_arrayapi._selfcheck_report import read, verdicts

ROWS, CLASSES, ARRAYS = 4096, 8192, 9
"""ARRAYS of the logits' size, the gradient included, are more than value_and_grad holds at once: 7.5 in NumPy."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_of_a_call(be, dtype, rng):
    u, labels = be.array(rng.normal(size=(ROWS, CLASSES)), dtype), be.array(np.zeros(ROWS, int))
    h = xent.SoftmaxCrossEntropy(labels)
    be.run(h.value_and_grad, u)
    assert be.memory_of(lambda: h.value_and_grad(u)) <= ARRAYS * ROWS * CLASSES * np.dtype(dtype).itemsize


def test_the_self_check_passes_and_times_a_call(be, tmp_path):
    """Its report is printed with the throughput beside a copy, which is stated and not judged."""
    path = tmp_path / "report.json"
    status = main(["--backend", be.package, "--device", "cuda", "--json", str(path)])
    found = verdicts(read(path))
    assert found
    assert not [str(verdict) for verdict in found if verdict.failed]
    assert all("throughput" in " ".join(verdict.stated) for verdict in found)
    assert status == 0
