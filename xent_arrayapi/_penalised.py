"""What a solver minimises: a penalised sum over rows of data, as a function of a vector on the host."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from xent_arrayapi._linear import logits_of, second_moments
from xent_arrayapi._namespace import from_host, quiet, to_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from xent_arrayapi._linear import LinearLoss
    from xent_arrayapi._typing import Array

    Floats: TypeAlias = NDArray[np.float64]
    Product: TypeAlias = Callable[[Floats], Floats]


class Sums(Protocol):
    """The loss, summed over the rows of the data, as a function of θ = [W | b], a host array of float64.

    Whoever holds data, on a device, in chunks or on many machines, offers these; chunks add theirs.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """The shape of θ: a row for each logit, a column for each feature and one for the intercept."""

    @property
    @abstractmethod
    def weight(self) -> float:
        """Σ s, the weight of all rows."""

    @abstractmethod
    def value_and_grad(self, theta: Floats) -> tuple[float, Floats]:
        """Return Σ s h and its gradient."""

    @abstractmethod
    def linearize(self, theta: Floats) -> tuple[float, Floats, Product]:
        """Return Σ s h, its gradient, and the product of its Hessian with a tangent of the shape of θ.

        A tangent of one column is one of the intercept, and so is its product.
        """

    @abstractmethod
    def moments(self) -> Floats:
        """Return Σ s (x, 1) (x, 1)ᵀ."""

    @abstractmethod
    def spread(self, tangent: Floats) -> float:
        """Return the largest difference between two logits of a row, where θ is a tangent."""


@dataclass(frozen=True, eq=False)
class ArraySums:
    """The sums over the rows of one array, which stays on its device: θ goes there, and its derivative comes back."""

    loss: LinearLoss
    """Its reduction is the sum."""
    row_weights: Array
    """s, a column."""
    shape: tuple[int, int]
    weight: float

    def value_and_grad(self, theta: Floats) -> tuple[float, Floats]:
        """Return Σ s h and its gradient."""
        with quiet(self.loss.xp):
            value, *gradient = self.loss.value_and_grad(*self._there(theta))
            return float(value), self._here(*gradient)

    def linearize(self, theta: Floats) -> tuple[float, Floats, Product]:
        """Return Σ s h, its gradient, and the product of its Hessian with a tangent of the shape of θ."""
        with quiet(self.loss.xp):
            value, *gradient, along = self.loss.linearize(*self._there(theta))

        def product(tangent: Floats) -> Floats:
            with quiet(self.loss.xp):
                if tangent.shape[1] == 1:
                    of_b: Floats = to_host(along.intercept(from_host(tangent[:, 0], self.loss.x))).astype(np.float64)
                    return of_b[:, None]
                return self._here(*along.both(*self._there(tangent)))

        return float(value), self._here(*gradient), product

    def moments(self) -> Floats:
        """Return Σ s (x, 1) (x, 1)ᵀ."""
        s = None if self.loss.h.sample_weight is None else self.row_weights
        with quiet(self.loss.xp):
            of_x, mean = map(to_host, second_moments(self.loss.x, s, self.loss.xp))
        return np.block([[of_x, mean[:, None]], [mean[None, :], np.full((1, 1), self.weight)]]).astype(np.float64)

    def spread(self, tangent: Floats) -> float:
        """Return the largest difference between two logits of a row, where θ is a tangent."""
        xp = self.loss.xp
        with quiet(xp):
            u = logits_of(self.loss.x, *self._there(tangent), xp)
            if u.shape[-1] == 1:
                return float(xp.max(xp.abs(u)))
            return float(xp.max(xp.max(u, axis=-1) + xp.max(-u, axis=-1)))

    def _there(self, theta: Floats) -> tuple[Array, Array]:
        return from_host(theta[:, :-1], self.loss.x), from_host(theta[:, -1], self.loss.x)

    def _here(self, of_w: Array, of_b: Array) -> Floats:
        return np.concatenate([to_host(of_w), to_host(of_b)[:, None]], axis=1).astype(np.float64)


class Point(NamedTuple):
    """A vector v, and f there."""

    v: Floats
    value: float
    gradient: Floats
    violation: float
    """The largest entry of the gradient by θ: the violation of E_est − E_obs = −α W."""


