"""What has a value and derivatives: one protocol, and one evaluation behind it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent_arrayapi._jacobian import diagonal
from xent_arrayapi._loss_rows import row_blocks, row_diagonals, row_gradients, row_products, row_values
from xent_arrayapi._namespace import namespace_of, quiet
from xent_arrayapi._reduction import REDUCTIONS, check_normalizer, quotient
from xent_arrayapi._validate import choice, number, real_dtype, same_shape, shown, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._logits import Bent
    from xent_arrayapi._partition import Evaluation
    from xent_arrayapi._rows import Rows
    from xent_arrayapi._targets import TargetWeights
    from xent_arrayapi._typing import Array, ArrayT, Reduction, SupportsArray


@dataclass(frozen=True, eq=False)
class Case:
    """One call: the logits evaluated, the weights of classes and rows, and what a mean divides by."""

    rows: Rows
    logits: Bent
    got: Evaluation
    q: TargetWeights
    z_loss: float
    used: Array | None
    """Where a logit can matter: the rest is masked, or in a row that is left out."""
    live: Array | None
    """Where a row has a part in the loss."""
    scale: Array | None
    """The sample weight of a row; nan where an argument turns out inadmissible."""
    divisor: Array
    something: Array | None
    """Whether any row is live, where that decides between 0 and nan for a divisor of 0."""

    def clean(self, x: Array) -> Array:
        """Return an array of the logits' shape as rows, 0 where no logit matters."""
        x = self.rows.last(x)
        return x if self.used is None else self.rows.xp.where(self.used, x, 0)

    def scaled(self, x: Array) -> Array:
        """Weight rows (or their blocks), and leave those out that have no part."""
        blocks = x.ndim > self.got.m.ndim
        if self.scale is not None:
            x = x * (self.scale[..., None] if blocks else self.scale)
        if self.live is None:
            return x
        return self.rows.xp.where(self.live[..., None] if blocks else self.live, x, 0)

    def values(self) -> Array:
        """Return the loss of each row."""
        return self.scaled(row_values(self.got, self.q, self.z_loss))

    def total(self) -> Array:
        """Return the sum of the losses."""
        return self.rows.number(self.rows.xp.sum(self.values()))

    def mean(self) -> Array:
        """Return the sum of the losses over the divisor."""
        return self.rows.number(quotient(self.total(), self.divisor, self.something, self.rows.xp))

    def gradients(self) -> Array:
        """Return the gradient of each row by the logits of the caller."""
        gradient = row_gradients(self.got, self.q, self.z_loss)
        return gradient if self.logits.slope is None else self.logits.slope * gradient

    def linearized(self) -> Callable[[Array], Array]:
        """Return v ↦ ∇²h v: with y = f(u), f′ ∘ ∇²_y h (f′ ∘ v) + f″ ∘ ∇_y h ∘ v; softmax is evaluated once."""
        slope, curvature, probs = self.logits.slope, self.logits.curvature, self.got.probs()
        gradient = None if curvature is None else row_gradients(self.got, self.q, self.z_loss)

        def product(tangent: Array) -> Array:
            v = self.clean(tangent)
            if slope is None:
                return row_products(self.got, self.q, self.z_loss, probs, v)
            product = slope * row_products(self.got, self.q, self.z_loss, probs, slope * v)
            return product if curvature is None else product + curvature * gradient * v

        return product

    def blocks(self) -> Array:
        """Return ∇²h of each row: f′ ∇²_y h f′, and f″ ∘ ∇_y h on the diagonal."""
        xp, blocks, slope, curvature = self.rows.xp, row_blocks(self.got, self.q, self.z_loss), *self.logits[1:]
        if slope is None:
            return blocks
        if curvature is None:
            return slope * slope * blocks
        blocks = slope[..., :, None] * blocks * slope[..., None, :]
        bending = (curvature * row_gradients(self.got, self.q, self.z_loss))[..., :, None]
        return blocks + xp.where(diagonal(slope, xp), bending, 0)

    def diagonals(self) -> Array:
        """Return the diagonal of ∇²h of each row."""
        diagonals, slope, curvature = row_diagonals(self.got, self.q, self.z_loss), *self.logits[1:]
        if slope is None:
            return diagonals
        diagonals = slope * diagonals * slope
        if curvature is None:
            return diagonals
        return diagonals + curvature * row_gradients(self.got, self.q, self.z_loss)


