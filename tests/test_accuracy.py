"""Rule 7: errors in ulps against rigorous enclosures, on every backend.

The worst error of each quantity is logged: `pytest --log-file FILE --log-file-level INFO tests/test_accuracy.py`.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from flint import arb

import xent_arrayapi as xent
from verification._definitions import Rows
from verification._regimes import (
    SMALLEST,
    ULPS,
    ULPS_LOGSUMEXP,
    ULPS_MANY,
    VANISHING,
    Case,
    below_zero,
    case,
    of_regimes,
    regimes,
)
from xent_arrayapi._blocks import entered
from xent_arrayapi._logits import bent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.backends.base import Backend
    from verification._enclosures import Exact

LOG = logging.getLogger(__name__)


class Judge:
    """Holds results against exact values, and says which regimes are beyond the limit."""

    def __init__(self, be: Backend) -> None:
        self.be = be
        self.found: list[str] = []

    def hold(self, names: list[str], quantity: str, exact: Exact, got: np.ndarray, most: Any = ULPS) -> None:
        """Compare rows: `most` ulps are allowed, and one subnormal spacing more where the exact value is subnormal."""
        error = exact.ulps(got)
        if exact.dtype in self.be.flushes:  # allowed there alone
            error = np.where(exact.subnormal & (got == 0), 0, error)
        beyond = np.reshape(error - (most + exact.subnormal), (len(names), -1)).max(axis=-1)
        error = np.reshape(error, (len(names), -1)).max(axis=-1)
        for name in dict.fromkeys(names):
            row = max((n for n in range(len(names)) if names[n] == name), key=lambda n: beyond[n])
            said = f"{self.be.name} | {exact.dtype} | {quantity} | {name} | {error[row]:.2f} ulp in row {row}"
            LOG.info(said)
            if not beyond[row] <= 0:
                self.found.append(f"{said}, {beyond[row]:.2f} too many")


@pytest.fixture
def judge(be: Backend) -> Iterator[Judge]:
    judge = Judge(be)
    yield judge
    assert not judge.found, "\n".join(judge.found)


@pytest.fixture
def inductor(be: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch.compile generate code; no other backend has such a choice."""
    monkeypatch.setattr(be, "compiler", "inductor", raising=False)


def compiled_dtypes(be: Backend, most: tuple[str, ...]) -> tuple[str, ...]:
    """Return the dtypes to test, only some where each takes tens of seconds to compile."""
    return most if be.name == "torch-compile" else be.dtypes


def evaluate(u: Any, labels: Any, *, axis: int) -> tuple[Any, ...]:
    """Evaluate all that rule 7 speaks of, in one graph."""
    loss = xent.SoftmaxCrossEntropy(labels, axis=axis, reduction="none")
    values = xent.softmax(u, axis=axis), xent.log_softmax(u, axis=axis), xent.logsumexp(u, axis=axis)
    return *values, *loss.value_and_grad(u)


PLACES = "label at the top", "label elsewhere"


def hold_case(judge: Judge, it: Case, axis: int, most: int = ULPS, lost: Any = 0) -> None:
    """Evaluate rows twice, with either label, in an array whose class axis has its place in memory too.

    What may be lost of each row, beyond the limit, is given in spacings of subnormal numbers.
    """
    be, logits = judge.be, it.rows.logits
    least = np.finfo(logits.dtype).minexp - np.finfo(logits.dtype).nmant
    u = be.array(np.ascontiguousarray(np.moveaxis(np.stack([logits, logits]), -1, axis)), logits.dtype.name)
    results = be.run(functools.partial(evaluate, axis=axis), u, be.array(np.stack([it.top, it.other])))
    for (quantity, exact), result in zip(it.exact.items(), results, strict=True):
        got = be.numpy(result)
        got = np.moveaxis(got, axis, -1) if got.ndim == 3 else got
        allowed = ULPS_LOGSUMEXP if quantity == "logsumexp" else most
        for place, value, half in zip(PLACES, exact, got, strict=True):
            exponent = value.parts[2]
            flushed = np.reshape(lost * np.ones(len(logits)), (-1,) + (1,) * (exponent.ndim - 1))
            judge.hold(it.names, f"{quantity}, {place}", value, half, allowed + flushed * 2.0 ** (least - exponent))


