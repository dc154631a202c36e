"""An array library on a device: how arrays are made there, run, and read back."""

from __future__ import annotations

import contextlib
import importlib
import platform
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

from xent_arrayapi._namespace import device_of, namespace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from xent_arrayapi._typing import Array, Device

FLOATING = ("float16", "bfloat16", "float32", "float64")


class Place:
    """An array library on one of its devices, run in one way: NumPy, and what another has in common with it."""

    backend = "numpy"
    module = "numpy"
    mode = "eager"
    compiles_operations = False
    """Whether each operation is compiled for each shape, so that fewer shapes are checked."""

    def __init__(self, device: str) -> None:
        """Import the library."""
        self.device = device
        self.library = importlib.import_module(self.module)
        with self.within():
            self.xp = namespace_of(x=self.made())

    def made(self) -> Array:
        """Return some array of the library."""
        return self.library.asarray([0.0])

    @classmethod
    def devices(cls, library: Any) -> list[str]:  # noqa: ARG003  # which others ask
        """Return the names of the devices that the library finds."""
        return ["cpu"]

    @property
    def kind(self) -> str:
        """What sort of device this is."""
        return self.device.partition(":")[0]

    @property
    def version(self) -> str:
        """The version of the library."""
        whole = sys.modules[self.module.partition(".")[0]]
        return str(getattr(self.library, "__version__", None) or whole.__version__)

    @property
    def device_name(self) -> str:
        """What the maker calls the device."""
        return platform.processor() or platform.machine()

    @property
    def handle(self) -> Device:
        """What the library takes for a device."""
        return self.device

    @property
    def raises(self) -> bool:
        """Whether a label out of range raises here by default, as docs/backends.md says."""
        return True

    def within(self) -> AbstractContextManager[Any]:
        """Return what has to be in force around every call."""
        return contextlib.nullcontext()

    def dtype(self, name: str) -> Any:
        """Return a dtype by its name."""
        return getattr(self.xp, name)

    def array(self, data: Any, dtype: str) -> Array:
        """Make an array of nested lists, on the device."""
        return self.xp.asarray(data, dtype=self.dtype(dtype), device=self.handle)

    def dtypes(self) -> list[str]:
        """Return the floating dtypes that the device has."""
        return [name for name in FLOATING if self._has(name)]

    def _has(self, dtype: str) -> bool:
        try:
            x = self.array([0.0], dtype)
            return bool(x.dtype == self.dtype(dtype) and self.xp.isdtype(x.dtype, "real floating"))
        except Exception:  # noqa: BLE001  # each library has its own way to refuse a dtype
            return False

    def elsewhere(self) -> Place | None:
        """Return another device of the library, if there is one."""
        other = next((name for name in self.devices(self.library) if name != self.device), None)
        return None if other is None else type(self)(other)

    def holds(self, x: Array) -> bool:
        """Tell whether an array is of the library and on the device."""
        return namespace_of(x=x) is self.xp and device_of(x) == device_of(self.array([0.0], "float32"))

    def lists(self, x: Array) -> Any:
        """Bring an array back, as nested lists."""
        return x.tolist()

    def values(self, x: Array) -> list[float]:
        """Bring an array back, as one list of numbers."""
        return list(map(float, _flat(self.lists(x))))

    def values_of(self, arrays: Sequence[Array]) -> list[list[float]]:
        """Bring several back."""
        return [self.values(x) for x in arrays]

    def prepared(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of arrays as this place calls it."""
        return function

    def run(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """Call a function of arrays as this place does."""
        return self.prepared(function)(*arrays)

    def wait(self, arrays: tuple[Array, ...]) -> None:
        """Wait until arrays are computed."""

    def copied(self, x: Array) -> Array:
        """Return a copy of an array."""
        return self.xp.asarray(x, copy=True)

    def forbidding(self) -> AbstractContextManager[Any] | None:
        """Return what makes a synchronisation or a transfer raise, where that can be had."""
        return None

    def offend(self, x: Array) -> None:
        """Do what :meth:`forbidding` forbids."""
        float(x[0, 0])

    def differentiated(self, h: Callable[[Array], Array], u: Array, v: Array) -> tuple[Array, Array] | None:  # noqa: ARG002
        """Return the gradient of h and its derivative along v by the library's own differentiation, if it has one."""
        return None


def _flat(nested: Any) -> list[Any]:
    flat: list[Any] = nested if isinstance(nested, list) else [nested]
    while flat and isinstance(flat[0], list):
        flat = list(chain.from_iterable(flat))
    return flat
