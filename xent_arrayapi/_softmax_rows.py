"""logsumexp, softmax and log_softmax of each row of logits, and their derivatives: the formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from xent_arrayapi._jacobian import mean, minus, multiplied
from xent_arrayapi._namespace import sum_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xent_arrayapi._blocks import Kind
    from xent_arrayapi._evaluation import Evaluation
    from xent_arrayapi._typing import Array, Namespace


def shares(probs: Array, g: Array, xp: Namespace, room: Array | None = None) -> Array:
    """Return S g, which brings a number of each row back through logsumexp."""
    return multiplied(probs, g, xp, room)


def deviations(probs: Array, v: Array, xp: Namespace, room: Array | None = None) -> Array:
    """Return v − ⟨S, v⟩, the derivative of log_softmax along v: less its own mean, which rounding has left of v."""
    v = minus(v, mean(probs, v, xp), xp, room)
    return minus(v, mean(probs, v, xp), xp, v)


def excesses(probs: Array, g: Array, xp: Namespace, room: Array | None = None) -> Array:
    """Return g − S Σg, which brings g back through log_softmax, less what rounding has left of the sum; S is spent."""
    lost = shares(probs, sum_rows(g, xp), xp, room)
    g = minus(g, lost, xp, lost)
    return minus(g, shares(probs, sum_rows(g, xp), xp, probs), xp, g)


def covariances(probs: Array, v: Array, xp: Namespace, room: Array | None = None) -> Array:
    """Return S ∘ (v − ⟨S, v⟩), the derivative of softmax along v, which brings v back as well."""
    v = deviations(probs, v, xp, room)
    return multiplied(probs, v, xp, v)


class Back(Protocol):
    """What brings a cotangent back."""

    def __call__(self, probs: Array, g: Array, xp: Namespace, room: Array | None = None, /) -> Array: ...


@dataclass(frozen=True, eq=False)
class RowFunction:
    """A function of rows of logits, and its derivative, forwards and backwards."""

    kind: Kind
    asked: Mapping[str, bool]
    """What it asks of an evaluation."""
    value: Callable[[Evaluation], Array]
    along: Callable[[Array, Array, Namespace], Array]
    """From softmax and a tangent to the tangent of the value."""
    back: Back
    """From softmax and a cotangent of the value to a cotangent of the logits, where there is room for it."""
    masked: float = 0
    """What it is at a masked class."""


LOGSUMEXP = RowFunction("column", {"sums": True}, lambda got: got.log_partition, mean, shares)
SOFTMAX = RowFunction("rows", {"quotients": True}, lambda got: got.last_probs(), covariances, covariances)
LOG_SOFTMAX = RowFunction(
    "rows", {"logarithms": True, "sums": True}, lambda got: got.last_log_probs(), deviations, excesses, -float("inf")
)
