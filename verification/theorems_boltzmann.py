r"""Theorems on the Boltzmann distribution: maximal entropy, thermodynamics, and the solution for a mean energy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from xent_arrayapi._levels import Levels, Shares, State, reciprocal

if TYPE_CHECKING:
    from verification._paths import Path
    from verification._setting import Setting

SEED = "seeds/000, the Boltzmann distribution"
JAYNES = "Jaynes 1957, doi:10.1103/PhysRev.106.620, section 2"
BOYD = "Boyd and Vandenberghe 2004, ISBN 978-0-521-83378-3, section 5.1.3"
ENSEMBLE = "CanonicalEnsemble"


SIGNS = (1, -1)
"""Of β and T: what is favoured is at one end of the levels, or at the other."""


def boltzmann(s: Setting) -> None:
    """Show that softmax of −βE has the largest entropy among all distributions of its mean energy."""
    energies, size = s.reals("E", "NK"), s.positives("beta", "")
    q = s.probabilities("q", "NK", summed=s.given(r"$\sum_k q_k = 1$"))
    for sign in SIGNS:
        beta = sign * size
        u = -1 * beta * energies
        p, a = xent.softmax(u), xent.logsumexp(u)
        ensemble = xent.Boltzmann(energies).at_beta(beta)
        best, other, divergence = ensemble.entropy, xent.entropy(q), xent.kl_divergence(q, p)
        for n, k in s.indices("NK"):
            s.equal(r"$p = S(-\beta E)$", s.at(ensemble.probs, n, k), s.at(p, n, k))
            s.equal(r"$\log Z = A(-\beta E)$", s.at(ensemble.log_partition, n), s.at(a, n))
            s.equal("$H(p)$ is the entropy of the probabilities", s.at(best, n), s.at(xent.entropy(p), n))
            slope = -s.log(s.at(p, n, k)) - 1 - s.at(beta) * s.at(energies, n, k)
            s.equal(r"$\partial_k (H - \beta \langle p, E \rangle) = \log Z - 1$ for every $k$", slope, s.at(a, n) - 1)
            excess = s.sum("K", lambda j: (s.at(p, n, j) - s.at(q, n, j)) * s.at(energies, n, j))
            s.equal(
                r"$H(p) - H(q) = \mathrm{KL}(q \Vert p) + \beta (\langle E \rangle_p - \langle E \rangle_q)$",
                s.at(best, n) - s.at(other, n) - s.at(divergence, n),
                s.at(beta) * excess,
            )


def thermodynamics(s: Setting) -> None:
    """Differentiate log Z by the inverse temperature."""
    energies, size = s.reals("E", "NK"), s.positives("beta", "")
    for sign in SIGNS:
        ensemble = xent.Boltzmann(energies).at_beta(sign * size)
        p, log_z = ensemble.probs, ensemble.log_partition
        for (n,) in s.indices("N"):
            mean = s.sum("K", lambda k: s.at(p, n, k) * s.at(energies, n, k))
            variance = s.sum("K", lambda k: s.at(p, n, k) * (s.at(energies, n, k) - mean) ** 2)
            first = sign * s.diff(s.at(log_z, n), size)
            s.equal(r"$\partial \log Z / \partial \beta = -\langle E \rangle$", first, -mean)
            second = sign * s.diff(first, size)
            s.equal(r"$\partial^2 \log Z / \partial \beta^2 = \operatorname{Var} E$", second, variance)
            s.equal(r"$\langle E \rangle = \sum_k p_k E_k$", s.at(ensemble.mean_energy, n), mean)
            s.equal(r"$\operatorname{Var} E$ is that", s.at(ensemble.energy_variance, n), variance)


def free_energy(s: Setting) -> None:
    """Differentiate the free energy and the mean energy by the temperature and by the levels."""
    energies, size = s.reals("E", "NK"), s.positives("T", "")
    for sign in SIGNS:
        t, ensemble = sign * s.at(size), xent.Boltzmann(energies).at_temperature(sign * size)
        f, mean, entropy = ensemble.free_energy, ensemble.mean_energy, ensemble.entropy
        for n, k in s.indices("NK"):
            s.equal("$F = -T \\log Z$", s.at(f, n), -t * s.at(ensemble.log_partition, n))
            s.equal(r"$F = \langle E \rangle - T H$", s.at(f, n), s.at(mean, n) - t * s.at(entropy, n))
            s.equal(r"$\partial F / \partial T = -H$", sign * s.diff(s.at(f, n), size), -s.at(entropy, n))
            s.equal(
                r"$\partial F / \partial E_k = p_k$", s.diff(s.at(f, n), energies, n, k), s.at(ensemble.probs, n, k)
            )
            capacity = s.at(ensemble.heat_capacity, n)
            slope = sign * s.diff(s.at(mean, n), size)
            s.equal(r"$C = \partial \langle E \rangle / \partial T$", slope, capacity)
            s.equal(r"$C = T \, \partial H / \partial T$", t * sign * s.diff(s.at(entropy, n), size), capacity)
            s.equal(r"$C = \beta^2 \operatorname{Var} E$", capacity * t**2, s.at(ensemble.energy_variance, n))


def hottest(s: Setting) -> None:
    """Take the temperature to infinity."""
    energies = s.reals("E", "NK")
    ensemble = xent.Boltzmann(energies).at_temperature(math.inf)
    for n, k in s.indices("NK"):
        count = s.sum("K", lambda _: s.term(1))
        s.equal("$p_k = 1 / K$", s.at(ensemble.probs, n, k) * count, s.term(1))
        s.equal(r"$\log Z = H = \log K$", s.at(ensemble.log_partition, n), s.log(count))
        s.equal(r"$\log Z = H = \log K$", s.at(ensemble.entropy, n), s.log(count))
        total = s.sum("K", lambda j: s.at(energies, n, j))
        s.equal(r"$\langle E \rangle = \frac{1}{K} \sum_k E_k$", s.at(ensemble.mean_energy, n) * count, total)
        s.equal("$C = 0$", s.at(ensemble.heat_capacity, n), s.term(0))


def coldest(s: Path) -> None:
    """Take the temperature to 0, from above and from below."""
    u = s.reals("u", "NK")
    for ensemble, sign in (
        (xent.Boltzmann(-1 * u).at_temperature(0), -1),
        (xent.Boltzmann(u).at_beta(-float("inf")), 1),
    ):
        for n, k in s.indices("NK"):
            ties = s.term(len(s.ties(n)))
            left = s.term(1) if k in s.ties(n) else s.term(0)
            end = sign * s.at(u, n, s.ties(n)[0])
            s.equal("$p_k = 1 / g$ at the $g$ states of the end, 0 at another", s.at(ensemble.probs, n, k) * ties, left)
            s.equal(r"$F = \langle E \rangle$ is the energy of the end", s.at(ensemble.mean_energy, n), end)
            s.equal(r"$F = \langle E \rangle$ is the energy of the end", s.at(ensemble.free_energy, n), end)
            s.equal(r"$H = \log g$", s.at(ensemble.entropy, n), s.log(ties))
            s.equal("$C = 0$", s.at(ensemble.heat_capacity, n), s.term(0))


def forbidden(s: Setting) -> None:
    """Forbid some states by an infinite energy."""
    energies, size = s.reals("E", "NK"), s.positives("beta", "")
    taken = s.mask("M", "NK", empty=not s.given("$M$ not empty"))
    inside = s.xp.where(taken, s.xp.ones_like(energies), 0)
    for sign in SIGNS:
        ensemble = xent.Boltzmann(s.xp.where(taken, energies, s.xp.inf)).at_beta(sign * size)
        for n, k in s.indices("NK"):

            def weight(j: Any) -> Any:
                return s.at(inside, n, j) * s.exp(-sign * s.at(size) * s.at(energies, n, j))

            z = s.sum("K", weight)
            s.equal(r"$Z = \sum_{k \in M} e^{-\beta E_k}$", s.at(ensemble.log_partition, n), s.log(z))
            s.equal(r"$p_k = [k \in M] \, e^{-\beta E_k} / Z$", s.at(ensemble.probs, n, k), weight(k) / z)
            mean = s.sum("K", lambda j: weight(j) / z * s.at(energies, n, j))
            s.equal(r"$\langle E \rangle = \sum_{k \in M} p_k E_k$", s.at(ensemble.mean_energy, n), mean)


def duality(s: Setting) -> None:
    """Compare the dual at a mean energy with the entropy of any distribution, and with that of the ensemble."""
    energies, size = s.reals("E", "NK"), s.positives("beta", "")
    q = s.probabilities("q", "NK", summed=s.given(r"$\sum_k q_k = 1$"))
    levels, mean = Levels.of(energies, s.xp), s.xp.sum(q * energies, axis=-1)
    for sign in SIGNS:
        b = s.xp.zeros_like(levels.bottom) + sign * size
        state, ensemble = State.at(levels, b, reciprocal(b, s.xp)), xent.Boltzmann(energies).at_beta(sign * size)
        dual, entropy, gap, residual = (s.xp.squeeze(x, axis=-1) for x in state.bounds(mean[:, None]))
        divergence = xent.kl_divergence(q, ensemble.probs)
        for (n,) in s.indices("N"):
            off, value = s.at(mean, n) - s.at(ensemble.mean_energy, n), s.at(dual, n)
            expected = s.at(ensemble.log_partition, n) + sign * s.at(size) * s.at(mean, n)
            s.equal(r"$D(\beta) = \log Z + \beta E$", value, expected)
            above = value - s.at(xent.entropy(q), n)
            s.equal(
                r"$D(\beta) - H(q) = \mathrm{KL}(q \Vert p)$ for $E = \langle E \rangle_q$", above, s.at(divergence, n)
            )
            s.equal(r"the gap is $D(\beta) - H(p)$", s.at(gap, n), value - s.at(entropy, n))
            s.equal(r"the gap is $\beta (E - \langle E \rangle_p)$", s.at(gap, n), sign * s.at(size) * off)
            s.equal(r"the residual is $\langle E \rangle_p - E$", s.at(residual, n), -off)
            slope = sign * (s.diff(value, size) - s.diff(s.at(mean, n), size))
            s.equal(r"$D'(\beta) = E - \langle E \rangle_p$", slope, off)


def newton(s: Setting) -> None:
    """Differentiate a step of Newton's method by the mean energy: at the solution, that is −1 / Var E."""
    near, far, x = s.positives("g", "NK"), s.positives("f", "NK"), s.reals("x", "")
    goal, rest = s.positives("a", "N"), s.positives("c", "N")
    levels = Levels.of(near, s.xp)
    shares = Shares(levels, levels.bottom != levels.bottom, levels.bottom, near, far, goal[:, None], rest[:, None])
    start = s.xp.zeros_like(goal[:, None]) + x
    p = levels.evaluated(start, near).probs()
    step = shares.step(start, p)
    after, excess = s.xp.squeeze(step.after, axis=-1), s.xp.squeeze(step.excess, axis=-1)
    for (n,) in s.indices("N"):
        u = s.sum("K", lambda k: s.at(p, n, k) * s.at(near, n, k))
        v = s.sum("K", lambda k: s.at(p, n, k) * s.at(far, n, k))
        variance = s.sum("K", lambda k: s.at(p, n, k) * (s.at(near, n, k) - u) ** 2)
        a, c, value = s.at(goal, n), s.at(rest, n), s.at(after, n)
        s.equal(
            r"$x_1 = x + \varphi \, u v / \operatorname{Var} g$",
            value,
            s.at(x) + s.log(u / a * (c / v)) * u * v / variance,
        )
        s.equal("the excess is $u - a$", s.at(excess, n), u - a)
        slope = s.diff(value, goal, n) - s.diff(value, rest, n)
        claim = r"$(\partial_a - \partial_c) x_1 = -(a + c) \frac{u v}{a c} / \operatorname{Var} g$"
        s.equal(f"{claim}, which is $-1 / \\operatorname{{Var}} g$ where $u = a$, $v = c$, $a + c = 1$",
                slope * a * c * variance, -u * v * (a + c))  # fmt: skip


