"""JAX on the CPU: eager, jit and exported, with and without 64-bit types."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.backends.base import Backend

if TYPE_CHECKING:
    import contextlib


class Jax(Backend):
    package = "jax"
    halves = ("float16", "bfloat16")
    flushes = ("float32", "float64")  # XLA on the CPU
    x64 = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.jnp = importlib.import_module("jax.numpy")

    @property
    def has_float64(self) -> bool:
        return self.x64

    @property
    def float_default(self) -> str:
        return "float64" if self.x64 else "float32"

    @property
    def int_default(self) -> str:
        return "int64" if self.x64 else "int32"

    def dtype(self, name: str) -> Any:
        return self.jnp.dtype(name)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.jnp.asarray(np.asarray(data).astype(self.jnp.dtype(dtype)))

    def numpy(self, x: Any) -> np.ndarray:
        got = np.asarray(x)
        return got.astype(np.float32) if got.dtype.name == "bfloat16" else got

    def pulled_back(self, function: Any, primals: Any, cotangent: Any) -> tuple[Any, ...]:
        pull = self.module.vjp(lambda *arrays: self.run(function, *arrays), *primals)[1]
        return tuple(pull(cotangent))

    def settings(self) -> contextlib.AbstractContextManager[None]:
        return self.module.enable_x64(self.x64)


class JaxX32(Jax):
    """JAX as it comes, without 64-bit types."""

    x64 = False


class JaxJit(Jax):
    readable = False
    slow = True

    def run(self, function: Any, *arrays: Any) -> Any:
        return self.module.jit(function)(*arrays)


class JaxExport(Jax):
    """Every function is lowered for GPUs, TPUs and the CPU, for any number of rows, stored, read back and called."""

    readable = False
    platforms = ("cuda", "tpu", "cpu")
    calls = frozenset({"shape_assertion"})
    """What the lowered code may call beyond its own operations: the check of the shapes that it is handed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.export = importlib.import_module("jax.export")

    def exported(self, function: Any, *arrays: Any) -> Any:
        """Lower a function of arrays with one number of rows, the first axis of each, and read it back from bytes."""
        (rows,) = self.export.symbolic_shape("rows")
        specs = [self.module.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype) for x in arrays]
        made = self.export.export(self.module.jit(function), platforms=self.platforms)(*specs)
        called = set(re.findall(r"custom_call @([\w.]+)", made.mlir_module()))
        assert called <= self.calls, f"the lowered code calls {sorted(called - self.calls)}"
        assert made.platforms == self.platforms
        return self.export.deserialize(made.serialize()).call

    def leaves(self, tree: Any) -> list[Any]:
        """Return the arrays within lists, tuples and mappings."""
        return list(self.module.tree.leaves(tree))

    def run(self, function: Any, *arrays: Any) -> Any:
        return self.exported(function, *arrays)(*arrays)
