"""Stored 50-digit references of the self-check, and errors against them in ulps."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from importlib.resources import files
from typing import Any

DIGITS = 50
FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}
"""The digits of a binary format, and the exponent of its subnormal spacing."""
FILE = "_selfcheck_references.json"


@functools.cache
def scattered(classes: int) -> list[float]:
    """Return logits that float32 holds exactly, near N(0, 4.6²): sums of four scattered integers, scaled."""
    steps = (1_297_633, 786_433, 1_640_531, 927_181)
    return [(sum(k * step % 2**21 for step in steps) - 2**22) / 2**18 for k in range(1, classes + 1)]


def tangent(classes: int) -> list[float]:
    """Return the vector that Hessians are multiplied with: between −4 and 4, of six digits."""
    return [(37 * k % 64 - 32) / 8 for k in range(classes)]


def logits_of(stored: Any) -> list[float]:
    """Return logits that are stored as they are, as so many equal ones, or as a number of scattered ones."""
    if "scattered" in stored:
        return scattered(stored["scattered"])
    if "ties" in stored:
        return [float.fromhex(stored["ties"])] * stored["times"]
    return [float.fromhex(x) for x in stored["each"]]


@dataclass(frozen=True, eq=False)
class Reference:
    """A row of logits and what it defines: for some classes where it has very many, with a label at the top or not."""

    regime: str
    logits: list[float]
    classes: list[int]
    labels: tuple[int, int]
    """A class with the largest logit, and another."""
    softmax: list[Decimal]
    log_softmax: list[Decimal]
    product: list[Decimal]
    """The Hessian times :func:`tangent` v."""
    terms: list[Decimal]
    """S (|v − v_top| + Σ S |v − v_top|): the size of what a product is a sum of, by which its error is measured."""
    logsumexp: Decimal
    at_label: tuple[Decimal, Decimal]
    """S − 1 at either label."""

    def loss(self, place: int) -> Decimal:
        """Return −log S at a label."""
        return self.log_softmax[self.classes.index(self.labels[place])].copy_negate()

    def gradient(self, place: int) -> list[Decimal]:
        """Return S − onehot."""
        label = self.labels[place]
        return [self.at_label[place] if k == label else s for k, s in zip(self.classes, self.softmax, strict=True)]

    def hessian(self, column: int) -> list[Decimal]:
        """Return a column of the Hessian, −S S_j off the diagonal and S (1 − S) on it, where all classes are stored."""
        top = self.labels[0]
        with localcontext(prec=DIGITS + 10):
            rest = self.at_label[0].copy_negate() if column == top else 1 - self.softmax[column]
            return [s * rest if k == column else -s * self.softmax[column] for k, s in enumerate(self.softmax)]

    def terms_of(self, v: list[float]) -> list[Decimal]:
        """Return what :attr:`terms` is, for another v."""
        sizes = [Decimal(abs(x - v[self.labels[0]])) for x in v]
        mean = sum((s * size for s, size in zip(self.softmax, sizes, strict=True)), Decimal(0))
        return [s * (size + mean) for s, size in zip(self.softmax, sizes, strict=True)]

    @property
    def scale(self) -> Decimal:
        """The larger of |m| and log1p(tail) = A − m: what the error of logsumexp is measured by."""
        m = Decimal(max(self.logits))
        return max(abs(m), self.logsumexp - m)


@functools.cache
def references(dtype: str, most: int) -> dict[int, list[Reference]]:
    """Return the references of a dtype, by the number of classes, up to a most."""
    found: dict[int, list[Reference]] = {}
    text = (files("xent_arrayapi") / FILE).read_text(encoding="utf-8")
    for stored in json.loads(text)["half" if dtype in ("float16", "bfloat16") else dtype]:
        reference = _reference(stored)
        if len(reference.logits) <= most:
            found.setdefault(len(reference.logits), []).append(reference)
    return found


def _reference(stored: dict[str, Any]) -> Reference:
    logits = logits_of(stored["logits"])
    (first, second), (top, other) = stored["labels"], stored["at_label"]
    softmax, log_softmax, product, terms = (
        [Decimal(x) for x in stored[name]] for name in ("softmax", "log_softmax", "product", "terms")
    )
    return Reference(
        regime=stored["regime"],
        logits=logits,
        classes=stored.get("classes") or list(range(len(logits))),
        labels=(first, second),
        softmax=softmax,
        log_softmax=log_softmax,
        product=product,
        terms=terms,
        logsumexp=Decimal(stored["logsumexp"]),
        at_label=(Decimal(top), Decimal(other)),
    )


def power_of_two(exponent: int) -> Decimal:
    """Return 2**exponent, exactly: a power of Decimal is rounded."""
    return Decimal(math.ldexp(1, exponent))


def spacing(exact: Decimal, dtype: str) -> Decimal:
    """Return an ulp of a number: the spacing of the format at it."""
    digits, least = FORMATS[dtype]
    if float(exact) == 0:
        return power_of_two(least)
    exponent = math.frexp(float(exact))[1]
    if power_of_two(exponent - 1) > exact.copy_abs():  # it was rounded up to a power of two
        exponent -= 1
    return power_of_two(max(exponent - digits, least))


def is_subnormal(exact: Decimal, dtype: str) -> bool:
    """Tell whether a number is below the smallest normal one."""
    digits, least = FORMATS[dtype]
    return exact.copy_abs() < power_of_two(least + digits - 1)


def ulps(got: float, exact: Decimal, dtype: str, scale: Decimal | None = None) -> float:
    """Return the error of a result in ulps of the exact number, or of a scale; inf where either is no number."""
    if not (math.isfinite(got) and exact.is_finite()):
        return math.inf
    with localcontext(prec=DIGITS + 10):
        return float(abs(Decimal(got) - exact) / spacing(exact if scale is None else scale, dtype))