@dataclass(frozen=True, eq=False)
class Penalised:
    """f(v) = Σ s h / Σ s + α/2 ‖W‖² with θ = θ₀ + V Tᵀ, where V is v as a matrix: T scales, and fixes what is fixed."""

    sums: Sums
    alpha: float
    start: Floats
    transform: Floats

    @property
    def size(self) -> int:
        """The length of v."""
        return int(self.start.shape[0]) * int(self.transform.shape[1])

    def theta(self, v: Floats) -> Floats:
        """Return the parameters at v."""
        return self.start + self._tangent(v)

    def at(self, v: Floats) -> Point:
        """Evaluate f and its gradient."""
        theta = self.theta(v)
        total, gradient = self.sums.value_and_grad(theta)
        return self._point(v, theta, total, gradient)

    def linearize(self, v: Floats) -> tuple[Point, Product]:
        """Evaluate f and its gradient, and hold what products with the Hessian need."""
        theta = self.theta(v)
        total, gradient, along = self.sums.linearize(theta)

        def product(tangent: Floats) -> Floats:
            moved = self._tangent(tangent)
            return self._pulled_back(along(moved) / self.sums.weight + self.pull(moved))

        return self._point(v, theta, total, gradient), product

    def _point(self, v: Floats, theta: Floats, total: float, gradient: Floats) -> Point:
        value = total / self.sums.weight + self.alpha / 2 * float(np.sum(theta[:, :-1] ** 2))
        gradient = gradient / self.sums.weight + self.pull(theta)
        free = np.any(self.transform != 0, axis=1)
        violation = float(np.max(np.abs(gradient[:, free]), initial=0))
        return Point(v, value, self._pulled_back(gradient), violation)

    def pull(self, theta: Floats) -> Floats:
        """Return the gradient of the penalty by θ."""
        pull = self.alpha * theta
        pull[:, -1] = 0
        return pull

    def _tangent(self, v: Floats) -> Floats:
        return v.reshape(self.start.shape[0], -1) @ self.transform.T

    def _pulled_back(self, gradient: Floats) -> Floats:
        """Return what a gradient by θ is by v; what the rows of all classes share, rounding, is taken out."""
        return centred(gradient @ self.transform).ravel()


WIDEST = 512
"""Features up to which their moments are decomposed."""


def penalised(sums: Sums, alpha: float, start: Floats, *, intercept: bool) -> Penalised:
    """Return what is to be minimised from θ₀ on, in coordinates in which its Hessian at θ = 0 is the identity.

    There the Hessian is C ⊗ M + α, with M the moments of the features and C that of logsumexp, 1/K or 1/4 at most.
    """
    columns = sums.shape[1] if intercept else sums.shape[1] - 1
    transform = np.eye(sums.shape[1])[:, :columns]
    if sums.shape[1] <= WIDEST:
        curvature = 1 / max(sums.shape[0], 4)
        metric = curvature * sums.moments()[:columns, :columns] / sums.weight
        metric[np.diag_indices(sums.shape[1] - 1)] += alpha
        transform = transform @ inverse_root(metric)
    return Penalised(sums, alpha, centred(start), transform)


def centred(rows: Floats) -> Floats:
    """Return rows that add up to 0, where they are those of all classes: only the penalty sees what they share."""
    return rows - np.mean(rows, axis=0) if rows.shape[0] > 1 else rows


def unscaled(sums: Sums, alpha: float, start: Floats, *, intercept: bool) -> Penalised:
    """Return what is to be minimised as a function of the parameters themselves."""
    columns = sums.shape[1] if intercept else sums.shape[1] - 1
    fixed = start.copy()
    fixed[:, :columns] = 0
    return Penalised(sums, alpha, fixed, np.eye(sums.shape[1])[:, :columns])


def inverse_root(metric: Floats) -> Floats:
    """Return T with Tᵀ M T = 1 for a positive M; directions that vanish to rounding are scaled like the least."""
    scale = np.sqrt(np.diag(metric))
    scale = np.where(scale > 0, scale, 1)
    values, vectors = np.linalg.eigh(metric / scale[:, None] / scale[None, :])
    least = float(np.finfo(np.float64).eps) ** 0.75 * float(np.max(values, initial=0))
    inverse: Floats = vectors / np.sqrt(np.maximum(values, least)) / scale[:, None]
    return inverse
