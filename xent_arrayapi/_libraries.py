"""Which array library a namespace is of: its name tells, with no cache, of which torch's compiler would warn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xent_arrayapi._typing import Namespace


def on_host(xp: Namespace) -> bool:
    """Tell whether arrays are NumPy's: to read their values, and to write to our own, costs nothing."""
    return xp.__name__ in {"numpy", "array_api_compat.numpy"}


def is_torch(xp: Namespace) -> bool:
    """Tell whether arrays are tensors of torch."""
    return xp.__name__ in {"torch", "array_api_compat.torch"}


def is_by_xla(xp: Namespace) -> bool:
    """Tell whether XLA evaluates what is asked for, eagerly or compiled: that of JAX."""
    return xp.__name__ in {"jax.numpy", "jax.experimental.array_api"}


def is_dask(xp: Namespace) -> bool:
    """Tell whether arrays are Dask's, in chunks."""
    return xp.__name__ in {"dask.array", "array_api_compat.dask.array"}


def is_strict(xp: Namespace) -> bool:
    """Tell whether arrays are those of array-api-strict."""
    return bool(xp.__name__ == "array_api_strict")


def is_ndonnx(xp: Namespace) -> bool:
    """Tell whether arrays are ndonnx's, of a graph to be run elsewhere."""
    return bool(xp.__name__ == "ndonnx")
