"""The stored references are what ball arithmetic says, and errors against them are ulps."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tests.make_references import PATH, described
from xent_arrayapi._selfcheck_references import (
    DIGITS,
    FORMATS,
    is_subnormal,
    logits_of,
    references,
    spacing,
    tangent,
    ulps,
)

pytestmark = pytest.mark.once

STORED = json.loads(PATH.read_text(encoding="utf-8"))
REGIMES = {
    *("N(0, 3²)", "N(0, 4.6²)", "dominant logit", "log-probabilities", "offset 1e6", "offset 1e8"),
    *("spread ±1e30", "subnormal result", "ties", "two classes"),
}


@pytest.mark.parametrize("dtype", STORED)
def test_every_reference_is_what_ball_arithmetic_says(dtype):
    for row in STORED[dtype]:
        assert described({"regime": row["regime"], "logits": row["logits"]}) == row


def test_all_regimes_are_there():
    for dtype, widest in {"float32": "spread ±40", "float64": "spread ±350"}.items():
        assert {row["regime"] for row in STORED[dtype]} == REGIMES | {widest}
        assert sorted(references(dtype, 10**6)) == [2, 10, 50, 1000, 100_000]
    assert sorted(references("float64", 50)) == [2, 10, 50]
    assert references("float16", 10**6) is not references("float32", 10**6)
    assert PATH.stat().st_size < 200_000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_holds_the_logits(dtype):
    for row in STORED[dtype]:
        u = logits_of(row["logits"])
        assert np.asarray(u, dtype=dtype).tolist() == u
        assert u[row["labels"][0]] == max(u)


def test_half_precision_holds_the_logits_and_tangents():
    for row in STORED["half"]:
        for x in (*logits_of(row["logits"]), *tangent(10)):
            assert (x * 16).is_integer()
            assert abs(x * 16) <= 256  # eight digits, those of bfloat16


def test_the_digits_are_fifty():
    digits = [len(Decimal(x).as_tuple().digits) for x in STORED["float64"][0]["softmax"]]
    assert set(digits) == {DIGITS}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_spacing_is_numpys(dtype):
    limits = np.finfo(dtype)
    for x in (1.0, 1.5, 1.5 * 2.0**-15, float(limits.tiny), float(limits.tiny) / 2, float(limits.max) / 4):
        assert spacing(Decimal(x), dtype) == Decimal(float(np.spacing(np.asarray(x, dtype=dtype))))
        assert is_subnormal(Decimal(x), dtype) == (x < limits.tiny)
    assert spacing(Decimal(0), dtype) == spacing(Decimal("1e-400"), dtype) == Decimal(2.0 ** FORMATS[dtype][1])


def test_the_spacing_below_a_power_of_two_is_the_finer_one():
    below = Decimal("0." + "9" * 30)  # as a float it is 1
    assert spacing(below, "float64") == Decimal(2.0**-53)


def test_errors_are_in_ulps():
    third = Decimal(1) / Decimal(3)
    exact = abs(Fraction(1 / 3) - Fraction(1, 3)) * 2**54
    assert ulps(1 / 3, third, "float64") == pytest.approx(float(exact), rel=1e-9)
    assert ulps(math.nextafter(1 / 3, 1), third, "float64") == pytest.approx(1 - float(exact), rel=1e-9)
    assert ulps(1.0, Decimal(0), "float64", Decimal(1)) == 2.0**52
    for wrong in (math.nan, math.inf):
        assert ulps(wrong, third, "float64") == math.inf
    assert ulps(1.0, Decimal("nan"), "float64") == math.inf
