"""A system of three levels: its entropy, populations and heat capacity, with negative temperatures."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from plotting import BLUE, GREEN, INK, PURPLE, save

from xent_arrayapi import Boltzmann

LEVELS = np.asarray([0.0, 1.0, 3.0])
NAMES = [(0.0, BLUE), (1.0, GREEN), (3.0, PURPLE)]
HEAT = LinearSegmentedColormap.from_list("heat", ["#3d8bdb", "#8f7fb0", "#e0664a", "#e8963a", "#f2c14a"])
"""From cold over infinitely hot to hotter than that, in the order in which heat flows."""


def entropy_of_energy(ax: Any, system: Boltzmann[Any]) -> None:
    """Draw the entropy by the mean energy, coloured by −β, and tangents, whose slope is β."""
    energy = np.linspace(0, 3, 242)[1:-1]
    ensemble, certificate = system.at_mean_energy(energy)
    if not np.all(certificate.converged) or np.max(np.abs(certificate.gap)) > 1e-14:
        message = "a mean energy was not reached"
        raise SystemExit(message)
    points = np.stack([energy, ensemble.entropy], axis=-1)
    segments = np.stack([points[:-1], points[1:]], axis=1)
    colours = LineCollection(list(segments), cmap=HEAT, array=np.tanh(-ensemble.beta[:-1] / 2), linewidths=4)
    ax.add_collection(colours)
    some, _ = system.at_mean_energy(np.asarray([0.2, 0.6, 4 / 3, 2.2, 2.75]))
    for e, s, b, t in zip(some.mean_energy, some.entropy, some.beta, some.temperature, strict=True):
        reach = 0.42 / np.hypot(1, b / 0.5)
        ax.plot([e - reach, e + reach], [s - b * reach, s + b * reach], color=INK, linewidth=1.2)
        ax.plot(e, s, "o", color=HEAT((1 + np.tanh(-b / 2)) / 2), markeredgecolor=INK, markersize=7)
        name = "∞" if abs(b) < 1e-9 else f"{t:.2f}".replace("-", "−")
        side, align = ((0, 9), "center") if name == "∞" else ((11, -11), "left") if b > 0 else ((-11, -11), "right")
        ax.annotate(f"T = {name}", (e, s), side, textcoords="offset points", ha=align)
    ax.annotate("T → 0⁺", (0, 0), (8, 2), textcoords="offset points", ha="left")
    ax.annotate("T → 0⁻", (3, 0), (-8, 2), textcoords="offset points", ha="right")
    ax.set(xlim=(-0.08, 3.08), ylim=(-0.03, 1.28), ylabel="entropy S (nats)")
    ax.set_title("The slope of the entropy is 1 / T")


def populations(ax: Any, system: Boltzmann[Any]) -> None:
    """Stack the populations of the levels by the mean energy."""
    energy = np.linspace(0, 3, 302)[1:-1]
    ensemble, _ = system.at_mean_energy(energy)
    ax.stackplot(energy, ensemble.probs.T, colors=[colour for _, colour in NAMES], alpha=0.75)
    for x, y, (level, _) in zip((0.42, 1.25, 2.45), (0.3, 0.55, 0.62), NAMES, strict=True):
        ax.text(x, y, f"E = {level:g}", ha="center", color="white", fontweight="bold")
    ax.axvline(4 / 3, color="white", linewidth=1, linestyle=":")
    ax.set(xlim=(-0.08, 3.08), ylim=(0, 1), xlabel="mean energy ⟨E⟩", ylabel="population")
    ax.set_title("Past T = ∞ the highest level fills most")


def capacity(ax: Any, system: Boltzmann[Any]) -> None:
    """Draw the heat capacity by the temperature, with that of each pair of levels alone."""
    t = np.geomspace(0.05, 30, 400)
    ax.fill_between(t, system.at_temperature(t).heat_capacity, color=PURPLE, alpha=0.18, linewidth=0)
    ax.plot(t, system.at_temperature(t).heat_capacity, color=PURPLE, label="all three levels")
    for pair, colour, dash in (([0.0, 1.0], GREEN, "--"), ([0.0, 3.0], BLUE, ":")):
        alone = Boltzmann(np.asarray(pair)).at_temperature(t).heat_capacity
        ax.plot(t, alone, color=colour, linestyle=dash, linewidth=1.5, label=f"0 and {pair[1]:g} alone")
    ax.set(xscale="log", xlim=(0.05, 30), ylim=(0, None), ylabel="heat capacity C (k_B)")
    ax.legend(frameon=False, labelcolor=INK)
    ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.set_title("Each gap absorbs heat at its own temperature")


def occupied(ax: Any, system: Boltzmann[Any]) -> None:
    """Draw the populations by the temperature."""
    t = np.geomspace(0.05, 30, 400)
    for p, (level, colour) in zip(system.at_temperature(t).probs.T, NAMES, strict=True):
        ax.plot(t, p, color=colour)
        ax.annotate(
            f"E = {level:g}", (30, p[-1]), (4, {0: 6, 1: -2, 3: -10}[level]), textcoords="offset points", color=colour
        )
    ax.axhline(1 / 3, color=INK, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlim=(0.05, 30), ylim=(0, 1.02), xlabel="temperature T (units of k_B)", ylabel="population")
    ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.set_title("From the lowest level alone to all alike")


def table(system: Boltzmann[Any]) -> None:
    """Print some temperatures, negative ones by β."""
    beta = np.asarray([np.inf, 2.0, 0.5, 0.0, -0.5, -2.0, -np.inf])
    ensemble = system.at_beta(beta)
    said = ["   beta      T  mean energy  entropy  heat capacity  populations"]
    rows = zip(beta, ensemble.temperature, ensemble.mean_energy, ensemble.entropy, ensemble.heat_capacity, strict=True)
    for (b, t, e, s, c), p in zip(rows, ensemble.probs, strict=True):
        probs = np.array2string(p, precision=3, floatmode="fixed")
        said.append(f"{b:7.2f} {t:6.2f} {e:12.4f} {s:8.4f} {c:14.4f}  {probs}")
    print("\n".join(said))  # noqa: T201  # what the page shows


def main() -> None:
    """Draw and print."""
    system = Boltzmann(LEVELS)
    figure = Figure(figsize=(9.2, 6.4), layout="constrained")
    axes = figure.subplots(2, 2, height_ratios=(1.25, 1))
    entropy_of_energy(axes[0, 0], system)
    populations(axes[1, 0], system)
    capacity(axes[0, 1], system)
    occupied(axes[1, 1], system)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    table(system)
    save(figure)


if __name__ == "__main__":
    main()
