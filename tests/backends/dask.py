"""Dask over NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.backends.base import NumpyDtypes

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterable


class Dask(NumpyDtypes):
    """Graphs over NumPy chunks, two along the rows, the classes, or every axis, that nothing computes while built."""

    package = "dask"
    readable = False
    halves = ("float16",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.da = importlib.import_module("dask.array")

    def make(self, data: np.ndarray, dtype: str) -> Any:
        along = {"dask-rows": {0}, "dask-classes": {data.ndim - 1}, "dask-both": set(range(data.ndim))}[self.name]
        chunks = tuple(max(1, -(-size // 2)) if axis in along else -1 for axis, size in enumerate(data.shape))
        return self.da.from_array(data.astype(dtype), chunks=chunks)

    def numpy(self, x: Any) -> np.ndarray:
        return self.numpies([x])[0]

    def numpies(self, arrays: Iterable[Any]) -> tuple[np.ndarray, ...]:
        with np.errstate(all="ignore"):  # the graph is computed outside of our call, which keeps NumPy from warning
            return tuple(np.asarray(x) for x in self.module.compute(*arrays, scheduler="synchronous"))

    def run(self, function: Any, *arrays: Any) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            msg = "a graph is computed while it is built"
            raise AssertionError(msg)

        with self.module.config.set(scheduler=refuse):
            return function(*arrays)

    def settings(self) -> contextlib.AbstractContextManager[None]:
        scheduled: contextlib.AbstractContextManager[None] = self.module.config.set(scheduler="synchronous")
        return scheduled
