"""One class of each row: read, replaced and summed over, by a mask or by its index."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from xent_arrayapi._host import Indexed
from xent_arrayapi._libraries import on_host
from xent_arrayapi._namespace import class_indices, gathered, gathers, sum_rows

if TYPE_CHECKING:
    from xent_arrayapi._rows import Rows
    from xent_arrayapi._typing import Array, Namespace


class Marked(NamedTuple):
    """One class of each row, by a mask: what is of this class is what a whole row has where the mask holds."""

    mask: Array
    xp: Namespace

    def of(self, x: Array) -> Array:
        """Return something that has the entries of this class where the mask holds."""
        return x

    def put(self, x: Array, one: Array) -> Array:
        """Return x with the entries of this class exchanged."""
        return self.xp.where(self.mask, one, x)

    def only(self, x: Array) -> Array:
        """Return what `of` has returned, 0 for other classes."""
        return self.xp.where(self.mask, x, 0)

    def total(self, x: Array) -> Array:
        """Return the sum over this class of what `of` has returned: 0 where no class is marked."""
        return sum_rows(self.only(x), self.xp)


class Gathered(NamedTuple):
    """One class of each row, which is read by its index."""

    index: Array
    xp: Namespace

    def marked(self, rows: Rows) -> Marked:
        """Return the same by a mask, which lies in memory as the logits of the caller do: compilers follow it."""
        xp = self.xp
        k, short = class_indices(rows.classes, xp.int32, self.index, xp), xp.astype(self.index, xp.int32)
        if rows.in_order or len(rows.axes) != 1:
            return Marked(rows.vector(k) == short, xp)
        k = xp.reshape(k, (*(1,) * len(rows.batch_axes), -1))
        return Marked(rows.bring(rows.placed(k) == rows.placed(short)), xp)

    def of(self, x: Array) -> Array:
        """Return the entries of this class, as a column; a vector is the same for all rows."""
        if x.ndim < self.index.ndim:
            return self.xp.reshape(self.xp.take(x, self.xp.reshape(self.index, (-1,)), axis=0), self.index.shape)
        return gathered(x, self.index, self.xp)

    def only(self, x: Array) -> Array:
        """Return what `of` has returned, which is of this class alone."""
        return x

    def total(self, x: Array) -> Array:
        """Return what `of` has returned, one number of each row."""
        return x


Writer: TypeAlias = Marked | Indexed
Reader: TypeAlias = Marked | Indexed | Gathered


def picked(labels: Array, valid: Array | None, rows: Rows, *, again: bool) -> tuple[Writer, Reader]:
    """Return the class that a column of labels names, for all that is of rows, and where only it is read.

    Where labels are not valid, it is one that has no part; None stands for nowhere.  A logit may be read again where it
    is given and not computed: compiled, what is computed twice may be rounded in two ways.
    """
    xp = rows.xp
    index = labels if valid is None else xp.where(valid, labels, 0)
    if on_host(xp):
        return (one := Indexed(index)), one
    if gathers(index, xp) and again:
        return (read := Gathered(index, xp)).marked(rows), read
    k = class_indices(rows.count(index.dtype), index.dtype, index, xp)
    marked = Marked(rows.vector(k) == index, xp)
    return marked, marked
