"""What is done to logits first: softcap and temperature, with their derivatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from xent_arrayapi._exponentials import row_max
from xent_arrayapi._namespace import rounded

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Namespace


class Bent(NamedTuple):
    """Logits y = f(u), and the derivatives of f; None stands for 1 and 0."""

    y: Array
    slope: Array | None
    curvature: Array | None


def bent(u: Array, softcap: float | None, temperature: float, xp: Namespace) -> Bent:
    """Return y = c tanh(u / c) / T with its derivatives sech²(u / c) / T and −2 tanh sech² / (c T)."""
    if softcap is None:
        slope = None if temperature == 1 else 1 / representable(temperature, u, xp)
        return Bent(at_temperature(u, temperature, xp), slope, None)
    c, t = representable(softcap, u, xp), representable(temperature, u, xp)
    x = over(u, c, xp)
    tanh, decay = xp.tanh(x), xp.exp(2 * xp.where(x < 0, x, -x))
    steepness = 4 * decay / ((1 + decay) * (1 + decay) * t)
    capped = rounded(xp.where(x == 0, u, c * tanh), xp)  # u / c may underflow, where the cap does nothing
    return Bent(at_temperature(capped, temperature, xp), steepness, -2 * tanh * steepness / c)


def at_temperature(u: Array, temperature: float, xp: Namespace) -> Array:
    """Return u / T, and the limits for T = 0 and T = inf."""
    if temperature == 1:
        return u
    if temperature == 0:
        m = row_max(u, xp)
        return xp.where(xp.isnan(m), m, xp.where(xp.logical_and(u == m, u > -xp.inf), xp.zeros_like(u), -xp.inf))
    if temperature == math.inf:
        return xp.where(xp.isfinite(u), 0, u)
    return rounded(over(u, representable(temperature, u, xp), xp), xp)


def over(u: Array, t: float, xp: Namespace) -> Array:
    """Return u / t, also for a t whose reciprocal is subnormal: XLA multiplies by that, and flushes it to 0."""
    if t * float(xp.finfo(u.dtype).smallest_normal) > 1:
        return (u / 4) / (t / 4)
    return u / t


def representable(positive: float, x: Array, xp: Namespace) -> float:
    """Return a positive number as near as the dtype of x has a normal one: it is not to round to 0 or inf."""
    limits = xp.finfo(x.dtype)
    return min(max(positive, float(limits.smallest_normal)), float(limits.max))
