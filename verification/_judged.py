"""What the numeric layer found: errors in ulps held against a limit, and numbers that have to be the same."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from verification._enclosures import Exact


@dataclass(frozen=True)
class NumericResult:
    """The largest error of a function in a regime."""

    function: str
    regime: str
    dtype: str
    ulps: float
    """The error that is furthest beyond its limit; inf for what is no number, or not the one that has to be."""
    limit: float
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within its limit."""
        return self.ulps <= self.limit

    def __str__(self) -> str:
        said = f"{self.function} | {self.regime} | {self.dtype} | {self.ulps:.3g} ulp, limit {self.limit:g}"
        return f"{said} | {self.detail}" if self.detail else said


@dataclass
class Judge:
    """Holds results of logits of one dtype against exact values."""

    dtype: str
    found: list[NumericResult] = field(default_factory=list)

    def hold(self, function: str, regimes: Sequence[str], exact: Exact, got: Any, limit: float) -> None:
        """Compare rows, whose regimes are given; a subnormal result may be one subnormal spacing further off."""
        got = np.asarray(got)
        if got.dtype != exact.dtype or got.shape != exact.parts.shape[1:]:
            wanted = f"{exact.dtype} of shape {exact.parts.shape[1:]}"
            self._add(function, "every regime", math.inf, limit, f"{got.dtype} of shape {got.shape}, not {wanted}")
            return
        error = np.reshape(exact.ulps(got), (len(regimes), -1))
        allowed = limit + np.reshape(exact.subnormal, error.shape)
        rows = np.asarray(regimes)
        for name in dict.fromkeys(regimes):
            here = np.flatnonzero(rows == name)
            beyond = (error - allowed)[here]
            row, place = np.unravel_index(np.argmax(beyond), beyond.shape)
            at = here[row], place
            value = np.reshape(got, error.shape)[at]
            self._add(function, name, float(error[at]), float(allowed[at]), f"{value!s} in row {at[0]}, place {place}")

    def same(self, function: str, regime: str, got: Any, expected: Any) -> None:
        """Compare numbers that have to be the same to the last bit, and have the same shape; nan is nan."""
        got, expected = np.asarray(got), np.asarray(expected)
        equal = got.shape == expected.shape and np.array_equal(got, expected, equal_nan=True)
        detail = "" if equal else f"{_shown(got)}, not {_shown(expected)}"
        self._add(function, regime, 0.0 if equal else math.inf, 0.0, detail)

    def near(self, function: str, regime: str, got: Any, expected: Any, limit: float) -> None:
        """Compare numbers with expected ones in ulps of those, where infinities and nan are the same."""
        got, expected = np.asarray(got), np.asarray(expected)
        if got.shape != expected.shape:
            self.same(function, regime, got, expected)
            return
        finite = np.isfinite(expected)
        self.same(function, f"{regime}, what is not finite", np.where(finite, 0, got), np.where(finite, 0, expected))
        wanted = np.where(finite, expected, 0).astype(got.dtype)
        error = np.abs(np.where(finite, got, 0).astype(np.float64) - wanted) / np.spacing(np.abs(wanted))
        worst = float(np.max(np.where(np.isnan(error), np.inf, error), initial=0))
        self._add(function, regime, worst, limit, _shown(got))

    def raised(self, function: str, regime: str, error: Exception) -> None:
        """Note that a function failed where it has to have a value."""
        self._add(function, regime, math.inf, 0.0, f"{type(error).__name__}: {error}")

    def _add(self, function: str, regime: str, ulps: float, limit: float, detail: str) -> None:
        self.found.append(NumericResult(function, regime, self.dtype, ulps, limit, detail))


def _shown(x: NDArray[Any]) -> str:
    return np.array2string(x, threshold=8, precision=17).replace("\n", " ") + ("" if x.ndim else f" ({x.dtype})")
