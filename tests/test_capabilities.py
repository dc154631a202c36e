"""What the table of capabilities prints: every public call, in every mode that a backend has."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.backends.table import MODES
from tests.conftest import close
from tests.public_calls import CALLS, pulled_back


@pytest.mark.traced
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CALLS)
def test_call(be, name, mode, request):
    """Values agree with the textbook formula; its derivatives too, or the device, where that is the mode."""
    request.node.user_properties.append(("capability", f"{be.name} {name} {mode}"))
    call = CALLS[name]
    arrays, labels = [be.array(x) for x in call.primals], [be.array(x) for x in call.labels]
    expected = call.plain(*call.primals)
    if mode == "autograd":
        cotangent = np.cos(np.arange(expected.size, dtype=float)).reshape(expected.shape)
        got = be.pulled_back(lambda *primals: call.function(*primals, *labels), arrays, be.array(cotangent))
        for one, other in zip(be.numpies(got), pulled_back(call, cotangent), strict=True):
            close(one, other, rtol=32 * be.eps, atol=32 * be.eps)
        return
    result = be.run(call.function, *arrays, *labels)
    close(be.numpy(result), expected, rtol=16 * be.eps, atol=16 * be.eps)
    if mode == "device":
        assert be.device_of(result) == be.device_of(arrays[0])


@pytest.mark.once
def test_every_public_name_and_method_has_a_row():
    data = {"LogPartition", "Categorical"}
    names = set(xent.__all__) - data
    for kind in (xent.LogPartition, xent.SoftmaxCrossEntropy, xent.SigmoidCrossEntropy, xent.Categorical):
        found = inspect.getmembers(kind, lambda member: inspect.isfunction(member) or isinstance(member, property))
        names |= {f"{kind.__name__}.{name}" for name, _ in found if name[0] != "_"}
    ends = {"LogPartition.of", "LogPartition.logsumexp"}
    assert set(CALLS) == names - ends, "LogPartition.of begins each of its rows, and logsumexp ends one"
