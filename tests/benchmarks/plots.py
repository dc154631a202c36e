"""The plots of a run: ratios with their limits, and growth, in the style of those of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("Agg")
import plotting  # of docs/examples
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from tests.benchmarks.results import first_seen

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.benchmarks.results import Growth, Ratio, Results

COLOURS = dict(
    zip(
        ("SciPy", "scikit-learn", "torch", "torch.compile", "JAX jit", "Numba"),
        (plotting.BLUE, plotting.GREEN, plotting.ORANGE, "#c2557a", plotting.PURPLE, "#8a8f2a"),
        strict=True,
    )
)
ROW = 0.36
"""Inches of a row of a plot."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def panel(axes: Axes, title: str, ratios: list[Ratio]) -> None:
    """Draw a row for each array: a dot for each peer, a cross where it misses its limit, which is the bar."""
    works, peers = first_seen(x.work for x in ratios), first_seen(x.peer for x in ratios)
    for x in ratios:
        y = works.index(x.work) + 0.7 * ((peers.index(x.peer) + 0.5) / len(peers) - 0.5)
        colour, median = COLOURS[x.peer], x.ratio["median"]
        axes.plot([x.ratio["low"], x.ratio["high"]], [y, y], color=colour, lw=1)
        axes.plot(median, y, "x" if x.meets is False else "o", color=colour, ms=5 if x.meets is False else 3.5, mew=1.5)
        if x.limit is not None:
            axes.plot([x.limit, x.limit], [y - 0.35 / len(peers), y + 0.35 / len(peers)], color=colour, lw=1.5)
    axes.axvline(1, color=plotting.INK, lw=0.8, alpha=0.6)
    for y in range(len(works) - 1):
        axes.axhline(y + 0.5, color=plotting.INK, lw=0.4, alpha=0.25)
    axes.set(xscale="log", ylim=(len(works) - 0.5, -0.5), title=title, yticks=range(len(works)), yticklabels=works)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.45), max(high, 4.5))
    axes.xaxis.set_major_locator(mpl.ticker.FixedLocator(TICKS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("our time over the peer's")


def ratios_of(ours: str, ratios: list[Ratio], folder: Path) -> None:
    """Draw a panel for each function."""
    functions = first_seen(x.function for x in ratios)
    columns = min(2, len(functions))
    rows = -(-len(functions) // columns)
    height = 0.9 + ROW * max(len(first_seen(x.work for x in ratios)), 3)
    figure, grid = plt.subplots(rows, columns, figsize=(10, 0.6 + rows * height), sharey=True, squeeze=False)
    for axes, function in zip(grid.flat, functions, strict=False):
        panel(axes, function, [x for x in ratios if x.function == function])
    for axes in list(grid.flat)[len(functions) :]:
        axes.set_visible(False)
    dots = [Line2D([], [], color=COLOURS[p], marker="o", ls="", label=p) for p in first_seen(x.peer for x in ratios)]
    dots += [Line2D([], [], color=plotting.INK, marker="|", ms=9, mew=1.5, ls="", label="limit")]
    dots += [Line2D([], [], color=plotting.INK, marker="x", ls="", label="above its limit")]
    figure.suptitle(f"Ours on {ours}: left of 1 is faster than the peer", x=0.01, ha="left", weight="bold")
    figure.legend(handles=dots, loc="outside lower center", ncols=len(dots), frameon=False, fontsize=8)
    figure.set_layout_engine("constrained")
    plotting.write(figure, folder / f"ratios-{ours.lower().replace(' ', '-').replace('.', '-')}.svg")
    plt.close(figure)


def growth(of_all: list[Growth], folder: Path) -> None:
    """Draw time and memory against the number of logits."""
    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for g, colour in zip(of_all, (plotting.BLUE, plotting.ORANGE), strict=False):
        times.plot(g.sizes, g.times, "o-", color=colour, ms=4, label=f"{g.work}: slope {g.slope:.2f}")
        memory.plot(g.sizes, [b / 2**20 for b in g.memory], "o-", color=colour, ms=4, label=g.work)
    sizes = of_all[0].sizes
    times.plot(sizes, [n / sizes[-1] for n in sizes], ":", color=plotting.INK, lw=1.2, label="linear")
    memory.plot(sizes, [4 * n / 2**20 for n in sizes], ":", color=plotting.INK, lw=1.2, label="the gradient itself")
    times.set(xscale="log", yscale="log", title="Time", xlabel="N·K, logits")
    times.set_ylabel("time over that of the largest")
    memory.set(xscale="log", yscale="log", title="Memory beyond the outputs", xlabel="N·K, logits", ylabel="MiB")
    for axes in (times, memory):
        axes.legend(frameon=False, fontsize=8)
    plotting.write(figure, folder / "growth.svg")
    plt.close(figure)


def draw(results: Results, folder: Path) -> None:
    """Write all plots of which there is something."""
    paired = [x for x in results.ratios if x.function != "fit"]
    for ours in first_seen(x.ours for x in paired):
        ratios_of(ours, [x for x in paired if x.ours == ours], folder)
    if results.growth:
        growth(results.growth, folder)
