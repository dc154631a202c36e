"""The categorical distribution as an exponential family."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from xent_arrayapi._cross_entropy import SoftmaxCrossEntropy
from xent_arrayapi._entropy import log_of
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._family import (
    cross_entropies_of,
    divergences_of,
    draws,
    tallies,
    with_zero,
)
from xent_arrayapi._moments import RowwiseFamily
from xent_arrayapi._namespace import default_dtype, is_integral, is_readable, namespace_of, quiet, widened
from xent_arrayapi._rows import Rows
from xent_arrayapi._targets import admissible, are_labels, refuse_weights
from xent_arrayapi._typing import ArrayT, LogitsT, SupportsArray
from xent_arrayapi._validate import (
    class_of,
    dtype_name,
    ends_with,
    floating_dtype_only,
    real_dtype,
    refuse_values,
    same_shape,
    shown,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._typing import Array


@dataclass(frozen=True, eq=False)
class Categorical(RowwiseFamily[ArrayT]):
    r"""Hold the natural parameters of categorical distributions, one per row.

    .. math:: p(x) = e^{\langle x, u \rangle - A(u)}, \qquad x \text{ one-hot}, \qquad \nabla A = S(u) = \theta,
        \qquad \nabla^2 A = \operatorname{Cov} x .

    A row of logits u is the over-complete form: u and u + c are one distribution.  The minimal form has the K − 1
    parameters :math:`\eta_i = \log \theta_i / \theta_r = u_i - u_r` relative to a reference class r.

    Parameters
    ----------
    logits : array, real, shape ``(..., K)``
        Natural parameters u, with any shift.  Integers and booleans are promoted to the default floating dtype.
    axis : int, default -1
        The class axis.

    Raises
    ------
    TypeError
        If `logits` is no array, or complex.
    ValueError
        If `logits` has no such axis.

    See Also
    --------
    SoftmaxCrossEntropy : the loss −log p as a function of the logits, with options and derivatives.
    entropy, cross_entropy, kl_divergence : of probability vectors; from logits, no digits are lost on the way.
    torch.distributions.Categorical : clamps probabilities, so that an impossible outcome has a finite log_prob.

    Notes
    -----
    Arrays of the logits' shape, and covariances, come in the dtype of the logits; what is one number per row in
    float32 for half precision, and else in their dtype.  A class of logit −inf has probability 0 and contributes
    nothing; entries +inf share the mass.  A row that is −inf throughout, or has nan, has no distribution: its
    numbers are nan, and its mode and its draws −1.  With K = 1 entropies are 0 and θ is 1; with K = 0 the
    log-normaliser is −inf and sums are 0.  Lazy-safe, but for values that are read to refuse them, as the contract
    has it: with ``check_values=False`` none is.

    Source: ``seeds/002``.

    Examples
    --------
    >>> import numpy as np
    >>> family = Categorical.from_probs(np.asarray([0.5, 0.25, 0.25]))
    >>> family.natural()
    array([0.69314718, 0.        ])
    >>> family.mean
    array([0.5 , 0.25, 0.25])
    >>> family.sample(np.asarray([0.0, 0.6, 0.99]))
    array([0, 1, 2])
    >>> family.kl_divergence(Categorical(np.zeros(3)))
    array(0.05889152)
    """

    logits: ArrayT
    _: KW_ONLY
    axis: int = -1

    def __post_init__(self) -> None:
        """Check what the methods rely on."""
        Rows.of("logits", self.logits, whole_number("axis", self.axis), namespace_of(logits=self.logits))

    @staticmethod
    def from_probs(p: LogitsT, /, *, axis: int = -1, check_values: bool | None = None) -> Categorical[LogitsT]:
        r"""Make the family of probabilities, or of weighted counts, whose moments it matches.

        Parameters
        ----------
        p : array, real, shape ``(..., K)``
            Probabilities or counts, finite and at least 0, which need not sum to 1.
        axis : int, default -1
            The class axis.
        check_values : bool, optional
            Whether to read `p` to refuse what is inadmissible, by default where that is free; else the row is nan.

        Returns
        -------
        Categorical
            The family with logits log p, −inf where p is 0, in the dtype of `p`.

        Raises
        ------
        TypeError
            If `p` is complex.
        ValueError
            If `p` has no such axis, or an entry is negative or not finite and values are read.

        Notes
        -----
        log p is rounded: θ is p / Σp to some eps \|log p\|.

        Theorems: moment-matching.
        """
        xp = namespace_of(p=p)
        rows = Rows.of("p", p, whole_number("axis", axis), xp)
        with quiet(xp):
            if check_values or (check_values is None and is_readable(xp, p)):
                refuse_weights("p", p, rows)
            return Categorical(rows.back(log_of(rows.last(p), xp)), axis=axis)

    @staticmethod
    def from_natural(eta: LogitsT, /, *, reference: int = -1, axis: int = -1) -> Categorical[LogitsT]:
        """Make the family of minimal natural parameters.

        Parameters
        ----------
        eta : array, real, shape ``(..., K - 1)``
            The log-odds of all classes but one against that one.
        reference : int, default -1
            The class that is left out, in −K..K−1: its parameter is 0.
        axis : int, default -1
            The class axis.

        Returns
        -------
        Categorical
            The family with these logits, and 0 at the reference class, in the dtype of `eta`.

        Raises
        ------
        TypeError
            If `eta` is complex.
        ValueError
            If `eta` has no such axis, or there is no such class.

        Notes
        -----
        Theorems: minimal-parameters.
        """
        xp = namespace_of(eta=eta)
        rows = Rows.of("eta", eta, whole_number("axis", axis), xp)
        k = class_of("reference", reference, None if rows.classes is None else rows.classes + 1)
        return Categorical(rows.back(with_zero(rows.last(eta), k, xp)), axis=axis)

    @staticmethod
    def fit(
        labels: SupportsArray,
        /,
        *,
        classes: int,
        sample_weight: Any = None,
        axis: int = -1,
        check_values: bool | None = None,
    ) -> Categorical[Any]:
        """Fit the family to labels by maximum likelihood: θ is the weighted share of each class.

        Parameters
        ----------
        labels : array, integer, shape ``(..., N)``
            Class labels in 0..K−1.
        classes : int
            The number K of classes, at least 1.
        sample_weight : array, floating or integer, shape of `labels`, optional
            Weights of the samples, finite and at least 0.
        axis : int, default -1
            The axis of the samples, which becomes the class axis.
        check_values : bool, optional
            Whether to read labels and weights to refuse what is inadmissible, by default where that is free; else
            all parameters of such a row are nan.

        Returns
        -------
        Categorical
            The family whose mean is that of the one-hot labels, its logits the logarithm of the weight of each class:
            in the dtype of floating weights, and else in the default floating dtype.

        Raises
        ------
        TypeError
            If `labels` are no integers, or `sample_weight` is neither floating nor integer.
        ValueError
            If `classes` is less than 1, there is no such axis, the shapes differ, or values are read and inadmissible.

        Notes
        -----
        Where there is nothing to fit, no sample or no weight, there is no distribution: the logits are −inf
        throughout.  To add pseudo-counts, count first: ``from_probs(counts + alpha)``.

        Theorems: moment-matching.
        """
        xp = namespace_of(labels=labels, sample_weight=sample_weight)
        if not is_integral(labels.dtype, xp):
            msg = f"`labels` must be integers (class labels), not {dtype_name(labels.dtype)}: convert them first."
            raise TypeError(msg)
        if whole_number("classes", classes) < 1:
            msg = f"`classes` must be at least 1, not {classes}."
            raise ValueError(msg)
        rows = Rows.of("labels", labels, whole_number("axis", axis), xp)
        if sample_weight is not None:
            real_dtype("sample_weight", sample_weight, xp)
            same_shape("sample_weight", sample_weight, rows.shape, "`labels`")
            rows = Rows.of("sample_weight", sample_weight, axis, xp)
        with quiet(xp):
            wide = widened(labels, xp)
            valid = xp.logical_and(wide >= 0, wide < classes)
            if check_values or (check_values is None and is_readable(xp, labels, sample_weight)):
                refuse_values("labels", labels, xp.logical_not(valid), f"hold labels in 0..{classes - 1}", xp)
                if sample_weight is not None:
                    refuse_weights("sample_weight", sample_weight, rows)
            weights = xp.ones_like(wide, dtype=rows.computing) if sample_weight is None else rows.cast(sample_weight)
            sound = rows.bring(xp.logical_and(valid, admissible(weights, xp)))
            counts = tallies(rows.bring(wide), rows.last(weights), classes, xp)
            logits = xp.where(xp.all(sound, axis=-1, keepdims=True), log_of(counts, xp), xp.nan)
            return Categorical(rows.back(logits), axis=axis)

    def log_prob(self, targets: SupportsArray, /, *, check_values: bool | None = None) -> ArrayT:
        """Evaluate the log-probability of labels, or Σ x log θ of one-hot or probability rows x.

        Parameters
        ----------
        targets : array, integer or real floating
            Labels of shape ``(*samples, ...)``, or rows of shape ``(*samples, ..., K)`` with the class axis where
            the logits have it: any axes of samples come first.  The dtype decides which.
        check_values : bool, optional
            As that of :class:`SoftmaxCrossEntropy`.

        Returns
        -------
        array, real floating, shape ``(*samples, ...)``
            Minus the loss of :class:`SoftmaxCrossEntropy`, under all its rules for targets.

        Raises
        ------
        TypeError, ValueError
            As :class:`SoftmaxCrossEntropy` does.

        Notes
        -----
        Theorems: categorical-family, log-probability, class-axis.
        """
        xp, rows = namespace_of(logits=self.logits, targets=targets), self._rows()
        labels, logits, axis = are_labels(targets, xp), self.logits, rows.axes[0]
        own = rows.batch_shape if labels else rows.shape
        samples = len(targets.shape) - len(own)
        if samples > 0:
            ends_with("targets", targets, own, "the logits without their class axis" if labels else "the logits")
            axis = axis + samples
            logits, _ = xp.broadcast_arrays(logits, xp.expand_dims(targets, axis=axis) if labels else targets)
        loss = SoftmaxCrossEntropy(targets, axis=axis, reduction="none", check_values=check_values)
        with quiet(xp):
            value: ArrayT = rows.reduced(0 - rows.column(loss(logits)))
            return value

    def cross_entropy(self, other: Categorical[Any], /) -> ArrayT:
        """Evaluate the cross-entropy −Σ θ log θ′ relative to another family.

        Parameters
        ----------
        other : Categorical
            The family of θ′, with logits of the same shape and class axis, which are cast to the dtype of these.

        Returns
        -------
        array, real floating, shape ``(...)``
            Cross-entropies in nats; +inf where `other` lacks a class that this family has, however unlikely.

        Raises
        ------
        TypeError
            If `other` is no Categorical, or of another array library.
        ValueError
            If shapes, class axes or devices differ.

        Notes
        -----
        Theorems: entropy-of-families.
        """
        value: ArrayT = self._beside(other, cross_entropies_of)
        return value

    def kl_divergence(self, other: Categorical[Any], /) -> ArrayT:
        r"""Evaluate the Kullback–Leibler divergence from another family: with teacher and student, distillation.

        .. math:: \mathrm{KL}(\theta \| \theta') = \sum_k \theta_k \log \frac{\theta_k}{\theta'_k}
            = \sum_k (\theta'_k - \theta_k - \theta_k z_k), \qquad z_k = \log \frac{\theta'_k}{\theta_k} .

        Parameters
        ----------
        other : Categorical
            The family of θ′, with logits of the same shape and class axis, which are cast to the dtype of these.

        Returns
        -------
        array, real floating, shape ``(...)``
            Divergences in nats; +inf where `other` lacks a class that this family has, however unlikely.

        Raises
        ------
        TypeError
            If `other` is no Categorical, or of another array library.
        ValueError
            If shapes, class axes or devices differ.

        Notes
        -----
        No term of the last sum is negative.  The error is at most 4 (1 + log K) eps (√KL + KL), so that families
        nearly alike keep their digits; of equal logits the divergence is exactly 0.

        Theorems: divergence-of-families, entropy-of-families, class-axis.
        """
        value: ArrayT = self._beside(other, divergences_of)
        return value

    def sample(self, uniforms: Any, /, *, check_values: bool | None = None) -> Any:
        """Draw labels by inverting the cumulative distribution at uniforms: the same on every array library.

        Parameters
        ----------
        uniforms : array, real floating, shape ``(*samples, ...)``
            Numbers in [0, 1), one for each draw, after any axes of samples one for each row.
        check_values : bool, optional
            Whether to read `uniforms` to refuse those outside of [0, 1), by default where that is free; else their
            draw is −1.

        Returns
        -------
        array, integer, shape of `uniforms`
            Labels, as the default integer of the library; −1 for a row without a distribution.

        Raises
        ------
        TypeError
            If `uniforms` is not real floating.
        ValueError
            If its last axes are not those of the rows, or values are read and outside of [0, 1).

        Notes
        -----
        The label is the first class whose cumulative probability is above the uniform.  Libraries may differ where
        that is equal to it to rounding, some eps log K.  No class of probability 0 is drawn; one that is less likely
        than eps may never be.  It takes O(K) memory a draw.

        Theorems: inverse-of-the-distribution-function, no-classes.
        """
        xp, rows = namespace_of(logits=self.logits, uniforms=uniforms), self._rows()
        floating_dtype_only("uniforms", uniforms, xp)
        ends_with("uniforms", uniforms, rows.batch_shape, "the logits without their class axis")
        inside = xp.logical_and(uniforms >= 0, uniforms < 1)
        if check_values or (check_values is None and is_readable(xp, uniforms)):
            refuse_values("uniforms", uniforms, xp.logical_not(inside), "hold numbers in [0, 1)", xp)
        dtype, each = default_dtype(self.logits, "integral", xp), rows.column(rows.cast(uniforms))
        labels = self._evaluated(lambda got: draws(got, each, dtype), Rows.reduced)
        return xp.where(inside, labels, -1)

    def _beside(self, other: Categorical[Any], result: Callable[[Evaluation, Evaluation], Array]) -> Any:
        if not isinstance(other, Categorical):
            msg = f"`other` must be a Categorical, not {shown(other)}: make one of its logits."
            raise TypeError(msg)
        xp, rows, theirs = namespace_of(logits=self.logits, other=other.logits), self._rows(), other._rows()
        same_shape("other", other.logits, rows.shape, "the logits of this family")
        if theirs.axes != rows.axes:
            msg = f"`other` must have the class axis {self.axis} of this family, not {other.axis}."
            raise ValueError(msg)
        with quiet(xp):
            return rows.reduced(
                result(Evaluation.of(rows.last(self.logits), xp), Evaluation.of(rows.last(other.logits), xp))
            )