class RowwiseLoss(ABC):
    """A loss that is a sum over rows of logits, each with a part of its own."""

    sample_weight: Any
    ignore_index: int | None
    label_smoothing: float
    temperature: float
    reduction: Reduction
    normalizer: Any
    check_values: bool | None

    def _check_options(self, *, labels: bool) -> None:
        """Check the options that need no logits."""
        number("label_smoothing", self.label_smoothing, low=0, high=1, closed=True)
        number("temperature", self.temperature, low=0, high=math.inf, closed=False)
        if self.ignore_index is not None:
            whole_number("ignore_index", self.ignore_index)
            if not labels:
                msg = "`ignore_index` must be None with probabilities: give a row `sample_weight` 0 instead."
                raise ValueError(msg)
        if self.check_values is not None and not isinstance(self.check_values, bool):
            msg = f"`check_values` must be True, False or None, not {shown(self.check_values)}."
            raise TypeError(msg)
        choice("reduction", self.reduction, REDUCTIONS)
        check_normalizer(self.normalizer)

    @abstractmethod
    def _case(self, logits: Array) -> Case:
        """Check all arguments and evaluate the logits."""

    def __call__(self, logits: ArrayT, /) -> ArrayT:
        """Evaluate the loss.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        array, real floating
            One loss per row for ``reduction="none"``, else a 0-d array.
        """
        with quiet(namespace_of(logits=logits)):
            value: ArrayT = self._value(self._case(logits))
            return value

    def grad(self, logits: ArrayT, /) -> ArrayT:
        """Evaluate the gradient of the loss.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        array, real floating, shape of `logits`
            The gradient of the reduced loss; of each row for ``reduction="none"``.

        Notes
        -----
        Theorems: logistic-loss, logistic-derivatives, logistic-reductions, gradient-of-the-loss, gradient-for-labels,
        unnormalised-targets, minimum-of-the-loss, class-weights, sample-weights, label-smoothing,
        temperature-of-the-loss, softcap, z-loss, masked-loss, mask-and-smoothing, all-options, all-options-masked,
        ignored-rows, reductions, chain-rule, minibatch-gradient, class-axis, one-class.
        """
        with quiet(namespace_of(logits=logits)):
            case = self._case(logits)
            derivative: ArrayT = case.rows.back(self._reduced(case, case.gradients()))
            return derivative

    def value_and_grad(self, logits: ArrayT, /) -> tuple[ArrayT, ArrayT]:
        """Evaluate the loss and its gradient in one pass.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        value : array, real floating
            As of a call.
        gradient : array, real floating, shape of `logits`
            As of :meth:`grad`.

        Notes
        -----
        Theorems: logistic-loss, logistic-derivatives, logistic-reductions, gradient-of-the-loss, gradient-for-labels,
        unnormalised-targets, class-weights, sample-weights, label-smoothing, temperature-of-the-loss, softcap,
        z-loss, masked-loss, mask-and-smoothing, all-options, all-options-masked, ignored-rows, reductions,
        gradient-of-the-linear-model, class-axis.
        """
        with quiet(namespace_of(logits=logits)):
            case = self._case(logits)
            return self._value(case), case.rows.back(self._reduced(case, case.gradients()))

    def hvp(self, logits: ArrayT, tangent: SupportsArray, /) -> ArrayT:
        """Evaluate the product of the Hessian of the loss with a vector, in O(K) a row.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.
        tangent : array, floating or integer, shape of `logits`
            The vector; it is cast to the dtype of the logits.

        Returns
        -------
        array, real floating, shape of `logits`
            The product; exactly 0 for a constant tangent, without `z_loss` and `softcap`.

        Notes
        -----
        Theorems: logistic-loss, logistic-derivatives, gradient-for-labels, unnormalised-targets, hessian-of-the-loss,
        class-weights, sample-weights, label-smoothing, temperature-of-the-loss, softcap, z-loss, masked-loss,
        mask-and-smoothing, all-options, all-options-masked, softcap-derivatives, ignored-rows, reductions,
        hessian-of-the-linear-model, class-axis.
        """
        xp = namespace_of(logits=logits, tangent=tangent)
        real_dtype("tangent", tangent, xp)
        same_shape("tangent", tangent, tuple(logits.shape), "`logits`")
        with quiet(xp):
            case = self._case(logits)
            derivative: ArrayT = case.rows.back(self._reduced(case, case.linearized()(tangent)))
            return derivative

    def linearize(self, logits: ArrayT, /) -> tuple[ArrayT, ArrayT, Callable[[SupportsArray], ArrayT]]:
        """Evaluate the loss and its gradient, and hold what products with the Hessian at these logits need.

        Softmax is evaluated once, however many products are asked for: a step of a truncated Newton method takes tens.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        value : array, real floating
            As of a call.
        gradient : array, real floating, shape of `logits`
            As of :meth:`grad`.
        product : callable
            From a tangent to the product of the Hessian with it, as :meth:`hvp`, with its errors.

        See Also
        --------
        hvp : one product.
        jax.linearize : of any function, by automatic differentiation.

        Notes
        -----
        Theorems: logistic-loss, logistic-derivatives, gradient-for-labels, unnormalised-targets,
        hessian-of-the-linear-model.
        """
        xp = namespace_of(logits=logits)
        with quiet(xp):
            case = self._case(logits)
            value, gradient = self._value(case), case.rows.back(self._reduced(case, case.gradients()))
            along = case.linearized()

        def product(tangent: SupportsArray, /) -> ArrayT:
            real_dtype("tangent", tangent, namespace_of(logits=logits, tangent=tangent))
            same_shape("tangent", tangent, tuple(logits.shape), "`logits`")
            with quiet(xp):
                derivative: ArrayT = case.rows.back(self._reduced(case, along(tangent)))
                return derivative

        return value, gradient, product

    def hessian(self, logits: ArrayT, /) -> ArrayT:
        """Evaluate the Hessian of the loss, one block per row; blocks of different rows are 0.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        array, real floating, shape ``(..., K, K)``
            The blocks, batch axes first in order, in the dtype of the logits.

        Notes
        -----
        Theorems: gradient-for-labels, unnormalised-targets, hessian-of-the-loss, class-weights, sample-weights,
        label-smoothing, temperature-of-the-loss, softcap, z-loss, masked-loss, mask-and-smoothing, all-options,
        all-options-masked, softcap-derivatives, ignored-rows, reductions, class-axis.
        """
        with quiet(namespace_of(logits=logits)):
            case = self._case(logits)
            derivative: ArrayT = case.rows.in_dtype(self._reduced(case, case.blocks()))
            return derivative

    def hessian_diag(self, logits: ArrayT, /) -> ArrayT:
        """Evaluate the diagonal of the Hessian of the loss.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        array, real floating, shape of `logits`
            The diagonal.

        Notes
        -----
        Theorems: logistic-loss, logistic-derivatives, gradient-for-labels, unnormalised-targets, hessian-of-the-loss,
        class-weights, sample-weights, label-smoothing, temperature-of-the-loss, softcap, z-loss, masked-loss,
        mask-and-smoothing, all-options, all-options-masked, softcap-derivatives, ignored-rows, reductions,
        class-axis.
        """
        with quiet(namespace_of(logits=logits)):
            case = self._case(logits)
            derivative: ArrayT = case.rows.back(self._reduced(case, case.diagonals()))
            return derivative

    def total_and_weight(self, logits: ArrayT, /) -> tuple[ArrayT, ArrayT]:
        """Evaluate numerator and denominator of the mean, whatever `reduction` is.

        Added over micro-batches, shards or machines and divided, they give the mean of the whole.

        Parameters
        ----------
        logits : array, real, shape ``(..., K)``
            Natural-log scores.

        Returns
        -------
        total : array, real floating, 0-d
            The sum of the losses.
        weight : array, real floating, 0-d
            What the mean divides by.

        Raises
        ------
        ValueError
            If `normalizer` is a number or an array: the parts do not have one each.

        Notes
        -----
        Theorems: logistic-reductions, ignored-rows, reductions.
        """
        if not isinstance(self.normalizer, str):
            msg = f"`normalizer` must be a name for totals that merge, not {shown(self.normalizer)}."
            raise ValueError(msg)  # noqa: TRY004  # of the right type, but not here
        with quiet(namespace_of(logits=logits)):
            case = self._case(logits)
            return case.total(), case.divisor

    def _value(self, case: Case) -> Array:
        if self.reduction == "none":
            return case.rows.reduced(case.values())
        return case.total() if self.reduction == "sum" else case.mean()

    def _reduced(self, case: Case, derivative: Array) -> Array:
        derivative = case.scaled(derivative)
        if self.reduction != "mean":
            return derivative
        xp = case.rows.xp
        return derivative * quotient(xp.ones_like(case.divisor), case.divisor, case.something, xp)
