"""A pretend accelerator in torch: tensors on a device that is not the host, with values that a test can read.

torch keeps a device type, PrivateUse1, for backends outside of its tree, and lets Python register one. The one that is
registered here is called ``pretend`` and has the devices ``pretend:0`` and ``pretend:1``. The values are inside, in a
tensor on the host: torch sees the device, differentiates through it, and each operation is computed on the inside.
With the boundary in force, whatever would be a synchronisation or a transfer on a real accelerator raises.

Speed, streams, memory and the rounding of a real device are not pretended, and torch's autograd takes only the first
device of a backend registered from Python: the second is there to be mixed with the first. The registration is an
experimental part of torch, whose version the tests pin.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Self

import torch
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from tests.boundary import HOST, Boundary, HostCrossing, replaced, tensors, with_index

KIND = "pretend"


class PretendTensor(torch.Tensor):
    """A tensor on a pretend device; ``held`` is the one on the host that has its values."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # noqa: SLF001  # as torch's own subclasses do

    @staticmethod
    def __new__(cls, held: torch.Tensor, device: torch.device) -> Self:
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        make = torch.Tensor._make_wrapper_subclass  # noqa: SLF001  # the one way to make such a tensor
        made: Self = make(cls, held.shape, dtype=held.dtype, device=device, **layout)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, dict(kwargs or {}))

    def __repr__(self) -> str:
        return f"PretendTensor({tuple(self.shape)}, dtype={self.dtype}, device='{self.device}')"


class Accelerator(Boundary):
    """The boundary around the pretend devices."""

    def __init__(self) -> None:
        register()
        super().__init__(KIND)

    def compute(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return computed(func, args, kwargs)

    def put(self, x: torch.Tensor, index: int = 0) -> torch.Tensor:
        with self.lifted():
            return PretendTensor(x.clone(), torch.device(KIND, index))

    def back(self, x: torch.Tensor) -> torch.Tensor:
        assert isinstance(x, PretendTensor)
        with self.lifted():
            return x.held.clone()


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Compute an operation on the inside, and put what it makes on its device."""
    if torch.Tag.inplace_view in func.tags:
        msg = f"{func} changes a shape in place, which is not pretended"
        raise AssertionError(msg)
    given = {id(x.held): x for x in tensors((*args, *kwargs.values())) if isinstance(x, PretendTensor)}
    place = next((x.device for x in given.values()), HOST)
    if kwargs.get("device") is not None:
        place = with_index(kwargs["device"])
        kwargs = {**kwargs, "device": HOST if place.type == KIND else place}
    made = func(*replaced(inside, args), **replaced(inside, kwargs))

    def put(held: torch.Tensor) -> torch.Tensor:
        if id(held) in given:  # written in place
            return given[id(held)]
        zero = held._is_zerotensor()  # noqa: SLF001  # a derivative that torch knows to be 0, with no memory to read
        return PretendTensor(torch.zeros(held.shape, dtype=held.dtype) if zero else held, place)

    return replaced(put, made) if place.type == KIND else made


def inside(x: torch.Tensor) -> torch.Tensor:
    """Return the tensor on the host that has the values."""
    return x.held if isinstance(x, PretendTensor) else x


@cache
def register() -> torch.library.Library:
    """Make the device known to torch, which can be done once in a process."""
    _setup_privateuseone_for_python_backend(KIND)

    def from_host(*_: Any, **__: Any) -> Any:
        msg = "a tensor is built from Python numbers on the host, and copied to the device"
        raise HostCrossing(msg)

    # torch.tensor and torch.asarray with device= copy past every dispatch mode, to memory that they ask for so.
    library = torch.library.Library("aten", "IMPL")
    library.impl("empty_strided", from_host, "PrivateUse1")
    return library
