"""The class axis: brought last for a core, put back for the caller."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xent_arrayapi._namespace import computing_dtype, floating_dtype, rows_in_order
from xent_arrayapi._validate import axes_of, broadcasts_to, known_shape, logits_dtype, mask_dtype

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, Axis, DType, Namespace


@dataclass(frozen=True, eq=False)
class Rows:
    """How arrays of one shape are laid out as rows of classes, (..., K), in the dtype to compute in."""

    xp: Namespace
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: DType
    computing: DType

    @classmethod
    def of(cls, name: str, x: Array, axis: Axis, xp: Namespace) -> Rows:
        """Check the dtype of x and the axis, and lay out rows for arrays of its shape."""
        logits_dtype(name, x, xp)
        known_shape(name, tuple(x.shape))
        dtype = floating_dtype(x, xp)
        return cls(xp, tuple(x.shape), axes_of(axis, x.ndim), dtype, computing_dtype(dtype, xp))

    @property
    def batch_axes(self) -> tuple[int, ...]:
        """The axes that are not summed over."""
        return tuple(k for k in range(len(self.shape)) if k not in self.axes)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape without the class axes."""
        return tuple(self.shape[k] for k in self.batch_axes)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return math.prod([self.shape[k] for k in self.axes])

    def cast(self, x: Array) -> Array:
        """Return x in the dtype to compute in."""
        return x if x.dtype == self.computing else self.xp.astype(x, self.computing)

    def last(self, x: Array) -> Array:
        """Return an array of the logits' shape as rows in the dtype to compute in."""
        return rows_in_order(self.cast(self.bring(x)), self.xp)

    def bring(self, x: Array) -> Array:
        """Return an array of the logits' shape with the class axes last, as one axis."""
        order = self.batch_axes + self.axes
        if order != tuple(range(len(order))):
            x = self.xp.permute_dims(x, order)
        return x if len(self.axes) == 1 else self.xp.reshape(x, (*self.batch_shape, self.classes))

    def mask(self, name: str, where: Array | None) -> Array | None:
        """Return a mask as rows."""
        if where is None:
            return None
        mask_dtype(name, where, self.xp)
        broadcasts_to(name, where, self.shape)
        return self.bring(self.xp.broadcast_to(where, self.shape))

    def back(self, rows: Array) -> Array:
        """Return rows in the logits' shape and dtype."""
        order = self.batch_axes + self.axes
        if len(self.axes) != 1:
            rows = self.xp.reshape(rows, tuple(self.shape[k] for k in order))
        if order != tuple(range(len(order))):
            rows = self.xp.permute_dims(rows, tuple(order.index(k) for k in range(len(order))))
        return self.in_dtype(rows)

    def in_dtype(self, x: Array) -> Array:
        """Return a result in the logits' dtype."""
        return x if x.dtype == self.dtype else self.xp.astype(x, self.dtype)

    def number(self, x: Array) -> Array:
        """Return a sum over all rows as a 0-d array in the dtype to compute in; NumPy makes a scalar of it."""
        return self.xp.reshape(self.cast(x), ())

    def reduced(self, column: Array, *, keepdims: bool = False) -> Array:
        """Return one number per row, of shape (..., 1), without the class axes or with axes of size 1."""
        kept = tuple(1 if k in self.axes else size for k, size in enumerate(self.shape))
        return self.xp.reshape(column, kept) if keepdims else self.xp.squeeze(column, axis=-1)
