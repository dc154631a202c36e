"""What a backend is to the suite: how arrays are made, brought back, and how a function is called."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace, device

if TYPE_CHECKING:
    from collections.abc import Iterable


class Backend:
    """One array library on one device, run in one way.

    ``array`` makes an array of it, ``numpy`` brings one back, and ``run`` calls a function of arrays as the backend
    does: eagerly, or compiled with every array argument traced.
    """

    readable = True
    """Whether the library reads values here by default, and so can raise for them."""
    guarded = False
    """Whether reading a value on the host raises an AssertionError, as a synchronisation."""
    sized = True
    """Whether all sizes are known when a function is called."""
    flushes: tuple[str, ...] = ()
    """The dtypes whose subnormal numbers the compiler of the backend makes 0, which rule 7 allows."""
    slow = False
    """Whether each call is compiled, so that tests over many combinations take fewer of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module = importlib.import_module(self.package)

    package = "numpy"

    @property
    def has_float64(self) -> bool:
        return True

    @property
    def eps(self) -> float:
        """The spacing at 1 of what `array` makes of floating data."""
        return 2.0**-52 if self.has_float64 else 2.0**-23

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The floating dtypes that accuracy is tested in."""
        return ("float32", "float64") if self.has_float64 else ("float32",)

    @property
    def halves(self) -> tuple[str, ...]:
        """The half-precision dtypes."""
        return ()

    @property
    def float_default(self) -> str:
        return "float64"

    @property
    def int_default(self) -> str:
        return "int64"

    def dtype(self, name: str) -> Any:
        return getattr(self.module, name)

    def array(self, data: Any, dtype: str | None = None) -> Any:
        """Make an array; floating data is float64 where there is one, integers the default, unless dtype says else."""
        data = np.asarray(data)
        if dtype is None:
            kinds = {"f": "float64" if self.has_float64 else "float32", "i": self.int_default, "b": "bool"}
            dtype = kinds.get(data.dtype.kind, data.dtype.name)
        return self.make(data, dtype)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return data.astype(dtype)

    def elsewhere(self, data: Any) -> tuple[Any, ...]:  # noqa: ARG002  # there is one device
        """Make arrays of the library on its other devices, as many as differ from this one in kind."""
        return ()

    def numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def shape(self, x: Any) -> tuple[int, ...]:
        """Return the sizes of an array that `array` made: also where the library does not know them."""
        return tuple(x.shape)

    def numpies(self, arrays: Iterable[Any]) -> tuple[np.ndarray, ...]:
        """Bring several back: where they are graphs, computed as one."""
        return tuple(self.numpy(x) for x in arrays)

    def device_of(self, x: Any) -> Any:
        """Tell where an array is, None where the library does not say."""
        return device(x)

    def run(self, function: Any, *arrays: Any) -> Any:
        return function(*arrays)

    def call(self, function: Any, *arrays: Any) -> Any:
        """Call a function that is called again, on other values: only those of its results are looked at."""
        return self.run(function, *arrays)

    def namespace(self) -> Any:
        return array_namespace(self.array([0.0]))

    def settings(self) -> contextlib.AbstractContextManager[None]:
        """Whatever has to be in force while a test runs."""
        return contextlib.nullcontext()

    def host_reads_raise(self, monkeypatch: Any) -> None:
        """Make reading a value on the host raise, where a device is to forbid it."""


class NumpyDtypes(Backend):
    """A library whose dtypes are NumPy's."""

    def dtype(self, name: str) -> Any:
        return np.dtype(name)
