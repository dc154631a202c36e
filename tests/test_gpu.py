"""What only a real device shows: the memory that a call takes there, and the self-check's verdict."""

from __future__ import annotations

import numpy as np
import pytest

import xent_arrayapi as xent

ARRAYS = 9
"""Arrays of the logits' size that value_and_grad holds at once, the gradient included: 8 on the CPU, and one."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_of_a_call(be, dtype, rng):
    u = be.array(rng.normal(size=(4096, 8192)), dtype)
    h = xent.SoftmaxCrossEntropy(be.array(np.zeros(4096, int)))
    be.run(h.value_and_grad, u)
    before = be.memory_in_use()
    be.run(h.value_and_grad, u)
    assert be.peak_memory() - before <= ARRAYS * 4096 * 8192 * np.dtype(dtype).itemsize
