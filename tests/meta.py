"""torch's meta tensors, which have a shape and no values, with their values at their side.

A meta tensor is a plain tensor to torch and to the library, and nothing can be read of it. For a test to have something
to compare, each operation is done a second time on the host, on memory that the storage of a meta tensor leads to.
What the operation on meta tensors says of the shape and the dtype of its result has to be true of the second.
"""

from __future__ import annotations

from typing import Any

import torch

from tests.boundary import HOST, Boundary, HostCrossing, replaced

KIND = "meta"


class Meta(Boundary):
    """The boundary around the meta device."""

    def __init__(self) -> None:
        super().__init__(KIND)

    def compute(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        options = replaced(valued, kwargs) | ({"device": HOST} if kwargs.get("device") is not None else {})
        made, values = func(*args, **kwargs), func(*replaced(valued, args), **options)
        agree(made, values)
        return made

    def put(self, x: torch.Tensor) -> torch.Tensor:
        with self.lifted():
            made = torch.empty_like(x, device=KIND)
            valued(made).copy_(x)
            return made

    def back(self, x: torch.Tensor) -> torch.Tensor:
        with self.lifted():
            return valued(x.detach()).clone()


def valued(x: torch.Tensor) -> torch.Tensor:
    """Return the tensor on the host that has the values of a meta tensor; one on the host is its own."""
    if not x.is_meta:
        return x
    beside = getattr(x.untyped_storage(), "beside", None)
    if beside is None:
        msg = "a tensor is built from Python numbers on the host, and copied to the device"
        raise HostCrossing(msg)
    return torch.empty(0, dtype=x.dtype).set_(beside, x.storage_offset(), x.shape, x.stride())


def agree(made: Any, values: Any) -> None:
    """Hold what was made on meta to what was made on the host, and keep the values of new memory beside it."""
    if isinstance(made, (list, tuple)):
        for one, other in zip(made, values, strict=True):
            agree(one, other)
    elif isinstance(made, torch.Tensor):
        assert made.is_meta
        assert made.shape == values.shape, (made.shape, values.shape)
        assert made.dtype == values.dtype, (made.dtype, values.dtype)
        storage = made.untyped_storage()
        if not hasattr(storage, "beside"):
            storage.beside = torch.empty(storage.nbytes(), dtype=torch.uint8).untyped_storage()
            valued(made).copy_(values)
    else:
        assert made == values, (made, values)