@pytest.mark.parametrize(
    ("axis", "compiled"),
    [
        pytest.param(-1, ("float32", "float64"), id="last", marks=pytest.mark.traced),
        pytest.param(0, ("float32",), id="0", marks=pytest.mark.traced),
        pytest.param(1, ("float64",), id="1", marks=pytest.mark.traced),
    ],
)
@pytest.mark.usefixtures("inductor")
def test_up_to_1000_classes(be, judge, axis, compiled):
    for dtype in compiled_dtypes(be, compiled):
        hold_case(judge, case(1000, dtype), axis)


@pytest.mark.parametrize("classes", [10, 50])
def test_few_classes(be, judge, classes):
    for dtype in be.dtypes:
        hold_case(judge, case(classes, dtype), -1)


@pytest.mark.parametrize("axis", [pytest.param(-1, marks=pytest.mark.traced), 0])
@pytest.mark.usefixtures("inductor")
def test_100_000_classes(be, judge, axis):
    for dtype in compiled_dtypes(be, ("float32",)):
        hold_case(judge, case(100_000, dtype), axis, ULPS_MANY)


@pytest.mark.traced
def test_sums_of_subnormal_terms(be, judge):
    """Σ exp(u − m) over the classes below the maximum is normal, each of its terms is subnormal."""
    for dtype in be.dtypes:
        u = below_zero(np.random.default_rng(7), SMALLEST[dtype] + 0.1, SMALLEST[dtype] + 1).astype(dtype)
        it = of_regimes({"sum of subnormal terms": u}, 10)
        # Where the terms are flushed before they are added, the error may be as large as all of them.
        near, _, exponent = it.rows.softmax.parts
        lost = np.sum(np.where(exponent == np.min(exponent), near + 1, 0), axis=-1)
        hold_case(judge, it, -1, lost=lost * (dtype in be.flushes))


TEMPERATURE, SOFTCAP = 0.7, 30.0


def temper(u: Any, labels: Any) -> tuple[Any, ...]:
    """Evaluate with a temperature; the logits as rounded after it come first."""
    loss = xent.SoftmaxCrossEntropy(labels, temperature=TEMPERATURE, reduction="none")
    return (
        u / TEMPERATURE,
        xent.softmax(u, temperature=TEMPERATURE),
        xent.log_softmax(u, temperature=TEMPERATURE),
        *loss.value_and_grad(u),
    )


def cap(u: Any, labels: Any) -> tuple[Any, ...]:
    """Evaluate with a softcap and a temperature; the logits as rounded after them come first."""
    loss = xent.SoftmaxCrossEntropy(labels, temperature=TEMPERATURE, softcap=SOFTCAP, reduction="none")
    xp, back, x = entered(-1, u=u)  # by the library that evaluates it
    return back(bent(x, SOFTCAP, TEMPERATURE, xp).y), *loss.value_and_grad(u)


def slopes(u: np.ndarray, row: int, *, softcap: bool) -> list[arb]:
    """Return the derivative of what is done to the logits of a row, for u / c as rounded: sech² amplifies that."""
    steep = 1 / arb(TEMPERATURE)
    inside = u[row] / u.dtype.type(SOFTCAP)
    return [(1 / arb(x).cosh() ** 2 if softcap else 1) * steep for x in inside.tolist()]


@pytest.mark.parametrize("function", [temper, cap])
@pytest.mark.traced
@pytest.mark.usefixtures("inductor")
def test_temperature_and_softcap(be, judge, function):
    for dtype in compiled_dtypes(be, ("float32",)):
        it = of_regimes(
            {name: regimes(dtype)[name] for name in ("N(0, 3²)", "dominant logit", "log-probabilities")}, 10
        )
        u = it.rows.logits
        for labels in (it.top,) if be.name == "torch-compile" else (it.top, it.other):
            results = be.run(function, be.array(u, dtype), be.array(labels))
            y, *got = (be.numpy(x) for x in results)
            rows = Rows(y)
            of = functools.partial(slopes, u, softcap=function is cap)
            exact = {"loss": rows.loss(labels), "gradient": rows.chained_gradient(labels, of)}
            if function is temper:
                exact = {"softmax": rows.softmax, "log_softmax": rows.log_softmax} | exact
            for (quantity, value), result in zip(exact.items(), got, strict=True):
                judge.hold(it.names, f"{function.__name__}: {quantity}", value, result)


def multiplied(u: Any, labels: Any) -> tuple[Any, ...]:
    """Evaluate a multiple of the logits, which a compiler may fuse with what is made of it; it comes first."""
    x = TEMPERATURE * u
    return x, *evaluate(x, labels, axis=-1), xent.Categorical(x).mean


