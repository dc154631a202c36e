"""Exact numbers, enclosed by Arb, and errors in ulps against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flint
import numpy as np
from flint import arb

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

TIGHT = 2.0**-20
"""The radius, in ulps, that an enclosure is refined to."""
MOST_BITS = 2**15


@dataclass(frozen=True, eq=False)
class Exact:
    """Numbers known to `TIGHT` ulps of a dtype: near, rest and exponent along the first axis of `parts`.

    They are (near + rest) · 2**exponent, where 2**exponent is the ulp at the exact value, or at a given scale.
    """

    parts: Numbers
    dtype: np.dtype[Any]

    @property
    def subnormal(self) -> NDArray[np.bool_]:
        """Where the exact value is below the smallest normal number."""
        bits, least = format_of(self.dtype)
        found: NDArray[np.bool_] = (self.parts[2] == least) & (np.abs(self.parts[0]) < 2.0 ** (bits - 1))
        return found

    def ulps(self, got: NDArray[Any]) -> Numbers:
        """Bound the error of each element from above, in ulps; inf for what is not a number."""
        near, rest, exponent = self.parts
        if got.dtype != self.dtype or got.shape != near.shape:
            msg = f"{got.dtype} of shape {got.shape} must be {self.dtype} of shape {near.shape}."
            raise TypeError(msg)
        with np.errstate(over="ignore", invalid="ignore"):  # a result that is far off, or no number
            scaled = np.ldexp(got.astype(np.float64), -exponent.astype(np.int32))
            # scaled − near is exact within a factor of 2 (Sterbenz), else it rounds, which the factor covers.
            error = np.abs((scaled - near) - rest) * (1 + 2.0**-50) + 2 * TIGHT
        return np.where(np.isnan(error), np.inf, error)

    def column(self, columns: NDArray[Any]) -> Exact:
        """Return the element of each row in its column."""
        return Exact(self.parts[:, np.arange(len(columns)), columns], self.dtype)

    def with_column(self, columns: NDArray[Any], other: Exact) -> Exact:
        """Return a copy with the element of each row in its column replaced."""
        parts = self.parts.copy()
        parts[:, np.arange(len(columns)), columns] = other.parts
        return Exact(parts, self.dtype)

    def negative(self) -> Exact:
        """Return −x."""
        return Exact(self.parts * np.reshape([-1, -1, 1], (3,) + (1,) * (self.parts.ndim - 1)), self.dtype)


def enclosed(
    balls: Callable[[], list[arb]], dtype: np.dtype[Any], scales: Callable[[], list[arb]] | None = None
) -> Numbers:
    """Evaluate balls with the precision doubled until each is known to `TIGHT` ulps, as the parts of `Exact`.

    An ulp is that of the number itself, or of its scale where one is given.
    """

    def both() -> tuple[list[arb], list[arb]]:
        found = balls()
        return found, found if scales is None else scales()

    return enclosed_pairs(both, dtype)


def enclosed_pairs(balls: Callable[[], tuple[list[arb], list[arb]]], dtype: np.dtype[Any]) -> Numbers:
    """Evaluate balls and the scales of their errors in one go, as `enclosed` does."""
    bits = 128
    while bits <= MOST_BITS:
        with flint.ctx.workprec(bits):
            parts = in_ulps(*balls(), dtype)
        if parts is not None:
            return parts
        bits *= 2
    msg = f"no enclosure to {TIGHT} ulp with {MOST_BITS} bits"
    raise ArithmeticError(msg)


def format_of(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the digits of a binary format and the exponent of its subnormal spacing."""
    limits = np.finfo(dtype)
    return limits.nmant + 1, limits.minexp - limits.nmant


def in_ulps(balls: list[arb], scales: list[arb], dtype: np.dtype[Any]) -> Numbers | None:
    """Return balls as the parts of `Exact`, None where one is wider than `TIGHT`."""
    bits, least = format_of(dtype)
    parts = np.empty((3, len(balls)))
    spacings: dict[int, arb] = {}
    for i, (ball, scale) in enumerate(zip(balls, scales, strict=True)):
        exponent = max(_magnitude(scale) - bits, least)
        spacings[exponent] = spacings.get(exponent) or arb(2) ** -exponent
        inside = ball * spacings[exponent]
        if not inside.rad() < TIGHT:
            return None
        near = float(inside.mid())
        parts[:, i] = near, float(inside.mid() - arb(near)), exponent
    return parts


def _magnitude(x: arb) -> int:
    """Return e with 2**(e − 1) ≤ |x| < 2**e for the least that |x| can be, so that its ulp is not overestimated."""
    mantissa, exponent = x.abs_lower().man_exp()
    return int(mantissa).bit_length() + int(exponent) if mantissa else -(2**31)


def balls_of(u: NDArray[Any]) -> list[arb]:
    """Return floats as balls of radius 0."""
    return [arb(x) for x in u.tolist()]
