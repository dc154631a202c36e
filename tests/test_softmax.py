"""logsumexp, softmax, log_softmax and the Jacobian, at the edges of their options."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_properties import near, outputs
from xent_arrayapi._jacobian import centred, diagonal, jacobian_product

NAN, INF = np.nan, np.inf


def test_jacobian_of_known_logits(be):
    u = np.log(np.asarray([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]))
    s = np.asarray([[1, 2, 5], [2, 2, 4]]) / 8
    got = outputs(be, lambda u: (xent.softmax_jacobian(u), xent.softmax(u)), be.array(u))
    near(be, got[1], s, roundings=16)
    near(be, got[0], s[:, :, None] * (np.eye(3) - s[:, None, :]), roundings=16)


def test_a_small_diagonal_keeps_its_digits(be):
    """S (1 − S) next to S = 1, where 1 minus a rounded S is 0."""
    (block,) = outputs(be, lambda u: (xent.softmax_jacobian(u),), be.array([0.0, -50.0]))
    p = np.exp(-50.0)
    near(be, block, p * np.asarray([[1.0, -1.0], [-1.0, 1.0]]), roundings=8)


def test_products_keep_the_digits_of_a_small_difference(be):
    """One entry of the tangent is subtracted before any sum: 1 + 2⁻²⁰ against 1 is 2⁻²⁰, exactly."""
    v = np.asarray([1.0, 1.0, 1.0 + 2.0**-20])
    got = outputs(be, xent.softmax_jvp, be.array([0.0, 0.0, 0.0]), be.array(v))
    near(be, got, 2.0**-20 * np.asarray([-1.0, -1.0, 2.0]) / 9, roundings=8)


def test_a_tangent_is_cast_to_the_logits(be):
    u, v = be.array([0.0, 1.0, 2.0], "float32"), be.array([1, 0, 2], "int32")
    got = outputs(be, xent.softmax_jvp, u, v)
    assert got.dtype == np.float32
    close(got, outputs(be, xent.softmax_jvp, u, be.array([1.0, 0.0, 2.0], "float32")), rtol=0)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (1,), (2, 1), (0, 0)])
def test_no_and_one_class(be, shape):
    x = be.array(np.full(shape, 2.5))
    got = outputs(
        be,
        lambda x: (
            *(xent.softmax(x), xent.log_softmax(x), xent.softmax_jvp(x, x), xent.logsumexp(x)),
            *(xent.logsumexp(x, weights=x, keepdims=True), xent.softmax_jacobian(x), xent.softmax(x, temperature=0)),
        ),
        x,
    )
    assert [g.shape for g in got] == [
        *(shape, shape, shape, shape[:-1]),
        *((*shape[:-1], 1), (*shape, shape[-1]), shape),
    ]
    for g, value in zip(got, (1, 0, 0, 2.5 if shape[-1] else -INF), strict=False):
        assert np.all(g == value)
    assert np.all(got[5] == 0)
    near(be, got[4], np.full(got[4].shape, 2.5 + np.log(2.5) if shape[-1] else -INF), roundings=4)


EDGES = np.asarray([[0.0, 0.0, -1.0, 2.0], [-INF, 3.0, 3.0, -INF], [-1e30, 0.0, 1e30, 1e30], [NAN, 0.0, 1.0, 1.0]])


def test_the_limits_of_temperature(be):
    """0 is uniform over the maxima, inf over what is finite; a row with nan is nan."""
    x = be.array(EDGES)
    for temperature, expected in {
        0: [[0, 0, 0, 1], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5], [NAN] * 4],
        INF: [[0.25] * 4, [0, 0.5, 0.5, 0], [0.25] * 4, [NAN] * 4],
    }.items():
        for function, values in ((xent.softmax, expected), (xent.log_softmax, None)):
            with np.errstate(divide="ignore"):
                values = np.log(expected) if values is None else np.asarray(values)  # noqa: PLW2901  # of the pair
            got = outputs(be, lambda x, f=function, t=temperature: f(x, temperature=t), x)
            near(be, got, values, roundings=2)


def test_infinite_logits_at_the_limits_of_temperature(be):
    """+inf is the maximum at T = 0; at T = inf it stays +inf, as −inf stays −inf."""
    x = be.array([[INF, 0.0, INF, -INF], [-INF] * 4])
    for temperature in (0.0, 1.0, INF):
        got = outputs(be, lambda x, t=temperature: xent.softmax(x, temperature=t), x)
        near(be, got, np.asarray([[0.5, 0, 0.5, 0], [NAN] * 4]), roundings=0)


@pytest.mark.parametrize("temperature", [1e-50, 1e-300, 5e-324, 1e50, 1e300])
def test_temperatures_that_float32_cannot_hold(be, temperature):
    """They act as the smallest and largest numbers it has: next to the limits, never 0 / 0."""
    x = be.array(EDGES[:3], "float32")
    limit = 0 if temperature < 1 else INF
    got, limiting = outputs(
        be, lambda x: (xent.softmax(x, temperature=temperature), xent.softmax(x, temperature=limit)), x
    )
    near(be, got, limiting, roundings=2**30)  # 1e30 / 3e38 is 3e-9: the float32 rounding, and 2^30 in float64's
    assert np.all(np.isfinite(got))


def test_where_leaves_classes_or_none(be):
    x, mask = be.array([[1.0, NAN, 1.0], [NAN, INF, NAN]]), be.array([[True, False, True], [False] * 3])
    got = outputs(
        be,
        lambda x, m: (
            *(xent.softmax(x, where=m), xent.log_softmax(x, where=m)),
            *(xent.softmax(x, where=m, temperature=0), *xent.logsumexp(x, where=m, return_sign=True)),
            *xent.logsumexp(x, where=m, weights=x, return_sign=True),
        ),
        x,
        mask,
    )
    half = np.asarray([[0.5, 0, 0.5], [0, 0, 0]])
    near(be, got[0], half, roundings=0)
    with np.errstate(divide="ignore"):
        near(be, got[1], np.log(half), roundings=2)
    near(be, got[2], half, roundings=0)
    for value, sign in (got[3:5], got[5:]):
        near(be, value, np.asarray([1 + np.log(2), -INF]), roundings=4)
        near(be, sign, np.asarray([1.0, 0.0]), roundings=0)


SIGNED = {
    "of mixed sign": ([0.0, 0.0, 1.0], [1.0, -3.0, 0.5], np.log(2 - np.e / 2), -1),
    "cancelling": ([2.0, 2.0], [1.5, -1.5], -INF, 0),
    "none": ([1.0, NAN], [0.0, 0.0], -INF, 0),
    "at −inf": ([-INF, -INF], [2.0, -3.0], -INF, 0),
    "+inf": ([INF, 5.0], [2.0, -3.0], INF, 1),
    "−(+inf)": ([INF, 5.0], [-2.0, 3.0], INF, -1),
    "+inf − inf": ([INF, INF], [2.0, -3.0], NAN, NAN),
    "nan": ([NAN, 0.0], [1.0, 1.0], NAN, NAN),
    "nan at weight 0": ([NAN, 0.0, INF], [0.0, -2.0, 0.0], np.log(2), -1),
    "nan weight": ([0.0, 0.0], [NAN, 1.0], NAN, NAN),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signed_sums(be, name):
    u, w, value, sign = SIGNED[name]
    got = outputs(
        be,
        lambda u, w: (*xent.logsumexp(u, weights=w, return_sign=True), xent.logsumexp(u, weights=w)),
        be.array(u),
        be.array(w),
    )
    near(be, got[0], np.asarray(value), roundings=4, size=np.log(3))  # the shift, which the logarithm takes back
    near(be, got[1], np.asarray(float(sign)), roundings=0)
    near(be, got[2], np.asarray(NAN if sign == -1 else value), roundings=4, size=np.log(3))


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e30, 1e-30])
@pytest.mark.parametrize("logit", [1000.0, -1000.0, 0.0, 80.0, -80.0])
def test_weights_that_dwarf_their_logits(be, scale, logit):
    """log (w e^u) = log w + u, also where w or e^u alone is out of range."""
    if not be.has_float64 and not 1e-38 < scale < 1e38:
        scale = np.sqrt(np.sqrt(np.sqrt(scale)))  # the same, in range of float32
    u, w = np.asarray([logit, logit - 1, -INF]), scale * np.asarray([1.0, 2.0, 3.0])
    value, sign = outputs(be, lambda u, w: xent.logsumexp(u, weights=w, return_sign=True), be.array(u), be.array(w))
    scale = float(np.asarray(scale, dtype="float64" if be.has_float64 else "float32"))
    near(be, value, np.asarray(logit + np.log(scale) + np.log1p(2 / np.e)), roundings=8, size=abs(logit) + 691)
    close(sign, np.ones((), dtype=sign.dtype), rtol=0)


def test_subnormal_weights(be):
    """They are weights like others; XLA on the CPU takes them for 0 (rule 7)."""
    w = np.asarray([5e-324, 1e-310]) if be.has_float64 else np.asarray([1e-45, 1e-40], dtype="float32")
    value = outputs(be, lambda u, w: xent.logsumexp(u, weights=w), be.array([900.0, 0.0]), be.array(w))
    expected = -INF if be.package == "jax" else 900 + np.log(float(w[0]))
    near(be, value, np.asarray(expected), roundings=8, size=900)


def test_weights_and_logits_broadcast_against_each_other(be, rng):
    u, w = rng.normal(size=(2, 1, 3)), rng.uniform(size=(4, 1))
    got = outputs(be, lambda u, w: (xent.logsumexp(u, weights=w), xent.logsumexp(u, weights=w, axis=(1, 2))),
                  be.array(u), be.array(w))  # fmt: skip
    near(be, got[0], np.log(np.sum(w * np.exp(u), axis=-1)), roundings=16, size=1)
    near(be, got[1], np.log(np.sum(w * np.exp(u), axis=(1, 2))), roundings=16, size=1)
    counts = outputs(be, lambda u, w: xent.logsumexp(u, weights=w), be.array([0.0, 0.0]), be.array([2, 3], "int32"))
    near(be, counts, np.asarray(np.log(5)), roundings=4)


def test_the_core_of_products(be):
    """The entry subtracted is that of a maximal logit; where there is none, of a row that is nan, it is 0."""
    xp = be.namespace()
    v, top = be.array([[5.0, 1.0, 7.0], [1.0, 2.0, 3.0]]), be.array([[True, False, True], [False] * 3])
    moved, entry = (be.numpy(x) for x in centred(v, top, xp))
    near(be, moved, np.asarray([[-2.0, -6.0, 0.0], [1.0, 2.0, 3.0]]), roundings=0)
    near(be, entry, np.asarray([[7.0], [0.0]]), roundings=0)
    s = be.array([[0.5, 0.25, 0.25]])
    product, mean = (be.numpy(x) for x in jacobian_product(s, v[:1, :], top[:1, :], xp))
    near(be, mean, np.asarray([[4.5]]), roundings=2)
    near(be, product, np.asarray([[0.25, -0.875, 0.625]]), roundings=4)
    close(be.numpy(diagonal(v, xp)), np.eye(3, dtype=bool), rtol=0)


@pytest.mark.only("torch")
@pytest.mark.parametrize("compiled", [False, True])
def test_transforms_of_torch_differentiate_rows_that_are_infinite(be, compiled):
    """They go through the formulas: what is infinite is told before exp is taken, also where it is compiled."""
    torch = sys.modules["torch"]
    u = np.asarray([[1.0, 2.0, 3.0], [INF, 0.0, 1.0], [-INF, -INF, -INF]])
    w = np.asarray([1.0, 2.0, 4.0])
    weights = be.array(w)

    def of_sound_rows(x):
        y = xent.softmax(x)
        return torch.sum(torch.where(torch.isnan(y), 0, weights * y))

    gradient = torch.func.grad(of_sound_rows)
    if compiled:
        gradient = torch.compile(gradient, fullgraph=True, backend="aot_eager")
    s = np.exp(u[0] - 3) / np.sum(np.exp(u[0] - 3))
    near(be, be.numpy(gradient(be.array(u))), np.asarray([s * (w - np.sum(s * w)), [0] * 3, [0] * 3]), roundings=16)
