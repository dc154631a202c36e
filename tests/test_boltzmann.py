"""The Boltzmann distribution: at a temperature, at an inverse temperature, at a mean energy."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_autodiff import agree, tools
from tests.test_autodiff import outputs as derived
from tests.test_properties import near, outputs
from xent_arrayapi import Boltzmann

NAN, INF = np.nan, np.inf
QUANTITIES = ("log_partition", "free_energy", "mean_energy", "energy_variance", "heat_capacity", "entropy")


def everything(ensemble: Any) -> Any:
    return tuple(getattr(ensemble, name) for name in (*QUANTITIES, "beta", "temperature", "probs"))


def at_beta(energies: Any, beta: Any, axis: int = -1) -> Any:
    return everything(Boltzmann(energies, axis=axis).at_beta(beta))


def at_temperature(energies: Any, temperature: Any) -> Any:
    return everything(Boltzmann(energies).at_temperature(temperature))


def at_mean_energy(energies: Any, mean_energy: Any, axis: int = -1, **options: Any) -> Any:
    ensemble, c = Boltzmann(energies, axis=axis).at_mean_energy(mean_energy, **options)
    return (*everything(ensemble), c.dual, c.entropy, c.gap, c.residual, c.iterations, c.converged)


def exact(energies: Any, beta: Any) -> list[float]:
    """Evaluate the definitions of the quantities and of the probabilities in balls."""
    with ctx.workprec(4000):
        e, b = [arb(x) for x in energies if x != INF], arb(beta)
        z = sum(((-b * x).exp() for x in e), arb(0))
        p = [(-b * x).exp() / z for x in e]
        mean = sum((x * y for x, y in zip(p, e, strict=True)), arb(0))
        variance = sum((x * (y - mean) ** 2 for x, y in zip(p, e, strict=True)), arb(0))
        found = [z.log(), -z.log() / b, mean, variance, b * b * variance, z.log() + b * mean]
        return [float(x.mid()) for x in (*found, *p)]


LEVELS = np.asarray([[0.0, 1.0, 1.0, 2.5], [-4.0, -4.0, -4.0, 8.0], [1e6, 1e6 + 0.5, 1e6 + 4, INF]])
"""Of few digits, so that β times a difference of two is exact."""


@pytest.mark.parametrize("beta", [pytest.param(-0.5, marks=pytest.mark.traced), 0.5, -16.0])
def test_rule_38_definitions(be, beta):
    """Each quantity is within a few roundings of itself, or of the energy of the end that it is measured from."""
    betas = np.asarray([beta, beta / 4, 4 * beta])
    *got, b, t, probs = outputs(be, at_beta, be.array(LEVELS), be.array(betas))
    close(b, betas, rtol=0)
    close(t, 1 / betas, rtol=0)
    for n, (row, one) in enumerate(zip(LEVELS, betas, strict=True)):
        *expected, p = (x := exact(row, one))[:6], x[6:]
        end = np.min(row) if one > 0 else np.max(row[np.isfinite(row)])
        for name, value, y in zip(QUANTITIES, got, expected[0], strict=True):
            size = {"log_partition": abs(one * end), "free_energy": abs(end), "mean_energy": abs(end)}.get(name, 0)
            near(be, value[n], np.asarray(y), roundings=12, size=size)
        near(be, probs[n, : len(p)], np.asarray(p), roundings=6)
        assert np.all(probs[n, len(p) :] == 0)


def test_rule_36_temperatures_and_their_limits(be):
    """T → 0 is uniform over the lowest states, β → −∞ over the highest; T = ±∞ over all; forbidden states are none."""
    t = np.asarray([0.0, -0.0, INF, -INF, 2.0, -2.0])
    levels = np.tile([3.0, 1.0, 1.0, INF, 7.0], (6, 1))
    log_z, f, mean, variance, capacity, entropy, beta, again, p = outputs(
        be, at_temperature, be.array(levels), be.array(t)
    )
    close(beta, [INF, INF, 0.0, 0.0, 0.5, -0.5], rtol=0)
    close(again, t, rtol=0)
    close(p[0], [0, 0.5, 0.5, 0, 0], rtol=0)
    close(p[1], p[0], rtol=0)
    close(p[2], [0.25, 0.25, 0.25, 0, 0.25], rtol=0)
    close(p[3], p[2], rtol=0)
    close(f[:4], [1, 1, -INF, INF], rtol=0)
    close(mean[:4], [1, 1, 3, 3], rtol=0)
    close(variance[:4], [0, 0, 6, 6], rtol=2 * be.eps)
    close(capacity[:4], np.zeros(4), rtol=0)
    near(be, entropy[:4], np.log([2, 2, 4, 4]), roundings=2)
    near(be, log_z[2:4], np.log([4, 4]), roundings=2)
    assert np.all(log_z[:2] == -INF)
    near(be, f[4:], (mean - t * entropy)[4:], roundings=8, size=8)
    *_, up, top = outputs(be, at_beta, be.array(levels[:2]), be.array([-INF, INF]))
    close(up, [0, 0], rtol=0)
    close(top, [[0, 0, 0, 0, 1], [0, 0.5, 0.5, 0, 0]], rtol=0)


def test_an_offset_and_far_levels_change_nothing(be):
    """Differences of energies decide; what is too far to matter takes no part, and C does not underflow before β²."""
    scale = 2.0**-80 if not be.has_float64 else 2.0**-700
    rows = np.asarray([[0.0, 1.0, 2.0], [2.0**20, 2.0**20 + 1, 2.0**20 + 2], [0.0, scale, 2 * scale]])
    got = outputs(be, at_beta, be.array(rows), be.array([1.0, 1.0, 1 / scale]))
    for k in (4, 5):
        near(be, got[k], np.full(3, got[k][0]), roundings=2)
    near(be, got[8], np.tile(got[8][0], (3, 1)), roundings=2)
    huge = 2.0**100 if not be.has_float64 else 2.0**1000
    *_, capacity, entropy, _, _, p = outputs(be, at_beta, be.array([[0.0, huge], [huge, 0.0]]), be.array([1.0, -huge]))
    for x in (capacity, entropy):
        close(x, np.zeros(2), rtol=0)
    close(p, [[1, 0], [1, 0]], rtol=0)


def test_rule_37_rows_without_a_distribution(be):
    """nan and −inf make a row nan; without an allowed state Z is 0; one state has no choice."""
    rows = be.array([[NAN, 1.0], [-INF, 1.0], [INF, INF], [2.0, INF]])
    log_z, f, mean, variance, capacity, entropy, *_, p = outputs(be, at_beta, rows, be.array([1.0, -1.0, 1.0, 0.0]))
    for x in (log_z, f, mean, variance, capacity, entropy, p):
        assert np.all(np.isnan(x[:2]))
    assert log_z[2] == -INF
    close(p[2:], [[0, 0], [1, 0]], rtol=0)
    for x, value in zip((log_z, f, mean, variance, capacity, entropy), (0, 2, 2, 0, 0, 0), strict=True):
        assert x[3] == value


@pytest.mark.parametrize(("shape", "batch"), [((2, 0), (2,)), ((0, 3), (0,)), ((2, 1), (2,)), ((3,), ())])
def test_rule_37_rows_of_no_state_and_of_one(be, shape, batch):
    got = outputs(be, at_beta, be.array(np.ones(shape)), be.array(np.ones(batch)))
    assert got[-1].shape == shape
    for x in got[:-1]:
        assert x.shape == batch
    near(be, got[0], np.full(batch, {0: -INF, 1: -1.0, 3: np.log(3) - 1}[shape[-1]]), roundings=4, size=1)


@pytest.mark.parametrize("axis", [-3, -2, -1, 0, 1, 2])
def test_an_axis_is_that_axis_moved_last(be, axis, rng):
    energies = rng.normal(size=(3, 3, 3))
    moved = np.ascontiguousarray(np.moveaxis(energies, axis, -1))
    beta = rng.normal(size=moved.shape[:-1])
    *got, p = outputs(be, functools.partial(at_beta, axis=axis), be.array(energies), be.array(beta))
    *expected, q = outputs(be, at_beta, be.array(moved), be.array(beta))
    near(be, p, np.moveaxis(q, -1, axis), roundings=8)
    for one, other in zip(got, expected, strict=True):
        near(be, one, other, roundings=16, size=4)
    middle = moved.mean(-1) * 0.5 + moved.min(-1) * 0.5
    found = outputs(be, functools.partial(at_mean_energy, axis=axis, max_iter=6), be.array(energies), be.array(middle))
    assert found[8].shape == energies.shape
    near(be, found[2], middle, roundings=64, size=4)


def test_temperatures_broadcast_against_rows(be):
    """One system at many temperatures; where they have more axes than the energies, the class axis keeps its place."""
    beta = be.array([[0.25], [1.0], [2.0]])
    *one, p = outputs(be, at_beta, be.array(LEVELS[0]), be.array([0.25, 1.0, 2.0]))
    *got, q = outputs(be, at_beta, be.array(LEVELS[:2]), beta)
    *_, first = outputs(be, functools.partial(at_beta, axis=0), be.array(LEVELS[:2].T), beta)
    assert p.shape == (3, 4)
    assert q.shape == (3, 2, 4)
    assert first.shape == (4, 3, 2)
    near(be, q[:, 0], p, roundings=2)
    near(be, np.moveaxis(first, 0, -1), q, roundings=2)
    for x, y in zip(got, one, strict=True):
        near(be, x[:, 0], y, roundings=2)
    number = outputs(be, lambda e: everything(Boltzmann(e).at_temperature(1)), be.array(LEVELS[:2]))
    near(be, number[-1], q[1], roundings=2)
    assert number[6].shape == (2,)


TARGETS = {
    "middle": ([0.0, 1.0, 3.0], 0.5),
    "above": ([0.0, 1.0, 3.0], 2.75),
    "infinite temperature": ([0.0, 1.0, 2.0], 1.0),
    "near the bottom": ([0.0, 1.0, 3.0], 1e-12),
    "near the top": ([-3.0, -1.0, 0.0], -1e-12),
    "degenerate": ([0.0, 0.0, 5.0], 1e-3),
    "gaps": ([0.0, 1e-6, 1e6], 1e-7),
    "two levels": ([1.0, 1.5, INF], 1.25e0 + 2.0**-10),
}


@pytest.mark.traced
def test_a_mean_energy_is_reached(be):
    levels, wanted = (np.asarray(x) for x in zip(*TARGETS.values(), strict=True))
    *values, dual, entropy, gap, residual, iterations, converged = outputs(
        be, functools.partial(at_mean_energy, max_iter=12), be.array(levels), be.array(wanted)
    )
    beta, p = values[6], values[8]
    assert np.all(converged)
    assert np.all(iterations <= 12)
    ends = np.where(beta < 0, np.max(np.where(levels == INF, -INF, levels), axis=-1), np.min(levels, axis=-1))
    goal, span = np.abs(wanted - ends), np.ptp(np.where(levels == INF, 1.0, levels), axis=-1)
    assert np.all(np.abs(residual) <= 32 * be.eps * (goal * (1 + np.abs(beta) * span)))
    near(be, values[2], wanted, roundings=4, size=np.abs(residual) / be.eps + 2 * np.abs(ends))
    near(be, gap, -beta * residual, roundings=2)
    near(be, dual, entropy, roundings=8, size=np.abs(gap) / be.eps + np.abs(entropy))
    close(entropy, values[5], rtol=0)
    assert np.all(np.sign(beta[:2]) == [1, -1])
    assert abs(beta[2]) <= 8 * be.eps
    near(be, beta[7], -np.log((wanted[7] - 1) / (1.5 - wanted[7])) * 2, roundings=64, size=2)
    assert np.all(p >= 0)


def test_no_distribution_of_that_mean_has_more_entropy(be, rng):
    """Weak duality, for distributions that have nothing to do with a temperature; and β is found again."""
    rows, q, beta = np.asarray([0.0, 1.0, 1.5, 4.0]), rng.dirichlet(np.ones(4), size=40), rng.uniform(-3, 3, size=40)
    weights = np.exp(-beta[:, None] * rows)
    wanted = np.concatenate([q @ rows, weights @ rows / np.sum(weights, axis=-1)])
    got = outputs(be, functools.partial(at_mean_energy, max_iter=10), be.array(rows), be.array(wanted))
    assert np.all(got[-1])
    assert np.all(got[9][:40] >= -np.sum(q * np.log(q), axis=-1) - 32 * be.eps)
    near(be, got[6][40:], beta, roundings=64, size=np.exp(4 * np.abs(beta)))


def test_rule_39_few_steps_say_how_far_they_got(be):
    energies, wanted = be.array([[0.0, 1.0, 3.0]] * 2), be.array([1e-6, 1.25])
    start = outputs(be, functools.partial(at_mean_energy, max_iter=0), energies, wanted)
    close(start[6], np.zeros(2), rtol=0)
    near(be, start[9], np.full(2, np.log(3.0)), roundings=2)
    assert not np.any(start[14])
    some = outputs(be, functools.partial(at_mean_energy, max_iter=1), energies, wanted)
    assert not np.any(some[14])
    assert list(some[13]) == [1, 1]
    assert np.all(np.abs(some[12]) < np.abs(start[12]))
    solved = outputs(be, functools.partial(at_mean_energy, max_iter=8), energies, wanted)
    assert np.all(some[9] >= solved[10])


def test_rule_39_a_mean_energy_out_of_reach(be):
    """It raises where values can be read, and is nan elsewhere; so is one of equal levels."""
    arrays = be.array([[0.0, 1.0, 3.0]] * 4), be.array([0.5, 3.0, -1.0, 0.0])
    if be.readable:
        with pytest.raises(ValueError, match=r"`mean_energy` must lie strictly between .* not 3.0 at \(1,\)"):
            be.run(at_mean_energy, *arrays)
    else:
        *got, _, converged = outputs(be, at_mean_energy, *arrays)
        for x in (*got[:8], *got[9:]):
            assert np.array_equal(np.isnan(x), [False, True, True, True])
        assert np.array_equal(converged, [True, False, False, False])
    equal = be.array([[1.0, 2.0], [3.0, 3.0]]), be.array([1.5, 3.0])
    if be.readable:
        with pytest.raises(ValueError, match=r"`energies` must hold two different levels .* not 3.0 at \(1,\)"):
            be.run(at_mean_energy, *equal)
    else:
        assert np.array_equal(np.isnan(outputs(be, at_mean_energy, *equal)[6]), [False, True])


def test_temperatures_that_are_none(be):
    energies, t = be.array([[0.0, 1.0]] * 2), be.array([1.0, NAN])
    for function, name in ((at_beta, "beta"), (at_temperature, "temperature")):
        if be.readable:
            with pytest.raises(ValueError, match=rf"`{name}` must be a number, not nan at \(1,\)"):
                be.run(function, energies, t)
        else:
            got = outputs(be, function, energies, t)
            assert np.array_equal(np.isnan(got[-1]), [[False] * 2, [True] * 2])


def test_arguments_of_the_wrong_kind(be):
    system = Boltzmann(be.array([[0.0, 1.0]] * 2))
    methods = {"temperature": system.at_temperature, "beta": system.at_beta, "mean_energy": system.at_mean_energy}
    for name, method in methods.items():
        with pytest.raises(ValueError, match=f"`{name}` must be a number with -inf <= {name} <= inf, not nan"):
            method(NAN)
        with pytest.raises(TypeError, match=f"`{name}` must be"):
            method("1")
        with pytest.raises(TypeError, match=f"`{name}` must be floating or integer"):
            method(be.array([True, False]))
    with pytest.raises(ValueError, match="`max_iter` must be at least 0, not -1"):
        system.at_mean_energy(0.5, max_iter=-1)
    with pytest.raises(TypeError, match="`max_iter` must be a Python integer"):
        system.at_mean_energy(0.5, max_iter=2.0)
    with pytest.raises(IndexError, match="`axis`"):
        Boltzmann(be.array([0.0, 1.0]), axis=1)


def test_batches_that_do_not_match(be):
    system = Boltzmann(be.array([[0.0, 1.0]] * 2))
    with pytest.raises(ValueError, match=r"`beta` must broadcast against the shape \(2,\) of the energies"):
        system.at_beta(be.array([1.0, 2.0, 3.0]))


def test_dtypes(be):
    """Half precision and integers: numbers of rows in the dtype to compute in, probabilities in that of energies."""
    for name in be.halves:
        ensemble, c = Boltzmann(be.array([[0.0, 1.0, 2.0]], name)).at_mean_energy(be.array([0.75], name), max_iter=2)
        assert ensemble.probs.dtype == be.dtype(name)
        for x in (*everything(ensemble)[:8], c.dual, c.gap, c.residual):
            assert x.dtype == be.dtype("float32")
    ensemble = Boltzmann(be.array([[0, 1, 2]])).at_temperature(be.array([2]))
    assert ensemble.probs.dtype == be.dtype(be.float_default)
    eps = np.finfo(be.float_default).eps
    close(be.numpy(ensemble.mean_energy), np.asarray([exact([0, 1, 2], 0.5)[2]]), rtol=8 * eps)


@pytest.mark.autodiff
def test_derivatives_of_an_ensemble(be):
    """F by T is −S, ⟨E⟩ by T is C, log Z by β is −⟨E⟩ and Var E, F by E is p: at ties and with a forbidden state."""
    d = tools(be)

    def both(e: Any, t: Any) -> Any:
        def f(e: Any, t: Any) -> Any:
            return Boltzmann(e).at_temperature(t).free_energy

        def log_z(b: Any) -> Any:
            return Boltzmann(e).at_beta(b).log_partition

        here = Boltzmann(e).at_temperature(t)
        mean = d.grad(lambda t: Boltzmann(e).at_temperature(t).mean_energy)(t)
        slope = d.grad(lambda t: Boltzmann(e).at_temperature(t).entropy)(t)
        found = (d.grad(lambda t: f(e, t))(t), mean, t * slope, d.grad(log_z)(1 / t), d.hessian(log_z)(1 / t))
        known = (-here.entropy, here.heat_capacity, here.heat_capacity, -here.mean_energy, here.energy_variance)
        return *found, d.grad(lambda e: f(e, t))(e), *known, here.probs

    for t in (1.5, -0.75):
        *got, probs = derived(be, both, be.array([0.5, 1.0, 0.5, INF, 3.0]), be.array(t))
        for k in range(5):
            agree(be, got[k], got[k + 6])
        agree(be, got[5], probs)


@pytest.mark.autodiff
def test_rule_40_derivatives_of_a_solution(be):
    """β by the mean energy is −1 / Var E, and its second derivative −M₃ / Var³ up to sign; the entropy by it is β."""
    d = tools(be)
    energies = np.asarray([0.0, 1.0, 1.0, 3.0])

    def all_of(e: Any, mean: Any) -> Any:
        def beta(e: Any, mean: Any) -> Any:
            return Boltzmann(e).at_mean_energy(mean, max_iter=6)[0].beta

        first = d.grad(lambda mean: beta(e, mean))
        entropy = d.grad(lambda mean: Boltzmann(e).at_mean_energy(mean, max_iter=6)[1].entropy)(mean)
        here = Boltzmann(e).at_mean_energy(mean, max_iter=6)[0]
        of_levels = d.grad(lambda e: beta(e, mean))(e)
        return here.beta, here.probs, first(mean), d.jvp(first, mean, 1 + 0 * mean), entropy, of_levels

    slow = be.slow or be.name == "torch-compile"
    for mean in (0.6,) if slow else (0.6, 1.25, 2.75):
        beta, p, first, second, entropy, of_levels = derived(be, all_of, be.array(energies), be.array(mean))
        x = energies - mean
        variance, third = p @ x**2, p @ x**3
        agree(be, first, -1 / variance)
        agree(be, second, third / variance**3, roundings=512)
        agree(be, entropy, beta)
        agree(be, of_levels, p * (1 - beta * x) / variance)


@pytest.mark.once
def test_a_thousand_levels_from_end_to_end():
    """Twelve decades of gaps, mean energies down to 1e-300 of the range: it converges, below the default limit."""
    rng = np.random.default_rng(12)
    for dtype, least in (("float64", -300), ("float32", -30)):
        up = 10 ** rng.uniform(-6, 6, size=(60, 1000))
        up -= up.min(axis=-1, keepdims=True)
        share = 10 ** rng.uniform(least, -0.1, size=60)
        for sign in (1, -1):
            ensemble, c = Boltzmann((sign * up).astype(dtype)).at_mean_energy((sign * share * up.max(-1)).astype(dtype))
            assert np.all(c.converged)
            assert np.max(c.iterations) <= 20
            assert np.all(np.abs(c.gap) <= 64 * np.finfo(dtype).eps)
            assert np.all(np.isfinite(ensemble.entropy))


@pytest.mark.once
def test_no_iteration_leaves_its_bracket():
    """Whatever it is stopped after, a row is between the start and the solution, or as near."""
    levels, wanted = np.asarray([0.0, 1e-6, 1.0, 1e6]), 1e-7
    solution = Boltzmann(levels).at_mean_energy(wanted)[0].beta
    residuals = [float(Boltzmann(levels).at_mean_energy(wanted, max_iter=n)[1].residual) for n in range(16)]
    assert abs(residuals[-1]) < 1e-20
    assert np.all(np.isfinite(residuals))
    assert solution > 0


@pytest.mark.once
def test_an_ensemble_prints_its_temperature():
    assert (
        repr(Boltzmann(np.asarray([0.0, 1.0])).at_beta(2.0))
        == "CanonicalEnsemble(beta=array(2.), temperature=array(0.5))"
    )


@pytest.mark.once
def test_it_is_softmax_of_minus_energy_over_temperature(rng):
    energies = rng.normal(size=(3, 5))
    got = Boltzmann(energies).at_temperature(0.5)
    close(got.probs, xent.softmax(-energies, temperature=0.5), rtol=1e-14)
    close(got.log_partition, xent.logsumexp(-2 * energies), rtol=1e-14)
    close(got.entropy, xent.entropy(got.probs), rtol=1e-14)
