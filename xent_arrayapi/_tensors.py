"""What torch is asked for beyond the standard: who looks at a tensor, and how its compiler adds and writes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xent_arrayapi._typing import Array


SMALL = 2.0**-920
"""What brings the largest number of float64 into the range of float32."""
FEW, MANY = 16, 1024
"""Terms up to which they may be added one after the other, and up to which what their high parts leave may."""


def torch() -> Any:
    """Return torch, which whoever has a tensor of it has imported."""
    return sys.modules["torch"]


def is_tensor(x: Any) -> bool:
    """Tell whether x is a tensor of torch, or what wraps one."""
    return "torch" in sys.modules and isinstance(x, torch().Tensor)


def is_whole(x: Array) -> bool:
    """Tell whether x is a tensor of torch's own: what wraps one may be in parts, as a DTensor is."""
    return type(x) in (torch().Tensor, torch().nn.Parameter)


def is_readable(x: Array) -> bool:
    """Tell whether the values of x can be read: it is in host memory, and neither compiled nor transformed."""
    if is_compiled() or not is_whole(x):
        return False
    transformed = torch()._C._functorch.peek_interpreter_stack() is not None  # noqa: SLF001  # no public query
    return x.device.type == "cpu" and not transformed


def are_viewable(tensors: Sequence[Array]) -> bool:
    """Tell whether NumPy has what tensors are, and nobody differentiates, traces or watches what is done with them."""
    if is_compiled() or "numpy" not in sys.modules or _is_watched():
        return False
    grad = torch().is_grad_enabled()
    for x in tensors:
        if not is_whole(x) or x.device.type != "cpu" or x.dtype == torch().bfloat16:
            return False
        if (x.requires_grad and grad) or x.is_neg() or x.is_conj():
            return False
    return True


def _is_watched() -> bool:
    """Tell whether somebody transforms, differentiates forward, traces or dispatches what is called."""
    c = torch()._C  # noqa: SLF001  # no public queries
    return bool(
        c._functorch.peek_interpreter_stack() is not None  # noqa: SLF001
        or torch().autograd.forward_ad._current_level >= 0  # noqa: SLF001
        or c._len_torch_dispatch_stack()  # noqa: SLF001
        or c._len_torch_function_stack()  # noqa: SLF001
        or c._get_tracing_state()  # noqa: SLF001
    )


def is_differentiated(x: Array, others: Iterable[Any]) -> bool:
    """Tell whether x is a tensor that is differentiated backwards, and nothing else is, and in no other way."""
    if "torch" not in sys.modules or not is_whole(x) or not x.requires_grad or not torch().is_grad_enabled():
        return False
    if any(getattr(y, "requires_grad", False) for y in others):
        return False
    if _is_transformed() or torch().compiler.is_exporting():
        return False
    return is_compiled() or not torch()._C._get_tracing_state()  # noqa: SLF001  # no public query


def _is_transformed() -> bool:
    """Tell whether somebody transforms or differentiates forward what is called, compiled or not."""
    transformed = torch()._C._are_functorch_transforms_active()  # noqa: SLF001  # no public queries
    return bool(transformed or torch().autograd.forward_ad._current_level >= 0)  # noqa: SLF001


def viewed(x: Array) -> Any:
    """Return a tensor that is viewable as an array of NumPy, in the same memory."""
    return x.detach().numpy() if x.requires_grad else x.numpy()


def given_back(x: Any) -> Any:
    """Return an array of NumPy as a tensor in the same memory."""
    return torch().from_numpy(sys.modules["numpy"].asarray(x))


def is_compiled() -> bool:
    """Tell whether torch compiles what is called."""
    return bool(torch().compiler.is_compiling())


def is_for_its_value(x: Array) -> bool:
    """Tell whether torch compiles what is done with x, and nobody differentiates it."""
    return is_compiled() and not (x.requires_grad and torch().is_grad_enabled()) and not _is_transformed()


def settled(x: Array) -> Any:
    """Return a DTensor of which no part is still to be reduced with others: a choice among its elements reduces it."""
    return torch().where(x == x, x, torch().nan) if hasattr(x, "placements") else x  # noqa: PLR0124  # but for nan


def comparable(x: Array) -> Any:
    """Return what is as infinite as x, in float32 where x is of float64 and differentiated compiled.

    The compiler keeps results for the derivative that are less than a quarter of what they are made of.
    """
    kept = is_compiled() and not torch().is_grad_enabled() and x.dtype == torch().float64
    return (x * SMALL).to(torch().float32) if kept else x


def one_of_each(x: Array, index: Array) -> Any:
    """Return the entry of each row that a column of indices names."""
    return torch().take_along_dim(x, index, -1)


def is_added_naively(x: Array) -> bool:
    """Tell whether sums of rows are compiled to many additions one after the other, some side by side: on the CPU."""
    return is_compiled() and x.device.type == "cpu" and x.is_floating_point() and bool(x.shape[-1] > FEW)


def are_many(x: Array) -> bool:
    """Tell whether terms of a row are so many that also what their high parts leave is added too often."""
    return bool(x.shape[-1] > MANY)


def added_in_float64(x: Array) -> Any:
    """Return sums of rows of float32."""
    return torch().sum(x, -1, keepdim=True, dtype=torch().float64).to(torch().float32)


def written_in_place(x: Array) -> Any:
    """Return a permuted array as one that is computed in its order: inductor would permute it in a pass of its own."""
    return 1 * x if is_compiled() else x
