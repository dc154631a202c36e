"""The softmax cross-entropy under every option, alone and combined, in NumPy, held against its definition in balls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent
from verification._loss_definition import ULPS_TERMS, LossRow, exact_loss, exact_total
from verification._numeric_functions import frozen
from verification._regimes import regimes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from verification._judged import Judge

    Array = NDArray[Any]

CLASSES = 6
ROWS = 3
"""Of each regime."""
HUGE = "spread ±1e30"
"""Its squares and its sums are beyond float32."""
WEIGHTS = (0.5, 2.0, 0.0, 1.25, 3.0, 0.125)
MASK = (True, True, True, True, False, True)

ALL: dict[str, Any] = {
    "class_weights": WEIGHTS,
    "sample_weight": True,
    "label_smoothing": 0.125,
    "temperature": 0.75,
    "softcap": 24.0,
    "z_loss": 0.125,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "no option": {},
    "class_weights": {"class_weights": WEIGHTS},
    "sample_weight": {"sample_weight": True},
    "ignore_index": {"ignore_index": -7},
    "label_smoothing": {"label_smoothing": 0.125},
    "temperature": {"temperature": 0.75},
    "softcap": {"softcap": 24.0},
    "z_loss": {"z_loss": 0.125},
    "where": {"mask": MASK},
    "where, class_weights, label_smoothing": {"mask": MASK, "class_weights": WEIGHTS, "label_smoothing": 0.5},
    "softcap, temperature, z_loss": {"softcap": 4.0, "temperature": 2.0, "z_loss": 0.5},
    "all options": {**ALL, "mask": MASK, "ignore_index": 99},
}
"""All numbers are short: float32 holds them and their products exactly."""
KINDS = ("labels", "rows", "unnormalised rows")


ULPS_QUOTIENT = 3
"""Of a sum times the reciprocal of what it is divided by: three roundings of at most an ulp each."""
REDUCED = ("no option", "class_weights", "ignore_index", "all options")


def logits(dtype: str, without: tuple[str, ...]) -> tuple[Array, list[str]]:
    """Return rows of a few classes of each regime but some, and their names."""
    found = {name: u[:ROWS, :CLASSES] for name, u in regimes(dtype).items() if CLASSES <= u.shape[-1] <= 50}
    tied = np.asarray([[1.75, 1.75, -3, 1.75, 0.5, -20], [-0.3] * 6, [40, 0, 40, 0, 0, 0]])
    found["ties"] = tied.astype(dtype)
    found = {name: u for name, u in found.items() if name not in without}
    return np.concatenate(list(found.values())), [name for name, u in found.items() for _ in u]


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows of logits with targets of a kind and options: for the library, and for the definition."""

    u: Array
    names: list[str]
    kind: str
    labels: Array
    targets: Array
    tangent: Array
    weights: Array | None
    ignored: Array
    options: dict[str, Any]

    @classmethod
    def of(
        cls, dtype: str, kind: str, given: Mapping[str, Any], without: tuple[str, ...] = (), only: str | None = None
    ) -> Problem:
        """Draw targets and a tangent for the logits of all regimes but some, or of one."""
        options, rng = dict(given), np.random.default_rng(29)
        u, names = logits(dtype, without)
        if only is not None:
            u, names = u[[name == only for name in names]], [name for name in names if name == only]
        size = len(u)
        weights = rng.integers(1, 9, size) / 4 if options.pop("sample_weight", False) else None
        if weights is not None:
            weights[::5] = 0
        ignored = np.zeros(size, bool)
        ignored[1::4] = kind == "labels" and "ignore_index" in options
        labels = np.where(np.arange(size) % 2, np.argmax(u, axis=-1), np.arange(size) % 4)
        if "mask" in options:
            labels = np.where(np.asarray(options["mask"])[labels], labels, 0)
        tangent = (rng.normal(size=u.shape) + (np.arange(size) % 2 * 64)[:, None]).astype(dtype)
        targets = _targets(kind, labels, rng) * np.asarray(options.get("mask", 1.0))
        return cls(u, names, kind, labels, targets.astype(dtype), tangent, weights, ignored, options)

    @cached_property
    def rows(self) -> list[LossRow]:
        """The rows as the definition takes them: without a softcap, after the temperature and as rounded by it."""
        if "softcap" in self.options:
            return self.rows_of(self.u, tempered=False)
        return self.rows_of(self.u / self.u.dtype.type(self.options.get("temperature", 1.0)), tempered=True)

    def rows_of(self, y: Array, *, tempered: bool) -> list[LossRow]:
        """Return the rows with logits before or after the temperature."""
        options = {key: x for key, x in self.options.items() if key != "ignore_index"}
        return [
            LossRow(
                logits=tuple(y[n].tolist()),
                targets=tuple(self.targets[n].tolist()),
                tangent=tuple(self.tangent[n].tolist()),
                labelled=self.kind == "labels",
                sample_weight=1.0 if self.weights is None else float(self.weights[n]),
                ignored=bool(self.ignored[n]),
                tempered=tempered,
                **options,
            )
            for n in range(len(y))
        ]

    @property
    def logits(self) -> Array:
        """The logits as the library takes them: nan where nothing may be read."""
        u = self.u.copy()
        u[[not row.live for row in self.rows]] = np.nan
        if "mask" in self.options:
            u[:, ~np.asarray(self.options["mask"])] = np.nan
        return frozen(u)

    def loss(self, array: Callable[[Array], Any] = frozen, **reduction: Any) -> xent.SoftmaxCrossEntropy:
        """Return the object of the library, on arrays of NumPy or of what else they are made."""
        options, targets = dict(self.options), self.targets
        if self.kind == "labels":
            targets = np.where(self.ignored, options.get("ignore_index", 0), self.labels)
        else:
            options.pop("ignore_index", None)
        if "mask" in options:
            options["where"] = array(np.asarray(options.pop("mask")))
        if "class_weights" in options:
            options["class_weights"] = array(np.asarray(options["class_weights"]))
        weights = None if self.weights is None else array(self.weights)
        return xent.SoftmaxCrossEntropy(array(targets), sample_weight=weights, **options, **reduction)


