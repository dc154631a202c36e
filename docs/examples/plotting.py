"""What the plots of the documentation share: colours for light and dark pages, and how one is saved."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#808081"
"""The colour of text and axes, in the place of which a page puts that of its own text."""
BLUE, ORANGE, GREEN, PURPLE = "#3d8bdb", "#d9822b", "#23a07a", "#9a6fe0"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "xent_arrayapi",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2,
}
mpl.rcParams.update(STYLE)


def save(figure: Figure) -> None:
    """Write a figure as SVG with a transparent ground, where the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, default=Path("plot.svg"), help="the SVG file to write")
    write(figure, parser.parse_args().output)


def write(figure: Figure, path: Path) -> None:
    """Write a figure as SVG with a transparent ground."""
    figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
