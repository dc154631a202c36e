"""`LogPartition`: (max, tail), the one reduction, mergeable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from xent_arrayapi._blocks import Parts
from xent_arrayapi._exponentials import Relative, Shifted, exponentials, finite_exponentials, row_max, tail_of
from xent_arrayapi._host import Largest, difference, finite_throughout, references
from xent_arrayapi._namespace import namespace_of, on_host, quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._typing import ArrayT, Axis, LogitsT, SupportsArray
from xent_arrayapi._validate import same_shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from xent_arrayapi._blocks import Part
    from xent_arrayapi._picked import Reader
    from xent_arrayapi._typing import Array, Namespace


def merged(m1: Array, t1: Array, m2: Array, t2: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return the (max, tail) of the union of two disjoint sets of classes."""
    first = xp.logical_or(m1 >= m2, xp.isnan(m1))
    m, t = xp.where(first, m1, m2), xp.where(first, t1, t2)
    low, low_tail = xp.where(first, m2, m1), xp.where(first, t2, t1)
    share = xp.where(low == -xp.inf, 0, (1 + low_tail) * exponentials(low, m, xp).e)
    return m, t + share


def log_partition(m: Array, tail: Array, xp: Namespace) -> Array:
    """Return A = log Σ exp(u) = m + log1p(tail)."""
    return m + xp.log1p(tail)


@dataclass(eq=False)
class Evaluation:
    """Rows of logits held against a partition: all that softmax is made of."""

    xp: Namespace
    m: Array
    tail: Array
    """The sum of exponentials but for one of m."""
    rows: Shifted | Relative
    mask: Array | None = None
    largest: Array | None = None
    """The exponential of m; None for 1."""
    sound: bool = False
    """Whether it is known that no row is −inf throughout."""

    @classmethod
    def of(cls, u: Array, xp: Namespace, mask: Array | None = None, **host: Any) -> Evaluation:
        """Evaluate rows against their own partition, over the classes that a mask leaves; NumPy's have options."""
        if mask is not None:
            u = xp.where(mask, u, -xp.inf)
        if on_host(xp) and 0 not in u.shape:
            return EvaluationOnHost.of_rows(u, mask, **host)
        m = row_max(u, xp)
        rows = exponentials(u, m, xp)
        return cls(xp, m, tail_of(m, rows, xp), rows, mask)

    def at(self, one: Reader) -> Self:
        """Return the evaluation of one class of each row, in which other classes may stand for anything."""
        rows, mask = self.rows.of(one, self.m, self.xp), None if self.mask is None else one.of(self.mask)
        return type(self)(self.xp, self.m, self.tail, rows, mask, self.largest, self.sound)

    @property
    def top(self) -> Array:
        """Where a logit is the maximum of its row."""
        return self.xp.logical_not(self.rows.u < self.m)

    @property
    def total(self) -> Array:
        """The sum of exponentials; nan for a row that is −inf throughout, which has no softmax."""
        return self._of_rows((1 if self.largest is None else self.largest) + self.tail)

    @property
    def relative_tail(self) -> Array:
        """Σ exp(u − m) − 1."""
        return self.tail if self.largest is None else self.tail / self.largest

    @property
    def log_total(self) -> Array:
        """The logarithm of Σ exp(u − m), without cancellation."""
        return self._of_rows(self.xp.log1p(self.relative_tail))

    def _of_rows(self, column: Array) -> Array:
        return column if self.sound else self.xp.where(self.m == -self.xp.inf, self.xp.nan, column)

    @property
    def log_partition(self) -> Array:
        """A, one number per row."""
        return log_partition(self.m, self.relative_tail, self.xp)

    def probs(self) -> Array:
        """Return S, 0 at a masked class."""
        return self.masked(self.rows.e / self.total, 0)

    def others(self) -> Array:
        """Return the sum of all exponentials but one, for each: tail and 1 − e are at least 0, and at m that is 0."""
        return self.tail + ((1 if self.largest is None else self.largest) - self.rows.e)

    def complements(self) -> Array:
        """Return 1 − S, never 1 minus a rounded S."""
        return self.others() / self.total

    def spare(self, *, last: bool) -> Array:  # noqa: ARG002  # where arrays are written to, it is a copy
        """Return the exponentials as an array to compute in, where they are asked for the last time or not."""
        return self.rows.e

    def shares(self, x: Array) -> Array:
        """Return x over the sum of exponentials, where x is not asked for any more."""
        return x / self.total

    def log_probs(self) -> Array:
        """Return log S, at most 0: a sum of two terms of one sign."""
        return self.masked(self.rows.d - self.log_total, -self.xp.inf)

    def last_log_probs(self) -> Array:
        """Return log S where the exponentials are not asked for any more."""
        return self.log_probs()

    def surprisals(self) -> Array:
        """Return −log S, at least 0."""
        return self.masked(self.log_total - self.rows.d, self.xp.inf)

    def masked(self, x: Array, value: float) -> Array:
        """Return x with a value at the masked classes."""
        return x if self.mask is None else self.xp.where(self.mask, x, value)


