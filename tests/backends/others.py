"""Libraries of the standard that are smaller, or younger: mparray, marray over NumPy, sparse, MLX on the CPU."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tests.backends.base import Backend, NumpyDtypes


class MPArray(NumpyDtypes):
    """Numbers of mpmath at the precision of float64, whatever the dtype says, and with no bounds to their exponents."""

    package = "mparray"
    readable = False
    dtypes = ("float64",)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.module.asarray(data.astype(dtype))

    def numpy(self, x: Any) -> np.ndarray:
        flat = self.module.reshape(x, (-1,))
        kind = {"b": bool, "i": int, "u": int}.get(x.dtype.kind, float)
        return np.asarray([kind(flat[k]) for k in range(flat.size)], dtype=x.dtype).reshape(x.shape)


class MArray(NumpyDtypes):
    """NumPy arrays that carry a mask, here with nothing masked."""

    package = "marray"
    readable = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.masked = self.module.masked_namespace(np)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.masked.asarray(data.astype(dtype))

    def numpy(self, x: Any) -> np.ndarray:
        assert not np.any(x.mask)
        return np.asarray(x.data)


class Sparse(NumpyDtypes):
    """Arrays in coordinates, with a value for the rest."""

    package = "sparse"
    readable = False
    halves = ("float16",)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.module.COO.from_numpy(data.astype(dtype))

    def numpy(self, x: Any) -> np.ndarray:
        return x.todense() if hasattr(x, "todense") else np.asarray(x)


class Mlx(Backend):
    """MLX on the CPU: no float64, no array that says where it is, and at times no end where one is empty."""

    package = "mlx"
    readable = False
    halves = ("float16", "bfloat16")
    has_float64 = False
    float_default = "float32"
    int_default = "int32"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.mx = importlib.import_module("mlx.core")

    def dtype(self, name: str) -> Any:
        return getattr(self.mx, {"bool": "bool_"}.get(name, name))

    def make(self, data: np.ndarray, dtype: str) -> Any:
        assert data.size, "an operation of MLX on an array without elements may not end"
        return self.mx.array(np.array(data, order="C")).astype(self.dtype(dtype))

    def device_of(self, _: Any) -> Any:
        return None

    def numpy(self, x: Any) -> np.ndarray:
        return np.array(x.astype(self.mx.float32) if x.dtype == self.mx.bfloat16 else x)
