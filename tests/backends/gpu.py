"""Real devices: torch and CuPy on CUDA, where a synchronisation inside a call raises."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tests.backends.base import NumpyDtypes
from tests.backends.torch import Torch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


class TorchCuda(Torch):
    """Tensors on the current CUDA device; `run` lets nothing wait for it."""

    readable = False

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return super().make(data, dtype).to("cuda")

    def elsewhere(self, data: Any) -> tuple[Any, ...]:
        return (self.module.asarray(data),)

    def numpy(self, x: Any) -> np.ndarray:
        return super().numpy(x if isinstance(x, (float, int)) else x.cpu())

    def run(self, function: Any, *arrays: Any) -> Any:
        before = self.module.cuda.get_sync_debug_mode()
        self.module.cuda.set_sync_debug_mode("error")
        try:
            return function(*arrays)
        finally:
            self.module.cuda.set_sync_debug_mode(before)

    def memory_of(self, call: Callable[[], Any]) -> int:
        """Return the bytes that a call holds at most, beyond what was held before."""
        cuda = self.module.cuda
        cuda.synchronize()
        cuda.reset_peak_memory_stats()
        before = cuda.memory_allocated()
        call()
        cuda.synchronize()
        return int(cuda.max_memory_allocated() - before)


class CuPyCuda(NumpyDtypes):
    """Arrays on the current CUDA device, with the accelerators that CuPy has by default; `run` lets nothing wait."""

    package = "cupy"
    readable = False
    halves = ("float16",)
    flushes = ("float32",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cupyx = importlib.import_module("cupyx")

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.module.asarray(data.astype(dtype))

    def numpy(self, x: Any) -> np.ndarray:
        return self.module.asnumpy(x)

    def run(self, function: Any, *arrays: Any) -> Any:
        with self.cupyx.allow_synchronize(False):  # noqa: FBT003  # positional in CuPy
            return function(*arrays)

    def memory_of(self, call: Callable[[], Any]) -> int:
        """Return the bytes by which a call makes the pool of memory grow."""
        pool = self.module.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        call()
        return int(pool.total_bytes() - before)
