"""NumPy and array-api-strict."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from tests.backends.base import Backend, NumpyDtypes


class Numpy(NumpyDtypes):
    """NumPy arrays that cannot be written to, unless the name says else."""

    halves = ("float16",)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        x = data.astype(dtype)
        x.flags.writeable = self.name == "numpy-writable"
        return x


class Strict(Backend):
    package = "array_api_strict"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        variant = name.partition("-")[2]
        self.flags = variant == "flags"
        self.device = self.module.Device("CPU_DEVICE" if variant in ("", "flags") else variant)
        self.readable = variant in ("", "flags")
        self.guarded = not self.readable

    @property
    def has_float64(self) -> bool:
        return "no_" not in self.name

    @property
    def float_default(self) -> str:
        return "float64" if self.name in ("strict", "strict-flags", "strict-device1") else "float32"

    @property
    def int_default(self) -> str:
        return "int32" if self.name == "strict-no_x64" else "int64"

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.module.asarray(data.astype(dtype), device=self.device)

    def elsewhere(self, data: Any) -> tuple[Any, ...]:
        devices = [self.module.Device(name) for name in ("CPU_DEVICE", "device1")]
        return tuple(self.module.asarray(data, device=device) for device in devices if device != self.device)

    def numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x.to_device(self.module.Device("CPU_DEVICE")))

    def settings(self) -> contextlib.AbstractContextManager[None]:
        if self.flags:
            return self.module.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False)
        return contextlib.nullcontext()

    def host_reads_raise(self, monkeypatch: Any) -> None:
        if self.readable:
            return
        array = type(self.array([0.0]))
        host = self.module.Device("CPU_DEVICE")
        for name in ("__float__", "__bool__", "__int__", "__index__", "__complex__"):
            original = getattr(array, name)

            def refuse(x: Any, original: Any = original, name: str = name) -> Any:
                if x.device != host:
                    msg = f"{name} of an array on {x.device}: a synchronisation"
                    raise AssertionError(msg)
                return original(x)

            monkeypatch.setattr(array, name, refuse)
