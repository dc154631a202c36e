"""`LogPartition`: (max, tail), the one reduction, mergeable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple

from xent_arrayapi._host import finite_throughout, sums_apart
from xent_arrayapi._namespace import namespace_of, on_host, quiet, sum_rows
from xent_arrayapi._rows import Rows
from xent_arrayapi._typing import ArrayT, Axis, LogitsT, SupportsArray
from xent_arrayapi._validate import same_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._host import Indexed
    from xent_arrayapi._picked import Marked
    from xent_arrayapi._typing import Array, Namespace


class Exponentials(NamedTuple):
    """What a row looks like from its maximum m."""

    d: Array
    """u − m, at most 0; −inf for a class infinitely far below."""
    e: Array
    """exp(u − m)."""
    side: Array
    """Below 0 where the logit is below m."""

    def top(self, xp: Namespace) -> Array:
        """Return where the logit is m: the ties, all of them."""
        return xp.logical_not(self.side < 0)


def row_max(u: Array, xp: Namespace) -> Array:
    """Return m = max u of each row, −inf for a row without classes; Dask has no maximum of no rows either."""
    if 0 in u.shape:
        return xp.full_like(xp.sum(u, axis=-1, keepdims=True), -xp.inf)
    return xp.max(u, axis=-1, keepdims=True)


def shift_error(u: Array, m: Array, d: Array) -> Array:
    """Return (u − m) − d, the rounding error of d = fl(u − m), exactly (Møller 1965, Knuth 1969: TwoDiff)."""
    b = d - u
    return (u - (d - b)) - (m + b)


def shift(u: Array, m: Array, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return where u − m is finite, and there u − m as a rounded value and its error; elsewhere 0 and 0, or nan."""
    centre = xp.where(xp.isinf(m), 0, m)
    near = xp.logical_and(xp.isfinite(u), xp.isfinite(m))
    v = xp.where(near, u, centre)
    d = v - centre
    return xp.logical_and(near, xp.isfinite(d)), d, shift_error(v, centre, d)


def corrected(d: Array, error: Array, xp: Namespace) -> Array:
    """Return exp(d + error), with what rounding has taken from d put back."""
    return xp.exp(d) * (1 + error)


def exponentials(u: Array, m: Array, xp: Namespace) -> Exponentials:
    """Evaluate exp(u − m), with the rounding error of the shift put back.

    A nonfinite logit takes no part in the subtraction: where it is m it counts as 0, elsewhere as −inf.
    """
    near, d, error = shift(u, m, xp)
    side = xp.where(u < m, -xp.ones_like(u), 0)
    inside = xp.logical_or(xp.logical_not(u < m), near)
    return Exponentials(xp.where(inside, d, -xp.inf), xp.where(inside, corrected(d, error, xp), 0), side)


def finite_exponentials(u: Array, m: Array, xp: Namespace) -> Exponentials:
    """Evaluate exp(u − m) without guards: nan where a logit or a spread is not finite."""
    d = u - m
    return Exponentials(d, corrected(d, shift_error(u, m, d), xp), d)


def tail_of(m: Array, rows: Exponentials, xp: Namespace) -> Array:
    """Return Σ exp(u − m) − 1: the classes below m, and (ties − 1), which is exact."""
    if on_host(xp) and 0 not in rows.e.shape:
        below, ties = sums_apart(rows.e)
    else:
        top = rows.top(xp)
        below = sum_rows(xp.where(top, 0, rows.e), xp)
        ties = sum_rows(xp.where(top, rows.e, 0), xp)
    return xp.where(m == -xp.inf, 0, below + (ties - 1))


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


def sign_of(x: Array, xp: Namespace) -> Array:
    """Return −1, 0 or 1, or nan: of nan, some libraries make 0, and torch's wrapper cannot be batched."""
    return xp.where(x > 0, xp.ones_like(x), xp.where(x < 0, -1, x))