@pytest.mark.traced
@pytest.mark.usefixtures("inductor")
def test_logits_that_are_made_in_the_same_program(be, judge):
    for dtype in compiled_dtypes(be, ("float32",)):
        it = of_regimes({name: regimes(dtype)[name] for name in ("N(0, 3²)", "dominant logit")}, 10)
        results = be.run(multiplied, be.array(it.rows.logits, dtype), be.array(it.other))
        x, *got = (be.numpy(result) for result in results)
        made = Case(Rows(x), it.names)
        assert np.all(made.other == it.other)
        exact = {quantity: value for quantity, (_, value) in made.exact.items()} | {"mean": made.rows.softmax}
        for (quantity, value), result in zip(exact.items(), got, strict=True):
            judge.hold(it.names, quantity, value, result, ULPS_LOGSUMEXP if quantity == "logsumexp" else ULPS)


def logistic(u: Any, labels: Any) -> tuple[Any, ...]:
    """Evaluate all that there is for two classes."""
    loss = xent.SigmoidCrossEntropy(labels, reduction="none")
    return xent.sigmoid(u), xent.log_sigmoid(u), *loss.value_and_grad(u)


@pytest.mark.traced
@pytest.mark.usefixtures("inductor")
def test_sigmoid(be, judge):
    for dtype in compiled_dtypes(be, ("float32",)):
        rng = np.random.default_rng(7)
        deep = np.repeat([-1, 1], 50) * rng.uniform(SMALLEST[dtype], VANISHING[dtype], 100)
        found = {"N(0, 3²)": rng.normal(size=100) * 3, "wide": rng.normal(size=100) * 30, "subnormal result": deep}
        u = np.concatenate(list(found.values())).astype(dtype)
        names = [name for name, x in found.items() for _ in x]
        rows, top = Rows(np.stack([np.zeros_like(u), u], axis=-1)), (u > 0).astype(np.int64)
        results = be.run(logistic, be.array(np.stack([u, u]), dtype), be.array(np.stack([top, 1 - top])))
        second = np.ones_like(top)
        for place, labels, *got in zip(PLACES, (top, 1 - top), *(be.numpy(x) for x in results), strict=True):
            exact = {
                "sigmoid": rows.softmax.column(second),
                "log_sigmoid": rows.log_softmax.column(second),
                "logistic loss": rows.loss(labels),
                "logistic gradient": rows.gradient(labels).column(second),
            }
            for (quantity, value), half in zip(exact.items(), got, strict=True):
                judge.hold(names, f"{quantity}, {place}", value, half)


@pytest.mark.once
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_plain_formulas_fail(dtype):
    it = case(1000, dtype)
    u = it.rows.logits
    with np.errstate(over="ignore"):
        e = np.exp(u - np.max(u, axis=-1, keepdims=True))
    probs = e / np.sum(e, axis=-1, keepdims=True)
    gradient = probs - np.eye(1000, dtype=dtype)[it.top]
    worst = {}
    with np.errstate(divide="ignore"):
        results = {"softmax": probs, "log_softmax": np.log(probs), "gradient": gradient}
        results["loss"] = -np.log(probs[np.arange(len(u)), it.top])
    for quantity, got in results.items():
        error = np.max(np.reshape(it.exact[quantity][0].ulps(got), (len(u), -1)), axis=-1)
        for n, name in enumerate(it.names):
            worst[quantity, name] = max(worst.get((quantity, name), 0), error[n])
    spread = next(name for name in it.names if name.startswith("spread"))
    assert worst["softmax", spread] > 5 * ULPS
    for quantity in ("log_softmax", "loss", "gradient"):
        assert worst[quantity, "dominant logit"] > 1e6


@pytest.mark.once
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_measure_counts_ulps(dtype):
    """Results that are correctly rounded are within half an ulp, their neighbours one further."""
    rows = Rows(np.asarray([[0.0, 0.0, 0.0]], dtype=dtype))
    third = np.ones((1, 3), dtype=dtype) / np.asarray(3, dtype=dtype)
    above = np.nextafter(third, np.asarray(1, dtype=dtype))
    assert np.all(rows.softmax.ulps(third) <= 0.5)
    next_one = 4 / 3 if dtype == "float32" else 2 / 3  # 1/3 rounds up in float32, down in float64
    assert np.all(np.abs(rows.softmax.ulps(above) - next_one) < 1e-4)
    assert np.all(rows.softmax.ulps(third * np.nan) == np.inf)
    assert np.all(rows.softmax.ulps(0 * third) > 2.0 ** np.finfo(dtype).nmant)
    assert rows.loss(np.asarray([1])).ulps(np.log(np.asarray([3], dtype=dtype)))[0] <= 1
