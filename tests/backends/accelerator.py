"""torch off the host: a pretend accelerator, and meta tensors."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tests.backends.torch import Torch

if TYPE_CHECKING:
    import contextlib

    import numpy as np


class Accelerator(Torch):
    """Tensors on a pretend device, across whose boundary nothing goes but what `array` brings and `numpy` reads."""

    readable = False
    guarded = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.boundary = self.make_boundary()

    def make_boundary(self) -> Any:
        return importlib.import_module("tests.accelerator").Accelerator()

    def make(self, data: np.ndarray, dtype: str) -> Any:
        with self.boundary.lifted():
            return self.boundary.put(super().make(data, dtype))

    def numpy(self, x: Any) -> np.ndarray:
        with self.boundary.lifted():
            return super().numpy(x if isinstance(x, (float, int)) else self.boundary.back(x))

    def elsewhere(self, data: Any) -> tuple[Any, ...]:
        with self.boundary.lifted():
            on_host = self.module.asarray(data)
            return on_host, self.boundary.put(on_host, 1)

    def settings(self) -> contextlib.AbstractContextManager[None]:
        boundary: contextlib.AbstractContextManager[None] = self.boundary
        return boundary


class Meta(Accelerator):
    """Meta tensors, which have no values: a test reads those that are kept beside them."""

    def make_boundary(self) -> Any:
        return importlib.import_module("tests.meta").Meta()

    def elsewhere(self, data: Any) -> tuple[Any, ...]:
        with self.boundary.lifted():
            return (self.module.asarray(data),)
