"""The Boltzmann distribution in NumPy, held against its definitions in balls, at its limits, and out of reach."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

import xent_arrayapi as xent
from verification._enclosures import Exact, balls_of
from verification._numeric_functions import exact_rows, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verification._judged import Judge

    Array = NDArray[Any]

INF, NAN = math.inf, math.nan
LEVELS = np.asarray([[0, 1, 1, 2.5], [-4, -4, -4, 8], [1024, 1024.5, 1028, 1024], [-0.5, 0.25, 0.25, 0.25]])
"""Of few digits, so that β times a difference of two is exact."""
BETAS = (0.5, -0.5, 16.0, -16.0, 2.0**-20)
QUANTITIES = ("log_partition", "free_energy", "mean_energy", "energy_variance", "heat_capacity", "entropy")
LIMIT = 12.0


def check_boltzmann(judge: Judge) -> None:
    """Hold all quantities at temperatures, and at the mean energies that belong to them."""
    levels = frozen(LEVELS.astype(judge.dtype))
    for beta in BETAS:
        betas = frozen(np.full(len(levels), beta, judge.dtype))
        names = [f"beta = {beta:g}"] * len(levels)
        exact = exact_rows(partial(_quantities, levels, beta), range(len(levels)), levels.dtype)
        system = xent.Boltzmann(levels)
        for made, ensemble in {
            "Boltzmann.at_beta": system.at_beta(betas),
            "Boltzmann.at_temperature": system.at_temperature(1 / betas),
        }.items():
            for k, name in enumerate(QUANTITIES):
                judge.hold(
                    f"{made}.{name}", names, Exact(exact.parts[..., k], exact.dtype), getattr(ensemble, name), LIMIT
                )
            judge.hold(f"{made}.probs", names, Exact(exact.parts[..., 6:], exact.dtype), ensemble.probs, LIMIT)
    _check_limits(judge)
    _check_mean_energies(judge)


def _quantities(levels: Array, beta: float, n: int) -> tuple[list[arb], list[arb]]:
    """Return the quantities and probabilities of a row; where the energy of an end is added, that is the scale."""
    energies, b = balls_of(levels[n]), arb(beta)
    end = min(energies) if beta > 0 else max(energies)
    total = sum(((b * (end - x)).exp() for x in energies), arb(0))
    a, p = total.log(), [(b * (end - x)).exp() / total for x in energies]
    above = sum((x * (y - end) for x, y in zip(p, energies, strict=True)), arb(0))
    variance = sum((x * (y - end - above) ** 2 for x, y in zip(p, energies, strict=True)), arb(0))
    own = [variance, b * b * variance, a + b * above]
    found = [a - b * end, end - a / b, end + above, *own, *p]
    return found, [a + abs(b * end), abs(end) + abs(a / b), abs(end) + abs(above), *own, *p]


def _check_limits(judge: Judge) -> None:
    """Hold infinite and zero temperatures, forbidden states, and rows without a distribution."""
    array = partial(np.asarray, dtype=judge.dtype)
    system = xent.Boltzmann(array([3, 1, 1, INF, 7]))
    cold = system.at_temperature(array([0, -0.0, INF, -INF]))
    judge.same("Boltzmann.at_temperature.beta", "limits", cold.beta, array([INF, INF, 0, 0]))
    judge.same(
        "Boltzmann.at_temperature.probs",
        "limits",
        cold.probs,
        array([[0, 0.5, 0.5, 0, 0]] * 2 + [[0.25] * 3 + [0, 0.25]] * 2),
    )
    judge.same("Boltzmann.at_temperature.free_energy", "limits", cold.free_energy, array([1, 1, -INF, INF]))
    judge.same("Boltzmann.at_temperature.mean_energy", "limits", cold.mean_energy, array([1, 1, 3, 3]))
    judge.same("Boltzmann.at_temperature.heat_capacity", "limits", cold.heat_capacity, np.zeros(4, judge.dtype))
    judge.near("Boltzmann.at_temperature.entropy", "limits", cold.entropy, np.log([2, 2, 4, 4]), 1)
    ends = system.at_beta(array([INF, -INF, 0]))
    judge.same("Boltzmann.at_beta.temperature", "limits", ends.temperature, array([0, -0.0, INF]))
    judge.same(
        "Boltzmann.at_beta.probs",
        "limits",
        ends.probs,
        array([[0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 1], [0.25] * 3 + [0, 0.25]]),
    )
    judge.same("Boltzmann.at_beta.log_partition", "limits", ends.log_partition[:2], array([-INF, INF]))
    zero = xent.Boltzmann(array([0, 0, 5])).at_beta(INF)
    judge.near("Boltzmann.at_beta.log_partition", "a lowest level of 0", zero.log_partition, np.log(2), 1)
    one = xent.Boltzmann(array([5])).at_temperature(INF)
    judge.same("Boltzmann.at_temperature.free_energy", "one state, T = inf", one.free_energy, 5)
    for rows, regime in (([[NAN, 1]], "nan"), ([[-INF, 1]], "-inf")):
        bad = xent.Boltzmann(array(rows)).at_beta(array([1]))
        judge.same("Boltzmann.at_beta", regime, [getattr(bad, name) for name in QUANTITIES], np.full((6, 1), NAN))
        judge.same("Boltzmann.at_beta.probs", regime, bad.probs, array([[NAN, NAN]]))
    nothing: dict[str, list[list[float]]] = {"no state allowed": [[INF, INF]], "no state": [[]]}
    for regime, states in nothing.items():
        none = xent.Boltzmann(array(states)).at_beta(array([[1], [0], [-1]]))
        judge.same("Boltzmann.at_beta.log_partition", regime, none.log_partition, np.full((3, 1), -INF))
        judge.same("Boltzmann.at_beta.free_energy", regime, none.free_energy[0], [INF])
        judge.same("Boltzmann.at_beta.probs", regime, none.probs, np.zeros((3, *np.shape(states))))
    huge = xent.Boltzmann(array([0, np.finfo(judge.dtype).max / 4])).at_beta(float(np.finfo(judge.dtype).max))
    judge.same("Boltzmann.at_beta", "beyond the dtype", [huge.heat_capacity, huge.entropy, huge.mean_energy], [0, 0, 0])


def _check_mean_energies(judge: Judge) -> None:
    """Hold mean energies that are reached, and how far too few steps get."""
    levels = frozen(LEVELS.astype(judge.dtype))
    for share in (0.25, 0.75, 2.0**-12):
        bottom, top = np.min(levels, axis=-1), np.max(levels, axis=-1)
        wanted = (bottom + share * (top - bottom)).astype(judge.dtype)
        ensemble, certificate = xent.Boltzmann(levels).at_mean_energy(wanted)
        near = np.minimum(wanted - bottom, top - wanted)
        regime = f"at {share:g} of the range"
        judge.same("Boltzmann.at_mean_energy.converged", regime, certificate.converged, np.ones(4, bool))
        reached = np.abs(certificate.residual) <= 8 * np.finfo(judge.dtype).eps * near * (1 + np.abs(ensemble.beta))
        judge.same("Boltzmann.at_mean_energy.residual", regime, reached, np.ones(4, bool))
        judge.same("Boltzmann.at_mean_energy.sign", regime, ensemble.beta > 0, wanted < np.mean(levels, axis=-1))
        judge.same("Boltzmann.at_mean_energy.gap", regime, certificate.gap, -ensemble.beta * certificate.residual)
        judge.near("Boltzmann.at_mean_energy.dual", regime, certificate.dual, ensemble.entropy, 64)
        judge.same("Boltzmann.at_mean_energy.iterations", regime, certificate.iterations <= 8, np.ones(4, bool))
    _, start = xent.Boltzmann(levels).at_mean_energy(wanted, max_iter=0)
    judge.same("Boltzmann.at_mean_energy.converged", "no step", start.converged, np.zeros(4, bool))
    judge.same("Boltzmann.at_mean_energy.iterations", "no step", start.iterations, np.zeros(4))
    judge.near("Boltzmann.at_mean_energy.residual", "no step", start.residual, np.mean(levels, axis=-1) - wanted, 4)
    judge.near("Boltzmann.at_mean_energy.dual", "no step", start.dual, np.full(4, np.log(4)), 2)
    for beyond in (-1, 0, 3, 4):
        said = _refused(xent.Boltzmann(np.asarray([0, 1, 3], judge.dtype)), beyond)
        judge.same("Boltzmann.at_mean_energy", f"{beyond} of levels from 0 to 3 is refused", said, expected=True)


def _refused(system: xent.Boltzmann[Any], mean_energy: float) -> bool:
    try:
        system.at_mean_energy(mean_energy)
    except ValueError:
        return True
    return False
