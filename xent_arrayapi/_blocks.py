"""Rows of logits in parts: all at once, or for NumPy and what it can view in cache-sized blocks, on threads."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from xent_arrayapi._host import buffered, keep_freed_memory, numpy
from xent_arrayapi._libraries import on_host
from xent_arrayapi._namespace import (
    are_viewable,
    default_dtype,
    is_boolean,
    is_integral,
    namespace_of,
    plain_namespace,
    quiet,
    rounded,
    rows_in_order,
    viewed,
)
from xent_arrayapi._tensors import given_back
from xent_arrayapi._threads import on_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias, TypeVar

    from xent_arrayapi._rows import Rows
    from xent_arrayapi._typing import Array, Axis

    Kind: TypeAlias = Literal["rows", "column", "sum"]
    Work: TypeAlias = Callable[["Part"], tuple[Array, ...]]
    Made = TypeVar("Made")
    Place: TypeAlias = tuple[slice, ...]

LEAST = 2**12
"""Logits from which on blocks are worth their overhead."""
BYTES = (2**19, 2**21)
"""Of the logits of a block, at least and at most: a few arrays of that size are alive at a time."""
BLOCKS = 4
"""How many there are where that leaves a choice: enough to share out, and not more, for each operation of each of them
waits for the interpreter."""
FEW = 64
"""Classes up to which rows lie across memory in a block: NumPy is slow on short rows."""
RUN = 64
"""Rows beside each other in memory from which on they stay across it, as they are given, with any number of classes."""
LINE = 16
"""Rows that are read together at least where they are given across memory: those of a cache line."""


def entered(axis: Axis, *, views: bool = True, **arrays: Any) -> tuple[Any, ...]:
    """Check that arrays, logits first, are of one library and device, and view them as NumPy's where that will do.

    It will do for arrays in files and, if views are wanted, for tensors in host memory that nobody differentiates:
    few logits, or such as can be cut into blocks.  Return the namespace, what gives results back, and the arrays.
    """
    given = tuple(arrays.values())
    xp = plain_namespace(given)
    if xp is not None:
        return xp, as_it_is, *given
    xp = namespace_of(**arrays)
    if on_host(xp):
        return xp, as_it_is, *(x if x is None else viewed(x) for x in given)
    x = given[0]
    if not views or not are_viewable(xp, given):
        return xp, as_it_is, rounded(x, xp), *given[1:]
    if math.prod(x.shape) >= LEAST and not (isinstance(axis, int) and x.ndim > 1):
        return xp, as_it_is, *given
    if is_integral(x.dtype, xp) or is_boolean(x.dtype, xp):
        x = xp.astype(x, default_dtype(x, "real floating", xp))
    seen = [None if x is None else viewed(x) for x in (x, *given[1:])]
    return namespace_of(x=seen[0]), given_back, *seen


def as_it_is(x: Array) -> Array:
    """Return it."""
    return x


class Part(ABC):
    """Some of the rows, as a core takes them."""

    number = 0
    in_place = False
    """Whether rows near 0 are not shifted: it is faster, and changes their bits, but not their errors."""
    room: Array | None = None
    """Where rows that result may be computed in: where they are written to in the end."""

    def __init__(self, frame: Rows) -> None:
        """Hold how rows are laid out."""
        self.frame = frame

    @abstractmethod
    def rows(self, brought: Array) -> Array:
        """Return rows, (..., K), in the dtype to compute in, of an array with the class axes last."""

    @abstractmethod
    def column(self, x: Array) -> Array:
        """Return a column, (..., 1), of an array with one number for each row."""

    @abstractmethod
    def mask(self, brought: Array) -> Array:
        """Return rows of a mask with the class axes last."""


class Whole(Part):
    """All rows, as one."""

    def rows(self, brought: Array) -> Array:
        """Return them in the dtype to compute in."""
        return rows_in_order(self.frame.cast(brought), self.frame.xp)

    def column(self, x: Array) -> Array:
        """Return a column."""
        return self.frame.column(x)

    def mask(self, brought: Array) -> Array:
        """Return a mask as it is."""
        return brought


class Block(Part):
    """A few rows, as a matrix: where there are few classes, its columns are contiguous, and else its rows."""

    def __init__(self, frame: Rows, number: int, place: Place, *, across: bool) -> None:
        """Take the rows at a place of the batch axes."""
        super().__init__(frame)
        self.number, self._place, self._across = number, place, across
        self.in_place = math.prod(frame.like.shape) >= LEAST

    def rows(self, brought: Array) -> Array:
        """Return them in the dtype to compute in."""
        return self._matrix(brought[self._place], self.frame.computing)

    def column(self, x: Array) -> Array:
        """Return a column."""
        return x[self._place].reshape(-1, 1)

    def mask(self, brought: Array) -> Array:
        """Return rows of a mask."""
        return self._matrix(brought[self._place], bool)

    def _matrix(self, x: Array, dtype: Any) -> Array:
        np, classes = numpy(), x.shape[-1]
        if self._across:
            columns = np.empty((classes, *x.shape[:-1]), dtype=dtype)
            columns[...] = x.transpose(-1, *range(x.ndim - 1))
            return columns.reshape(classes, -1).T
        return x.astype(dtype, order="C", copy=False).reshape(-1, classes)

    def make_room(self, out: Array | None) -> None:
        """Compute in the whole result, where rows of it lie in memory as those of this block do."""
        rows = None if out is None or self._across else out[self._place]
        self.room = None
        if rows is not None and rows.flags.c_contiguous and rows.dtype == self.frame.computing:
            self.room = rows.reshape(-1, rows.shape[-1])

    def write(self, result: Array, out: Array) -> None:
        """Write a result, rows or a column, to its place in the whole, unless it is there."""
        if result is not self.room:
            out = out[self._place]
            out[...] = result.reshape(out.shape)


class Parts:
    """All rows, in one part or in blocks."""

    def __init__(self, rows: Rows, *arrays: Array) -> None:
        """Cut rows, where that is of use and all arrays that work reads are plain ones of NumPy."""
        self.rows = rows
        self.blocks = list(blocks_of(rows)) if are_cut(rows, *arrays) else []
        self._known: list[Any] = []

    def once(self, part: Part, make: Callable[[Part], Made]) -> Made:
        """Return what is made of a part, without the logits: of all rows as one, it is kept for the next time."""
        if self.blocks:
            return make(part)
        if not self._known:
            self._known.append(make(part))
        known: Made = self._known[0]
        return known

    def run(self, work: Work, *kinds: Kind) -> tuple[Array, ...]:
        """Do work on all rows: return rows in the layout of the caller, columns without their axis, or sums."""
        if self.blocks:
            return self._in_blocks(work, kinds)
        return tuple(map(self._laid_out, kinds, work(Whole(self.rows))))

    def _laid_out(self, kind: Kind, x: Array) -> Array:
        if kind == "rows":
            return self.rows.back(x)
        return self.rows.reduced(x) if kind == "column" else self.rows.number(self.rows.xp.sum(x))

    def _in_blocks(self, work: Work, kinds: tuple[Kind, ...]) -> tuple[Array, ...]:
        np, frame = numpy(), self.rows
        keep_freed_memory()
        shapes = {"rows": frame.shape, "column": (*frame.batch_shape, 1), "sum": (len(self.blocks),)}
        whole = [np.empty(shapes[kind], frame.dtype if kind == "rows" else frame.computing) for kind in kinds]
        brought = [frame.bring(x) if kind == "rows" else x for kind, x in zip(kinds, whole, strict=True)]
        classes, rows = frame.bring(frame.like).shape[-1], brought[kinds.index("rows")] if "rows" in kinds else None

        def evaluate(blocks: Iterator[Block]) -> None:
            with quiet(frame.xp), buffered(classes):
                for block in blocks:
                    block.make_room(rows)
                    for kind, out, x in zip(kinds, brought, work(block), strict=True):
                        if kind == "sum":
                            out[block.number] = x.sum()
                        else:
                            block.write(x, out)

        on_threads(evaluate, self.blocks)
        return tuple(x if kind == "rows" else self._laid_out(kind, x) for kind, x in zip(kinds, whole, strict=True))


def are_cut(rows: Rows, *arrays: Array | None) -> bool:
    """Tell whether rows are taken in blocks: many of NumPy, along one class axis."""
    if not on_host(rows.xp) or math.prod(rows.like.shape) < LEAST:
        return False
    plain = plain_namespace((rows.like, *arrays)) is not None
    return plain and len(rows.axes) == 1 and len(rows.shape) > 1 and rows.in_blocks


def blocks_of(frame: Rows) -> Iterator[Block]:
    """Cut the batch axes into blocks of whole rows."""
    x = frame.bring(frame.like)
    *batch, classes = x.shape
    row = frame.xp.finfo(frame.computing).bits // 8 * max(classes, 1)
    most = min(max(BYTES[0], math.prod(batch) * row // BLOCKS), BYTES[1]) // row
    beside = abs(x.strides[-2]) < abs(x.strides[-1])
    if beside:
        most = max(most, LINE)
    across = classes <= FEW or (beside and min(most, batch[-1]) >= RUN)
    for number, place in enumerate(places(batch, max(most, 1))):
        yield Block(frame, number, place, across=across)


def places(batch: Sequence[int], most: int) -> Iterator[Place]:
    """Cut axes into pieces of some number of entries: along one axis, whole along those after it."""
    first, rest = batch[0], batch[1:]
    inner = math.prod(rest)
    if inner <= most:
        step = max(1, most // max(inner, 1))
        yield from ((slice(start, min(start + step, first)),) for start in range(0, first, step))
    else:
        for start in range(first):
            yield from ((slice(start, start + 1), *place) for place in places(rest, most))
