"""The cores of the library run on balls: against their definitions, where both overlap, and against NumPy's results.

That they overlap says that the formulas are right at these very points, at any regime, in exact arithmetic.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import flint
import numpy as np
from flint import arb

import xent_arrayapi as xent
from verification._ball_elements import Balls
from verification._definitions import total_of
from verification._enclosures import MOST_BITS, Exact, balls_of, in_ulps
from verification._judged import Judge, NumericResult
from verification._loss_definition import ULPS_TERMS, numbers_of, tiny_of
from verification._numeric_functions import (
    MOST_SQUARED,
    by_size,
    jacobian_of,
    product_of,
)
from verification._numeric_losses import HUGE, KINDS, OPTIONS, Problem
from verification._numeric_probabilities import cross_entropy_of, divergence_of, vectors
from verification._objects import ObjectNamespace
from verification._regimes import ULPS, ULPS_LOGSUMEXP
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from verification._enclosures import Numbers
    from verification._loss_definition import LossRow

    Array = NDArray[Any]
    Pairs = tuple[list[arb], list[arb]]

XP = ObjectNamespace(Balls())
APART = 0.1
"""Ulps that the core on balls and the definition may be apart, with the radii of both."""
MOST_CLASSES = 50


def lifted(x: Array) -> Any:
    """Return an array as one of balls, of integers or of conditions."""
    return XP.asarray(x.tolist(), dtype=x.dtype.name)


def flat(*arrays: Any) -> list[arb]:
    """Return the elements of arrays, one after another."""
    return list(chain.from_iterable(np.ravel(x.data) for x in arrays))


def enclose(library: Callable[[], list[arb]], definition: Callable[[], Pairs], dtype: np.dtype[Any]) -> tuple[Numbers, float]:
    """Run both with the precision doubled until the library's balls are small; return them, and how far both are apart.

    The distance is in ulps, inf where some balls do not overlap.
    """
    bits = 128
    while bits <= MOST_BITS:
        with flint.ctx.workprec(bits):
            exact, scales = definition()
            try:
                found = library()
            except UndecidedError:  # a comparison that needs more digits
                found = []
            parts, wanted = (in_ulps(x, scales, dtype) if len(x) == len(scales) else None for x in (found, exact))
            if parts is not None and wanted is not None:
                overlap = all(one.overlaps(other) for one, other in zip(found, exact, strict=True))
                return parts, _apart(parts, wanted) if overlap else math.inf
        bits *= 2
    msg = f"no enclosure with {MOST_BITS} bits"
    raise ArithmeticError(msg)


def _apart(one: Numbers, other: Numbers) -> float:
    return float(np.max(np.abs((one[0] - other[0]) + (one[1] - other[1])), initial=0))


def hold(
    judge: Judge,
    function: str,
    regimes: Sequence[str],
    library: Callable[[], list[arb]],
    definition: Callable[[int], Pairs],
    got: Array,
    limit: float | None,
) -> None:
    """Hold the core on balls against the definition of each row, and NumPy's results against the core."""

    def of_all() -> Pairs:
        rows = [definition(n) for n in range(len(regimes))]
        return [x for found, _ in rows for x in found], [x for _, scales in rows for x in scales]

    parts, apart = enclose(library, of_all, np.dtype(judge.dtype))
    judge.found.append(NumericResult(f"{function} on balls", "every regime", judge.dtype, apart, APART))
    if limit is not None:
        exact = Exact(np.reshape(parts, (3, *got.shape)), np.dtype(judge.dtype))
        judge.hold(f"{function}, NumPy against balls", regimes, exact, got, limit)


def check_functions(judge: Judge) -> None:
    """Run softmax, its logarithm, logsumexp and partitions, Jacobians and their products on balls."""
    for case in by_size(judge.dtype):
        u, names = case.rows.logits, case.names
        if u.shape[-1] > MOST_CLASSES:
            continue
        compare = partial(hold, judge, regimes=names)
        halves = [xent.LogPartition.of(x) for x in (u[:, ::2], u[:, 1::2])]
        merged = halves[0].merge(halves[1])
        for name, f, of_row, limit in (
            ("softmax", xent.softmax, _softmax, ULPS),
            ("log_softmax", xent.log_softmax, _log_softmax, ULPS),
            ("logsumexp", xent.logsumexp, _logsumexp, ULPS_LOGSUMEXP),
        ):
            compare(name, library=partial(_run, f, u), definition=partial(of_row, u), got=f(u), limit=limit)
        run = partial(_tail_of_halves, u)
        compare("LogPartition.merge", library=run, definition=partial(_tail, u), got=merged.tail, limit=ULPS_TERMS)
        if u.shape[-1] > MOST_SQUARED:
            continue
        run, got = partial(_run, xent.softmax_jacobian, u), xent.softmax_jacobian(u)
        compare("softmax_jacobian", library=run, definition=partial(jacobian_of, u), got=got, limit=ULPS_TERMS)
        v = np.random.default_rng(11).normal(size=u.shape).astype(u.dtype)
        run, got = partial(_run, xent.softmax_jvp, u, v), xent.softmax_jvp(u, v)
        compare("softmax_jvp", library=run, definition=partial(product_of, u, v), got=got, limit=ULPS_TERMS)


