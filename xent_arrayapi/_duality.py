"""How far from its minimum a penalised fit is at most: a bound from the dual problem, which is maximum entropy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xent_arrayapi._penalised import centred
from xent_arrayapi._solvers import solved

if TYPE_CHECKING:
    from xent_arrayapi._penalised import Floats, Penalised, Product

REACH = 0.5
"""How far apart a tangent may move two logits of a row; up to 1, what is made with it is a distribution."""
PRODUCTS = 200
"""With the Hessian, at most, to find a distribution."""


class Certificate(NamedTuple):
    """What the dual problem says of a point."""

    gap: float
    """At least f − min f; inf where no distribution of the moments that are not penalised was found."""
    reach: float
    """How far two logits of a row are moved on the way to that distribution; far on, there may be no minimum."""


def certify(f: Penalised, theta: Floats, *, intercept: bool, eps: float) -> Certificate:
    """Bound f − min f at θ by a point of the dual problem.

    The dual asks for distributions q_n over the classes with the largest mean entropy less ‖E_q − E_obs‖² / 2α, whose
    means are those of the data where nothing is penalised.  With the P_n of the model and a tangent t_n of its logits,
    q = P ∘ (1 + t − ⟨P, t⟩) adds up to 1, is not negative while t moves no two logits apart by more than 1, moves the
    means by ∇²h t, and is no further from P than the variance of t (KL ≤ χ²).  With g the gradient of f at θ,

        f − min f ≤ ‖(g + ∇²h t)_W‖² / 2α − ⟨g, t⟩,

    where t is that Newton step of what is not penalised: the intercept, or for α = 0 all.  `eps` is the spacing at 1
    of the numbers in which the sums are made.
    """
    total, gradient, product = f.sums.linearize(theta)
    gradient = gradient / f.sums.weight + f.pull(theta)
    part, free = (slice(None), f.transform) if f.alpha == 0 else (slice(-1, None), np.eye(1)[:, : int(intercept)])
    step = _newton_step(gradient[:, part], lambda t: product(t) / f.sums.weight, free, rtol=max(1e-10, 100 * eps))
    tangent = np.zeros(gradient.shape)
    tangent[:, part] = step
    moved = gradient + (product(tangent) / f.sums.weight if free.shape[1] else 0)
    reach = f.sums.spread(tangent) if f.alpha == 0 else _apart(step)
    left, before = (float(np.max(np.abs(centred(g[:, part] @ free)), initial=0)) for g in (moved, gradient))
    if not (math.isfinite(total) and reach <= REACH and left <= before / 100):
        return Certificate(math.inf, reach)
    penalised = 0.0 if f.alpha == 0 else float(np.sum(moved[:, :-1] ** 2)) / (2 * f.alpha)
    return Certificate(max(0.0, penalised - float(np.sum(gradient * tangent))), reach)


def _apart(step: Floats) -> float:
    """Return how far a step of the intercept moves two logits apart: for two classes, of which one is 0, its size."""
    return float(np.max(step) - np.min(step)) if step.shape[0] > 1 else float(np.abs(step).item())


def _newton_step(gradient: Floats, product: Product, free: Floats, *, rtol: float) -> Floats:
    """Return the t = Z Fᵀ with (g + ∇²h t) F = 0, with rows that add up to 0 where they are those of all classes."""
    rows, columns = gradient.shape[0], free.shape[1]
    if columns == 0:
        return np.zeros(gradient.shape)

    def along(z: Floats) -> Floats:
        return centred(product(centred(z.reshape(rows, columns)) @ free.T) @ free).ravel()

    most = min(2 * rows * columns, PRODUCTS)
    found = solved(along, -centred(gradient @ free).ravel(), rtol=rtol, most=most)
    tangent: Floats = centred(found.reshape(rows, columns)) @ free.T
    return tangent
