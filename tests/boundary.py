"""The boundary between host and device in torch: what crosses it raises."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = torch.device("cpu")
NOTHING, COPY, ZEROS = (getattr(torch.ops.aten, name).default for name in ("_efficientzerotensor", "_to_copy", "zeros"))
VALUES = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""How torch marks an operation whose result, or its shape, takes values: the host has to wait for them."""


class HostCrossing(AssertionError):  # noqa: N818  # what happened, not what is wrong
    """Something went from the host to the device, or back, or from one device to another."""


class Boundary(TorchDispatchMode, ABC):
    """While in force, every operation stays on one device of one type; a subclass computes it.

    Raising are: an operation that reads values on the host, such as ``float(x)``, ``if (x > 0).any()`` or ``x[x > 0]``;
    a transfer, whichever way; and a tensor on the host at all, be it a constant, or made without ``device=``.
    Python numbers in operations are no tensors, and pass. Inside ``with boundary.lifted()`` all is allowed.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.up = True

    @abstractmethod
    def compute(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Compute an operation that takes or makes tensors on the device."""

    @abstractmethod
    def put(self, x: torch.Tensor) -> torch.Tensor:
        """Bring a tensor from the host to the device, as a test may."""

    @abstractmethod
    def back(self, x: torch.Tensor) -> torch.Tensor:
        """Bring a tensor back to the host, as a test may."""

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """Let a test make arrays and read results."""
        up, self.up = self.up, False
        try:
            yield
        finally:
            self.up = up

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = list(tensors((*args, *kwargs.values())))
        if is_of_a_number(func, given, args, kwargs):
            return marked(func(*args, **kwargs))
        places = {x.device for x in given if not is_number(x)}
        if kwargs.get("device") is not None:
            places.add(with_index(kwargs["device"]))
        if self.up and (why := self.crossing(func, args, places)):
            msg = f"{func}: {why}"
            raise HostCrossing(msg)
        here = any(place.type == self.kind for place in places)
        return self.compute(func, args, kwargs) if here else func(*args, **kwargs)

    def crossing(self, func: Any, args: Any, places: set[torch.device]) -> str:
        """Say what crosses the boundary in an operation, if anything does; meta tensors have nothing to move."""
        if not places and makes_tensors(func):
            places = {HOST}
        held = {place for place in places if place.type != "meta"}
        if len(held) > 1 or any(place.type != self.kind for place in held):
            return f"tensors are on {' and '.join(sorted(map(str, places)))}, not on one device of {self.kind}"
        return "the host waits for values, a synchronisation" if reads_values(func, args) else ""


def tensors(given: Any) -> Iterator[torch.Tensor]:
    """Go through the tensors among what an operation is given."""
    for x in given:
        if isinstance(x, torch.Tensor):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from tensors(x)


def replaced(change: Callable[[torch.Tensor], Any], given: Any) -> Any:
    """Put other tensors in the place of those given."""
    if isinstance(given, torch.Tensor):
        return change(given)
    if isinstance(given, dict):
        return {name: replaced(change, x) for name, x in given.items()}
    return type(given)(replaced(change, x) for x in given) if isinstance(given, (list, tuple)) else given


def with_index(device: torch.device) -> torch.device:
    """Return a device with its number, which is 0 where none is said; the host and meta have none."""
    return device if device.type in ("cpu", "meta") else torch.device(device.type, device.index or 0)


def is_of_a_number(func: Any, given: list[torch.Tensor], args: Any, kwargs: dict[str, Any]) -> bool:
    """Tell whether torch makes a tensor of a Python number by itself, as torch.func and forward derivatives do.

    It has no axes, and goes to a device as a number does: with what is called. The derivative of a number is a zero,
    with or without memory. A tensor that is made in Python names `pin_memory`.
    """
    if (kwargs.get("device") or HOST) != HOST:
        return False
    if given:
        return all(hasattr(x, "number") for x in given)
    return func in (NOTHING, COPY) or (func is ZEROS and not args[0] and "pin_memory" not in kwargs)


def marked(made: Any) -> Any:
    """Mark a tensor without axes as a number."""
    if isinstance(made, torch.Tensor) and not made.ndim:
        made.number = True
    return made


def is_number(x: torch.Tensor) -> bool:
    """Tell whether a tensor stands for a Python number, or for the zero that is its derivative."""
    return x._is_zerotensor() or hasattr(x, "number")  # noqa: SLF001  # no public name


@cache
def makes_tensors(func: Any) -> bool:
    """Tell whether an operation returns a tensor: with none given and no device asked for, it is on the host."""
    return any("Tensor" in str(made.type) for made in func._schema.returns)  # noqa: SLF001  # the one place that says so


def reads_values(func: Any, args: Any) -> bool:
    """Tell whether an operation takes the values of tensors where it should do with their shapes.

    To index by a mask is to do so; by integers, not.
    """
    if "index" in func.__name__ and isinstance(args[1], (list, tuple)):
        return any(x.dtype in (torch.bool, torch.uint8) for x in tensors(args[1]))
    return not VALUES.isdisjoint(func.tags)
