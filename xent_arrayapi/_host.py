"""What NumPy does by index and in place, where other libraries take a mask."""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xent_arrayapi._typing import Array


def numpy() -> Any:
    """Return NumPy, which whoever has an array of it has imported."""
    return sys.modules["numpy"]


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
    """Tell whether all elements are finite."""
    return bool(numpy().isfinite(x).all())


def sums_apart(e: Array) -> tuple[Array, Array]:
    """Return the sum of exponentials, at most 1, but for one maximum of each row or all its ties, and that of these."""
    if in_columns(e):
        ones = numpy().floor(e)
        return sum_columns(e - ones), sum_columns(ones)
    largest = Indexed(e.argmax(axis=-1, keepdims=True))
    own = largest.of(e)
    below = largest.put(e, 0).sum(axis=-1, keepdims=True)
    largest.put(e, own)
    return below, own


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
    for column in odd:
        x = x + column
    return x


class Indexed:
    """One class of each row, by its index: what `Marked` is by a mask."""

    def __init__(self, index: Array) -> None:
        """Hold a column of indices in 0..K − 1."""
        self.index = index
        self._places: dict[bool, Array] = {}

    def of(self, x: Array) -> Array:
        """Return the entries of this class, as a column; a vector is the same for all rows."""
        if x.ndim < self.index.ndim:
            return x[self.index]
        across = in_columns(x)
        if across or x.flags.c_contiguous:
            return (x.T if across else x).reshape(-1)[self._in_memory(x.shape[-1], across=across)]
        return numpy().take_along_axis(x, self.index, axis=-1)

    def put(self, x: Array, column: Array) -> Array:
        """Write entries of this class into an array that is nobody else's, and return it."""
        across = in_columns(x)
        if across or x.flags.c_contiguous:
            (x.T if across else x).reshape(-1)[self._in_memory(x.shape[-1], across=across)] = column
        else:
            numpy().put_along_axis(x, self.index, column, axis=-1)
        return x

    def only(self, x: Array) -> Array:
        """Return what `of` has returned, which is of this class alone."""
        return x

    total = only

    def _in_memory(self, classes: int, *, across: bool) -> Array:
        """Return where in memory the entries of a contiguous array lie."""
        if across not in self._places:
            rows = numpy().arange(self.index.size).reshape(self.index.shape)
            self._places[across] = self.index * rows.size + rows if across else rows * classes + self.index
        return self._places[across]
