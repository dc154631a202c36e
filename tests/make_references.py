"""Write the references that the self-check holds results against: `python -m tests.make_references`.

Everything is the definition in ball arithmetic, with the precision doubled until 50 digits are certain: no shift, no
maximum, no log1p, nothing in common with the library.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flint
from flint import arb

import xent_arrayapi
from xent_arrayapi._selfcheck_references import DIGITS, FILE, FORMATS, logits_of, tangent

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path(xent_arrayapi.__file__).with_name(FILE)
MOST_WRITTEN_OUT = 50
"""Rows of more classes have references for some of them."""
SAMPLED = 12
ROUGHLY = 10
"""The digits of what errors are measured by."""
VANISHING = arb("1e-400")
"""What is below it is stored as 0: no dtype here can tell."""
SUBNORMAL = {"float32": (90.5, 103.0), "float64": (711.5, 744.0)}
"""exp(−x) / 10 is subnormal and exp(−x) is not 0."""


def rounded(x: float, dtype: str) -> float:
    """Round a number to the digits of a format."""
    digits = FORMATS[dtype][0]
    mantissa, exponent = flint.fmpq(*x.as_integer_ratio()), 0
    while abs(mantissa) >= 2**digits:
        mantissa, exponent = mantissa / 2, exponent + 1
    while 0 < abs(mantissa) < 2 ** (digits - 1):
        mantissa, exponent = mantissa * 2, exponent - 1
    return float((mantissa + flint.fmpq(1, 2)).floor()) * 2.0**exponent


def below_zero(rng: random.Random, low: float, high: float) -> list[float]:
    """Return ten logits of which one is 0 and the others far below."""
    top = rng.randrange(10)
    return [0.0 if k == top else -rng.uniform(low, high) for k in range(10)]


def log_probabilities(rng: random.Random) -> list[float]:
    """Return the logarithms of ten probabilities."""
    weights = [rng.expovariate(1) for _ in range(10)]
    return [float((arb(w) / arb(sum(weights))).log()) for w in weights]


def normal(rng: random.Random, sigma: float, classes: int = 10) -> list[float]:
    return [rng.gauss(0, sigma) for _ in range(classes)]


def drawn(dtype: str) -> Iterator[tuple[str, list[float]]]:
    """Yield rows of at most 50 classes, each with the name of its regime."""
    rng = random.Random(7)  # noqa: S311  # to be reproduced
    single = dtype == "float32"
    spread = 40 if single else 350
    yield from (("N(0, 3²)", normal(rng, 3)) for _ in range(3))
    yield from (("dominant logit", below_zero(rng, *((10, 30) if single else (25, 60)))) for _ in range(3))
    yield from (("log-probabilities", log_probabilities(rng)) for _ in range(2))
    yield from (("subnormal result", below_zero(rng, *SUBNORMAL[dtype])) for _ in range(2))
    yield "ties", [1.75, 1.75, -3.0, 1.75, -3.0, 0.5, 1.75, -20.0, 0.5, 1.75]
    yield "offset 1e6", [x + 1e6 for x in normal(rng, 1)]
    yield "offset 1e8", [1e8, 1e8]
    yield from (("two classes", normal(rng, 3, 2)) for _ in range(2))
    yield from ((f"spread ±{spread}", [rng.uniform(-spread, spread) for _ in range(50)]) for _ in range(2))
    yield "spread ±1e30", [rng.uniform(-1e30, 1e30) for _ in range(50)]


def halves() -> Iterator[tuple[str, list[float]]]:
    """Yield rows that both half-precision formats hold exactly."""
    rng = random.Random(7)  # noqa: S311  # to be reproduced
    yield from (("N(0, 3²)", [round(x * 16) / 16 for x in normal(rng, 3)]) for _ in range(2))
    yield "dominant logit", [8.0, -1.0, 0.5, -0.5, 0.0, -3.0, 1.0, 0.25, -2.0, -1.5]
    yield "ties", [1.75, 1.75, -3.0, 1.75, -3.0, 0.5, 1.75, -4.0, 0.5, 1.75]


def written_out(rows: Iterator[tuple[str, list[float]]], dtype: str) -> list[dict[str, Any]]:
    """Return rows as they are stored, rounded to a dtype."""
    return [{"regime": name, "logits": {"each": [rounded(x, dtype).hex() for x in row]}} for name, row in rows]


def many(dtype: str) -> list[dict[str, Any]]:
    """Return rows of many classes, by the formula that makes them."""
    ties = rounded(1.7, dtype).hex()
    return [
        row
        for classes in (1000, 100_000)
        for row in (
            {"regime": "N(0, 4.6²)", "logits": {"scattered": classes}},
            {"regime": "ties", "logits": {"ties": ties, "times": classes}},
        )
    ]


def decimals(balls: list[arb], digits: int) -> list[str] | None:
    """Return the digits of balls, or None where one is not certain."""
    vanishing = [abs(x) < VANISHING for x in balls]
    if not all(tiny or x.rel_accuracy_bits() > DIGITS * 4 for x, tiny in zip(balls, vanishing, strict=True)):
        return None
    return ["0" if tiny else x.str(digits, radius=False) for x, tiny in zip(balls, vanishing, strict=True)]


def defined(u: list[float], v: list[float], labels: list[int], classes: list[int]) -> dict[str, list[arb]]:
    """Return all that a row of logits defines, in the precision that is in force."""
    each = {x: arb(x).exp() for x in set(u)}
    total = sum((each[x] * n for x, n in Counter(u).items()), arb(0))
    a = total.log()
    sizes = [abs(x - v[labels[0]]) for x in v]
    mean, size = (sum((each[x] * w for x, w in zip(u, ws, strict=True)), arb(0)) / total for ws in (v, sizes))
    return {
        "softmax": [each[u[k]] / total for k in classes],
        "log_softmax": [arb(u[k]) - a for k in classes],
        "logsumexp": [a],
        "product": [each[u[k]] / total * (v[k] - mean) for k in classes],
        "terms": [each[u[k]] / total * (sizes[k] + size) for k in classes],
        "at_label": [each[u[k]] / total - 1 for k in labels],
    }


def described(row: dict[str, Any]) -> dict[str, Any]:
    """Add to a row all that the library is to find of it."""
    u = logits_of(row["logits"])
    top = u.index(max(u))
    labels = [top, int(top == 0)]
    every = range(len(u))
    some = {*labels, *random.Random(7).sample(every, SAMPLED)} if len(u) > MOST_WRITTEN_OUT else every  # noqa: S311
    classes, bits = sorted(some), 256
    kept = {"classes": classes} if len(classes) < len(u) else {}
    while True:
        with flint.ctx.workprec(bits):
            found = defined(u, tangent(len(u)), labels, classes)
            written = {name: decimals(x, ROUGHLY if name == "terms" else DIGITS) for name, x in found.items()}
        if None not in written.values():
            return row | kept | {"labels": labels} | written | {"logsumexp": written["logsumexp"][0]}
        bits *= 2


def text() -> str:
    """Return the whole file."""
    rows = {dtype: written_out(drawn(dtype), dtype) + many(dtype) for dtype in ("float32", "float64")}
    rows["half"] = written_out(halves(), "bfloat16")
    found = {dtype: [described(row) for row in these] for dtype, these in rows.items()}
    return json.dumps(found, indent=0, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
