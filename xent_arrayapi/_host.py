"""What NumPy does by index and in place, where other libraries take a mask."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    from xent_arrayapi._typing import Array

    Made = TypeVar("Made")


def numpy() -> Any:
    """Return NumPy, which whoever has an array of it has imported."""
    return sys.modules["numpy"]


def with_value(original: Made, name: str, value: Any) -> Made:
    """Return a copy of an object that has another value of one attribute: `copy` takes several times as long."""
    copied = object.__new__(type(original))
    copied.__dict__ |= original.__dict__ | {name: value}
    return copied


ROWS_OF = range(256, 8192)
"""Classes for which a row is made as long as NumPy's buffer: it then takes a row at a time, and copies no column."""
KEPT = 2**24
"""Bytes: glibc keeps twice as much of what is freed, once that many were freed at once, and some blocks are enough."""


@contextlib.contextmanager
def buffered(classes: int) -> Iterator[None]:
    """Make NumPy's buffer no longer than rows, so that it copies no column into it: see the log in `docs/speed.md`.

    It is not much shorter either: NumPy 1 adds up what it has summed of each buffer naively.
    """
    before = numpy().getbufsize()
    if classes in ROWS_OF:
        numpy().setbufsize(classes // 16 * 16)
    try:
        yield
    finally:
        numpy().setbufsize(before)


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep what blocks free: it would give it back, and be given it anew, a page at a time."""
    numpy().empty(KEPT, dtype="int8")


def finite_throughout(x: Array) -> bool:
    """Tell whether all elements are finite, of positive ones whose sum would not overflow."""
    return math.isfinite(numpy().add.reduce(x, axis=None))


def difference(x: Array, y: Array, room: Array | None) -> Array:
    """Return x − y, where there is room for it in an array that is not asked for any more."""
    return numpy().subtract(x, y, out=room)


def product(x: Array, y: Array, room: Array | None) -> Array:
    """Return x y, where there is room for it in an array that is not asked for any more."""
    return numpy().multiply(x, y, out=room)


NEAR = {4: 62.0, 8: 496.0}
"""By the bytes of a number, 0.7 of the logarithm of the largest one: no memory holds as many exponentials of that as
their sum would need to overflow."""
LEAST_SUM = 0.5
"""The least sum of a row of which exponentials may be subnormal: quotients are then at most twice as large."""
LOW = {4: -20.0, 8: -200.0}
"""The least logit that the others of its row are held against: exp(near − low) is no overflow."""


def left_in_place(total: Array, e: Array) -> Array | None:
    """Mark the rows whose exponentials need no shift, by these and by their sums; None where that is all.

    They and their sum are normal numbers, or else so small beside a sum of 0.5 or more that their quotients with it are
    subnormal too.  What other rows there are does not matter, so that it changes no bit of a row.
    """
    near = NEAR[min(total.dtype.itemsize, 8)]
    high, low = math.exp(near), math.exp(-near)
    if total.max() <= high and (total.min() >= LEAST_SUM or e.min() >= low):
        return None
    return (total <= high) & ((total >= LEAST_SUM) | (e.min(axis=-1, keepdims=True) >= low))


FAR = 2.0
"""The size of a logarithm from which on it is about as coarse as the rounding of its argument."""


def near_one(total: Array) -> Array:
    """Return the numbers of the rows of which a sum of exponentials does not tell the logarithm.

    From exp(−near) to exp(near) it does, whatever is subnormal or lost beside it, but not near 1.
    """
    near = NEAR[min(total.dtype.itemsize, 8)]
    large, small = (total >= math.exp(FAR)) & (total <= math.exp(near)), total <= math.exp(-FAR)
    return numpy().flatnonzero(~(large | (small & (total >= math.exp(-near)))))


def some_rows(u: Array, numbers: Array) -> Array:
    """Return some rows, as they lie in memory: at least two, for one row has no layout of its own."""
    if numbers.size == u.shape[0]:
        return u
    numbers = numbers.repeat(2) if numbers.size == 1 else numbers
    return u.T.take(numbers, axis=1).T if in_columns(u) else u[numbers]


class Top(NamedTuple):
    """One logit of each row, a largest one or another, that the others are held against, and its class."""

    m: Array
    place: Indexed | None
    """None for a largest one in rows across memory, which is found without it."""

    @classmethod
    def of(cls, u: Array, *, indexed: bool = False) -> Top:
        """Find a largest logit: by its index where rows are contiguous, or where that is asked for."""
        if in_columns(u) and not indexed:
            return cls(u.max(axis=-1, keepdims=True), None)
        return cls.at(u, u.argmax(axis=-1, keepdims=True))

    @classmethod
    def of_exponentials(cls, u: Array, e: Array, one: Indexed | None) -> Top:
        """Take one class of each row where its logit is not low, and else a largest one.

        In float32 along memory it is a largest one, whose exponential is evaluated anew: it is off by 2 ulp, and a sum
        may be of it alone.
        """
        if in_columns(u):
            if one is None:
                return cls.of(u)
        elif one is None or e.dtype == numpy().float32:
            place = Indexed(e.argmax(axis=-1, keepdims=True))
            m = place.of(u)
            if e.dtype == numpy().float32:
                place.put(e, numpy().exp(m, dtype="float64").astype("float32"))
            return cls(m, place)
        own, low = one.of(u), LOW[min(u.dtype.itemsize, 8)]
        if own.min() >= low:
            return cls(own, one)
        return cls.at(u, numpy().where(own >= low, one.index, e.argmax(axis=-1, keepdims=True)))

    @classmethod
    def at(cls, u: Array, index: Array) -> Top:
        """Take a class of each row by its index."""
        place = Indexed(index)
        return cls(place.of(u), place)

    def where(self, kept: Array, u: Array) -> Top:
        """Return what rows are held against of which some are kept and others take a largest logit."""
        largest = Top.of(u, indexed=self.place is not None)
        if self.place is None or largest.place is None:
            return largest
        return Top.at(u, numpy().where(kept, self.place.index, largest.place.index))

    def apart(self, e: Array, own: Any = None, *, back: bool = True) -> tuple[Array, Array]:
        """Return the sum of exponentials but for that of this logit, and this one, which may be known, and put back."""
        if self.place is None:
            return _apart_in_columns(e)
        own = self.place.of(e) if own is None else own
        rest = sum_rows(self.place.put(e, 0))
        if back:
            self.place.put(e, own)
        return rest, own


class Sums(NamedTuple):
    """The sum of exponentials but for one, this one, and both."""

    tail: Array
    largest: Any
    total: Array


def sharpened(u: Array, e: Array, top: Top | None, tail: Array, largest: Any) -> Sums:
    """Correct sums of exponentials of float32 across memory by the error of a largest one: it is off by 2 ulp.

    It is a part of the tail, unless it is what the others are held against, and then corrected itself.  No other one is
    left above the sum.  Where no class is held against, all is tail; where its place is not known, nothing is done.
    """
    if top is not None and top.place is None:
        return Sums(tail, largest, tail + largest)
    np, m = numpy(), u.max(axis=-1, keepdims=True)
    plain = np.exp(m)
    off = np.exp(m, dtype="float64") - plain
    total = (off + tail + largest).astype(e.dtype)
    if top is None:
        tail = total
    else:
        mine = top.m == m
        tail = (tail + np.where(mine, 0, off)).astype(e.dtype)
        largest = (largest + np.where(mine, off, 0)).astype(e.dtype)
    if (plain > total).any():
        np.minimum(e, total, out=e)
    if top is not None and top.place is not None:
        top.place.put(e, largest)
    return Sums(tail, largest, total)


def _apart_in_columns(e: Array) -> tuple[Array, Array]:
    """Let columns meet in pairs: the larger of two stays, and what is left of it is added up, in halves.

    The odd ones meet each other first: what is added to all others is rounded as they are.
    """
    rest, largest, odd = None, e, None
    while largest.shape[-1] > 1:
        half, more = divmod(largest.shape[-1], 2)
        parts = (slice(half), slice(half, 2 * half), slice(2 * half, None))[: 2 + more]
        one, other, *last = ((None if rest is None else rest[..., part], largest[..., part]) for part in parts)
        if last:
            odd = last[0] if odd is None else _met(odd, last[0])
        rest, largest = _met(one, other)
    rest, largest = (rest, largest) if odd is None else _met((rest, largest), odd)
    return numpy().zeros_like(e) if rest is None else rest, largest


def _met(one: tuple[Any, Array], other: tuple[Any, Array]) -> tuple[Array, Array]:
    """Return what is left of two, with what was left before, and the larger."""
    rest = numpy().minimum(one[1], other[1])
    for before in (one[0], other[0]):
        if before is not None:
            rest += before
    return rest, numpy().maximum(one[1], other[1])


def in_columns(x: Array) -> bool:
    """Tell whether the rows of a matrix lie across memory, so that its columns are contiguous."""
    return x.ndim == 2 and x.flags.f_contiguous and not x.flags.c_contiguous


def sum_rows(x: Array) -> Array:
    """Sum rows, whichever way they lie in memory."""
    return sum_columns(x) if in_columns(x) else sum_along(x)


def sum_columns(x: Array) -> Array:
    """Sum rows that lie across memory: float32 in float64, and float64 in halves: NumPy adds column after column."""
    np = numpy()
    if x.dtype == np.float32:
        return np.add.reduce(x, axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    return _sum_by_halves(x)


HALVED = 64
"""Terms up to which six halvings cost 3 ulp, of which a logarithm of 2 and more keeps half."""


def sum_for_logarithm(x: Array) -> Array:
    """Sum rows of which nothing but the logarithm is asked for: a few across memory in halves, also of float32."""
    return _sum_by_halves(x) if in_columns(x) and x.shape[-1] <= HALVED else sum_rows(x)


def _sum_by_halves(x: Array) -> Array:
    odd: list[Array] = []
    while x.shape[-1] > 1:
        half, rest = divmod(x.shape[-1], 2)
        if rest:
            odd.append(x[..., -1:])
        x = x[..., :half] + x[..., half : 2 * half]
    return x if not odd else x + sum(odd[1:], odd[0])


PIECE, LONG_PIECE, LONG = 32, 64, 256
"""How many terms einsum adds in one go, a few side by side: more, from some number of terms on."""
MANY = 640
"""Terms from which on those of float32 are not added in float64 one by one, but in pieces."""


def sum_along(x: Array, *others: Array) -> Array:
    """Sum rows that lie along memory, or their products with others, none of which is written down.

    They are added in pieces: NumPy's own sum is off by up to 4 ulp, and takes longer.  Terms of float32 are added in
    float64, or, where they are many, their pieces, for its exp is off by 2 ulp already.  The sums of pieces are added
    likewise: in operations that are few, for threads wait for each.
    """
    np, terms = numpy(), x.shape[-1]
    if x.dtype == np.float32 and terms < MANY and not others:
        return np.einsum("...k->...", x, dtype=np.float64)[..., None].astype(np.float32)
    added = "...k,...k->..." if others else "...k->..."
    piece = PIECE if terms < LONG else LONG_PIECE
    if terms <= piece:
        return np.einsum(added, x, *others)[..., None]
    whole = terms // piece * piece
    pieces = np.einsum(added, *(y[..., :whole].reshape(*y.shape[:-1], -1, piece) for y in (x, *others)))
    total = sum_along(pieces.astype(np.result_type(x.dtype, np.float64), copy=False))
    if whole < terms:
        total += np.einsum(added, *(y[..., whole:] for y in (x, *others)))[..., None]
    return total.astype(x.dtype, copy=False)


def sum_products(x: Array, y: Array) -> Array:
    """Sum the products of rows, whichever way they lie in memory."""
    return sum_along(x, y) if x.flags.c_contiguous and y.flags.c_contiguous else sum_rows(x * y)


class Indexed:
    """One class of each row, by its index: what `Marked` is by a mask."""

    def __init__(self, index: Array) -> None:
        """Hold a column of indices in 0..K − 1."""
        self.index = index
        self._along: Array | None = None
        self._across: Array | None = None

    def of(self, x: Array) -> Array:
        """Return the entries of this class, as a column; a vector is the same for all rows."""
        if x.ndim < self.index.ndim:
            return x[self.index]
        if x.flags.c_contiguous:
            return x.take(self._places(x) if self._along is None else self._along)
        if in_columns(x):
            return x.T.take(self._places_across(x))
        return numpy().take_along_axis(x, self.index, axis=-1)

    def put(self, x: Array, column: Any) -> Array:
        """Write entries of this class into an array that is nobody else's, and return it."""
        if x.flags.c_contiguous:
            x.put(self._places(x) if self._along is None else self._along, column)
        elif in_columns(x):
            x.T.put(self._places_across(x), column)
        else:
            numpy().put_along_axis(x, self.index, column, axis=-1)
        return x

    def only(self, x: Array) -> Array:
        """Return what `of` has returned, which is of this class alone."""
        return x

    total = only

    def _places(self, x: Array) -> Array:
        """Return where in memory the entries of an array lie whose rows are contiguous."""
        self._along = starts_of(self.index.shape, x.shape[-1]) + self.index
        return self._along

    def _places_across(self, x: Array) -> Array:
        """Return where in memory the entries of an array lie whose columns are contiguous."""
        if self._across is None:
            self._across = starts_of(self.index.shape, 1) + self.index * x.shape[0]
        return self._across


MOST_KEPT = 2**16
"""Elements up to which columns that blocks of one size share are kept."""


def starts_of(shape: tuple[int, ...], step: int) -> Array:
    """Return where rows start that are a step apart, in the shape of a column, which nobody writes to."""
    return (_kept_starts if math.prod(shape) <= MOST_KEPT else _starts)(shape, step)


def ones_of(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return ones that nobody writes to."""
    return (_kept_ones if math.prod(shape) <= MOST_KEPT else _ones)(shape, dtype)


def _starts(shape: tuple[int, ...], step: int) -> Array:
    starts = (numpy().arange(math.prod(shape)) * step).reshape(shape)
    starts.flags.writeable = False
    return starts


def _ones(shape: tuple[int, ...], dtype: Any) -> Array:
    ones = numpy().ones(shape, dtype)
    ones.flags.writeable = False
    return ones


_kept_starts, _kept_ones = (functools.lru_cache(maxsize=8)(make) for make in (_starts, _ones))
