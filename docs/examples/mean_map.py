"""The mean map of three classes: the plane of natural parameters, carried onto the triangle of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from plotting import INK, save

import xent_arrayapi as xent

CORNERS = np.asarray([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
COLOURS = np.asarray([[0.24, 0.55, 0.86], [0.91, 0.55, 0.20], [0.18, 0.66, 0.49]])
REACH, FAR = 6.0, 40.0


def mean(eta: np.ndarray) -> np.ndarray:
    """Return ∇A of natural parameters (η₁, η₂, 0): the probabilities."""
    return xent.softmax(np.concatenate([eta, np.zeros((*eta.shape[:-1], 1))], axis=-1))


def mixed(theta: np.ndarray) -> np.ndarray:
    """Mix the colours of the classes by their probabilities."""
    return np.clip(theta @ COLOURS, 0, 1)


def lines() -> list[tuple[np.ndarray, str]]:
    """Return lines on which the odds of two classes are constant: η₁, η₂ or η₁ − η₂."""
    t = np.linspace(-FAR, FAR, 1601)
    found = []
    for c in np.arange(-5.0, 6.0):
        found += [(np.stack([c + 0 * t, t], -1), "-"), (np.stack([t, c + 0 * t], -1), "-")]
        found += [(np.stack([t + c / 2, t - c / 2], -1), "-")]
    return found


def rings() -> list[np.ndarray]:
    """Return curves around the origin that treat the classes alike: |η − mean of η| is constant on each."""
    a = np.linspace(0, 2 * np.pi, 721)
    basis = np.asarray([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.sqrt([[2.0], [6.0]])
    centred = np.stack([np.cos(a), np.sin(a)], -1) @ basis
    return [r * (centred[:, :2] - centred[:, 2:]) for r in (0.75, 1.5, 2.25, 3.0)]


def plane(ax: Any) -> None:
    """Draw the natural parameters."""
    x = np.linspace(-REACH, REACH, 241)
    eta = np.stack(np.meshgrid(x, x), -1)
    ax.imshow(mixed(mean(eta)), extent=(-REACH, REACH, -REACH, REACH), origin="lower", interpolation="bilinear")
    for line, style in lines():
        ax.plot(*line.T, color="white", alpha=0.5, linewidth=0.7, linestyle=style)
    for ring in rings():
        ax.plot(*ring.T, color="#20242a", linewidth=1.6)
    for (a, b), k in zip(((4.4, -2.6), (-2.6, 4.4), (-3.9, -3.9)), (1, 2, 3), strict=True):
        ax.text(a, b, f"class {k}", color="white", fontweight="bold", ha="center", va="center", fontsize=12)
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
    ax.set(xlabel="η₁ = log θ₁ / θ₃", ylabel="η₂ = log θ₂ / θ₃")
    ax.set_title("Natural parameters η: all of the plane")


def triangle(ax: Any) -> None:
    """Draw the mean parameters."""
    x, y = np.meshgrid(np.linspace(0, 1, 321), np.linspace(0, CORNERS[2, 1], 278))
    third = y / CORNERS[2, 1]
    theta = np.stack([1 - x - third / 2, x - third / 2, third], -1)
    inside = np.clip(theta, 0, 1)
    picture = ax.imshow(mixed(inside), extent=(0, 1, 0, CORNERS[2, 1]), origin="lower", interpolation="bilinear")
    border = Polygon(CORNERS, closed=True, facecolor="none", edgecolor=INK, linewidth=1.5)
    ax.add_patch(border)
    picture.set_clip_path(border)
    for line, style in lines():
        ax.plot(*(mean(line) @ CORNERS).T, color="white", alpha=0.5, linewidth=0.7, linestyle=style)
    for ring in rings():
        ax.plot(*(mean(ring) @ CORNERS).T, color="#20242a", linewidth=1.6)
    for k, (corner, align, gap) in enumerate(zip(CORNERS, ("center", "center", "center"), (-15, -15, 6), strict=True)):
        ax.annotate(f"θ{'₁₂₃'[k]} = 1", corner, (0, gap), textcoords="offset points", ha=align)
    ax.set(xlim=(-0.06, 1.06), ylim=(-0.07, 0.93), aspect="equal")
    ax.axis("off")
    ax.set_title("Mean parameters θ = ∇A(η): the open triangle")


def main() -> None:
    """Draw, and print the map at a few points."""
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    plane(left)
    triangle(right)
    said = ["   eta_1   eta_2   theta"]
    for eta in ([0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [-6.0, -6.0]):
        theta = np.array2string(mean(np.asarray(eta)), precision=4, floatmode="fixed")
        said.append(f"{eta[0]:8.1f}{eta[1]:8.1f}   {theta}")
    print("\n".join(said))  # noqa: T201  # what the page shows
    save(figure)


if __name__ == "__main__":
    main()