def two_levels(s: Path) -> None:
    """Solve for the mean energy of two levels."""
    ground, gap, q = s.reals("E_0", "N"), s.positives("Delta", "N"), s.number("q", high=1.0)
    energies = s.xp.stack([ground, ground + gap], axis=-1)
    shares = Shares.of(Levels.of(energies, s.xp), (ground + gap * q)[:, None])
    start = s.xp.zeros_like(shares.goal)
    beta = shares.polished(start, start == 0)
    ensemble, certificate = xent.Boltzmann(energies).at_mean_energy(ground + gap * q, max_iter=0)
    for (n,) in s.indices("N"):
        solution = s.log((1 - s.term(q)) / s.term(q)) / s.at(gap, n)
        s.equal(
            r"$\beta = \frac{1}{\Delta} \log \frac{1 - q}{q}$ after one step and after two", s.at(beta, n, 0), solution
        )
        s.equal(r"the start is $\beta = 0$", s.at(ensemble.beta, n), s.term(0))
        s.equal(r"its dual is $\log 2$", s.at(certificate.dual, n), s.log(s.term(2)))
        residual = s.at(gap, n) * (s.term(1) - 2 * s.term(q))
        s.equal(r"its residual is $\Delta (\frac{1}{2} - q)$", 2 * s.at(certificate.residual, n), residual)