@dataclass(eq=False)
class EvaluationOnHost(Evaluation):
    """Rows of NumPy: what is asked for more than once is kept, and their values tell how they are evaluated."""

    kept: dict[Any, Any] = field(default_factory=dict)
    """Columns by their name; the evaluation of one class of each row by what picks it."""

    @property
    def total(self) -> Array:
        """The sum of exponentials."""
        if "total" not in self.kept:
            self.kept["total"] = super().total
        return self.kept["total"]

    @property
    def top(self) -> Array:
        """Where a logit is the maximum of its row."""
        if "top" not in self.kept:
            self.kept["top"] = super().top
        return self.kept["top"]

    def at(self, one: Reader) -> Self:
        """Return the evaluation of one class of each row."""
        if one not in self.kept:
            found = super().at(one)
            found.kept["total"] = self.total
            self.kept[one] = found
        kept: Self = self.kept[one]
        return kept

    def spare(self, *, last: bool) -> Array:
        """Return the exponentials or a copy of them, to write to."""
        return self.rows.e if last else self.rows.e.copy(order="K")

    def shares(self, x: Array) -> Array:
        """Return x over the sum of exponentials, in the memory of x."""
        x /= self.total
        return x

    def last_log_probs(self) -> Array:
        """Return log S, in the memory of the exponentials."""
        if not isinstance(self.rows, Relative) or self.mask is not None:
            return self.log_probs()
        return difference(difference(self.rows.u, self.m, self.rows.e), self.log_total, self.rows.e)

    @classmethod
    def of_rows(cls, u: Array, mask: Any, *, in_place: bool = False, room: Any = None) -> EvaluationOnHost:
        """Evaluate rows relative to m, or to 0 where they may be left in place, and without guards if that will do.

        Where there is room for their exponentials, these may be written to it.
        """
        xp, top = namespace_of(u=u), Largest.of(u)
        m = top.m
        r = references(u, m) if in_place else m
        if r is None or mask is None:  # behind a mask, nothing is finite
            e = xp.exp(u, out=room) if r is None else finite_exponentials(u, r, xp)
            tail, largest = top.apart(e)
            got = cls(xp, m, tail, Relative(u, m, e), mask, largest, sound=True)
            if r is None or finite_throughout(got.total):  # which it is only where all logits and spreads are
                return got
        rows = exponentials(u, m, xp)
        rows = Shifted(u, rows.d, exponentials(u, r, xp).e)
        tail, largest = top.apart(rows.e)
        return cls(xp, m, xp.where(m == -xp.inf, 0, tail), rows, mask, largest)


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
        xp = namespace_of(x=x, where=where)
        rows = Rows.of("x", x, axis, xp)
        mask, brought = rows.mask("where", where), rows.bring(x)

        def work(part: Part) -> tuple[Array, Array]:
            left = None if mask is None else part.mask(mask)
            got = Evaluation.of(part.rows(brought), part.frame.xp, left, in_place=part.in_place)
            return got.m, got.relative_tail

        with quiet(xp):
            m, tail = Parts(rows, mask).run(work, "column", "column")
            return LogPartition(m, tail, axis)

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
            Logits.

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
            Logits.

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
        xp = namespace_of(x=x, max=self.max, tail=self.tail)
        rows = Rows.of("x", x, self.axis, xp)
        same_shape("max", self.max, rows.batch_shape, "the rows of `x`")
        brought = rows.bring(x)

        def work(part: Part) -> tuple[Array]:
            xp, u, m = part.frame.xp, part.rows(brought), part.column(self.max)
            return (result(Evaluation(xp, m, part.column(self.tail), exponentials(u, m, xp))),)

        with quiet(xp):
            value: ArrayT
            (value,) = Parts(rows, self.max, self.tail).run(work, "rows")
            return value
