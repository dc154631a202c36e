"""Results held against stored references and against each other, in ulps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import xent_arrayapi as xent
from xent_arrayapi._selfcheck_references import FORMATS, Reference, is_subnormal, references, tangent, ulps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xent_arrayapi._selfcheck_place import Place
    from xent_arrayapi._typing import Array

HALVES = ("float16", "bfloat16")
MANY = 1000
"""Up to so many classes the lower limit holds, and any at all for compiled code."""
ULPS, ULPS_MANY, ULPS_LOGSUMEXP = 6, 8, 4
"""Rule 7."""
ULPS_HALF = 0.501
"""Rule 9: computed in float32 and rounded once."""
ULPS_OF_PRODUCTS = 16
"""For the Hessian: two factors within rule 7, and the roundings after; products in ulps of the size of their terms."""
FAR = 1e4
"""Further below the maximum than exp can tell from 0."""
FEW = 10
"""The classes of the rows that Hessians are checked on."""
ROUNDINGS = 64
"""For the library's own differentiation, in ulps of 1."""


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    check: str
    dtype: str
    passed: bool | None
    """None for what is stated and not judged."""
    worst: float | None = None
    """The largest error, in ulps."""
    limit: float | None = None
    detail: str = ""


@dataclass
class Tally:
    """The largest error of one quantity, over many rows."""

    check: str
    dtype: str
    limit: float
    flushes: bool = False
    """Whether the device replaces subnormal numbers by 0, which is counted and not judged."""
    beyond: float = -math.inf
    worst: float = 0.0
    where: str = ""
    flushed: int = 0
    judged: int = 0

    def hold(
        self, regime: str, got: Sequence[float], exact: Sequence[Decimal], scales: Sequence[Decimal] | None = None
    ) -> None:
        """Compare numbers; one subnormal spacing more is allowed where the exact one is subnormal."""
        for number, it, scale in zip(got, exact, exact if scales is None else scales, strict=True):
            error = ulps(number, it, self.dtype, scale)
            subnormal = is_subnormal(it, self.dtype)
            beyond = error - self.limit - subnormal
            if self.flushes and subnormal and number == 0 and error > 0.5:
                self.flushed += 1
                continue
            self.judged += 1
            if beyond > self.beyond:
                self.beyond, self.worst, self.where = beyond, error, regime

    def finding(self, dtype: str) -> Finding:
        """Return what was found for logits of a dtype: passed if anything was judged, and nothing beyond the limit."""
        flushed = f"; {self.flushed} subnormal results flushed to 0" if self.flushed else ""
        detail = f"{self.worst:.3g} ulp at {self.where}, the worst of {self.judged} numbers{flushed}"
        return Finding(self.check, dtype, self.judged > 0 and self.beyond <= 0, self.worst, self.limit, detail)


def flushes(place: Place, dtype: str) -> bool:
    """Tell whether the device replaces subnormal numbers by 0, in a product or in exp."""
    digits, least = FORMATS[dtype]
    smallest = 2.0 ** (least + digits - 1)
    x = place.array([[smallest, math.log(smallest) - 1]], dtype)
    product, exponential = place.run(lambda x: (x * 0.5, place.xp.exp(x)), x)
    return 0.0 in (place.values(product)[0], place.values(exponential)[1])


def evaluate(u: Array, labels: Array, v: Array) -> tuple[Array, ...]:
    """Evaluate all that there are references of."""
    h = xent.SoftmaxCrossEntropy(labels, reduction="none")
    return xent.softmax(u), xent.log_softmax(u), xent.logsumexp(u), *h.value_and_grad(u), h.hvp(u, v)


def batches(dtype: str, most: int, *, filled: bool = False) -> Iterator[tuple[int, list[Reference]]]:
    """Yield rows of as many classes; filled up to 1000, which changes nothing, where each shape is compiled anew."""
    found = references(dtype, most)
    if not filled:
        yield from found.items()
        return
    yield min(most, MANY), [row for classes, rows in found.items() if classes <= MANY for row in rows]
    yield from ((classes, rows) for classes, rows in found.items() if classes > MANY)


def filled_up(logits: list[float], classes: int) -> list[float]:
    """Return logits with more of them so far below that they count for nothing."""
    return logits + [min(logits) - FAR] * (classes - len(logits))


