"""h(u): its value, gradient, Hessian-vector product and Hessian."""

from __future__ import annotations

import math
import sys
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from xent_arrayapi._assembly import Call
from xent_arrayapi._blocks import entered
from xent_arrayapi._namespace import is_readable, namespace_of
from xent_arrayapi._objective import RowwiseLoss
from xent_arrayapi._reduction import array_normalizer
from xent_arrayapi._rows import Rows
from xent_arrayapi._targets import are_labels, check_target_shape, refuse_weights
from xent_arrayapi._validate import number, real_dtype, same_shape, whole_number

if TYPE_CHECKING:
    from typing import Unpack

    from xent_arrayapi._typing import Array, ArrayT, LossOptions, Reduction


@dataclass(frozen=True, eq=False)
class SoftmaxCrossEntropy(RowwiseLoss):
    r"""Hold the targets p of h(u), the cross-entropy of p and softmax(u), for its value and derivatives.

    .. math:: h(u) = -\sum_k Q_k \log S_k(u) = \langle Q, 1 \rangle A(u) - \langle Q, u \rangle,
        \qquad \nabla h = \langle Q, 1 \rangle S - Q,
        \qquad \nabla^2 h = \langle Q, 1 \rangle (\operatorname{diag} S - S S^\top),

    where :math:`Q_k = w_k ((1 - \varepsilon) t_k + \varepsilon / K)` are the class weights times the smoothed
    targets, and each row counts with its sample weight.  Labels are the case t = one-hot; no array of it is made.

    Parameters
    ----------
    targets : array, integer of the logits' shape without the class axis, or real floating of the logits' shape
        Class labels in 0..K−1, or rows of probabilities, which need not sum to 1.  The dtype decides which.
    axis : int, default -1
        The class axis of the logits.
    class_weights : array, floating or integer, shape ``(K,)``, optional
        Weights w of the classes, finite and at least 0.
    sample_weight : array, floating or integer, shape of the labels, optional
        Weights s of the rows, finite and at least 0.  A row of weight 0 contributes exactly 0, even if it is nan.
    ignore_index : int, optional
        A label whose rows contribute exactly 0, even if they are nan.  Any integer.
    label_smoothing : float, default 0.0
        ε in [0, 1]: the share of the target mass that is spread evenly over the classes that `where` leaves.
    temperature : float, default 1.0
        T > 0: logits are divided by it.
    softcap : float, optional
        c > 0: logits become c tanh(u / c), before the temperature.
    z_loss : float, default 0.0
        z ≥ 0: adds z r A² to each row, where r = Σ w t and A is the log-partition function of the logits after
        softcap, temperature and `where`.
    where : array, bool, broadcastable to the logits, optional
        The classes to take.  Another has probability 0 and gradient 0 and may hold anything, nan included;
        a target there costs +inf.
    reduction : {"none", "sum", "mean"}, default "mean"
        Whether the losses of the rows are returned, added, or added and divided.
    normalizer : {"weights", "count", "batch"}, number or 0-d array, default "weights"
        What the mean divides by: Σ s w t over the rows kept, their number, the number of all rows, or a number.
        A mean over nothing is 0.
    check_values : bool, optional
        Whether to read targets and weights to refuse what is inadmissible.  By default they are read where that
        needs no synchronisation, transfer or graph computation; elsewhere the loss and gradient of such a row
        are nan.

    Raises
    ------
    TypeError
        If the targets are neither integer nor real floating, or an option is of the wrong kind.
    ValueError
        If an option is out of its range, or `ignore_index` comes with probability rows.

    See Also
    --------
    softmax_cross_entropy : the value in one call.
    SigmoidCrossEntropy : two classes from one logit.
    torch.nn.functional.cross_entropy : divides by the number of rows for probabilities, by weights for labels.
    optax.softmax_cross_entropy_with_integer_labels : no reduction; a label out of range wraps or is nan.

    Notes
    -----
    Losses are in nats.  The losses of labels with ``reduction="none"`` and their gradients are within 6 ulp for K up
    to 1000 (8 up to 100 000), with `temperature` and `softcap` for the logits as rounded after them.  Half precision
    is computed in float32; losses come back in float32, and all else in the dtype of the logits.
    A class of weight 0 contributes nothing, whatever its logit; one of positive weight at logit −inf costs +inf, with
    a finite gradient as long as another logit is above −inf.  A row that is −inf throughout, or has nan, is nan.
    With K = 1 the loss is 0.  With K = 0 labels raise and rows cost 0.  With no rows, sum and mean are 0.
    With ``check_values=False`` no value is read: lazy-safe.

    Sources: ``seeds/000`` (h and its gradient), ``seeds/001`` equations 8 to 13, ``seeds/003`` equation 3.
    z-loss: Chowdhery et al. 2022, arXiv:2204.02311, section 5; softcap: Gemma Team 2024, arXiv:2408.00118,
    section 2; label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7.

    Theorems: cross-entropy-of-softmax, gradient-of-the-loss, gradient-for-labels, unnormalised-targets,
    hessian-of-the-loss, minimum-of-the-loss, class-weights, sample-weights, label-smoothing, temperature-of-the-loss,
    softcap, z-loss, masked-loss, mask-and-smoothing, all-options, all-options-masked, softcap-derivatives,
    ignored-rows, reductions, maximum-likelihood, gradient-of-the-linear-model, minibatch-gradient, class-axis,
    one-class.

    Examples
    --------
    >>> import numpy as np
    >>> h = SoftmaxCrossEntropy(np.asarray([0, 2]))
    >>> u = np.asarray([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> h(u)
    array(0.75310913)
    >>> h.grad(u)
    array([[-0.16737952,  0.12236424,  0.04501529],
           [ 0.16666667,  0.16666667, -0.33333333]])
    >>> h.hvp(u, np.ones((2, 3)))
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """

    targets: Any
    _: KW_ONLY
    axis: int = -1
    class_weights: Any = None
    sample_weight: Any = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0
    temperature: float = 1.0
    softcap: float | None = None
    z_loss: float = 0.0
    where: Any = None
    reduction: Reduction = "mean"
    normalizer: Any = "weights"
    check_values: bool | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the logits."""
        labels = are_labels(self.targets, namespace_of(targets=self.targets))
        whole_number("axis", self.axis)
        number("z_loss", self.z_loss, low=0, high=sys.float_info.max, closed=True)
        if self.softcap is not None:
            number("softcap", self.softcap, low=0, high=math.inf, closed=False)
        self._check_options(labels=labels)

    @property
    def _class_axis(self) -> int:
        return self.axis

    def _call(self, logits: Array, tangent: Array | None = None, *, views: bool = True, blocks: bool = False) -> Call:
        xp, back, logits, targets, w, s, where, normalizer, tangent = entered(
            self.axis,
            views=views,
            logits=logits,
            targets=self.targets,
            class_weights=self.class_weights,
            sample_weight=self.sample_weight,
            where=self.where,
            normalizer=array_normalizer(self.normalizer),
            tangent=tangent,
        )
        moved = Rows.of("logits", logits, self.axis, xp)
        rows = moved if blocks else moved.unmoved()
        check_target_shape(targets, rows, labels=self._labels)
        if w is not None:
            real_dtype("class_weights", w, xp)
            same_shape("class_weights", w, (rows.classes,), "the classes")
        check_values = self.check_values
        if check_values is None:
            check_values = is_readable(xp, logits, targets, w, s)
        if check_values and w is not None:
            refuse_weights("class_weights", w, rows)
        if check_values and not self._labels:
            refuse_weights("targets", targets, rows)
        return Call(
            self,
            rows,
            rows.bring(logits),
            targets if self._labels else rows.bring(targets),
            class_weights=None if w is None else rows.vector(rows.cast(w)),
            sample_weight=s,
            mask=rows.mask("where", where),
            softcap=None if self.softcap is None else float(self.softcap),
            z_loss=float(self.z_loss),
            check_values=check_values,
            labels=self._labels,
            normalizer=normalizer,
            tangent=tangent,
            back=back,
        )


def softmax_cross_entropy(logits: ArrayT, targets: Any, /, **options: Unpack[LossOptions]) -> ArrayT:
    r"""Evaluate the cross-entropy of targets and softmax of logits.

    .. math:: h(u) = -\sum_k p_k \log S_k(u) = A(u) - \langle p, u \rangle \quad \text{for } \sum p = 1 .

    Parameters
    ----------
    logits : array, real, shape ``(..., K)``
        Natural-log scores.
    targets : array, integer labels of shape ``(...)`` or real floating rows of shape ``(..., K)``
        What the logits are held against.
    **options : Any
        Those of :class:`SoftmaxCrossEntropy`.

    Returns
    -------
    array, real floating
        The loss in nats: one per row for ``reduction="none"``, else a 0-d array.

    Raises
    ------
    TypeError, ValueError
        As :class:`SoftmaxCrossEntropy` does.

    See Also
    --------
    SoftmaxCrossEntropy : the same, with gradient, Hessian-vector product and Hessian.
    cross_entropy : of two probability vectors.

    Notes
    -----
    See :class:`SoftmaxCrossEntropy` for accuracy, special values and sources.

    Theorems: cross-entropy-of-softmax, gradient-of-the-loss, gradient-for-labels, unnormalised-targets,
    class-weights, sample-weights, label-smoothing, temperature-of-the-loss, softcap, z-loss, masked-loss,
    mask-and-smoothing, all-options, all-options-masked, ignored-rows, reductions, maximum-likelihood,
    dual-of-the-linear-model, categorical-family, class-axis.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_cross_entropy(np.asarray([[60.0, 0.0]]), np.asarray([0]))
    array(8.75651076e-27)
    """
    return SoftmaxCrossEntropy(targets, **options)(logits)