BOLTZMANN = (
    Theorem(
        "boltzmann-distribution",
        "The Boltzmann distribution has the largest entropy at its mean energy",
        r"H(p) - H(q) = \mathrm{KL}(q \Vert p) \ge 0 \quad \text{for } p = S(-\beta E), \;"
        r" \langle E \rangle_q = \langle E \rangle_p",
        boltzmann,
        (SEED, JAYNES),
        covers=(
            *("softmax", "logsumexp", "entropy", "kl_divergence", "Boltzmann.at_beta"),
            *(f"{ENSEMBLE}.probs", f"{ENSEMBLE}.log_partition", f"{ENSEMBLE}.entropy"),
        ),
        assumptions=(r"$E$ real, $\beta \ne 0$ of either sign", "$q$ positive"),
        hypotheses=(r"$\sum_k q_k = 1$",),
    ),
    Theorem(
        "mean-and-variance-of-the-energy",
        "The derivatives of log Z by the inverse temperature",
        r"\frac{\partial \log Z}{\partial \beta} = -\langle E \rangle, \qquad"
        r" \frac{\partial^2 \log Z}{\partial \beta^2} = \operatorname{Var} E",
        thermodynamics,
        (SEED,),
        covers=(
            *("Boltzmann.at_beta", f"{ENSEMBLE}.probs", f"{ENSEMBLE}.log_partition"),
            *(f"{ENSEMBLE}.mean_energy", f"{ENSEMBLE}.energy_variance"),
        ),
        assumptions=(r"$E$ real, $\beta \ne 0$ of either sign",),
    ),
    Theorem(
        "free-energy",
        "Free energy, entropy and heat capacity",
        r"F = \langle E \rangle - T H, \quad \frac{\partial F}{\partial T} = -H, \quad"
        r" C = \frac{\partial \langle E \rangle}{\partial T} = \beta^2 \operatorname{Var} E",
        free_energy,
        (SEED,),
        covers=(
            *("Boltzmann.at_temperature", f"{ENSEMBLE}.probs", f"{ENSEMBLE}.log_partition", f"{ENSEMBLE}.free_energy"),
            *(f"{ENSEMBLE}.mean_energy", f"{ENSEMBLE}.energy_variance", f"{ENSEMBLE}.heat_capacity"),
            f"{ENSEMBLE}.entropy",
        ),
        assumptions=(r"$E$ real, $T \ne 0$ of either sign",),
        slow=True,
    ),
    Theorem(
        "infinite-temperature",
        "The limit of infinite temperature",
        r"T \to \infty: \quad p_k = \frac{1}{K}, \quad \log Z = H = \log K, \quad C = 0",
        hottest,
        (SEED,),
        covers=("Boltzmann.at_temperature", *(f"{ENSEMBLE}.{x}" for x in ("probs", "entropy", "heat_capacity"))),
        assumptions=("$E$ real",),
    ),
    Theorem(
        "ground-states",
        "The limits of temperature 0",
        r"\beta \to \pm \infty: \quad p_k = \frac{[k \in M]}{g}, \quad H = \log g, \quad C = 0, \qquad"
        r" g = |M|, \quad M = \arg\min \pm E",
        coldest,
        (SEED,),
        covers=(
            *("Boltzmann.at_temperature", "Boltzmann.at_beta", f"{ENSEMBLE}.probs", f"{ENSEMBLE}.free_energy"),
            *(f"{ENSEMBLE}.mean_energy", f"{ENSEMBLE}.entropy", f"{ENSEMBLE}.heat_capacity"),
        ),
        assumptions=("$E$ real, any set of states at its end",),
        every=False,
        branches=True,
    ),
    Theorem(
        "forbidden-states",
        "States of infinite energy take no part",
        r"Z = \sum_{k \in M} e^{-\beta E_k}, \qquad p_k = [k \in M] \frac{e^{-\beta E_k}}{Z}",
        forbidden,
        (SEED,),
        covers=("Boltzmann.at_beta", *(f"{ENSEMBLE}.{x}" for x in ("probs", "log_partition", "mean_energy"))),
        assumptions=(r"$E$ real, $\beta \ne 0$ of either sign, $E_k = \infty$ outside any set $M$",),
        hypotheses=("$M$ not empty",),
    ),
    Theorem(
        "energy-dual",
        "The dual of the largest entropy at a mean energy",
        r"D(\beta) = \log Z + \beta E, \quad D(\beta) - H(q) = \mathrm{KL}(q \Vert p) \ge 0 \text{ for }"
        r" \langle E \rangle_q = E, \quad D(\beta) - H(p) = \beta (E - \langle E \rangle_p)",
        duality,
        (SEED, BOYD),
        covers=("Boltzmann.at_mean_energy",),
        assumptions=(r"$E$ real, $\beta \ne 0$ of either sign", "$q$ positive"),
        hypotheses=(r"$\sum_k q_k = 1$",),
    ),
    Theorem(
        "newton-step",
        "Newton's method for the inverse temperature of a mean energy",
        r"x_1 = x + \frac{\varphi \, u v}{\operatorname{Var} g}, \quad \varphi = \log \frac{u}{v} - \log \frac{a}{c},"
        r" \quad u = \langle g \rangle, \; v = \langle f \rangle",
        newton,
        (SEED,),
        covers=("Boltzmann.at_mean_energy",),
        assumptions=(
            r"$g, f$ the distances of the levels from both ends as shares of the range, $a, c$ those of $E$; positive",
        ),
        sizes=(),
    ),
    Theorem(
        "two-levels",
        "The temperature of two levels in closed form",
        r"E = E_0 + q \Delta: \qquad \beta = \frac{1}{\Delta} \log \frac{1 - q}{q}",
        two_levels,
        (SEED,),
        covers=("Boltzmann.at_mean_energy",),
        assumptions=(r"$\Delta > 0$, $0 < q < 1$",),
        sizes=(2,),
        every=False,
        branches=True,
    ),
)
