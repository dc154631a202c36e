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


def difference(x: Array, y: Array, room: Array) -> Array:
    """Return x − y, in another array."""
    return numpy().subtract(x, y, out=room)


NEAR = {4: 62.0, 8: 496.0}
"""By the bytes of a number, 0.7 of the logarithm of the largest one: no memory holds as many exponentials of that as
their sum would need to overflow."""


def references(u: Array, m: Array) -> Array | None:
    """Return what exponentials of rows with the maxima m are taken relative to: 0 or m; None where all are 0.

    It is 0 where they and their sum are normal numbers, or else so small beside exp(m) ≥ 1 that their quotients with
    the sum are subnormal too.  What other rows there are does not matter, so that it changes no bit of a row.
    """
    near = NEAR[min(m.dtype.itemsize, 8)]
    if m.max() <= near and (m.min() >= 0 or u.min() >= -near):
        return None
    lowest = u.min(axis=-1, keepdims=True)
    return numpy().where((m <= near) & ((m >= 0) | (lowest >= -near)), 0, m)


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


class Largest(NamedTuple):
    """A largest logit of each row, and where it is, in rows that are contiguous."""

    m: Array
    place: Indexed | None

    @classmethod
    def of(cls, u: Array) -> Largest:
        """Find it: by its index where rows are contiguous."""
        if in_columns(u):
            return cls(u.max(axis=-1, keepdims=True), None)
        place = Indexed(u.argmax(axis=-1, keepdims=True))
        return cls(place.of(u), place)

    def apart(self, e: Array, own: Any = None) -> tuple[Array, Array]:
        """Return the sum of exponentials but for that of one largest logit, and this one, which may be known."""
        if self.place is None:
            return _apart_in_columns(e)
        own = self.place.of(e) if own is None else own
        rest = sum_along(self.place.put(e, 0))
        self.place.put(e, own)
        return rest, own


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
    rests = [rest for rest, _ in (one, other) if rest is not None]
    return sum(rests, numpy().minimum(one[1], other[1])), numpy().maximum(one[1], other[1])


def in_columns(x: Array) -> bool:
    """Tell whether the rows of a matrix lie across memory, so that its columns are contiguous."""
    return x.ndim == 2 and x.flags.f_contiguous and not x.flags.c_contiguous


def sum_columns(x: Array) -> Array:
    """Sum rows that lie across memory, in halves: NumPy would add one column after the other, naively."""
    odd = []
    while x.shape[-1] > 1:
        half, rest = divmod(x.shape[-1], 2)
        if rest:
            odd.append(x[..., -1:])
        x = x[..., :half] + x[..., half : 2 * half]
    return x if not odd else x + sum(odd[1:], odd[0])


LEAF = range(64, 129)
"""Numbers of terms that NumPy sums in one go: eight sums side by side, and then what is left of eighths, one by one."""
COARSE = range(2, 640)
"""Numbers of terms of which NumPy's sum may be off by some 3 ulp and more: of more, errors cancel."""


def sum_along(x: Array) -> Array:
    """Sum rows that lie along memory: NumPy's sum is off by up to 6 ulp, and its exp in float32 by 2 more.

    So float32 is added in float64 where the sum may be coarse, and else what is left of eighths by itself.
    """
    classes = x.shape[-1]
    if x.dtype == numpy().float32 and classes in COARSE:
        return numpy().add.reduce(x, axis=-1, keepdims=True, dtype="float64").astype("float32")
    whole = classes // 8 * 8
    if classes not in LEAF or whole == classes:
        return numpy().add.reduce(x, axis=-1, keepdims=True)
    return sum_along(x[..., :whole]) + sum_along(x[..., whole:])


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
    """Return where rows start that are a step apart, in the shape of a column; nobody writes to it."""
    return (_kept_starts if math.prod(shape) <= MOST_KEPT else _starts)(shape, step)


def ones_of(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return ones that nobody writes to."""
    return (_kept_ones if math.prod(shape) <= MOST_KEPT else _ones)(shape, dtype)


def _starts(shape: tuple[int, ...], step: int) -> Array:
    starts = numpy().arange(0, math.prod(shape) * step, step).reshape(shape)
    starts.flags.writeable = False
    return starts


def _ones(shape: tuple[int, ...], dtype: Any) -> Array:
    ones = numpy().ones(shape, dtype)
    ones.flags.writeable = False
    return ones


_kept_starts, _kept_ones = (functools.lru_cache(maxsize=8)(make) for make in (_starts, _ones))
