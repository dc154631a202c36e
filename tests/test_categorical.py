"""`Categorical`: its parameters, moments and divergences."""

from __future__ import annotations

from typing import Any

import flint
import numpy as np
import pytest
from flint import arb
from hypothesis import strategies as st

from tests.conftest import close
from tests.public_calls import third
from tests.test_autodiff import agree, outputs, tools
from tests.test_properties import K, forall, near, rows
from tests.test_validate import refused
from xent_arrayapi import Categorical

NAN, INF = np.nan, np.inf
U = np.asarray([[0.5, -1.0, 2.0, 0.25], [1.0, 1.0, -0.5, 1.0], [-INF, 2.0, 2.0, -INF], [-INF, -3.0, -INF, -INF]])
V = np.asarray([[1.0, 0.5, 0.5, 0.0], [1.0, 1.0, -0.5, 1.0], [0.0, 1.0, -2.0, -INF], [-INF, 2.0, -INF, 3.0]])
LABELS = np.asarray([1, 0, 2, 1])
ROWS = np.asarray([[0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0]])
UNIFORMS = np.asarray([[0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.25, 0.5], [0.75, 0.9375, 0.75, 0.9375]])


def of(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, and their logarithms, 0 where they are −inf."""
    e = np.exp(u - u.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return p, np.log(np.where(p > 0, p, 1))


def quantities(u: Any, v: Any, y: Any, x: Any, uniforms: Any) -> Any:
    family, other = Categorical(u), Categorical(v)
    return (
        *(family.log_normalizer, family.mean, family.covariance, family.third_cumulant),
        *(family.entropy, family.cross_entropy(other), family.kl_divergence(other)),
        *(family.natural(reference=1), family.fisher_information(reference=-3)),
        *(family.log_prob(y, check_values=False), family.log_prob(x, check_values=False)),
        *(family.mode, family.sample(uniforms, check_values=False)),
    )


@pytest.mark.traced
def test_every_quantity_of_known_families(be):
    """Ties, classes of probability 0, and one class left, against formulas of probabilities."""
    arrays = [be.array(x) for x in (U, V, LABELS, ROWS, UNIFORMS)]
    got = outputs(be, quantities, *arrays)
    (p, lp), (q, lq) = of(U), of(V)
    with np.errstate(invalid="ignore"):
        natural = np.delete(U - U[:, 1:2], 1, axis=-1)
    cumulative = np.cumsum(p, axis=-1)
    expected = (
        *(np.log(np.sum(np.exp(U), -1)), p, np.einsum("ni,ij->nij", p, np.eye(4)) - p[:, :, None] * p[:, None, :]),
        *(third(U), -np.sum(p * lp, -1), -np.sum(p * lq, -1), np.sum(p * (lp - lq), -1)),
        *(natural, np.delete(np.delete(got[2], 1, 1), 1, 2)),
        *(lp[np.arange(4), LABELS], np.sum(ROWS * lp, -1)),
        *(np.asarray([2, 0, 1, 1]), np.sum(cumulative <= UNIFORMS[..., None], axis=-1)),
    )
    assert np.all(q[p > 0] > 0)
    for x, y in zip(got, expected, strict=True):
        near(be, x, y, roundings=16, size=1)
    assert str(got[11].dtype) == str(got[12].dtype) == be.int_default


def test_the_class_axis_may_be_any_axis(be):
    u = np.reshape(np.sin(np.arange(24.0)), (3, 2, 4))
    v, y, uniforms = np.cos(u), np.arange(30).reshape(5, 3, 2) % 4, np.linspace(0, 0.99, 30).reshape(5, 3, 2)
    expected = quantities(u, v, y, v[None] + np.zeros((5, 1, 1, 1)), uniforms)
    for axis in (1, -3) if be.slow or be.package == "jax" else range(-3, 3):
        arrays = [np.moveaxis(x, -1, axis) for x in (u, v)]
        samples = np.moveaxis(v[None] + np.zeros((5, 1, 1, 1)), -1, axis % 3 + 1)

        def placed(u: Any, v: Any, y: Any, x: Any, uniforms: Any, *, axis: int = axis) -> Any:
            family, other = Categorical(u, axis=axis), Categorical(v, axis=axis)
            natural = family.natural(reference=1)
            back = Categorical.from_natural(natural, reference=1, axis=axis)
            return (
                *(family.log_normalizer, family.mean, family.covariance, family.third_cumulant, family.entropy),
                *(family.cross_entropy(other), family.kl_divergence(other), natural),
                *(family.fisher_information(reference=1), family.log_prob(y, check_values=False)),
                *(family.log_prob(x, check_values=False), family.mode, family.sample(uniforms, check_values=False)),
                *(back.mean, Categorical.from_probs(family.mean, axis=axis, check_values=False).mean),
            )

        got = outputs(be, placed, *map(be.array, (*arrays, y, samples, uniforms)))
        for k, (x, wanted) in enumerate(zip(got, (*expected, expected[1], expected[1]), strict=True)):
            last = np.moveaxis(x, axis, -1) if k in (1, 7, 13, 14) else x
            near(be, last, wanted, roundings=32, size=1)


SPECIAL = np.asarray([[INF, 1.0, INF], [-INF, -INF, -INF], [NAN, 0.0, 1.0], [3.0, 3.0, NAN], [INF, -INF, 0.0]])


def test_rule_30_rows_that_are_special(be):
    """Infinite entries share the mass; without a distribution numbers are nan, and labels −1."""
    u, uniforms = be.array(SPECIAL), be.array(np.full(5, 0.625))
    got = outputs(be, quantities, u, u, be.array([2, 0, 1, 0, 0]), be.array(np.full((5, 3), 0.25)), uniforms)
    p = np.asarray([[0.5, 0, 0.5], [NAN] * 3, [NAN] * 3, [NAN] * 3, [1, 0, 0]])
    near(be, got[0], np.asarray([INF, -INF, NAN, NAN, INF]), roundings=0)
    near(be, got[1], p, roundings=0)
    entropy = np.asarray([np.log(2), NAN, NAN, NAN, 0])
    near(be, got[4], entropy, roundings=2)
    near(be, got[5], entropy, roundings=2)
    near(be, got[6], 0 * entropy, roundings=0)
    near(be, got[7], np.asarray([[INF, INF], [NAN, NAN], [NAN, 1], [0, NAN], [INF, INF]]), roundings=0)
    near(be, got[9], np.asarray([-np.log(2), NAN, NAN, NAN, 0]), roundings=2)
    near(be, got[11], np.asarray([0, -1, -1, -1, 0]), roundings=0)
    near(be, got[12], np.asarray([2, -1, -1, -1, 0]), roundings=0)


@pytest.mark.parametrize("shape", [(2, 0), (2, 1), (0, 3)])
def test_rule_30_families_of_no_and_one_class(be, shape):
    def all_of_them(u: Any, uniforms: Any) -> Any:
        family = Categorical(u)
        numbers = (family.entropy, family.cross_entropy(family), family.kl_divergence(family))
        return *numbers, family.log_normalizer, family.mean, family.third_cumulant, family.mode, family.sample(uniforms)

    *zeros, a, mean, cumulant, mode, drawn = outputs(
        be, all_of_them, be.array(np.ones(shape)), be.array(0 * np.ones(2)[: shape[0]])
    )
    for x in zeros:
        close(x, np.zeros(shape[:1]).astype(x.dtype), rtol=0)
    close(a, np.full(shape[:1], 1.0 if shape[1] else -INF).astype(a.dtype), rtol=0)
    close(mean, np.ones(shape).astype(mean.dtype), rtol=0)
    close(cumulant, np.zeros((*shape, shape[1], shape[1])).astype(mean.dtype), rtol=0)
    for label in (mode, drawn):
        assert np.all(label == (0 if shape[1] else -1))
        assert label.shape == shape[:1]


def test_rule_35_parameters_without_a_reference_that_is_possible(be):
    """Relative to a class of probability 0 the others are +inf, and 0 / 0 is nan."""
    got = outputs(be, lambda u: Categorical(u).natural(), be.array([[0.0, -INF, -INF], [-INF, 1.0, -1.0]]))
    near(be, got, np.asarray([[INF, NAN], [-INF, 2.0]]), roundings=0)


def test_there_and_back(be):
    """Minimal parameters and probabilities give back the family, for each reference of either sign."""
    eta = np.asarray([[0.25, -1.0, 2.0], [0.0, -INF, 30.0]])
    for reference in (0, -1, -2) if be.slow else range(-4, 4):

        def there_and_back(eta: Any, reference: int = reference) -> Any:
            family = Categorical.from_natural(eta, reference=reference)
            of_probs = Categorical.from_probs(family.mean, check_values=False)
            return family.logits, family.natural(reference=reference), of_probs.natural(reference=reference)

        logits, natural, of_probs = outputs(be, there_and_back, be.array(eta))
        at = reference % 4
        assert np.all(logits[:, at] == 0)
        close(np.delete(logits, at, axis=-1), eta.astype(logits.dtype), rtol=0)
        close(natural, eta.astype(logits.dtype), rtol=0)
        near(be, of_probs, eta, roundings=16, size=32)


def exact_divergence(u: np.ndarray, v: np.ndarray) -> float:
    """Return the divergence of two families from an enclosure."""
    with flint.ctx.workprec(1024):
        x, y = ([arb(float(one)) for one in row] for row in (u, v))
        a, b = (sum((one.exp() for one in row), arb(0)).log() for row in (x, y))
        return float(
            sum(((one - a).exp() * ((one - a) - (other - b)) for one, other in zip(x, y, strict=True)), arb(0))
        )


def test_rule_32_divergences_of_families_nearly_alike(be, rng):
    """The error is at most 4 (1 + log K) eps (√KL + KL), no divergence is negative, that of equal logits is 0."""
    scales = [0.0, 1e-60, 1e-20, 1e-17, 3e-16, 1e-14, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3, 0.1, 1.0, 10.0, 300.0]
    for dtype in be.dtypes[:: 1 if be.package in ("numpy", "torch") else -1][
        : None if be.package in ("numpy", "torch") else 1
    ]:
        u = np.concatenate([wide * rng.normal(size=(len(scales), 10)) for wide in (0.0, 1.0, 40.0)])
        v = (u + np.tile(scales, 3)[:, None] * rng.normal(size=u.shape)).astype(dtype)
        v = np.concatenate([v, np.nextafter(u.astype(dtype), np.asarray(INF, dtype)), u.astype(dtype)])
        u = np.concatenate([u, u, u]).astype(dtype)
        got = outputs(
            be, lambda u, v: Categorical(u).kl_divergence(Categorical(v)), be.array(u, dtype), be.array(v, dtype)
        )
        exact = np.asarray([exact_divergence(*pair) for pair in zip(u, v, strict=True)])
        assert np.all(got >= 0)
        assert np.all(got[-len(u) // 3 :] == 0)
        eps, size = np.finfo(dtype).eps, np.abs(exact)
        assert np.all(np.abs(got - exact) <= 4 * (1 + np.log(10)) * eps * (np.sqrt(size) + size))


def test_rule_31_what_another_family_lacks_is_infinitely_far(be):
    """Also where the probability underflows; what this one lacks costs nothing, whatever the other holds."""
    u = be.array([[0.0, 0.0], [0.0, -2000.0], [0.0, -INF], [0.0, -INF]])
    v = be.array([[0.0, -INF], [0.0, -INF], [0.0, -INF], [0.0, 0.0]])

    def both(u: Any, v: Any) -> Any:
        return Categorical(u).cross_entropy(Categorical(v)), Categorical(u).kl_divergence(Categorical(v))

    for got in outputs(be, both, u, v):
        near(be, got, np.asarray([INF, INF, 0.0, np.log(2)]), roundings=2)


def test_halves_and_integers(be):
    """Rule 9: arrays of the logits' shape in their dtype, numbers per row in float32; rule 10: integers promoted."""
    data = np.asarray([[0, 1, 3], [2, 2, 0]])
    expected = be.numpies(
        quantities(*(be.array(x) for x in (data * 1.0, data[::-1] * 1.0, [1, 0], data / 4, [0.5, 0.75])))
    )
    for name in (*be.halves, "uint8"):
        u, v = (be.array(x, name) for x in (data, data[::-1].copy()))
        x = be.array(data / 4, "float32" if name == "uint8" else name)
        got = quantities(u, v, be.array([1, 0]), x, be.array([0.5, 0.75]))
        of_rows, per_row = (name, "float32") if name in be.halves else (be.float_default,) * 2
        eps = 2.0**-7 if name in be.halves else 2.0**-22
        for k, (one, wanted) in enumerate(zip(got, expected, strict=True)):
            if k < 11:
                assert one.dtype == be.dtype(of_rows if k in (1, 2, 3, 7, 8) else per_row)
            close(be.numpy(one).astype("float64"), wanted.astype("float64"), rtol=eps, atol=eps)


@pytest.mark.once
def test_what_is_refused():
    """Each error names the argument, what it must be and what it is."""
    u, family = np.zeros((2, 3)), Categorical(np.zeros((2, 3)))
    refused(TypeError, "`logits` must be real: floating, integer or bool, not complex128.", Categorical, u + 0j)
    for call in (family.natural, family.fisher_information):
        for reference in (3, -4):
            message = f"`reference` must be one of the 3 classes, in -3..2, not {reference}."
            refused(ValueError, message, call, reference=reference)
    message = "`reference` must be one of the 4 classes, in -4..3, not 4."
    refused(ValueError, message, Categorical.from_natural, u, reference=4)
    message = "`labels` must be integers (class labels), not float64: convert them first."
    refused(TypeError, message, Categorical.fit, u, classes=2)
    message = "`classes` must be at least 1, not 0."
    refused(ValueError, message, Categorical.fit, np.zeros(2, int), classes=0)
    message = "`sample_weight` must have the shape (2,) of `labels`, not (3,)."
    refused(ValueError, message, Categorical.fit, np.zeros(2, int), classes=1, sample_weight=np.ones(3))
    message = "`uniforms` must have the shape (2,) of the logits without their class axis, after axes of samples, not "
    refused(ValueError, f"{message}(2, 3).", family.sample, u)
    refused(ValueError, f"{message}().", family.sample, np.asarray(0.5))
    refused(
        TypeError, "`uniforms` must be real floating, not int64: convert it first.", family.sample, np.zeros(2, int)
    )
    message = "`targets` must have the shape (2, 3) of the logits, after axes of samples, not (4, 3, 2)."
    refused(ValueError, message, family.log_prob, np.zeros((4, 3, 2)))
    with pytest.raises(TypeError, match="integers to be class labels"):
        family.log_prob(np.zeros(2))
    for call in (family.cross_entropy, family.kl_divergence):
        refused(TypeError, "`other` must be a Categorical, not an array: make one of its logits.", call, u)
        message = "`other` must have the shape (2, 3) of the logits of this family, not (2, 4)."
        refused(ValueError, message, call, Categorical(np.zeros((2, 4))))
        message = "`other` must have the class axis -1 of this family, not 0."
        refused(ValueError, message, call, Categorical(u, axis=0))
    assert family.kl_divergence(Categorical(u, axis=1)).tolist() == [0, 0]


def test_properties_of_pairs(be):
    """KL ≥ 0, ℓ ≥ H ≥ 0, KL = ℓ − H, a permutation of the classes changes nothing, and draws are the inverse CDF."""

    def all_of_them(u: Any, v: Any, x: Any) -> Any:
        family, other = Categorical(u, axis=1), Categorical(v, axis=1)
        numbers = family.entropy, family.cross_entropy(other), family.kl_divergence(other)
        return *numbers, family.sample(x, check_values=False), family.mean

    def check(case):
        u, v, x, order = case
        own, cross, divergence, drawn, p = outputs(be, all_of_them, *map(be.array, (u, v, x)))
        assert np.all(own >= 0)
        assert np.all(divergence >= 0)
        finite = np.isfinite(cross)
        assert np.array_equal(finite, np.isfinite(divergence))
        near(be, (cross - own)[finite], divergence[finite], roundings=64, size=cross[finite] + 1)
        permuted = outputs(be, all_of_them, *map(be.array, (u[:, order], v[:, order], x)))
        for one, other in zip(permuted[:3], (own, cross, divergence), strict=True):
            near(be, one, other, roundings=64, size=1)
        upper = np.cumsum(p, axis=1, dtype=float)
        at, width = upper[np.arange(3), drawn], p[np.arange(3), drawn]
        assert np.all(width > 0)
        assert np.all((at - width - 16 * be.eps <= x) & (x <= at + 16 * be.eps))

    uniforms = st.lists(st.floats(0, 1, exclude_max=True, width=32), min_size=3, max_size=3).map(np.asarray)
    forall(be, st.tuples(rows(), rows(), uniforms, st.permutations(range(K)).map(np.asarray)), check)


def test_moments_of_any_rows(be):
    """Σθ = 1, the rows of covariances and third cumulants sum to 0, and modes are most probable."""

    def moments(u: Any) -> Any:
        family = Categorical(u, axis=1)
        return family.mean, family.covariance, family.third_cumulant, family.mode

    def check(u):
        mean, covariance, cumulant, mode = outputs(be, moments, be.array(u))
        last = np.moveaxis(mean, 1, -1)
        near(be, last.sum(-1), np.ones(mode.shape), roundings=8)
        for x in (covariance, cumulant):
            near(be, x.sum(-1), np.zeros(x.shape[:-1]), roundings=16, size=1)
        near(be, np.take_along_axis(last, mode[..., None], -1)[..., 0], last.max(-1), roundings=0)

    forall(be, rows(), check)


@pytest.mark.autodiff
def test_derivatives_to_second_order(be):
    """At ties, at equal families and at −inf entries without weight, the closed forms are what autodiff finds."""
    d = tools(be)

    def everything(u: Any, v: Any, w: Any) -> Any:
        def divergence(u: Any, v: Any) -> Any:
            return Categorical(u).kl_divergence(Categorical(v))

        def entropy(u: Any) -> Any:
            return Categorical(u).entropy

        return (
            *(d.grad(lambda v: divergence(u, v))(v), d.hessian(lambda v: divergence(u, v))(v)),
            *(d.grad(lambda u: divergence(u, v))(u), d.hessian(lambda v: divergence(u, v))(u)),
            *(
                d.hessian(lambda u: divergence(u, w))(w),
                d.grad(lambda u: Categorical(u).cross_entropy(Categorical(v)))(u),
            ),
            *(d.grad(entropy)(u), d.hessian(entropy)(u)),
            *(d.jacrev(lambda u: Categorical(u).covariance)(u), Categorical(u).third_cumulant),
            *(d.jacrev(lambda u: Categorical(u).natural(reference=1))(w), d.jacrev(Categorical(u).log_prob)(w * 0)),
        )

    for u, v in ((U[1], V[0]), (U[2], [0.5, 1.0, -2.0, -INF])):
        v = np.asarray(v)  # noqa: PLW2901  # of the pair
        (p, lp), (q, lq) = of(u), of(v)
        got = outputs(be, everything, *map(be.array, (u, v, np.asarray([1.0, 1.0, 0.5, 0.0]))))
        gap, h = np.sum(p * (lp - lq)), -np.sum(p * lp)
        jacobian = np.diag(p) - np.outer(p, p)
        slope = -p * (lp + h)
        agree(be, got[0], q - p)
        agree(be, got[1], np.diag(q) - np.outer(q, q))
        agree(be, got[2], p * (lp - lq - gap))
        agree(be, got[3], jacobian)
        w = of(np.asarray([1.0, 1.0, 0.5, 0.0]))[0]
        agree(be, got[4], np.diag(w) - np.outer(w, w))
        agree(be, got[5], p * (-lq - np.sum(-p * lq)))
        agree(be, got[6], slope)
        agree(be, got[7], -jacobian * (lp + h)[:, None] - p[:, None] * (np.eye(4) - p + slope))
        agree(be, got[8], got[9])
        agree(be, got[10], np.delete(np.eye(4), 1, axis=0) - np.eye(4)[1])
        finite = np.isfinite(u)
        agree(be, got[11][finite], lp[finite])
