"""Rows of logits held against their partition: all that softmax is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xent_arrayapi._exponentials import Relative, Shifted, exponentials, finite_exponentials, row_max, tail_of
from xent_arrayapi._host import (
    Top,
    difference,
    finite_throughout,
    in_columns,
    left_in_place,
    near_one,
    sharpened,
    some_rows,
    sum_for_logarithm,
)
from xent_arrayapi._libraries import is_by_xla, is_torch, on_host
from xent_arrayapi._namespace import sum_rows
from xent_arrayapi._tensors import is_for_its_value

if TYPE_CHECKING:
    from typing import Self

    from xent_arrayapi._host import Indexed
    from xent_arrayapi._picked import Reader
    from xent_arrayapi._typing import Array, Namespace


def log_partition(m: Array, tail: Array, xp: Namespace) -> Array:
    """Return A = log Σ exp(u) = m + log1p(tail), of NumPy's float32 by way of float64: its log1p is off by 2 ulp."""
    if on_host(xp) and m.dtype == xp.float32:
        return log_partition(m.astype(xp.float64), tail.astype(xp.float64), xp).astype(m.dtype)
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
    def of(
        cls,
        u: Array,
        xp: Namespace,
        mask: Array | None = None,
        *,
        quotients: bool = False,
        sums: bool = False,
        **host: Any,
    ) -> Evaluation:
        """Evaluate rows against their own partition, over the classes that a mask leaves; NumPy's have options.

        Of exponentials, their quotients with their sum may be all that is asked for, or their sums.  A sum of XLA is
        off by so much that its largest term is left out at any cost: with it, softmax has 6.9 ulp instead of 4.4.
        """
        if mask is not None:
            u = xp.where(mask, u, -xp.inf)
        if on_host(xp) and 0 not in u.shape:
            return EvaluationOnHost.of_rows(u, xp, mask, quotients=quotients, **host)
        m = row_max(u, xp)
        rows = exponentials(u, m, xp, late=is_torch(xp) and is_for_its_value(u))
        if quotients and not is_by_xla(xp):
            return cls(xp, m, sum_rows(rows.e, xp, within_one=True), rows, mask, 0)
        return cls(xp, m, tail_of(m, rows, xp, fused=sums and is_by_xla(xp)), rows, mask)

    @classmethod
    def logsumexp(cls, u: Array, xp: Namespace, mask: Array | None = None, *, in_place: bool) -> Array:
        """Evaluate A of rows over the classes that a mask leaves, and nothing else."""
        if mask is None and on_host(xp) and in_place:
            return EvaluationOnHost.logarithms(u, xp)
        return cls.of(u, xp, mask, sums=True).log_partition

    def at(self, one: Reader) -> Self:
        """Return the evaluation of one class of each row, in which other classes may stand for anything."""
        rows, mask = self.rows.of(one, self.m, self.xp), None if self.mask is None else one.of(self.mask)
        return type(self)(self.xp, self.m, self.tail, rows, mask, self.largest, self.sound)

    @property
    def top(self) -> Array:
        """Where a logit is the maximum of its row."""
        return self.xp.logical_not(self.rows.u < self.m)

    @property
    def peak(self) -> Array | Indexed:
        """Where a logit is the maximum of its row, or the index of one that is."""
        return self.top

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

    def last_probs(self) -> Array:
        """Return S where the exponentials are not asked for any more."""
        return self.masked(self.shares(self.spare(last=True)), 0)

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

    picked: tuple[Any, Any] = None, None
    """What picks one class of each row, and the evaluation of this class."""
    held: Indexed | None = None
    """What picks the class of m, where that is known: a largest logit, or the label where nothing else is asked for."""
    height: Array | None = None
    """The logarithm of `largest`, where that is not as accurate as it is."""
    known_total: Array | None = None
    known_top: Array | None = None

    @property
    def total(self) -> Array:
        """The sum of exponentials."""
        if self.known_total is None:
            self.known_total = super().total
        return self.known_total

    @property
    def top(self) -> Array:
        """Where a logit is the maximum of its row."""
        if self.known_top is None:
            self.known_top = super().top
        return self.known_top

    @property
    def peak(self) -> Array | Indexed:
        """The class of m."""
        return self.top if self.held is None else self.held

    @property
    def log_total(self) -> Array:
        """The logarithm of Σ exp(u − m), of float32 by way of float64: NumPy's log1p is off by 2 ulp there."""
        if self.m.dtype != self.xp.float32:
            return super().log_total
        tail, largest = self.tail.astype(self.xp.float64), self.largest
        if self.height is not None:
            largest = self.xp.exp(self.height, dtype=self.xp.float64)
        if largest is not None:
            tail = tail / largest
        return self._of_rows(self.xp.log1p(tail).astype(self.xp.float32))

    def at(self, one: Reader) -> Self:
        """Return the evaluation of one class of each row."""
        if self.picked[0] is not one:
            self.picked = one, self._of_top(one) if one is self.held else super().at(one)
            self.picked[1].known_total, self.picked[1].height = self.total, self.height
        found: Self = self.picked[1]
        return found

    def _of_top(self, one: Reader) -> Self:
        """Return the evaluation of the class of m."""
        mask = None if self.mask is None else one.of(self.mask)
        return type(self)(
            self.xp, self.m, self.tail, Relative(self.m, self.m, self.largest), mask, self.largest, self.sound
        )

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
    def of_rows(
        cls,
        u: Array,
        xp: Namespace,
        mask: Any,
        *,
        in_place: bool = False,
        room: Any = None,
        quotients: bool = False,
        logarithms: bool = False,
        q: Any = None,
        products: bool = False,
        z_loss: float = 0,
    ) -> EvaluationOnHost:
        """Evaluate rows relative to m, or to 0 where they may be left in place, and without guards if that will do.

        Where there is room for their exponentials, these may be written to it.  Where nothing is asked for but their
        quotients with their sum, or these and what is of a label, the logit of any class or of the label stands for m.
        Where it is logarithms, the largest exponential is not evaluated anew, but its logarithm is m.
        """
        if in_place:
            label = None if q is None or products or z_loss or q.weights is not None else q.label
            e = xp.exp(u, out=room)
            return cls._in_place(u, xp, mask, e, quotients=quotients, logarithms=logarithms, label=label)
        top = Top.of(u)
        if mask is None:  # behind a mask, nothing is finite
            e = finite_exponentials(u, top.m, xp)
            known = 1 if u.shape[-1] > 1 else None  # of a single class, nothing else tells that it is nan
            tail, largest = top.apart(e, known)
            got = cls(xp, top.m, tail, Relative(u, top.m, e), None, None if known else largest, sound=True)
            got.held = top.place
            if finite_throughout(got.total):  # which it is only where all logits and spreads are
                return got
        return cls._guarded(exponentials(u, top.m, xp), top, xp, mask)

    @classmethod
    def _in_place(
        cls, u: Array, xp: Namespace, mask: Any, e: Array, *, quotients: bool, logarithms: bool, label: Any
    ) -> EvaluationOnHost:
        """Evaluate rows by their exponentials as they are, and those rows by a shift that cannot be left in place."""
        coarse, across = u.dtype == xp.float32, in_columns(u)
        if quotients and (across or not coarse):  # sums are what is asked for
            top, tail, largest = None, sum_rows(e, xp), 0
        else:
            top = Top.of_exponentials(u, e, label)
            tail, largest = top.apart(e, back=logarithms or not (coarse and across))
        m, height, total = tail if top is None else top.m, None, None
        if coarse and across:
            if logarithms:
                height = m
            else:
                tail, largest, total = sharpened(u, e, top, tail, largest)
        got = cls(xp, m, tail, Relative(u, m, e), mask, largest, sound=True, height=height)
        got.held, got.known_total = None if top is None else top.place, total
        left = left_in_place(got.total, e)
        if left is None:
            return got
        if not left.any():
            return cls.of_rows(u, xp, mask)
        top = Top.of(u) if top is None else top.where(left, u)
        rows = exponentials(u, top.m, xp)
        some = cls._guarded(rows._replace(e=xp.where(left, e, rows.e)), top, xp, mask)
        some.tail, some.largest = xp.where(left, tail, some.tail), xp.where(left, largest, some.largest)
        some.known_total = xp.where(left, got.total, some.total)
        some.height = None if height is None else xp.where(left, top.m, 0)
        return some

    @classmethod
    def _guarded(cls, rows: Shifted, top: Top, xp: Namespace, mask: Any) -> EvaluationOnHost:
        tail, largest = top.apart(rows.e)
        return cls(xp, top.m, xp.where(top.m == -xp.inf, 0, tail), rows, mask, largest, held=top.place)

    @classmethod
    def logarithms(cls, u: Array, xp: Namespace) -> Array:
        """Return A of rows: log Σ exp(u) itself, where that is far enough from 0, and else by maximum and tail."""
        total = sum_for_logarithm(xp.exp(u))
        value, others = xp.log(total), near_one(total)
        if others.size:
            found = cls.of_rows(some_rows(u, others), xp, None).log_partition
            value[others] = found[: others.size]
        return value
