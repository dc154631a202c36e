"""One class of each row: read, replaced and summed over, by a mask or by its index."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xent_arrayapi._host import Indexed
from xent_arrayapi._namespace import class_indices, on_host, sum_rows

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


def picked(labels: Array, valid: Array | None, rows: Rows) -> Marked | Indexed:
    """Return the class that a column of labels names: where they are not valid, none, or one that has no part.

    None stands for all valid.
    """
    xp = rows.xp
    if on_host(xp):
        return Indexed(labels if valid is None else xp.where(valid, labels, 0))
    return Marked(class_indices(rows.count(labels.dtype), labels.dtype, labels, xp) == labels, xp)
