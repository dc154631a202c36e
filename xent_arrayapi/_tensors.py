"""What torch is asked for beyond the standard: who looks at a tensor, and how its compiler adds and writes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array


def torch() -> Any:
    """Return torch, which whoever has a tensor of it has imported."""
    return sys.modules["torch"]


def is_whole(x: Array) -> bool:
    """Tell whether x is a tensor of torch's own: what wraps one may be in parts, as a DTensor is."""
    return type(x) in (torch().Tensor, torch().nn.Parameter)


def is_readable(x: Array) -> bool:
    """Tell whether the values of x can be read: it is in host memory, and neither compiled nor transformed."""
    if is_compiled() or not is_whole(x):
        return False
    transformed = torch()._C._functorch.peek_interpreter_stack() is not None  # noqa: SLF001  # no public query
    return x.device.type == "cpu" and not transformed


def is_plain(x: Array) -> bool:
    """Tell whether NumPy has the dtype of x, and nobody differentiates, traces or watches what is done with it."""
    of_numpy = "numpy" in sys.modules and x.dtype != torch().bfloat16
    if not of_numpy or (x.requires_grad and torch().is_grad_enabled()):
        return False
    forward = torch().autograd.forward_ad._current_level >= 0  # noqa: SLF001  # no public query
    modes = torch()._C._len_torch_dispatch_stack() + torch()._C._len_torch_function_stack()  # noqa: SLF001
    return not (forward or modes or torch()._C._get_tracing_state())  # noqa: SLF001


def is_compiled() -> bool:
    """Tell whether torch compiles what is called."""
    return bool(torch().compiler.is_compiling())


def one_of_each(x: Array, index: Array) -> Any:
    """Return the entry of each row that a column of indices names."""
    return torch().take_along_dim(x, index, -1)


def is_added_naively(x: Array) -> bool:
    """Tell whether sums of rows are compiled to one addition after the other: where rows are strided."""
    return is_compiled() and x.stride(-1) != 1


def added_in_float64(x: Array) -> Any:
    """Return sums of rows of float32 on the CPU, which has float64, and None of other rows."""
    if x.dtype != torch().float32 or x.device.type != "cpu":
        return None
    return torch().sum(x, -1, keepdim=True, dtype=torch().float64).to(torch().float32)


def written_in_place(x: Array) -> Any:
    """Return a permuted array as one that is computed in its order: inductor would permute it in a pass of its own."""
    return 1 * x if is_compiled() else x
