"""softcap and temperature: values, derivatives, and numbers that the dtype cannot hold."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import close
from tests.test_properties import near, outputs
from xent_arrayapi import SoftmaxCrossEntropy
from xent_arrayapi._logits import at_temperature, bent, over, representable

NAN, INF = np.nan, np.inf


def test_without_options_nothing_is_done(be):
    xp, u = be.namespace(), be.array([0.5, -INF])
    y, slope, curvature = bent(u, None, 1.0, xp)
    assert y is u
    assert slope is curvature is None
    assert at_temperature(u, 1.0, xp) is u


def test_temperature_alone_has_a_constant_slope(be):
    y, slope, curvature = bent(be.array([3.0, -INF, INF]), None, 4.0, be.namespace())
    near(be, be.numpy(y), np.asarray([0.75, -INF, INF]), roundings=0)
    assert slope == 0.25
    assert curvature is None


@pytest.mark.parametrize("cap", [0.5, 3.0, 50.0])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_softcap_and_its_derivatives(be, cap, temperature):
    """Against tanh and sech² in double precision; the tails of sech² keep their digits."""
    u = np.asarray([0.0, 0.1, -2.0, 7.0, -30.0])
    got = outputs(be, lambda u: tuple(bent(u, cap, temperature, be.namespace())), be.array(u))
    x = u / cap
    sech2 = 1 / np.cosh(x) ** 2
    near(be, got[0], cap * np.tanh(x) / temperature, roundings=8)
    near(be, got[1], sech2 / temperature, roundings=16 + 4 * np.max(np.abs(x)))  # exp of a rounded quotient
    near(be, got[2], -2 * np.tanh(x) * sech2 / (cap * temperature), roundings=24 + 4 * np.max(np.abs(x)))


def test_the_softcap_of_infinity_is_its_end(be):
    got = outputs(be, lambda u: tuple(bent(u, 2.0, 1.0, be.namespace())), be.array([INF, -INF, NAN]))
    near(be, got[0], np.asarray([2.0, -2.0, NAN]), roundings=0)
    near(be, got[1][:2], np.zeros(2), roundings=0)
    near(be, got[2][:2], np.asarray([0.0, 0.0]), roundings=0)


def test_division_by_numbers_whose_reciprocal_is_subnormal(be):
    """XLA divides by a number by multiplying with its reciprocal, and makes 0 of one that is subnormal."""
    for name in be.dtypes:
        limits = np.finfo(name)
        x, xp = be.array([1.0], name), be.namespace()
        assert representable(2.5, x, xp) == 2.5
        assert representable(5e-324, x, xp) == float(limits.smallest_normal)
        assert representable(1.7e308, x, xp) == min(1.7e308, float(limits.max))
        huge = be.array([limits.max, -limits.max / 8, INF, -INF], name)
        got = be.numpy(be.run(lambda x, xp=xp, t=float(limits.max): over(x, t, xp), huge))
        near(be, got, np.asarray([1.0, -0.125, INF, -INF], got.dtype), roundings=0)


@pytest.mark.parametrize("option", ["temperature", "softcap"])
@pytest.mark.parametrize("size", [1e-50, 1e-300, 1e50, 1e300])
def test_sizes_that_float32_cannot_hold_give_numbers(be, option, size):
    """Value and every derivative of the loss of modest logits: no nan, as long as the logits are finite."""
    u = be.array([[0.0, 0.0, 1.0], [-2.0, 3.0, 3.0]], "float32")
    v = be.array([[1.0, -1.0, 0.5]] * 2, "float32")
    h = SoftmaxCrossEntropy(be.array([1, 2]), reduction="none", check_values=False, **{option: size})
    value, gradient, product, diagonal = outputs(
        be, lambda u, v: (*h.value_and_grad(u), h.hvp(u, v), h.hessian_diag(u)), u, v
    )
    for x in (value, gradient, product, diagonal):
        assert not np.any(np.isnan(x)), (value, gradient, product, diagonal)
    if option == "softcap" and size > 1:  # the identity
        plain = SoftmaxCrossEntropy(be.array([1, 2]), reduction="none", check_values=False)
        near(be, value, be.numpy(plain(u)), roundings=2**31)  # a few roundings of float32, in float64's
    elif (option == "softcap") == (size < 1):  # all logits the same
        near(be, value, np.full(2, np.log(3)), roundings=2**31)


def test_the_limits_of_temperature(be):
    xp, u = be.namespace(), be.array([[1.0, 1.0, 0.0], [-INF, INF, 0.0], [-INF, -INF, -INF], [NAN, 0.0, 1.0]])
    cold = outputs(be, lambda u: at_temperature(u, 0, xp), u)
    near(be, cold[:3], np.asarray([[0, 0, -INF], [-INF, 0, -INF], [-INF] * 3]), roundings=0)
    assert np.isnan(cold[3]).any()
    hot = outputs(be, lambda u: at_temperature(u, INF, xp), u)
    near(be, hot, np.asarray([[0, 0, 0], [-INF, INF, 0], [-INF] * 3, [NAN, 0, 0]]), roundings=0)


def test_a_temperature_divides(be):
    got = outputs(be, lambda u: at_temperature(u, 3.0, be.namespace()), be.array([1.0, 2.0, -INF]))
    close(got, np.asarray([1.0, 2.0, -INF], dtype=got.dtype) / got.dtype.type(3), rtol=be.eps)
