"""What is checked in each place, and what every check found."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from xent_arrayapi._selfcheck_special import labels_and_rows, labels_out_of_range, special_values
from xent_arrayapi._selfcheck_values import HALVES, Finding, autograd, hessians, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xent_arrayapi._selfcheck_place import Place
    from xent_arrayapi._typing import Array

    Check = Callable[[Place, str, int], Iterator[Finding]]

MOST = 100_000
"""The classes of the widest rows."""
MOST_COMPILED = 1000
"""The same for compiled code, by rule 7."""
REPEATS = 5
LOGITS = [[0.5, -1.0, 2.0, 0.0], [3.0, 3.0, -2.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
LABELS = [2, 0, 3]


def everything(u: Array, labels: Array, v: Array) -> tuple[Array, ...]:
    """Call all that a loss has: arrays of the logits' dtype first, then the four that are wide for half precision."""
    h = xent.SoftmaxCrossEntropy(labels, label_smoothing=0.1, ignore_index=-7)
    value, gradient = h.value_and_grad(u)
    narrow = xent.softmax(u), xent.log_softmax(u), gradient, h.hvp(u, v), h.hessian(u), h.hessian_diag(u)
    return *narrow, xent.logsumexp(u), value, *h.total_and_weight(u)


def arrays(place: Place, dtype: str) -> tuple[Array, Array, Array]:
    """Return logits, labels and a tangent."""
    return place.array(LOGITS, dtype), place.array(LABELS, "int32"), place.array(LOGITS[::-1], dtype)


def results(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Check dtype, library and device of every result, and that the arguments are as they were."""
    given = arrays(place, dtype)
    before = place.values_of(given)
    found = place.run(everything, *given)
    wanted = [dtype] * (len(found) - 4) + ["float32" if dtype in HALVES else dtype] * 4
    faults = [f"{x.dtype} instead of {y}" for x, y in zip(found, wanted, strict=True) if x.dtype != place.dtype(y)]
    faults += [f"a result on {x.device}" for x in found if not place.holds(x)]
    if place.values_of(given) != before:
        faults.append("an argument was written to")
    yield Finding("dtype, device, arguments", dtype, not faults, detail="; ".join(faults) or f"{len(found)} results")


def integers(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Check that integer logits become floating before anything else: unsigned ones do not wrap."""
    found = place.run(xent.log_softmax, place.array([[0, 3]], "uint8"))
    floating = place.xp.isdtype(found.dtype, "real floating")
    low, high = place.values(found)
    right = bool(floating) and abs(low + 3.0485873515737) < 1e-6 and abs(high + 0.0485873515737) < 1e-6
    yield Finding("integer logits", dtype, right, detail=f"uint8 become {found.dtype}: {low:.7g}, {high:.7g}")


def devices(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Check that arrays on two devices are refused."""
    other = place.elsewhere()
    if other is None:
        return
    u, _, v = arrays(place, dtype)
    with other.within():
        labels = other.array(LABELS, "int32")
    try:
        everything(u, labels, v)
    except ValueError as error:
        yield Finding("two devices", dtype, passed=True, detail=f"refused: {error}")
    else:
        yield Finding("two devices", dtype, passed=False, detail=f"not refused: {place.device} and {other.device}")


def synchronisations(place: Place, dtype: str, most: int) -> Iterator[Finding]:  # noqa: ARG001  # as all checks
    """Call everything where a synchronisation or a transfer raises; first see that it does."""
    given = arrays(place, dtype)
    name, forbidding = "no synchronisation", place.forbidding()
    if forbidding is None:
        yield Finding(name, dtype, None, detail="not countable here")
        return
    with forbidding:
        try:
            place.offend(given[0])
        except Exception as error:  # noqa: BLE001  # each library has its own
            caught = type(error).__name__
        else:
            yield Finding(name, dtype, None, detail="not countable here: one that is meant to be caught is not")
            return
        place.run(everything, *given)
    yield Finding(name, dtype, passed=True, detail=f"none in any function; one that is meant to be caught: {caught}")


def throughput(place: Place, dtype: str, most: int) -> Iterator[Finding]:
    """Time value and gradient beside a copy of the same array, in turn; the medians are stated, not judged."""
    classes = min(most, MOST_COMPILED)
    rows = classes * (2 if place.kind == "cpu" else 16)
    row = place.array([[k % 64 / 8 for k in range(classes)]], dtype)
    u = place.copied(place.xp.broadcast_to(row, (rows, classes)))
    labels = place.array([n % classes for n in range(rows)], "int32")

    def evaluate(u: Array, labels: Array) -> tuple[Array, ...]:
        return xent.SoftmaxCrossEntropy(labels, check_values=False).value_and_grad(u)

    def timed(function: Callable[..., Any], *given: Array) -> float:
        start = time.perf_counter()
        found = function(*given)
        place.wait(found if isinstance(found, tuple) else (found,))
        return time.perf_counter() - start

    prepared = place.prepared(evaluate)
    timed(prepared, u, labels), timed(place.copied, u)
    pairs = [(timed(prepared, u, labels), timed(place.copied, u)) for _ in range(REPEATS)]
    seconds, ratio = statistics.median(one for one, _ in pairs), statistics.median(one / copy for one, copy in pairs)
    moved = 2 * rows * classes * 4 / seconds / 1e9
    detail = f"value_and_grad of {rows} x {classes}: {moved:.2f} GB/s, {ratio:.1f} times as long as a copy"
    yield Finding("throughput", dtype, None, detail=detail)


def checks(place: Place) -> Iterator[tuple[Check, str]]:
    """Yield each check of a place with the dtype of its logits; fewer where each operation is compiled for itself."""
    found = place.dtypes()
    precise = [dtype for dtype in found if dtype not in HALVES]
    if place.compiles_operations:
        yield from ((values, dtype) for dtype in precise)
        yield results, "float32"
    else:
        yield from ((check, dtype) for check in (values, results) for dtype in found)
        exact = hessians, autograd, special_values, labels_and_rows
        yield from ((check, dtype) for check in exact for dtype in precise)
    yield from ((check, "float32") for check in (labels_out_of_range, integers, devices, synchronisations, throughput))


def checked(place: Place, most: int = MOST) -> list[Finding]:
    """Run every check of a place; one that raises has failed."""
    found: list[Finding] = []
    with place.within():
        if place.mode == "jit":
            most = min(most, MOST_COMPILED)
        for check, dtype in checks(place):
            try:
                found += check(place, dtype, most)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is reported
                found.append(Finding(check.__name__, dtype, passed=False, detail=f"{type(error).__name__}: {error}"))
    return found