def values(place: Place, dtype: str, most: int) -> Iterator[Finding]:
    """Hold softmax, logarithms, losses, gradients and products of the Hessian against the references."""
    flushing = dtype not in HALVES and flushes(place, dtype)
    if dtype not in HALVES:
        yield Finding("subnormal numbers", dtype, None, detail="flushed to 0 by the device" if flushing else "kept")
    tallies: dict[str, Tally] = {}
    for classes, rows in batches(dtype, most, filled=place.compiles_operations):
        results = place.values_of(place.run(evaluate, *arguments(place, dtype, classes, rows)))
        for n, row in enumerate([*rows, *rows]):
            judged = zip(quantities(dtype, classes), results, expected(row, n // len(rows)), strict=True)
            for (name, limit, wide), result, (exact, scales) in judged:
                tally = tallies.setdefault(name, Tally(name, wide, limit, flushes=flushing))
                tally.hold(row.regime, of_row(result, n, row, 2 * len(rows)), exact, scales)
    for tally in tallies.values():
        yield tally.finding(dtype)


def arguments(place: Place, dtype: str, classes: int, rows: list[Reference]) -> tuple[Array, ...]:
    """Return logits, labels and tangents of rows, twice: with either label."""
    logits = [filled_up(row.logits, classes) for row in rows] * 2
    labels = [row.labels[n] for n in (0, 1) for row in rows]
    v = [tangent(classes)] * len(logits)
    return place.array(logits, dtype), place.array(labels, "int32"), place.array(v, dtype)


def quantities(dtype: str, classes: int) -> list[tuple[str, float, str]]:
    """Return the name of each result of `evaluate`, its limit, and the dtype that it comes in."""
    half, few = dtype in HALVES, classes <= MANY
    ulps = ULPS if few else ULPS_MANY
    of_array = ULPS_HALF if half else ulps
    wide = "float32" if half else dtype
    found = [
        ("softmax", of_array, dtype),
        ("log_softmax", of_array, dtype),
        ("logsumexp", ULPS_LOGSUMEXP, wide),
        ("loss", ulps, wide),
        ("gradient", of_array, dtype),
        ("hvp", ULPS_HALF if half else ULPS_OF_PRODUCTS, dtype),
    ]
    return [(name if few else f"{name}, K = {classes}", limit, wide) for name, limit, wide in found]


def expected(row: Reference, place: int) -> list[tuple[list[Decimal], list[Decimal] | None]]:
    """Return the exact values of each result of `evaluate` for a row and one of its labels, and their scales."""
    return [
        (row.softmax, None),
        (row.log_softmax, None),
        ([row.logsumexp], [row.scale]),
        ([row.loss(place)], None),
        (row.gradient(place), None),
        (row.product, row.terms),
    ]


def of_row(result: list[float], n: int, row: Reference, rows: int) -> list[float]:
    """Return the number of a row, or those of its classes that there are references of."""
    classes = len(result) // rows
    return [result[n]] if classes == 1 else [result[n * classes + k] for k in row.classes]


def hessians(place: Place, dtype: str, most: int) -> Iterator[Finding]:
    """Hold the Hessian and its diagonal against the references, and the products with unit vectors against it."""
    flushing = flushes(place, dtype)
    names = "hessian", "hessian_diag", "hvp of unit vectors"
    whole, diagonal, products = tallies = [Tally(name, dtype, ULPS_OF_PRODUCTS, flushes=flushing) for name in names]
    rows = references(dtype, most)[FEW]
    unit = [[float(j == k) for k in range(FEW)] for j in range(FEW)]
    u = place.array([row.logits for row in rows], dtype)
    each = place.array([row.logits for row in rows for _ in unit], dtype)
    h = xent.SoftmaxCrossEntropy(place.array([0] * len(rows), "int32"), reduction="none", check_values=False)
    of_each = xent.SoftmaxCrossEntropy(
        place.array([0] * len(rows) * FEW, "int32"), reduction="none", check_values=False
    )
    blocks, diagonals = place.run(lambda u: (h.hessian(u), h.hessian_diag(u)), u)
    columns = place.values(place.run(of_each.hvp, each, place.array(unit * len(rows), dtype)))
    blocks, diagonals = place.values_of((blocks, diagonals))
    for n, row in enumerate(rows):
        for j in range(FEW):
            here = (n * FEW + j) * FEW
            block = blocks[here : here + FEW]  # a row of the Hessian is a column of it
            exact = row.hessian(j)
            whole.hold(row.regime, block, exact)
            diagonal.hold(row.regime, [diagonals[n * FEW + j]], [exact[j]])
            products.hold(row.regime, columns[here : here + FEW], [Decimal(x) for x in block], row.terms_of(unit[j]))
    for tally in tallies:
        yield tally.finding(dtype)


def autograd(place: Place, dtype: str, most: int) -> Iterator[Finding]:
    """Hold what the library itself differentiates against the references."""
    rows = references(dtype, most)[FEW]
    arrays = (place.array(x, dtype) for x in ([row.logits for row in rows], [tangent(FEW)] * len(rows)))
    h = xent.SoftmaxCrossEntropy(
        place.array([row.labels[0] for row in rows], "int32"), reduction="sum", check_values=False
    )
    results = place.differentiated(h, *arrays)
    if results is None:
        return
    tallies = [Tally(f"{name} by autograd", dtype, ROUNDINGS) for name in ("gradient", "hvp")]
    for n, row in enumerate(rows):
        for tally, result, exact in zip(tallies, results, (row.gradient(0), row.product), strict=True):
            numbers = place.values(result)
            tally.hold(row.regime, of_row(numbers, n, row, len(rows)), exact, [Decimal(1)] * FEW)
    for tally in tallies:
        yield tally.finding(dtype)
