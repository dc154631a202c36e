"""Two classes: the logistic case, as softmax of (0, u)."""

from __future__ import annotations

import sys
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from xent_arrayapi._assembly import Call
from xent_arrayapi._blocks import entered
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._namespace import is_readable, namespace_of, quiet
from xent_arrayapi._objective import RowwiseLoss
from xent_arrayapi._reduction import array_normalizer
from xent_arrayapi._rows import Rows
from xent_arrayapi._targets import are_labels, refuse_weights
from xent_arrayapi._validate import broadcasts_to, number, real_dtype, refuse_values, same_shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from xent_arrayapi._typing import Array, ArrayT, Reduction, SigmoidOptions


class Pairs(Rows):
    """Each logit u laid out as the row (0, u): the logits of class 0 and class 1."""

    in_blocks = False

    def _number_of_classes(self) -> int:
        return 2

    def bring(self, x: Array) -> Array:
        """Return (0, x) along a new last axis."""
        return self.xp.stack([self.xp.zeros_like(x), x], axis=-1)

    def back(self, rows: Array) -> Array:
        """Return what belongs to u, in the logits' dtype."""
        return self.in_dtype(rows[..., 1])


def _evaluate(x: Array, result: Callable[[Evaluation], Array]) -> Array:
    xp, back, x = entered((), x=x)
    rows = Pairs.of("x", x, (), xp)
    with quiet(xp):
        return back(rows.back(result(Evaluation.of(rows.last(x), xp))))


def sigmoid(x: ArrayT, /) -> ArrayT:
    r"""Evaluate the logistic function, the probability of the second of two classes with logits 0 and u.

    .. math:: \sigma(u) = \frac{1}{1 + e^{-u}} = S_1(0, u) .

    Parameters
    ----------
    x : array, real
        Logits, natural-log odds.  Integers and booleans are promoted to the default floating dtype.

    Returns
    -------
    array, real floating, shape of `x`
        Probabilities, on the device and in the dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is complex.

    See Also
    --------
    log_sigmoid : its logarithm.
    scipy.special.expit : the same, on NumPy arrays.

    Notes
    -----
    Accuracy is that of :func:`softmax`, at both ends.  −inf gives 0, +inf gives 1, nan gives nan.
    Half precision is computed in float32.  Lazy-safe: no value is read.

    Source: ``seeds/001`` sections 2.1 and 2.3.3 (the logistic as the two-class case).

    Theorems: bound-of-the-hessian, logistic-function.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.asarray([0.0, np.inf]))
    array([0.5, 1. ])
    """
    value: ArrayT = _evaluate(x, Evaluation.probs)
    return value


def log_sigmoid(x: ArrayT, /) -> ArrayT:
    r"""Evaluate the logarithm of the logistic function.

    .. math:: \log \sigma(u) = -\log(1 + e^{-u}) = \log S_1(0, u) .

    Parameters
    ----------
    x : array, real
        Logits, natural-log odds.  Integers and booleans are promoted to the default floating dtype.

    Returns
    -------
    array, real floating, shape of `x`
        Log-probabilities in nats, on the device and in the dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is complex.

    See Also
    --------
    sigmoid : the probability.
    scipy.special.log_expit : the same, on NumPy arrays.

    Notes
    -----
    Accuracy is that of :func:`log_softmax`.  −inf gives −inf, +inf gives 0, nan gives nan.
    Half precision is computed in float32.  Lazy-safe: no value is read.

    Source: ``seeds/001`` sections 2.1 and 2.3.3.

    Theorems: logistic-function.

    Examples
    --------
    >>> import numpy as np
    >>> log_sigmoid(np.asarray([0.0, 50.0]))
    array([-6.93147181e-01, -1.92874985e-22])
    """
    value: ArrayT = _evaluate(x, Evaluation.log_probs)
    return value


