"""CuPy, emulated: see `tests/cupy_emulation`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tests.backends.base import NumpyDtypes
from tests.cupy_emulation import install

if TYPE_CHECKING:
    import numpy as np
    import pytest


class CuPy(NumpyDtypes):
    """Arrays on a pretended device: while a test runs, only `array` and `numpy` may move values or wait."""

    package = "cupy"
    readable = False
    guarded = True
    halves = ("float16",)
    flushes = ("float32",)  # CuPy compiles every kernel with -ftz=true

    def __init__(self, name: str) -> None:
        self.emulation = install()
        super().__init__(name)

    def namespace(self) -> Any:
        """Return it without an array, for a test that asks for it while a function runs."""
        return importlib.import_module("array_api_compat.cupy")

    def make(self, data: np.ndarray, dtype: str) -> Any:
        with self.emulation.allowing():
            return self.module.asarray(data.astype(dtype))

    def numpy(self, x: Any) -> np.ndarray:
        with self.emulation.allowing():
            return self.module.asnumpy(x)

    def run(self, function: Any, *arrays: Any) -> Any:
        """Call a function, and check that it moved nothing and waited for nothing, nor caught the error of it."""
        before = self.emulation.counts()
        result = function(*arrays)
        assert self.emulation.counts()._replace(launches=0, on_device=0) == before._replace(launches=0, on_device=0)
        return result

    def host_reads_raise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(self.emulation, "forbidden", True)