def _run(f: Callable[..., Any], *arrays: Array) -> list[arb]:
    return flat(f(*map(lifted, arrays)))


def _tail_of_halves(u: Array) -> list[arb]:
    one, other = (xent.LogPartition.of(lifted(x)) for x in (u[:, ::2], u[:, 1::2]))
    return flat(one.merge(other).tail)


def _softmax(u: Array, n: int) -> Pairs:
    total = total_of(u[n])
    found = [x.exp() / total for x in balls_of(u[n])]
    return found, found


def _log_softmax(u: Array, n: int) -> Pairs:
    a = total_of(u[n]).log()
    found = [x - a for x in balls_of(u[n])]
    return found, found


def _logsumexp(u: Array, n: int) -> Pairs:
    a, m = total_of(u[n]).log(), arb(float(np.max(u[n])))
    return [a], [(a - m).max(abs(m))]


def _tail(u: Array, n: int) -> Pairs:
    found = [total_of(u[n]) / arb(float(np.max(u[n]))).exp() - 1]
    return found, found


def check_probabilities(judge: Judge) -> None:
    """Run entropy, cross-entropy and divergence on balls."""
    for name, (p, q) in vectors(judge.dtype).items():
        for function, f, of_row, arrays in (
            ("entropy", xent.entropy, partial(cross_entropy_of, p, p), (p,)),
            ("cross_entropy", xent.cross_entropy, partial(cross_entropy_of, p, q), (p, q)),
            ("kl_divergence", xent.kl_divergence, partial(divergence_of, p, q), (p, q)),
        ):
            hold(judge, function, [name] * len(p), partial(_run, f, *arrays), of_row, f(*arrays), ULPS_TERMS)


def check_losses(judge: Judge) -> None:
    """Run the loss, its gradient, products and Hessians on balls, under every option."""
    for option, options in OPTIONS.items():
        for kind in KINDS:
            if kind != "labels" and option == "ignore_index":
                continue  # it is refused there
            it = Problem.of(judge.dtype, kind, options, _undecided(options))
            h, u = it.loss(reduction="none"), it.logits
            found = h(u)[:, None], h.grad(u), h.hvp(u, it.tangent), h.hessian_diag(u), h.hessian(u).reshape(len(u), -1)
            rounded = "temperature" in options and "softcap" not in options  # u / T is, in NumPy
            hold(
                judge,
                f"SoftmaxCrossEntropy, {option}, {kind}",
                it.names,
                partial(_loss, it),
                partial(_row, it.rows_of(it.u, tempered=False), tiny_of(it.u.dtype)),
                np.concatenate(found, axis=-1),
                None if rounded else ULPS_TERMS,
            )


def _row(rows: Sequence[LossRow], tiny: arb, n: int) -> Pairs:
    numbers, scales = zip(*numbers_of(rows[n], tiny), strict=True)
    return list(numbers), list(scales)


def _undecided(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the regimes whose comparisons no precision decides: what a softcap or a quotient makes all but equal."""
    capped = (HUGE, "offset 1e6", "ties") if "softcap" in options else ()
    squared = (HUGE,) if "z_loss" in options else ()
    return (*capped, *squared, *(("ties",) if "temperature" in options else ()))


def _loss(it: Problem) -> list[arb]:
    h, u = it.loss(lifted, reduction="none"), lifted(it.logits)
    found = h(u), h.grad(u), h.hvp(u, lifted(it.tangent)), h.hessian_diag(u), h.hessian(u)
    of_rows = (flat(*(x[n, ...] for x in found)) for n in range(len(it.u)))
    return list(chain.from_iterable(of_rows))


PARTS = {"functions": check_functions, "probability vectors": check_probabilities, "losses": check_losses}


def ball_layer(progress: Callable[[str], None] | None = None) -> tuple[NumericResult, ...]:
    """Run all cores on balls; `progress` is told the name of each part before it runs."""
    found: list[NumericResult] = []
    for dtype in ("float32", "float64"):
        for name, part in PARTS.items():
            if progress is not None:
                progress(f"{name} on balls, {dtype}")
            judge = Judge(dtype)
            part(judge)
            found += judge.found
    return tuple(found)
