"""The special values of the contract, by the number of their rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from xent_arrayapi._selfcheck_values import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xent_arrayapi._selfcheck_place import Place
    from xent_arrayapi._typing import Array

INF, NAN = math.inf, math.nan
BIG = 2.0**126


@dataclass(frozen=True)
class Special:
    """Arguments of a function, and the numbers that it has to return, exactly."""

    rule: int
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    expected: tuple[list[float], ...]


def loss(**options: Any) -> Callable[[Array, Array], tuple[Array, ...]]:
    """Return what evaluates the losses of rows and their gradients, and reads no values."""

    def evaluate(u: Array, targets: Array) -> tuple[Array, ...]:
        return xent.SoftmaxCrossEntropy(targets, check_values=False, **options).value_and_grad(u)

    return evaluate


def weighed(u: Array, targets: Array, weights: Array) -> tuple[Array, ...]:
    """Evaluate losses and gradients of rows with sample weights."""
    return loss(sample_weight=weights, reduction="none")(u, targets)


def masked(u: Array, targets: Array, where: Array) -> tuple[Array, ...]:
    """Evaluate softmax, losses and gradients of rows with a mask."""
    return xent.softmax(u, where=where), *loss(where=where, reduction="none")(u, targets)


def signed(u: Array, weights: Array) -> tuple[Array, ...]:
    """Evaluate the logarithm of a signed sum, as it is and with its sign."""
    return xent.logsumexp(u, weights=weights), *xent.logsumexp(u, weights=weights, return_sign=True)


def tempered(u: Array) -> tuple[Array, ...]:
    """Evaluate softmax at the limits of the temperature."""
    return xent.softmax(u, temperature=0), xent.softmax(u, temperature=INF)


def curved(u: Array, labels: Array, v: Array) -> tuple[Array, ...]:
    """Evaluate products of the Hessian."""
    return (xent.SoftmaxCrossEntropy(labels, reduction="none", check_values=False).hvp(u, v),)


def all_three(u: Array) -> tuple[Array, ...]:
    """Evaluate the functions of logits alone."""
    return xent.logsumexp(u), xent.softmax(u), xent.log_softmax(u)


ROWS = loss(reduction="none")
SPECIAL = (
    Special(2, ROWS, ([[1.0, INF, 0.0]], [[0.25, 0.0, 0.75]]), ([INF], [-0.25, 1.0, -0.75])),
    Special(2, ROWS, ([[0.0, -INF, -INF]], [[1.0, 0.0, 0.0]]), ([0.0], [0.0, 0.0, 0.0])),
    Special(3, ROWS, ([[-INF, 0.0, 0.0]], [0]), ([INF], [-1.0, 0.5, 0.5])),
    Special(3, ROWS, ([[-INF, -INF]], [0]), ([NAN], [NAN, NAN])),
    Special(4, all_three, ([[-INF, -INF]],), ([-INF], [NAN, NAN], [NAN, NAN])),
    Special(4, all_three, ([[0.0, NAN]],), ([NAN], [NAN, NAN], [NAN, NAN])),
    Special(4, all_three, ([[0.0, -INF]],), ([0.0], [1.0, 0.0], [0.0, -INF])),
    Special(4, lambda u: all_three(u)[:2], ([[INF, 0.0, INF]],), ([INF], [0.5, 0.0, 0.5])),
    Special(4, signed, ([[0.0, 0.0, NAN]], [[1.0, -1.0, 0.0]]), ([-INF], [-INF], [0.0])),
    Special(4, signed, ([[5.0, 0.0]], [[0.0, -1.0]]), ([NAN], [0.0], [-1.0])),
    Special(4, signed, ([[INF, INF]], [[1.0, -1.0]]), ([NAN], [NAN], [NAN])),
    Special(5, lambda u: all_three(u[:, :0])[:2], ([[0.0, 0.0]],), ([-INF], [])),
    Special(6, all_three, ([[BIG, -BIG]],), ([BIG], [1.0, 0.0], [0.0, -2 * BIG])),
    Special(15, ROWS, ([[0.0, 0.0]] * 3, [2, -1, -3]), ([NAN] * 3, [NAN] * 6)),
    Special(16, ROWS, ([[0.0, 0.0]] * 2, [[-0.5, 1.5], [INF, 0.0]]), ([NAN] * 2, [NAN] * 4)),
    Special(18, loss(ignore_index=-1, reduction="none"), ([[NAN, INF]], [-1]), ([0.0], [0.0, 0.0])),
    Special(20, weighed, ([[NAN, INF]], [0], [0.0]), ([0.0], [0.0, 0.0])),
    Special(21, masked, ([[0.0, NAN, 0.0]], [1], [[True, False, True]]), ([0.5, 0.0, 0.5], [INF], [0.5, 0.0, 0.5])),
    Special(21, masked, ([[0.0, 0.0]], [0], [[False, False]]), ([0.0, 0.0], [INF], [0.0, 0.0])),
    Special(23, loss(ignore_index=-1), ([[1.0, 2.0]] * 2, [-1, -1]), ([0.0], [0.0] * 4)),
    Special(25, curved, ([[3.0, -1.0, 0.25]], [1], [[0.7, 0.7, 0.7]]), ([0.0, 0.0, 0.0],)),
    Special(26, tempered, ([[1.0, 3.0, 3.0, -2.0, -INF]],), ([0.0, 0.5, 0.5, 0.0, 0.0], [0.25] * 4 + [0.0])),
)


def kind_of(data: Any, dtype: str) -> str:
    """Return the dtype to make nested lists in."""
    while isinstance(data, list):
        data = data[0]
    return {bool: "bool", int: "int32"}.get(type(data), dtype)


def same(got: list[float], expected: list[float]) -> bool:
    """Tell whether numbers are those expected, nan where nan is."""
    return len(got) == len(expected) and all(
        x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(got, expected, strict=True)
    )


def special_values(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Evaluate each special case."""
    given = [[place.array(data, kind_of(data, dtype)) for data in case.arguments] for case in SPECIAL]
    counts = [len(one) for one in given]

    def every(*flat: Array) -> list[tuple[Array, ...]]:  # one program where programs are compiled
        rest = iter(flat)
        return [case.function(*islice(rest, count)) for case, count in zip(SPECIAL, counts, strict=True)]

    results = place.run(every, *(x for one in given for x in one))
    numbers = iter(place.values_of([x for one in results for x in one]))
    wrong = []
    for case in SPECIAL:
        got = tuple(islice(numbers, len(case.expected)))
        if not all(same(x, y) for x, y in zip(got, case.expected, strict=True)):
            wrong.append(f"rule {case.rule}, of {case.arguments}: {got}, not {case.expected}")
    rules = ", ".join(str(rule) for rule in dict.fromkeys(case.rule for case in SPECIAL))
    yield Finding(
        "special values", dtype, not wrong, detail="; ".join(wrong) or f"{len(SPECIAL)} cases of rules {rules}"
    )


def labels_out_of_range(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Hold a label out of range against what is said of the place: it raises, or its row is nan."""
    u, labels = place.array([[0.0, 0.0]] * 2, dtype), place.array([0, 2], "int32")
    try:
        value = place.values(place.run(lambda u, y: xent.softmax_cross_entropy(u, y, reduction="none"), u, labels))
    except ValueError as error:
        yield Finding("label out of range", dtype, place.raises, detail=f"raises ValueError: {error}")
    else:
        alone = math.isnan(value[1]) and math.isfinite(value[0])
        yield Finding("label out of range", dtype, alone and not place.raises, detail=f"gives {value}")


def labels_and_rows(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Hold labels against their one-hot rows: the same numbers, to the last bit."""
    logits = place.array([[0.3, -1.7, 2.9], [40.0, 0.1, 39.0]], dtype)
    of_labels = place.run(ROWS, logits, place.array([2, 1], "int32"))
    of_rows = place.run(ROWS, logits, place.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype))
    equal = all(same(place.values(x), place.values(y)) for x, y in zip(of_labels, of_rows, strict=True))
    detail = "the same to the last bit" if equal else "different numbers"
    yield Finding("labels and one-hot rows", dtype, equal, detail=detail)
