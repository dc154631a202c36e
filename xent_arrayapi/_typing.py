"""What we call an array, a dtype, a namespace."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar

Array: TypeAlias = Any
"""An array of any namespace, inside a core (the standard has no static type for it)."""

Namespace: TypeAlias = Any
"""A module or object with the functions of the array API standard."""

DType: TypeAlias = Any
Device: TypeAlias = Any

Axis: TypeAlias = int | tuple[int, ...] | None
Reduction: TypeAlias = Literal["none", "sum", "mean"]


class SupportsArray(Protocol):
    """The least that a static checker can ask of an array: it has a shape, a dtype and elements."""

    @property
    def shape(self) -> Any:
        """Return the size of each axis."""

    @property
    def dtype(self) -> Any:
        """Return the type of the elements."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return elements."""


ArrayT = TypeVar("ArrayT", bound=SupportsArray)
"""The array type of the caller: what goes in comes out."""

LogitsT = TypeVar("LogitsT", bound=SupportsArray)
"""The same, for what makes a generic object of it."""


class LossOptions(TypedDict, total=False):
    """The options of :class:`SoftmaxCrossEntropy`, for a static checker."""

    axis: int
    class_weights: Any
    sample_weight: Any
    ignore_index: int | None
    label_smoothing: float
    temperature: float
    softcap: float | None
    z_loss: float
    where: Any
    reduction: Reduction
    normalizer: Any
    check_values: bool | None


class SigmoidOptions(TypedDict, total=False):
    """The options of :class:`SigmoidCrossEntropy`, for a static checker."""

    pos_weight: Any
    sample_weight: Any
    ignore_index: int | None
    label_smoothing: float
    temperature: float
    reduction: Reduction
    normalizer: Any
    check_values: bool | None
