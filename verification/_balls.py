"""The cores of the library run on balls: against their definitions, where both overlap, and against NumPy's results.

That they overlap says that the formulas are right at these very points, at any regime, in exact arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
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
from verification._numeric_functions import MOST_SQUARED, jacobian_of, product_of, weighted_of
from verification._numeric_losses import HUGE, OPTIONS, Problem, logits
from verification._numeric_probabilities import cross_entropy_of, divergence_of, vectors
from verification._objects import ObjectNamespace
from verification._regimes import FAR, ULPS, ULPS_LOGSUMEXP, regimes
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from verification._enclosures import Numbers
    from verification._loss_definition import LossRow

    Array = NDArray[Any]
    Pairs = tuple[list[arb], list[arb]]
    Run = Callable[[], list[arb]]

XP = ObjectNamespace(Balls())
APART = 0.1
"""Ulps that the core on balls and the definition may be apart, with the radii of both."""
MOST_CLASSES = 50
EXACT = 0.5
"""A temperature whose reciprocal is a float."""


def lifted(x: Array) -> Any:
    """Return an array as one of balls, of integers or of conditions."""
    return XP.asarray(x.tolist(), dtype=x.dtype.name)


def flat(*arrays: Any) -> list[arb]:
    """Return the elements of arrays, one after another."""
    return list(chain.from_iterable(np.ravel(x.data) for x in arrays))


def enclose(library: Run, definition: Callable[[], Pairs], dtype: np.dtype[Any]) -> tuple[Numbers, float]:
    """Run both with the precision doubled until the balls are small; return the library's, and how far both are apart.

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


@dataclass(frozen=True)
class Core:
    """A function of the library on rows of one regime: run on balls, defined for each row, and run in NumPy."""

    function: str
    regime: str
    library: Run
    definition: Callable[[int], Pairs]
    got: Array
    limit: float

    def hold(self, judge: Judge) -> None:
        """Hold the core on balls against the definition, and NumPy's results against the core."""
        dtype, rows = np.dtype(judge.dtype), len(self.got)
        parts, apart = enclose(self.library, partial(self._of_all, rows), dtype)
        judge.found.append(NumericResult(f"{self.function} on balls", self.regime, judge.dtype, apart, APART))
        exact = Exact(np.reshape(parts, (3, *self.got.shape)), dtype)
        judge.hold(f"{self.function}, NumPy against balls", [self.regime] * rows, exact, self.got, self.limit)

    def _of_all(self, rows: int) -> Pairs:
        found = [self.definition(n) for n in range(rows)]
        return [x for numbers, _ in found for x in numbers], [x for _, scales in found for x in scales]


def check_functions(judge: Judge) -> None:
    """Run softmax, its logarithm, logsumexp and partitions, Jacobians and their products on balls."""
    for regime, u in regimes(judge.dtype).items():
        if u.shape[-1] <= MOST_CLASSES:
            for core in (*_of_logits(regime, u), *(_squared(regime, u) if u.shape[-1] <= MOST_SQUARED else ())):
                core.hold(judge)


def _of_logits(regime: str, u: Array) -> Iterator[Core]:
    for name, f, definition, limit in (
        ("softmax", xent.softmax, _softmax, ULPS),
        ("log_softmax", xent.log_softmax, _log_softmax, ULPS),
        ("logsumexp", xent.logsumexp, _logsumexp, ULPS_LOGSUMEXP),
        ("sigmoid", xent.sigmoid, _sigmoid, ULPS),
        ("log_sigmoid", xent.log_sigmoid, _log_sigmoid, ULPS),
    ):
        if name.endswith("sigmoid") and np.max(np.abs(u)) > FAR:
            continue  # 1 + exp(−u) has more digits than we can count
        yield Core(name, regime, partial(_run, f, u), partial(definition, u), f(u), limit)
    merged = _merged_halves(u).tail
    yield Core("LogPartition.merge", regime, partial(_tail_of_halves, u), partial(_tail, u), merged, ULPS_TERMS)


