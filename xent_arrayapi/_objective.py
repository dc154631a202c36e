"""What has a value and derivatives: one protocol, and one evaluation behind it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from xent_arrayapi._closed_form import differentiable
from xent_arrayapi._namespace import namespace_of, quiet
from xent_arrayapi._reduction import REDUCTIONS, check_normalizer
from xent_arrayapi._validate import choice, number, real_dtype, same_shape, shown, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._assembly import Call
    from xent_arrayapi._typing import Array, ArrayT, Reduction, SupportsArray


class RowwiseLoss(ABC):
    """A loss that is a sum over rows of logits, each with a part of its own."""

    sample_weight: Any
    ignore_index: int | None
    label_smoothing: float
    temperature: float
    reduction: Reduction
    normalizer: Any
    check_values: bool | None
    _labels: bool
    """Whether targets are labels, which their dtype says once and for all."""

    @property
    @abstractmethod
    def _class_axis(self) -> int | None:
        """The axis of the logits that the losses of the rows have not."""

    def _check_options(self, *, labels: bool) -> None:
        """Check the options that need no logits."""
        object.__setattr__(self, "_labels", labels)
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
    def _call(self, logits: Array, tangent: Array | None = None, *, views: bool = True, blocks: bool = False) -> Call:
        """Check all arguments, view them as NumPy's where that will do, and move classes last where blocks need it."""

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

        Notes
        -----
        Where torch differentiates it backwards by the logits, or JAX, they are given :meth:`grad`.
        """
        with quiet(namespace_of(logits=logits)):
            value: ArrayT = differentiable(self, logits, RowwiseLoss._value, self._class_axis)
            return value

    def _value(self, logits: Array) -> Array:
        """Evaluate the loss by formulas, through which it is differentiated."""
        return self._call(logits).evaluate(value=True)[0]

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
            derivative: ArrayT
            (derivative,) = self._call(logits).evaluate(lambda case, _: case.gradients())
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
            value: ArrayT
            derivative: ArrayT
            value, derivative = self._call(logits).evaluate(lambda case, _: case.gradients(), value=True)
            return value, derivative

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
            call = self._call(logits, tangent)
            v = call.rows.bring(call.tangent)
            derivative: ArrayT
            (derivative,) = call.evaluate(lambda case, part: case.linearized()(part.rows(v)), products=True)
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
            # A tangent may be what is differentiated.
            value, gradient, along = self._call(logits, views=False).linearize()

        def product(tangent: SupportsArray, /) -> ArrayT:
            real_dtype("tangent", tangent, namespace_of(logits=logits, tangent=tangent))
            same_shape("tangent", tangent, tuple(logits.shape), "`logits`")
            with quiet(xp):
                derivative: ArrayT = along(tangent)
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
            derivative: ArrayT = self._call(logits, views=False, blocks=True).hessian()
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
            derivative: ArrayT
            (derivative,) = self._call(logits).evaluate(lambda case, _: case.diagonals(), products=True)
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
            call = self._call(logits)
            (total,) = call.parts.run(lambda part: (call.case(part, products=False, sums=True).values(),), "sum")
            return call.back(total), call.back(call.divisor())