def _targets(kind: str, labels: Array, rng: np.random.Generator) -> Array:
    """Return rows of targets whose entries are short: one-hot, of sum 1, or of any sum, with zeros."""
    if kind == "labels":
        return np.eye(CLASSES)[labels]
    if kind == "rows":
        cuts = np.sort(rng.integers(0, 65, (len(labels), CLASSES - 1)), axis=-1)
        return np.diff(cuts, axis=-1, prepend=0, append=64) / 64
    return rng.integers(0, 9, (len(labels), CLASSES)) / 4


def check_options(judge: Judge) -> None:
    """Hold losses of rows, gradients, products and Hessians under each option against their definitions."""
    for name, options in OPTIONS.items():
        for kind in KINDS:
            if kind != "labels" and name == "ignore_index":
                continue  # it is refused there
            it = Problem.of(judge.dtype, kind, options, (HUGE,) if "z_loss" in options else ())
            exact, h, u = exact_loss(it.rows, it.u.dtype), it.loss(reduction="none"), it.logits
            results = _derivatives(it, h)
            for quantity, got in results.items():
                function = f"SoftmaxCrossEntropy.{quantity}, {name}, {kind}"
                judge.hold(function, it.names, exact[quantity], got, ULPS_TERMS)
                dead = [not row.live for row in it.rows]
                judge.same(function, "rows left out", got[dead], 0 * got[dead])
            for quantity, got in zip(("value", "grad"), h.value_and_grad(u), strict=True):
                judge.same("SoftmaxCrossEntropy.value_and_grad", f"{quantity}, {name}, {kind}", got, results[quantity])
            *both, product = h.linearize(u)
            for quantity, got in zip(("value", "grad", "hvp"), (*both, product(frozen(it.tangent))), strict=True):
                judge.same("SoftmaxCrossEntropy.linearize", f"{quantity}, {name}, {kind}", got, results[quantity])
            if not {"z_loss", "softcap"} & set(options):
                constant = h.hvp(u, frozen(np.full_like(u, 1 / 3)))
                judge.same("SoftmaxCrossEntropy.hvp", f"constant tangent, {name}, {kind}", constant, 0 * it.u)


def divisors(it: Problem) -> dict[str, tuple[Any, float]]:
    """Return normalizers of a mean, and what each divides by, which is exact."""
    kept = [row for row in it.rows if not row.ignored]
    return {
        "weights": ("weights", sum(row.weight * row.sample_weight for row in kept)),
        "count": ("count", len(kept)),
        "batch": ("batch", len(it.rows)),
        "a number": (7.5, 7.5),
        "an array": (np.asarray(0.375, it.u.dtype), 0.375),
    }


def check_reductions(judge: Judge) -> None:
    """Hold sums against their definition, and means by every normalizer against sums, with all derivatives."""
    narrow = tuple(name for name in regimes(judge.dtype) if name.startswith(("spread", "offset", "subnormal")))
    for name in REDUCED:
        for kind in KINDS:
            options = {key: x for key, x in OPTIONS[name].items() if key != "ignore_index" or kind == "labels"}
            it, said = Problem.of(judge.dtype, kind, options, narrow), f"{name}, {kind}"
            total, exact = exact_total(it.rows, it.u.dtype), exact_loss(it.rows, it.u.dtype)
            sums = _derivatives(it, it.loss(reduction="sum"))
            for quantity, got in sums.items():
                wanted, names = (total, ["all"]) if quantity == "value" else (exact[quantity], it.names)
                judge.hold(f"SoftmaxCrossEntropy.{quantity}, sum, {said}", names, wanted, got, ULPS_TERMS)
            for way, (normalizer, divisor) in divisors(it).items():
                h = it.loss(reduction="mean", normalizer=normalizer)
                for quantity, got in _derivatives(it, h).items():
                    wide = np.asarray(sums[quantity], np.float64) / divisor
                    judge.near(f"SoftmaxCrossEntropy.{quantity}, mean, {said}", way, got, wide, ULPS_QUOTIENT)
                if isinstance(normalizer, str):
                    numerator, denominator = h.total_and_weight(it.logits)
                    function = "SoftmaxCrossEntropy.total_and_weight"
                    judge.same(f"{function}: total, {said}", way, numerator, sums["value"])
                    judge.same(f"{function}: weight, {said}", way, denominator, it.u.dtype.type(divisor))


def _derivatives(it: Problem, h: xent.SoftmaxCrossEntropy) -> dict[str, Any]:
    u = it.logits
    found = {"value": h(u), "grad": h.grad(u), "hvp": h.hvp(u, frozen(it.tangent))}
    return found | {"hessian": h.hessian(u), "hessian_diag": h.hessian_diag(u)}
