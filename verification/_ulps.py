"""The table of maximal errors in ulps, per function, dtype, regime and library, beside a bound from the literature.

The bound is that of P. Blanchard, D. J. Higham and N. J. Higham, *Accurately computing the log-sum-exp and softmax
functions*, IMA Journal of Numerical Analysis 41 (2021), doi:10.1093/imanum/draa038, section 4, on softmax with a
shift.  The theorem was not read in the paper; what stands here follows in three steps.  To first order a shifted
exponential has a relative error of at most (1 + u_max − u_k) u, as the shift rounds and exp amplifies that, and rounds;
n − 1 additions add (n − 1) u, and the quotient adds u, so that

    |error of S_k| ≤ (n + 2 + 2 (u_max − u_min)) u S_k,

with u the unit roundoff.  In ulps of the result that is at most as many, where nothing underflows.  It is a bound for
the plain formulas; the library puts the rounding error of the shift back, and so stays below 6.
"""

from __future__ import annotations

import functools
import importlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from verification._definitions import Rows
from verification._numeric_functions import exact_rows, product_of
from verification._regimes import Case, case, regimes
from verification._ulps_libraries import libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from verification._enclosures import Exact
    from verification._ulps_libraries import Library

    Array = NDArray[Any]

DTYPES = ("float32", "float64")
CLASSES = 1000
TOP, ELSEWHERE = "top label", "another label"
PLACED = ("loss", "gradient")
"""What is measured for labels at the top and elsewhere."""


@dataclass(frozen=True)
class Entry:
    """The largest error of a function of a library in a regime."""

    function: str
    dtype: str
    regime: str
    library: str
    ours: bool
    ulps: float
    """inf for what is no number where the result is finite."""
    flushed: bool = False
    """Whether subnormal results came back as 0 where XLA flushes them, which the error does not count."""


@dataclass(frozen=True)
class Table:
    """All errors, the bound for softmax, and what was compared."""

    entries: tuple[Entry, ...]
    bounds: dict[tuple[str, str], float]
    """By dtype and regime: n + 2 + 2 (u_max − u_min), for softmax without a compensated shift."""
    versions: dict[str, str]
    missing: tuple[str, ...]
    """What could not be imported, and was not run."""


def ulp_table(progress: Callable[[str], None] | None = None) -> Table:
    """Measure every library; `progress` is told each one before it runs."""
    with double_precision():
        found, missing = libraries()
        entries: list[Entry] = []
        for dtype in DTYPES:
            problem = Problem.of(dtype)
            exact = {regime: problem.exact(regime) for regime in regimes(dtype)}
            for library in found:
                if progress is not None:
                    progress(f"{library.name}, {dtype}")
                entries += measured(library, problem, exact)
    bounds = {(dtype, name): bound(u) for dtype in DTYPES for name, u in regimes(dtype).items()}
    return Table(tuple(entries), bounds, {one.name: one.version for one in found}, tuple(missing))


@contextmanager
def double_precision() -> Iterator[None]:
    """Let JAX have 64-bit types, as the table needs them, without a change for others."""
    try:
        config: Any = importlib.import_module("jax").config
    except ImportError:  # then there is nothing to set
        yield
        return
    before = config.jax_enable_x64
    config.update("jax_enable_x64", val=True)
    try:
        yield
    finally:
        config.update("jax_enable_x64", before)


def bound(u: Array) -> float:
    """Return n + 2 + 2 (u_max − u_min), the largest of the rows."""
    wide = u.astype(np.float64)
    return float(u.shape[-1] + 2 + 2 * np.max(np.max(wide, axis=-1) - np.min(wide, axis=-1)))


@dataclass(frozen=True, eq=False)
class Problem:
    """All regimes as one array, filled up to one number of classes: JAX compiles once, and what is added is nothing."""

    dtype: str
    case: Case
    tangent: Array

    @classmethod
    def of(cls, dtype: str) -> Problem:
        """Draw the tangents, 0 at the classes that are added."""
        it, rng = case(CLASSES, dtype), np.random.default_rng(41)
        sizes = {name: u.shape[-1] for name, u in regimes(dtype).items()}
        within = np.arange(CLASSES) < np.asarray([sizes[name] for name in it.names])[:, None]
        return cls(dtype, it, np.where(within, rng.normal(size=within.shape), 0).astype(dtype))

    @property
    def places(self) -> dict[str, Array]:
        """Labels of each kind."""
        return {TOP: self.case.top, ELSEWHERE: self.case.other}

    def rows_of(self, regime: str) -> slice:
        """Return where the rows of a regime are."""
        first = self.case.names.index(regime)
        return slice(first, first + self.case.names.count(regime))

    def exact(self, regime: str) -> dict[str, Exact]:
        """Return what is exact of the rows of a regime, without the classes that are added."""
        u, here = regimes(self.dtype)[regime], self.rows_of(regime)
        rows, v = Rows(u), self.tangent[here, : u.shape[-1]]
        found = {"softmax": rows.softmax, "log_softmax": rows.log_softmax, "logsumexp": rows.logsumexp}
        for place, labels in self.places.items():
            found |= {f"loss, {place}": rows.loss(labels[here]), f"gradient, {place}": rows.gradient(labels[here])}
        return found | {"hvp": exact_rows(functools.partial(product_of, u, v), range(len(u)), u.dtype)}


def measured(library: Library, problem: Problem, exact: dict[str, dict[str, Exact]]) -> Iterator[Entry]:
    """Yield the errors of a library in all regimes of a dtype."""
    for place, labels in problem.places.items():
        with np.errstate(all="ignore"):
            found = library.evaluate(problem.case.rows.logits, labels, problem.tangent)
        for name, result in found.items():
            if name not in PLACED and place != TOP:
                continue  # measured already: it does not depend on labels
            function = f"{name}, {place}" if name in PLACED else name
            for regime, wanted in exact.items():
                it, got = wanted[function], np.asarray(result)[problem.rows_of(regime)]
                got = got[:, : it.parts.shape[-1]] if got.ndim > 1 else got
                error = it.ulps(got)
                lost = it.subnormal & (got == 0) & (error > 1) & library.flushes
                worst = float(np.max(np.where(lost, 0, error)))
                flushed = bool(np.any(lost))
                yield Entry(function, problem.dtype, regime, library.name, library.ours, worst, flushed)
