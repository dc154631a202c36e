"""The lanes themselves: a defect seeded into a function is caught by those that are there for it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace, device

from tests.backends.defects import CATCHES, DEFECTS
from tests.backends.table import BACKENDS
from tests.conftest import close
from tests.public_calls import U

pytestmark = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`:UserWarning")
"""array-api-compat keeps what these functions ask it."""


def with_float(x: Any) -> Any:
    xp = array_namespace(x)
    return x - float(xp.max(x))


def with_branch(x: Any) -> Any:
    xp = array_namespace(x)
    return x - 3.0 if xp.max(x) > 0 else x


def with_constant(x: Any) -> Any:
    xp = array_namespace(x)
    return x - xp.asarray(3.0, dtype=x.dtype)


def with_sent_constant(x: Any) -> Any:
    xp = array_namespace(x)
    return x - xp.asarray(3.0, dtype=x.dtype, device=device(x))


def with_mask(x: Any) -> Any:
    xp = array_namespace(x)
    return x - 3.0 + 0 * xp.sum(x[x > 0])


def with_forgotten_device(x: Any) -> Any:
    xp = array_namespace(x)
    return x - 3.0 * xp.astype(xp.arange(x.shape[-1]) >= 0, x.dtype)


def with_sum_where(x: Any) -> Any:
    xp = array_namespace(x)
    return x - 3.0 + 0 * xp.sum(x, where=x > 0)


SEEDED = {
    "float()": with_float,
    "branch": with_branch,
    "constant": with_constant,
    "sent constant": with_sent_constant,
    "mask": with_mask,
    "device": with_forgotten_device,
    "sum(where=)": with_sum_where,
}
"""U − 3, its maximum, in ways that no library code may."""


@pytest.mark.traced
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_seeded_defect(be, defect):
    """A backend raises what the table says for the defects it catches, and runs the others."""
    catches = CATCHES.get(be.name, {})
    x = be.array(U)
    if defect in catches:
        with pytest.raises(BaseException, match=re.escape(catches[defect])):
            be.numpy(be.run(SEEDED[defect], x))
    else:
        close(be.numpy(be.run(SEEDED[defect], x)), U - 3.0, rtol=0)


@pytest.mark.once
def test_every_defect_is_caught_somewhere():
    assert set(SEEDED) == set(DEFECTS) == {name for caught in CATCHES.values() for name in caught}
    assert set(CATCHES) <= set(BACKENDS)
    assert np.max(U) == 3.0