@dataclass(frozen=True, eq=False)
class SigmoidCrossEntropy(RowwiseLoss):
    r"""Hold binary targets t of the logistic loss, for its value and derivatives.

    .. math:: h(u) = -w\, t \log \sigma(u) - (1 - t) \log(1 - \sigma(u)), \qquad
        h'(u) = (w t + 1 - t)\, \sigma(u) - w t, \qquad h''(u) = (w t + 1 - t)\, \sigma(u) (1 - \sigma(u)) .

    Each logit is a problem of its own: the case K = 2 of :class:`SoftmaxCrossEntropy`, with logits (0, u).

    Parameters
    ----------
    targets : array of the logits' shape, integer 0 or 1, or real floating in [0, 1]
        The class, or the probability of class 1.
    pos_weight : number or array, floating or integer, broadcastable to the logits, optional
        The weight w of class 1, finite and at least 0.
    sample_weight : array, floating or integer, shape of the logits, optional
        Weights of the logits, finite and at least 0.  One of weight 0 contributes exactly 0, even if it is nan.
    ignore_index : int, optional
        An integer target whose logits contribute exactly 0, even if they are nan.
    label_smoothing : float, default 0.0
        ε in [0, 1]: t becomes (1 − ε) t + ε / 2.
    temperature : float, default 1.0
        T > 0: logits are divided by it.
    reduction : {"none", "sum", "mean"}, default "mean"
        Whether the losses are returned, added, or added and divided.
    normalizer : {"weights", "count", "batch"}, number or 0-d array, default "weights"
        What the mean divides by, as in :class:`SoftmaxCrossEntropy`: the weight of a logit is w t + 1 − t times its
        sample weight, "count" is the number of logits kept and "batch" that of all.
    check_values : bool, optional
        Whether to read targets and weights to refuse what is inadmissible, as in :class:`SoftmaxCrossEntropy`.

    Raises
    ------
    TypeError
        If the targets are neither integer nor real floating, or an option is of the wrong kind.
    ValueError
        If an option is out of its range, or `ignore_index` comes with real floating targets.

    See Also
    --------
    SoftmaxCrossEntropy : any number of exclusive classes.
    torch.nn.functional.binary_cross_entropy_with_logits : its mean is over the number of logits, "batch".

    Notes
    -----
    Accuracy, dtypes, special values and laziness are those of :class:`SoftmaxCrossEntropy` with K = 2: a target of
    0 or 1 against a logit of the right infinite sign costs 0, against the wrong one +inf.

    Source: ``seeds/001`` sections 2.1 and 2.3.3.

    Theorems: logistic-loss, logistic-derivatives, logistic-reductions.

    Examples
    --------
    >>> import numpy as np
    >>> h = SigmoidCrossEntropy(np.asarray([1, 0]), reduction="none")
    >>> h(np.asarray([0.0, -50.0]))
    array([6.93147181e-01, 1.92874985e-22])
    >>> h.grad(np.asarray([0.0, -50.0]))
    array([-5.00000000e-01,  1.92874985e-22])
    """

    targets: Any
    _: KW_ONLY
    pos_weight: Any = None
    sample_weight: Any = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0
    temperature: float = 1.0
    reduction: Reduction = "mean"
    normalizer: Any = "weights"
    check_values: bool | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the logits."""
        self._check_options(labels=are_labels(self.targets, namespace_of(targets=self.targets)))
        if isinstance(self.pos_weight, Real) or not (self.pos_weight is None or hasattr(self.pos_weight, "shape")):
            number("pos_weight", self.pos_weight, low=0, high=sys.float_info.max, closed=True)

    @property
    def _class_axis(self) -> None:
        """None: each logit has a loss."""

    def hessian(self, logits: ArrayT, /) -> ArrayT:
        """Evaluate the Hessian of the loss, which is diagonal: one number per logit, as :meth:`hessian_diag`.

        Parameters
        ----------
        logits : array, real
            Natural-log odds.

        Returns
        -------
        array, real floating, shape of `logits`
            The second derivatives.

        Notes
        -----
        Theorems: logistic-loss, logistic-derivatives.
        """
        return self.hessian_diag(logits)

    def _call(
        self,
        logits: Array,
        tangent: Array | None = None,
        *,
        views: bool = True,
        blocks: bool = False,  # noqa: ARG002  # classes are last in any case
    ) -> Call:
        xp, back, logits, targets, weight, s, normalizer, tangent = entered(
            (),
            views=views,
            logits=logits,
            targets=self.targets,
            pos_weight=None if isinstance(self.pos_weight, Real) else self.pos_weight,
            sample_weight=self.sample_weight,
            normalizer=array_normalizer(self.normalizer),
            tangent=tangent,
        )
        rows = Pairs.of("logits", logits, (), xp)
        same_shape("targets", targets, rows.shape, "`logits`")
        if weight is not None:
            real_dtype("pos_weight", weight, xp)
            broadcasts_to("pos_weight", weight, rows.shape)
        check_values = self.check_values
        if check_values is None:
            check_values = is_readable(xp, logits, targets, weight, s)
        if check_values and weight is not None:
            refuse_weights("pos_weight", weight, rows)
        if not self._labels:
            t = rows.cast(targets)
            if check_values:
                bad = xp.logical_not(xp.logical_and(t >= 0, t <= 1))
                refuse_values("targets", targets, bad, "hold probabilities in [0, 1]", xp)
            targets = xp.stack([1 - t, t], axis=-1)
        u = rows.last(logits)
        return Call(
            self,
            rows,
            u,
            targets,
            class_weights=self._class_weights(u, weight, rows),
            sample_weight=s,
            mask=None,
            softcap=None,
            z_loss=0,
            check_values=check_values,
            labels=self._labels,
            normalizer=normalizer,
            tangent=tangent,
            back=back,
        )

    def _class_weights(self, u: Array, weight: Array | None, rows: Rows) -> Array | None:
        if self.pos_weight is None:
            return None
        one = rows.xp.ones_like(u[..., 0])
        return rows.xp.stack([one, one * (float(self.pos_weight) if weight is None else rows.cast(weight))], axis=-1)


def sigmoid_cross_entropy(logits: ArrayT, targets: Any, /, **options: Unpack[SigmoidOptions]) -> ArrayT:
    r"""Evaluate the logistic loss of binary targets.

    .. math:: h(u) = -w\, t \log \sigma(u) - (1 - t) \log(1 - \sigma(u)) .

    Parameters
    ----------
    logits : array, real
        Natural-log odds.
    targets : array of the logits' shape, integer 0 or 1, or real floating in [0, 1]
        The class, or the probability of class 1.
    **options : Any
        Those of :class:`SigmoidCrossEntropy`.

    Returns
    -------
    array, real floating
        The loss in nats: one per logit for ``reduction="none"``, else a 0-d array.

    Raises
    ------
    TypeError, ValueError
        As :class:`SigmoidCrossEntropy` does.

    See Also
    --------
    SigmoidCrossEntropy : the same, with its derivatives.
    softmax_cross_entropy : of any number of exclusive classes.

    Notes
    -----
    See :class:`SigmoidCrossEntropy` for accuracy, special values and sources.

    Theorems: logistic-loss, logistic-derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid_cross_entropy(np.asarray([0.0, 0.0]), np.asarray([1, 0]))
    array(0.69314718)
    """
    return SigmoidCrossEntropy(targets, **options)(logits)