def _squared(regime: str, u: Array) -> Iterator[Core]:
    v, w = np.random.default_rng(11).normal(size=(2, *u.shape)).astype(u.dtype)
    w = np.abs(w) * np.resize([1, -1], u.shape[-1]).astype(u.dtype)  # of one sign, the sum and that of sizes are one
    for name, f, definition, arrays in (
        ("softmax_jacobian", xent.softmax_jacobian, partial(jacobian_of, u), (u,)),
        ("softmax_jvp", xent.softmax_jvp, partial(product_of, u, v), (u, v)),
        ("logsumexp, signed weights", _weighted, partial(weighted_of, u, w), (u, w)),
    ):
        yield Core(name, regime, partial(_run, f, *arrays), definition, f(*arrays), ULPS_TERMS)


def _run(f: Callable[..., Any], *arrays: Array) -> list[arb]:
    return flat(f(*map(lifted, arrays)))


def _weighted(u: Any, w: Any) -> Any:
    return xent.logsumexp(u, weights=w, return_sign=True)[0]


def _merged_halves(u: Any) -> Any:
    return xent.LogPartition.of(u[:, ::2]).merge(xent.LogPartition.of(u[:, 1::2]))


def _tail_of_halves(u: Array) -> list[arb]:
    return flat(_merged_halves(lifted(u)).tail)


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


def _sigmoid(u: Array, n: int) -> Pairs:
    found = [1 / (1 + (-x).exp()) for x in balls_of(u[n])]
    return found, found


def _log_sigmoid(u: Array, n: int) -> Pairs:
    found = [-(1 + (-x).exp()).log() for x in balls_of(u[n])]
    return found, found


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
            Core(function, name, partial(_run, f, *arrays), of_row, f(*arrays), ULPS_TERMS).hold(judge)


def check_losses(judge: Judge) -> None:
    """Run the loss, its gradient, products and Hessians on balls, under every option."""
    for (option, given), kind in product(OPTIONS.items(), ("labels", "unnormalised rows")):
        if kind != "labels" and option == "ignore_index":
            continue  # it is refused there
        exact = {"temperature": EXACT} if option == "temperature" else {}  # 1 / T is a float there, and rounded
        options = given | exact
        without = _undecided(options)
        for regime in dict.fromkeys(logits(judge.dtype, without)[1]):
            it = Problem.of(judge.dtype, kind, options, only=regime)
            definition = partial(_row, it.rows_of(it.u, tempered=False), tiny_of(it.u.dtype))
            h, u = it.loss(reduction="none"), it.logits
            found = h(u)[:, None], h.grad(u), h.hvp(u, it.tangent), h.hessian_diag(u), h.hessian(u).reshape(len(u), -1)
            got, name = np.concatenate(found, axis=-1), f"SoftmaxCrossEntropy, {option}, {kind}"
            Core(name, regime, partial(_loss, it), definition, got, ULPS_TERMS).hold(judge)


def _row(rows: Sequence[LossRow], tiny: arb, n: int) -> Pairs:
    numbers, scales = zip(*numbers_of(rows[n], tiny), strict=True)
    return list(numbers), list(scales)


def _undecided(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the regimes whose comparisons no precision decides, as a softcap makes all equal, and what overflows."""
    capped = (HUGE, "offset 1e6", "ties") if "softcap" in options else ()
    return (*capped, *((HUGE,) if "z_loss" in options else ()))


def _loss(it: Problem) -> list[arb]:
    h, u = it.loss(lifted, reduction="none"), lifted(it.logits)
    found = h(u), h.grad(u), h.hvp(u, lifted(it.tangent)), h.hessian_diag(u), h.hessian(u)
    of_rows = (flat(*(x[n, ...] for x in found)) for n in range(len(it.u)))
    return list(chain.from_iterable(of_rows))


PARTS = {
    "functions on balls, float32": (check_functions, "float32"),
    "functions on balls, float64": (check_functions, "float64"),
    "probability vectors on balls, float64": (check_probabilities, "float64"),
    "losses on balls, float64": (check_losses, "float64"),
}
"""The cores of losses are the same for either dtype."""


def ball_layer(progress: Callable[[str], None] | None = None) -> tuple[NumericResult, ...]:
    """Run all cores on balls; `progress` is told the name of each part before it runs."""
    found: list[NumericResult] = []
    for name, (part, dtype) in PARTS.items():
        if progress is not None:
            progress(name)
        judge = Judge(dtype)
        part(judge)
        found += judge.found
    return tuple(found)
