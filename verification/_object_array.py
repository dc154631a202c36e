"""An array of objects: its shape, its elements, its operators."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from verification._cases import Cases
from verification._results import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from verification._objects import ObjectNamespace

DEVICE = "objects"


def boxed(data: Any) -> np.ndarray[Any, Any]:
    """Return objects as an array; NumPy makes a bare object of one without axes."""
    if isinstance(data, np.ndarray):
        return data
    box = np.empty((), dtype=object)
    box[()] = data
    return box


def mapped(f: Callable[..., Any], *data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Apply a function to each element, with broadcasting."""
    return boxed(np.frompyfunc(f, len(data), 1)(*data))


def decided(condition: Any) -> bool:
    """Return a condition that is True or False on every branch."""
    if isinstance(condition, Cases):
        claim = "a condition that the program reads"
        raise UndecidedError(claim, str(condition.atom))
    return bool(condition)


class ObjectArray:
    """An array of elements of a domain, of integers, or of conditions."""

    __slots__ = ("data", "dtype")
    __hash__ = None  # type: ignore[assignment]  # == compares elements
    __array_ufunc__ = None
    namespace: ClassVar[ObjectNamespace]

    def __init__(self, data: Any, dtype: str) -> None:
        """Hold elements of a dtype."""
        self.data, self.dtype = boxed(data), dtype

    def __array_namespace__(self, *, api_version: str | None = None) -> ObjectNamespace:  # one version
        return self.namespace

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def device(self) -> str:
        """The one device."""
        return DEVICE

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data.tolist()}, {self.dtype})"

    def __bool__(self) -> bool:
        return decided(self.data.item())

    def __int__(self) -> int:
        return operator.index(self.data.item())

    def __getitem__(self, key: Any) -> Any:
        return type(self)(self.data[key], self.dtype)

    def __neg__(self) -> Any:
        return self.namespace.elementwise("negative", self)

    def __abs__(self) -> Any:
        return self.namespace.elementwise("absolute", self)

    def __add__(self, other: Any) -> Any:
        return self.namespace.binary("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.namespace.binary("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.namespace.binary("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.namespace.binary("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.namespace.binary("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.namespace.binary("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.namespace.binary("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.namespace.binary("divide", other, self)

    def __pow__(self, power: int) -> Any:
        domain = self.namespace.domain
        return self.namespace.each(lambda _, x: domain.power(x, operator.index(power)), self)

    def __lt__(self, other: Any) -> Any:
        return self.namespace.comparison("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self.namespace.comparison("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.namespace.comparison("less", other, self)

    def __ge__(self, other: Any) -> Any:
        return self.namespace.comparison("less_equal", other, self)

    def __eq__(self, other: object) -> Any:  # an array, as the standard has it
        return self.namespace.comparison("equal", self, other)

    def __ne__(self, other: object) -> Any:
        return self.namespace.logical_not(self == other)
