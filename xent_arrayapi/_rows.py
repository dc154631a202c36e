"""The class axis: brought last for a core or left where it is, and put back for the caller."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from xent_arrayapi._host import with_value
from xent_arrayapi._libraries import is_by_xla, on_host
from xent_arrayapi._namespace import (
    computing_dtype,
    floating_dtype,
    rounded,
    rows_in_order,
    size_of,
    sizes_of,
    written_in_place,
)
from xent_arrayapi._validate import axes_of, broadcasts_to, known_shape, logits_dtype, mask_dtype

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from xent_arrayapi._typing import Array, Axis, DType, Namespace

_KNOWN: dict[tuple[type[Rows], Any, DType, int], Any] = {}
"""Of NumPy, where to check and lay out anew takes a fifth of the time of a small loss."""
MOST_KNOWN = 256
NEAR = 2**16
"""Bytes from a class to the next up to which XLA adds classes where they are: beyond, it takes ten times as long
(measured on the CPU; the log of docs/speed.md has the command)."""


class Along:
    """A namespace whose last axis is, of arrays with some number of axes, one of the others."""

    def __init__(self, xp: Namespace, ndim: int, axis: int) -> None:
        """Stand for a namespace."""
        self.__name__, self._xp, self._ndim, self._axis = xp.__name__, xp, ndim, axis

    def __getattr__(self, name: str) -> Any:
        """Return what the namespace has."""
        found = getattr(self._xp, name)
        return partial(self._along, found) if name in {"all", "max", "sum", "take_along_axis"} else found

    def _along(self, function: Callable[..., Array], x: Array, *others: Array, **options: Any) -> Array:
        if options.get("axis") == -1 and x.ndim == self._ndim:
            options["axis"] = self._axis
        return function(x, *others, **options)


class Rows:
    """How arrays of one shape are laid out as rows of classes, (..., K), in the dtype to compute in."""

    in_blocks: ClassVar[bool] = True
    """Whether some of the rows are found by their place along the batch axes alone."""

    def __init__(self, xp: Namespace, like: Array, axes: tuple[int, ...], dtype: DType) -> None:
        """Lay out rows for arrays of the shape of one, which has the sizes that `shape` says are None."""
        self.xp, self.like, self.axes, self.dtype = xp, like, axes, dtype
        self.shape: tuple[int | None, ...] = tuple(like.shape)
        self.computing: DType = computing_dtype(dtype, xp)
        self.batch_axes = tuple(k for k in range(len(self.shape)) if k not in axes)
        """The axes that are not summed over."""
        self.batch_shape = tuple(self.shape[k] for k in self.batch_axes)
        self.classes = self._number_of_classes()
        """None where a size is."""
        self.order = self.batch_axes + axes
        self.in_order = self.order == tuple(range(len(self.order)))
        self.along = -1
        """The class axis of rows."""

    def _number_of_classes(self) -> int | None:
        sizes = [self.shape[k] for k in self.axes]
        return None if None in sizes else math.prod(sizes)  # type: ignore[arg-type]  # none of them is None

    @classmethod
    def of(cls, name: str, x: Array, axis: Axis, xp: Namespace) -> Self:
        """Check the dtype of x and the axis, and lay out rows for arrays of its shape."""
        known = _KNOWN.get((cls, x.shape, x.dtype, axis)) if type(axis) is int and on_host(xp) else None
        return cls._checked(name, x, axis, xp) if known is None else with_value(known, "like", x)

    @classmethod
    def _checked(cls, name: str, x: Array, axis: Axis, xp: Namespace) -> Self:
        logits_dtype(name, x, xp)
        known_shape(name, tuple(x.shape))
        rows = cls(xp, x, axes_of(axis, x.ndim), floating_dtype(x, xp))
        if type(axis) is int and on_host(xp):
            if len(_KNOWN) >= MOST_KNOWN:
                _KNOWN.clear()
            _KNOWN[cls, x.shape, x.dtype, axis] = with_value(rows, "like", None)
        return rows

    def unmoved(self) -> Self:
        """Return rows that are laid out as is best for what adds classes and reads one of each row, and has no blocks.

        XLA lays an array out anew for each sum along an axis that was moved.
        """
        if not self.in_order and len(self.axes) == 1 and is_by_xla(self.xp):
            between = self.shape[self.axes[0] + 1 :]
            if all(isinstance(size, int) for size in between):  # those of `jax.export` may be symbols
                apart = math.prod(between) * self.xp.finfo(self.computing).bits // 8  # type: ignore[arg-type]
                return self.in_place() if apart <= NEAR else self
        return self

    def in_place(self) -> Self:
        """Return rows that stay where the caller has them: what is along them is along the axis of the caller."""
        (axis,), ndim = self.axes, len(self.shape)
        rows = with_value(self, "along", axis)
        rows.order, rows.in_order, rows.xp = tuple(range(ndim)), True, Along(self.xp, ndim, axis)
        return rows

    def count(self, dtype: DType) -> Any:
        """Return the number of classes: where it is None, as a 0-d array of a dtype."""
        if self.classes is not None:
            return self.classes
        return self.xp.astype(math.prod([size_of(self.like, k) for k in self.axes]), dtype)

    def cast(self, x: Array) -> Array:
        """Return x in the dtype to compute in."""
        return x if x.dtype == self.computing else self.xp.astype(x, self.computing)

    def last(self, x: Array) -> Array:
        """Return an array of the logits' shape as rows in the dtype to compute in."""
        return rows_in_order(self.cast(self.bring(rounded(x, self.xp))), self.xp)

    def bring(self, x: Array) -> Array:
        """Return an array of the logits' shape with the class axes last, as one axis."""
        if not self.in_order:
            x = self.xp.permute_dims(x, self.order)
        return x if len(self.axes) == 1 else self.xp.reshape(x, self._joined(x))

    def _joined(self, x: Array) -> Any:
        """Return the sizes of x with the class axes, which are last, as one."""
        sizes, batch = sizes_of(x), len(self.batch_axes)
        if isinstance(sizes, tuple):
            return (*sizes[:batch], math.prod(sizes[batch:]))
        return self.xp.concat([sizes[:batch], self.xp.prod(sizes[batch:], keepdims=True)])

    def mask(self, name: str, where: Array | None) -> Array | None:
        """Return a mask as rows."""
        if where is None:
            return None
        mask_dtype(name, where, self.xp)
        broadcasts_to(name, where, self.shape)
        return self.bring(self.xp.broadcast_to(where, sizes_of(self.like)))

    def back(self, rows: Array) -> Array:
        """Return rows in the logits' shape and dtype."""
        if len(self.axes) != 1:
            rows = self.xp.reshape(rows, sizes_of(self.xp.permute_dims(self.like, self.order)))
        if not self.in_order:
            rows = written_in_place(self.placed(rows), self.xp)
        return self.in_dtype(rows)

    def placed(self, rows: Array) -> Array:
        """Return an array whose axes are in the order of rows with each of them where the logits have it."""
        return self.xp.permute_dims(rows, tuple(self.order.index(k) for k in range(len(self.order))))

    def in_dtype(self, x: Array) -> Array:
        """Return a result in the logits' dtype."""
        return x if x.dtype == self.dtype else self.xp.astype(x, self.dtype)

    def number(self, x: Array) -> Array:
        """Return a sum over all rows as a 0-d array in the dtype to compute in; NumPy makes a scalar of it."""
        return self.xp.reshape(self.cast(x), ())

    def reduced(self, column: Array) -> Array:
        """Return one number per row, of shape (..., 1), without the class axes."""
        return self.xp.squeeze(column, axis=self.along)

    def column(self, x: Array) -> Array:
        """Return one number per row as a column."""
        return x[..., None] if self.along == -1 else self.xp.expand_dims(x, axis=self.along)

    def vector(self, x: Array) -> Array:
        """Return one number per class as it is broadcast with rows."""
        for axis in range(len(self.shape)) if self.along != -1 else ():
            x = x if axis == self.along else self.xp.expand_dims(x, axis=axis)
        return x

    def kept(self, x: Array, *, keepdims: bool) -> Array:
        """Return one number per row with the class axes as axes of size 1, where they are to be kept."""
        for axis in sorted(self.axes) if keepdims else ():
            x = self.xp.expand_dims(x, axis=axis)
        return x
