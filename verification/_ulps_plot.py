"""The table of ulps as a picture: one panel a function, one line a regime, a point for each library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from verification._enclosures import format_of
from verification._regimes import ULPS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verification._ulps import Entry, Table

FUNCTIONS = {
    "softmax": "softmax",
    "log_softmax": "log-softmax",
    "logsumexp": "logsumexp",
    "hvp": "Hessian-vector product",
    "loss, top label": "loss of the likeliest label",
    "loss, another label": "loss of another label",
    "gradient, top label": "gradient, likeliest label",
    "gradient, another label": "gradient, another label",
}
OURS, INK = "#3d8bdb", "#808080"
"""Colours of middle lightness, to be read on white and on black."""
LOOKS = {
    "xent_arrayapi, NumPy": ("o", OURS),
    "xent_arrayapi, torch": ("s", OURS),
    "xent_arrayapi, JAX": ("^", OURS),
    "SciPy": ("D", "#d1751b"),
    "torch": ("v", "#d9508f"),
    "JAX": ("P", "#23a07a"),
    "optax": ("X", "#9a6fe0"),
}
LEAST = 0.05
"""What is more accurate is drawn here."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ulps",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def plot(table: Table, path: Path, dtype: str = "float64") -> None:
    """Write the errors of a dtype as SVG with a transparent ground."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 12), layout="constrained")
        panels = figure.subplots(4, 2, sharex=True, sharey=True).ravel()
        entries = [e for e in table.entries if e.dtype == dtype]
        names = list(dict.fromkeys(e.regime for e in entries))
        for panel, (function, title) in zip(panels, FUNCTIONS.items(), strict=True):
            _panel(panel, [e for e in entries if e.function == function], names, dtype)
            panel.set_title(title, fontsize=10, fontweight="bold", loc="left")
        _bounds(panels[0], table, names, dtype)
        for panel in panels[-2:]:
            panel.set_xlabel("largest error in ulp: a row of points further left is better")
        handles = [_handle(panels[0], name) for name in table.versions]
        missing = f"; not run: {', '.join(table.missing)}" if table.missing else ""
        figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, title=f"{dtype}{missing}")
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def _panel(panel: Any, entries: Iterable[Entry], names: list[str], dtype: str) -> None:
    digits, _ = format_of(np.dtype(dtype))
    lost = 2.0 ** (digits - 1)
    panel.set_xscale("log")
    panel.set_xlim(LEAST / 2, lost * 40)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_yticks(range(len(names)), names)
    panel.axvspan(LEAST / 2, ULPS, color=OURS, alpha=0.1, lw=0)
    panel.axvline(ULPS, color=OURS, lw=0.8)
    panel.axvline(lost, color=INK, lw=0.8, ls=(0, (4, 3)))
    panel.text(ULPS * 1.2, -0.4, f"{ULPS} ulp", color=OURS, fontsize=7, va="top")
    panel.text(lost * 1.3, -0.4, "no digit right", fontsize=7, va="top", rotation=-90)
    panel.hlines(range(len(names)), LEAST / 2, lost * 40, color=INK, lw=0.4, alpha=0.4)
    panel.tick_params(length=0, axis="y")
    panel.spines[["top", "right", "left"]].set_visible(False)
    order = {name: n for n, name in enumerate(LOOKS)}
    for e in entries:
        marker, colour = LOOKS[e.library]
        x = min(max(e.ulps, LEAST), lost * 20)
        y = names.index(e.regime) + (order[e.library] - (len(LOOKS) - 1) / 2) * 0.1
        face = "none" if e.flushed else colour
        panel.plot(x, y, marker, ms=5, mfc=face, mec=colour, mew=0.8, zorder=3)


def _bounds(panel: Any, table: Table, names: list[str], dtype: str) -> None:
    """Mark the bound for softmax with a shift where it holds and has its place: not where results underflow."""
    right = panel.get_xlim()[1]
    for y, name in enumerate(names):
        bound = table.bounds[dtype, name]
        if name != "subnormal result" and bound < right:
            panel.vlines(bound, y - 0.35, y + 0.35, color=INK, lw=1.5)
    panel.text(right, len(names) - 0.6, "| bound for the shifted formula", fontsize=7, ha="right")


def _handle(panel: Any, name: str) -> Any:
    marker, colour = LOOKS[name]
    (handle,) = panel.plot([], [], marker, color=colour, ms=6, label=name)
    return handle