def signed_logsumexp(u: Array, w: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return log |Σ w exp(u)| and the sign of the sum; a class of weight 0 is left out."""
    u = xp.where(w == 0, -xp.inf, u)
    scores = u + xp.log(xp.where(w == 0, 1, xp.abs(w)))
    m = row_max(scores, xp)
    top = xp.logical_not(scores < m)
    near, d, error = shift(u, m, xp)
    half = xp.exp(d / 2)
    terms = xp.where(near, half * w * half * (1 + error), xp.where(top, sign_of(w, xp) + d, 0))
    terms = xp.where(m == -xp.inf, 0, terms)
    return signed_log(m, terms, top, xp)


def signed_log(m: Array, terms: Array, top: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return m + log |Σ terms| and the sign of the sum, nan where it is +inf − inf."""
    total = sum_rows(terms, xp)
    sign = sign_of(total, xp)
    tail = sum_rows(xp.where(top, 0, sign * terms), xp) + (sum_rows(xp.where(top, sign * terms, 0), xp) - 1)
    size = xp.where(total == 0, 1, sign * total)
    value = m + xp.where(2 * size > 1, xp.log1p(xp.where(2 * size > 1, tail, 0)), xp.log(size))
    both = xp.logical_and(m == xp.inf, xp.abs(total) != sum_rows(xp.abs(terms), xp))
    value = xp.where(both, xp.nan, xp.where(total == 0, -xp.inf, value))
    return value, xp.where(both, xp.nan, sign)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Rows of logits held against a partition: all that softmax is made of."""

    xp: Namespace
    m: Array
    tail: Array
    rows: Exponentials
    mask: Array | None = None

    @classmethod
    def of(cls, u: Array, xp: Namespace, mask: Array | None = None) -> Evaluation:
        """Evaluate rows against their own partition, over the classes that a mask leaves."""
        if mask is not None:
            u = xp.where(mask, u, -xp.inf)
        m = row_max(u, xp)
        if on_host(xp) and mask is None and 0 not in u.shape:
            got = cls._by(finite_exponentials(u, m, xp), m, xp)
            if finite_throughout(m + got.tail):  # which it is only where all logits and spreads are
                return got
        return cls._by(exponentials(u, m, xp), m, xp, mask)

    @classmethod
    def _by(cls, rows: Exponentials, m: Array, xp: Namespace, mask: Array | None = None) -> Evaluation:
        return cls(xp, m, tail_of(m, rows, xp), rows, mask)

    def at(self, one: Marked | Indexed) -> Evaluation:
        """Return the evaluation of one class of each row, in which other classes may stand for anything."""
        found = {key: one.of(x) for key, x in {id(x): x for x in self.rows}.items()}  # once of each array
        rows = Exponentials(*(found[id(x)] for x in self.rows))
        return Evaluation(self.xp, self.m, self.tail, rows, None if self.mask is None else one.of(self.mask))

    @property
    def top(self) -> Array:
        """Where a logit is the maximum of its row."""
        return self.rows.top(self.xp)

    @property
    def total(self) -> Array:
        """Σ exp(u − m) = 1 + tail; nan for a row that is −inf throughout, which has no softmax."""
        return self.xp.where(self.m == -self.xp.inf, self.xp.nan, 1 + self.tail)

    @property
    def log_total(self) -> Array:
        """The logarithm of the total, without cancellation."""
        return self.xp.where(self.m == -self.xp.inf, self.xp.nan, self.xp.log1p(self.tail))

    @property
    def log_partition(self) -> Array:
        """A, one number per row."""
        return log_partition(self.m, self.tail, self.xp)

    def probs(self) -> Array:
        """Return S, 0 at a masked class."""
        return self.masked(self.rows.e / self.total, 0)

    def complements(self) -> Array:
        """Return 1 − S, never 1 minus a rounded S: at the maximum 1 − e is exactly 0, but its derivative is not."""
        total, e = self.total, self.rows.e
        return self.xp.where(self.top, self.tail + (1 - e), total - e) / total

    def log_probs(self) -> Array:
        """Return log S, at most 0: a sum of two terms of one sign."""
        return self.masked(self.rows.d - self.log_total, -self.xp.inf)

    def surprisals(self) -> Array:
        """Return −log S, at least 0."""
        return self.masked(self.log_total - self.rows.d, self.xp.inf)

    def masked(self, x: Array, value: float) -> Array:
        """Return x with a value at the masked classes."""
        return x if self.mask is None else self.xp.where(self.mask, x, value)


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
        mask = rows.mask("where", where)
        with quiet(xp):
            got = Evaluation.of(rows.last(x), xp, mask)
            return LogPartition(rows.reduced(got.m), rows.reduced(got.tail), axis)

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
        m, tail = xp.expand_dims(self.max, axis=-1), xp.expand_dims(self.tail, axis=-1)
        with quiet(xp):
            u = rows.last(x)
            value: ArrayT = rows.back(result(Evaluation(xp, m, tail, exponentials(u, m, xp))))
            return value
