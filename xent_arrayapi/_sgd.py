"""Stochastic gradient descent on a linear model: steps along minibatches, and the average of where they lead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from xent_arrayapi._linear import LinearLoss, stochastic_gradient
from xent_arrayapi._namespace import from_host, quiet, to_host
from xent_arrayapi._solvers import Found

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._penalised import ArraySums, Floats, Penalised
    from xent_arrayapi._solvers import Report
    from xent_arrayapi._typing import Array, Namespace

LATE = 8
"""How much more the later iterates weigh in the average: as the power LATE of their number."""
DECAY = 1000
"""Steps after which a step that decays is shorter by √2."""


class State(NamedTuple):
    """Where a descent is, on the host: it goes to the rows and comes back."""

    theta: Floats
    """The parameters after the last step: a row for each logit, a column for each feature and one for the intercept."""
    average: Floats
    squares: Floats
    """Σ s x² of each feature, over the rows so far."""
    weight: float
    """Σ s."""
    steepness: float
    """The mean of the bounds of the Hessians of the batches."""
    rows: int
    steps: int

    @classmethod
    def at(cls, theta: Floats) -> State:
        """Return the state before any step."""
        return cls(theta, theta, np.zeros(theta.shape[1] - 1), 0.0, 0.0, 0, 0)


class Iterate(NamedTuple):
    """The same as arrays of the library of the rows."""

    w: Array
    b: Array
    mean_w: Array
    mean_b: Array
    squares: Array
    weight: Array
    steepness: Array


@dataclass(frozen=True)
class Descent:
    """How to descend."""

    alpha: float
    intercept: bool
    batch_size: int
    decays: bool
    averages: bool

    def through(self, state: State, sums: ArraySums, order: Any) -> State:
        """Go once through rows in an order; only the order and the state move between the host and the device."""
        loss = sums.loss
        with quiet(loss.xp):
            at, order = _there(state, loss.x), from_host(order, loss.x, "integral")
            rows, steps = state.rows, state.steps
            for start in range(0, order.shape[0], self.batch_size):
                chosen = order[start : start + self.batch_size]
                rows, steps = rows + chosen.shape[0], steps + 1
                s = loss.xp.take(sums.row_weights, chosen, axis=0)
                at = self._step(at, batch_of(loss, chosen), s, rows, steps)
            return _here(at, rows, steps)

    def _step(self, at: Iterate, loss: LinearLoss, s: Array, rows: int, steps: int) -> Iterate:
        """Go along the gradient of a batch, in the metric of the features so far.

        The length of a step is that of the steepest descent on batches that are as steep as those so far on average,
        so that all of them count alike; it is never more than 2 / L, with L a bound of the Hessian of the batch in that
        metric, so that no step raises the loss of its batch: ``docs/classifier.md`` shows it.
        """
        x, xp, c = loss.x, loss.xp, 1 / flatness(at)
        squares, weight = at.squares + xp.sum(s * x * x, axis=0), at.weight + xp.sum(s)
        total = xp.where(weight > 0, weight, 1)
        rate = rows / (x.shape[0] * total)
        p = c * squares / total + self.alpha
        p = xp.where(p > 0, p, 1)
        bound = c * self._size(x, rate * s, p, c, xp) + xp.max(self.alpha / p)
        mean = at.steepness + (bound - at.steepness) / steps
        steep = xp.where(bound > 2 * mean, bound / 2, mean)
        length = 1 / xp.where(steep > 0, steep, 1)
        if self.decays:
            length = length / (1 + steps / DECAY) ** 0.5
        of_w, of_b = stochastic_gradient(loss, at.w, at.b, rate, self.alpha)
        w = at.w - length * of_w / p
        b = at.b - length * of_b / c if self.intercept else at.b
        share = min(1, (LATE + 1) / (steps + LATE)) if self.averages else 1
        mean_w, mean_b = at.mean_w + share * (w - at.mean_w), at.mean_b + share * (b - at.mean_b)
        return Iterate(w, b, mean_w, mean_b, squares, weight, mean)

    def _size(self, x: Array, s: Array, p: Array, c: float, xp: Namespace) -> Array:
        """Return the norm of Frobenius of √s (X P⁻¹ Xᵀ + 1/c) √s, which no eigenvalue exceeds."""
        root = xp.sqrt(s)
        z = root * x / xp.sqrt(p)
        if self.intercept:
            z = xp.concat([z, root / c**0.5], axis=-1)
        few = z if z.shape[0] <= z.shape[1] else xp.matrix_transpose(z)
        gram = xp.matmul(few, xp.matrix_transpose(few))
        return xp.sqrt(xp.sum(gram * gram))


def flatness(at: Iterate) -> int:
    """Return 1 / c, with c the largest eigenvalue that the Hessian of a row can have: 1/2, or 1/4 for one logit."""
    return 4 if at.w.shape[0] == 1 else 2


def batch_of(loss: LinearLoss, chosen: Array) -> LinearLoss:
    """Return the loss on some of the rows."""
    xp, h = loss.xp, cast("Any", loss.h)  # a dataclass, whichever loss it is
    targets = xp.take(h.targets, chosen, axis=0)
    weights = None if h.sample_weight is None else xp.take(h.sample_weight, chosen, axis=0)
    return LinearLoss(xp.take(loss.x, chosen, axis=0), replace(h, targets=targets, sample_weight=weights), xp)


def _there(state: State, x: Array) -> Iterate:
    theta, average = state.theta, state.average
    numbers = (np.asarray(number) for number in (state.weight, state.steepness))
    on_host = (theta[:, :-1], theta[:, -1], average[:, :-1], average[:, -1], state.squares, *numbers)
    return Iterate(*(from_host(values, x) for values in on_host))


def _here(at: Iterate, rows: int, steps: int) -> State:
    w, b, mean_w, mean_b, squares, weight, steepness = (to_host(x).astype(np.float64) for x in at)
    theta, average = (np.concatenate([of_w, of_b[:, None]], axis=1) for of_w, of_b in ((w, b), (mean_w, mean_b)))
    return State(theta, average, squares, float(weight), float(steepness), rows, steps)


def descended(
    f: Penalised, state: State, walk: Callable[[State], State], *, tol: float, max_iter: int, report: Report
) -> tuple[Found, State]:
    """Walk through the data again and again, until no |∂f/∂θ| is above tol where the steps lead on average."""
    columns = f.transform.shape[1]
    point = f.at(state.average[:, :columns].ravel())
    epoch = 0
    while point.violation > tol and epoch < max_iter:
        report(epoch, point)
        state = walk(state)
        point = f.at(state.average[:, :columns].ravel())
        epoch += 1
    report(epoch, point)
    return Found(point, epoch, point.violation <= tol), state
