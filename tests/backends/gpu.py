"""Real devices: torch on CUDA, where a synchronisation inside a call raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.backends.torch import Torch

if TYPE_CHECKING:
    import numpy as np


class TorchCuda(Torch):
    """Tensors on the current CUDA device; `run` lets nothing wait for it."""

    readable = False

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return super().make(data, dtype).to("cuda")

    def numpy(self, x: Any) -> np.ndarray:
        return super().numpy(x if isinstance(x, (float, int)) else x.cpu())

    def run(self, function: Any, *arrays: Any) -> Any:
        before = self.module.cuda.get_sync_debug_mode()
        self.module.cuda.set_sync_debug_mode("error")
        try:
            return function(*arrays)
        finally:
            self.module.cuda.set_sync_debug_mode(before)
