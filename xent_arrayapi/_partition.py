"""`LogPartition`: (max, tail), the one reduction, mergeable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from xent_arrayapi._blocks import Parts, entered
from xent_arrayapi._evaluation import Evaluation, log_partition
from xent_arrayapi._exponentials import exponentials
from xent_arrayapi._namespace import namespace_of, quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._typing import ArrayT, Axis, LogitsT, SupportsArray
from xent_arrayapi._validate import same_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._blocks import Part
    from xent_arrayapi._typing import Array, Namespace


def merged(m1: Array, t1: Array, m2: Array, t2: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return the (max, tail) of the union of two disjoint sets of classes."""
    first = xp.logical_or(m1 >= m2, xp.isnan(m1))
    m, t = xp.where(first, m1, m2), xp.where(first, t1, t2)
    low, low_tail = xp.where(first, m2, m1), xp.where(first, t2, t1)
    share = xp.where(low == -xp.inf, 0, (1 + low_tail) * exponentials(low, m, xp).e)
    return m, t + share


@dataclass(frozen=True, eq=False)
class LogPartition(Generic[ArrayT]):
    r"""Hold the log-partition function of a set of classes in a form that merges.

    .. math:: A(u) = \log \sum_k e^{u_k} = m + \operatorname{log1p}(t),
        \qquad m = \max_k u_k, \quad t = \sum_k e^{u_k - m} - 1 .

    Two disjoint sets of classes merge into their union, in any order and grouping, so that blocks,
    streams, shards and machines each evaluate their part of a row and combine what they have.
    The empty set is ``(-inf, 0)``.

    Parameters
    ----------
    max : array, real floating, shape ``(...)``
        The maximum of each row.
    tail : array, real floating, shape ``(...)``
        The sum of the exponentials of each row relative to its maximum, less 1.
    axis : int, tuple of int or None, default -1
        The class axis of the logits that :meth:`softmax` and :meth:`log_softmax` take.

    See Also
    --------
    logsumexp : the value alone, of all classes at once.

    Notes
    -----
    Float16 and bfloat16 logits have a float32 partition.  A row with nan has a nan partition; one with +inf
    counts its entries +inf.  Lazy-safe.

    The representation and its merge are those of online softmax (Milakov and Gimelshein 2018, arXiv:1805.02867,
    section 3.1), with the maximal terms left out of the sum so that ``log1p`` keeps every digit of a small one.

    Theorems: log-partition, true-maximum, neutral-partition.

    Examples
    --------
    >>> import numpy as np
    >>> u = np.asarray([[0.0, 1.0, 2.0, 3.0]])
    >>> left, right = LogPartition.of(u[:, :2]), LogPartition.of(u[:, 2:])
    >>> left.merge(right).logsumexp
    array([3.4401897])
    >>> left.merge(right).softmax(u[:, :2])
    array([[0.0320586 , 0.08714432]])
    """

    max: ArrayT
    tail: ArrayT
    axis: Axis = -1

    @staticmethod
    def of(x: LogitsT, /, *, axis: Axis = -1, where: SupportsArray | None = None) -> LogPartition[LogitsT]:
        """Evaluate the partition of logits.

        Parameters
        ----------
        x : array, real, shape ``(..., K)``
            Logits, natural-log scores.  Integers and booleans are promoted to the default floating dtype.
        axis : int, tuple of int or None, default -1
            The class axis.
        where : array, bool, broadcastable to `x`, optional
            The classes to take; another may hold anything, nan included.

        Returns
        -------
        LogPartition
            One state per row, in float32 for half precision and else in the dtype of `x`.

        Raises
        ------
        TypeError
            If `x` is complex, or `where` is not boolean.
        ValueError
            If `x` has no such axis, or `where` does not broadcast.

        Notes
        -----
        Theorems: log-partition, partition-of-the-union, mask, true-maximum, class-axis, class-axes, no-classes.
        """
        xp, back, x, where = entered(axis, x=x, where=where)
        rows = Rows.of("x", x, axis, xp).unmoved()
        mask, brought = rows.mask("where", where), rows.bring(x)

        def work(part: Part) -> tuple[Array, Array]:
            left = None if mask is None else part.mask(mask)
            got = Evaluation.of(part.rows(brought), part.frame.xp, left, sums=True)
            return got.m, got.relative_tail

        with quiet(xp):
            m, tail = Parts(rows, mask).run(work, "column", "column")
            return LogPartition(back(m), back(tail), axis)

    def merge(self, other: LogPartition[ArrayT], /) -> LogPartition[ArrayT]:
        """Return the partition of the union of two disjoint sets of classes.

        Parameters
        ----------
        other : LogPartition
            The partition of the other classes of the same rows.

        Returns
        -------
        LogPartition
            The merged state.

        Raises
        ------
        ValueError
            If the two do not have the same axis.

        Notes
        -----
        Theorems: merge, partition-of-the-union, neutral-partition, no-classes.
        """
        if self.axis != other.axis:
            msg = f"`other` must have the axis {self.axis} of this partition, not {other.axis}."
            raise ValueError(msg)
        xp = namespace_of(max=self.max, tail=self.tail, other=other.max)
        with quiet(xp):
            return LogPartition(*merged(self.max, self.tail, other.max, other.tail, xp), self.axis)

    @property
    def logsumexp(self) -> ArrayT:
        """The value A of each row.

        Notes
        -----
        Theorems: log-partition, merge, neutral-partition.
        """
        xp = namespace_of(max=self.max, tail=self.tail)
        with quiet(xp):
            value: ArrayT = log_partition(self.max, self.tail, xp)
            return value

    def log_softmax(self, x: ArrayT, /) -> ArrayT:
        """Return x − A for logits x of some or all classes of these rows.

        Parameters
        ----------
        x : array, real, shape ``(..., K)``
            Logits; of classes that the partition leaves out, also nan and inf, which stay what they are.

        Returns
        -------
        array
            Logarithms of probabilities, of the shape and dtype of `x`.

        Raises
        ------
        TypeError
            If `x` is complex, or not of the library of this partition.
        ValueError
            If the rows of `x` are not those of this partition.

        Notes
        -----
        Theorems: log-partition, partition-of-the-union.
        """
        return self._evaluate(x, Evaluation.log_probs)

    def softmax(self, x: ArrayT, /) -> ArrayT:
        """Return exp(x − A) for logits x of some or all classes of these rows.

        Parameters
        ----------
        x : array, real, shape ``(..., K)``
            Logits; of classes that the partition leaves out, also nan and inf, which stay what they are.

        Returns
        -------
        array
            Probabilities, of the shape and dtype of `x`.

        Raises
        ------
        TypeError
            If `x` is complex, or not of the library of this partition.
        ValueError
            If the rows of `x` are not those of this partition.

        Notes
        -----
        Theorems: log-partition, partition-of-the-union, class-axis, class-axes.
        """
        return self._evaluate(x, Evaluation.probs)

    def _evaluate(self, x: ArrayT, result: Callable[[Evaluation], Array]) -> ArrayT:
        xp, back, x, m, tail = entered(self.axis, x=x, max=self.max, tail=self.tail)
        rows = Rows.of("x", x, self.axis, xp).unmoved()
        same_shape("max", m, rows.batch_shape, "the rows of `x`")
        brought = rows.bring(x)

        def work(part: Part) -> tuple[Array]:
            xp, u, top = part.frame.xp, part.rows(brought), part.column(m)
            return (result(Evaluation(xp, top, part.column(tail), exponentials(u, top, xp))),)

        with quiet(xp):
            (value,) = Parts(rows, m, tail).run(work, "rows")
            found: ArrayT = back(value)
            return found
