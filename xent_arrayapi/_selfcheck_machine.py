"""The array libraries of this machine and their devices."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from typing import TYPE_CHECKING, Any

from xent_arrayapi._selfcheck_place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from xent_arrayapi._typing import Array, Device


class Strict(Place):
    """array-api-strict, on its CPU device or another."""

    backend = "array-api-strict"
    module = "array_api_strict"

    @classmethod
    def devices(cls, library: Any) -> list[str]:  # noqa: ARG003
        """Return its host and one other device."""
        return ["CPU_DEVICE", "device1"]

    @property
    def kind(self) -> str:
        """What all of its devices are."""
        return "cpu"

    @property
    def handle(self) -> Device:
        """Return the device."""
        return self.library.Device(self.device)

    @property
    def raises(self) -> bool:
        """Whether the values can be read."""
        return self.device == "CPU_DEVICE"

    def lists(self, x: Array) -> Any:
        """Move an array to the host, and through NumPy."""
        return importlib.import_module("numpy").asarray(x.to_device(self.library.Device("CPU_DEVICE"))).tolist()

    def forbidding(self) -> AbstractContextManager[Any] | None:
        """Make the conversions to Python numbers raise, which the library lets pass on its other devices."""
        return None if self.raises else _without_conversions(type(self.array([0.0], "float32")), self.handle)


class Torch(Place):
    """torch, on the CPU or an accelerator."""

    backend = "torch"
    module = "torch"

    @classmethod
    def devices(cls, library: Any) -> list[str]:
        """Return the CPU and every accelerator: CUDA and ROCm, MPS, XPU."""
        accelerator = library.accelerator
        if not accelerator.is_available():
            return ["cpu"]
        kind = accelerator.current_accelerator().type
        return ["cpu", *(f"{kind}:{i}" for i in range(accelerator.device_count()))]

    @property
    def handle(self) -> Device:
        """Return the device."""
        return self.library.device(self.device)

    @property
    def device_name(self) -> str:
        """The name that the accelerator's module gives."""
        ask = getattr(getattr(self.library, self.kind, None), "get_device_name", None)
        return super().device_name if ask is None else str(ask(self.device))

    @property
    def raises(self) -> bool:
        """Whether the values can be read."""
        return self.device == "cpu"

    def wait(self, arrays: tuple[Array, ...]) -> None:  # noqa: ARG002  # it waits for the device
        """Wait for the device."""
        if self.device != "cpu":
            self.library.accelerator.synchronize(self.device)

    def forbidding(self) -> AbstractContextManager[Any] | None:
        """Make synchronisations raise, which only CUDA offers."""
        return _synchronising_raises(self.library.cuda) if self.kind == "cuda" else None

    def differentiated(self, h: Callable[[Array], Array], u: Array, v: Array) -> tuple[Array, Array] | None:
        """Differentiate backwards twice."""
        u = u.detach().clone().requires_grad_(True)  # noqa: FBT003  # torch's signature
        (gradient,) = self.library.autograd.grad(h(u), u, create_graph=True)
        (product,) = self.library.autograd.grad((gradient * v).sum(), u)
        return gradient.detach(), product


class Jax(Place):
    """JAX, each operation by itself, with 64-bit types."""

    backend = "jax"
    module = "jax"
    compiles_operations = True

    def __init__(self, device: str) -> None:
        """Find the device."""
        self._found = self._all(importlib.import_module("jax"))[device]
        super().__init__(device)

    def made(self) -> Array:
        """Return some array, as jax.numpy makes it."""
        return importlib.import_module("jax.numpy").asarray([0.0])

    @classmethod
    def _all(cls, library: Any) -> dict[str, Device]:
        found = list(library.local_devices())
        with contextlib.suppress(RuntimeError):  # JAX_PLATFORMS may leave the CPU out
            found += library.local_devices(backend="cpu")
        return {f"{one.platform}:{one.id}": one for one in found}

    @classmethod
    def devices(cls, library: Any) -> list[str]:
        """Return the devices of the default platform and those of the CPU."""
        return list(cls._all(library))

    @property
    def handle(self) -> Device:
        """Return the device."""
        return self._found

    @property
    def device_name(self) -> str:
        """The kind of device, or the processor."""
        return super().device_name if self.kind == "cpu" else str(self._found.device_kind)

    @property
    def raises(self) -> bool:
        """Whether the values can be read."""
        return self.kind == "cpu"

    def within(self) -> AbstractContextManager[Any]:
        """Switch 64-bit types on, on the device."""
        stack = contextlib.ExitStack()
        stack.enter_context(self.library.enable_x64(True))  # noqa: FBT003  # JAX's signature
        stack.enter_context(self.library.default_device(self._found))
        return stack

    def wait(self, arrays: tuple[Array, ...]) -> None:
        """Wait for the arrays."""
        self.library.block_until_ready(arrays)


class JaxJit(Jax):
    """JAX, each call compiled as one program."""

    mode = "jit"
    compiles_operations = False

    @property
    def raises(self) -> bool:
        """Whether the values can be read: never, they are traced."""
        return False

    def prepared(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function."""
        compiled: Callable[..., Any] = self.library.jit(function)
        return compiled

    def forbidding(self) -> AbstractContextManager[Any] | None:
        """Make transfers raise; values cannot be read in traced code anyhow."""
        guard: AbstractContextManager[Any] = self.library.transfer_guard("disallow")
        return guard

    def differentiated(self, h: Callable[[Array], Array], u: Array, v: Array) -> tuple[Array, Array] | None:
        """Differentiate backwards, and forwards over that."""
        gradient = self.library.grad(h)
        return self.run(lambda u, v: self.library.jvp(gradient, (u,), (v,)), u, v)  # type: ignore[no-any-return]


class Cupy(Place):
    """CuPy, on one GPU."""

    backend = "cupy"
    module = "cupy"

    @classmethod
    def devices(cls, library: Any) -> list[str]:
        """Return the GPUs."""
        return [f"cuda:{i}" for i in range(library.cuda.runtime.getDeviceCount())]

    @property
    def handle(self) -> Device:
        """Return the device."""
        return self.library.cuda.Device(int(self.device.partition(":")[2]))

    @property
    def device_name(self) -> str:
        """The name in the properties of the device."""
        name: bytes = self.library.cuda.runtime.getDeviceProperties(self.handle.id)["name"]
        return name.decode()

    @property
    def raises(self) -> bool:
        """Whether the values can be read: they are on a GPU."""
        return False

    def within(self) -> AbstractContextManager[Any]:
        """Make the device the current one."""
        device: AbstractContextManager[Any] = self.handle
        return device

    def array(self, data: Any, dtype: str) -> Array:
        """Make an array on the current device."""
        return self.library.asarray(data, dtype=dtype)

    def dtype(self, name: str) -> Any:
        """Return a dtype by its name."""
        return self.library.dtype(name)

    def wait(self, arrays: tuple[Array, ...]) -> None:  # noqa: ARG002  # it waits for the device
        """Wait for the device."""
        self.handle.synchronize()

    def forbidding(self) -> AbstractContextManager[Any] | None:
        """Make synchronisations raise, transfers included; CuPy says that it may cease to offer that."""
        allow = getattr(importlib.import_module("cupyx"), "allow_synchronize", None)
        return None if allow is None else _entered_quietly(allow(False))  # noqa: FBT003  # positional in CuPy


@contextlib.contextmanager
def _entered_quietly(context: AbstractContextManager[Any]) -> Iterator[None]:
    """Enter a context that warns of its own future."""
    with contextlib.ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            stack.enter_context(context)
        yield


class Dask(Place):
    """Dask over NumPy, in two chunks along each axis."""

    backend = "dask"
    module = "dask.array"
    mode = "lazy"

    @property
    def raises(self) -> bool:
        """Whether the values can be read: they are not computed yet."""
        return False

    def within(self) -> AbstractContextManager[Any]:
        """Compute in this thread."""
        return self._scheduled("synchronous")

    def _scheduled(self, scheduler: Any) -> AbstractContextManager[Any]:
        chosen: AbstractContextManager[Any] = importlib.import_module("dask").config.set(scheduler=scheduler)
        return chosen

    def dtype(self, name: str) -> Any:
        """Return a dtype by its name."""
        return importlib.import_module("numpy").dtype(name)

    def array(self, data: Any, dtype: str) -> Array:
        """Make an array of nested lists, in chunks."""
        x = self.library.asarray(data, dtype=self.dtype(dtype))
        return x.rechunk(tuple(max(1, -(-size // 2)) for size in x.shape))

    def values(self, x: Array) -> list[float]:
        """Compute an array, and bring it back."""
        return self.values_of([x])[0]

    def values_of(self, arrays: Sequence[Array]) -> list[list[float]]:
        """Compute several as one graph; NumPy warns here of the infinite and nan values that it meets."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return [super(Dask, self).values(x) for x in self._computed(arrays)]

    def _computed(self, arrays: Sequence[Array]) -> tuple[Any, ...]:
        computed: tuple[Any, ...] = importlib.import_module("dask").compute(*arrays)
        return computed

    def wait(self, arrays: tuple[Array, ...]) -> None:
        """Compute the arrays."""
        self._computed(arrays)

    def forbidding(self) -> AbstractContextManager[Any] | None:
        """Make the computation of a graph raise."""
        return self._scheduled(_refuse)


class Mlx(Place):
    """MLX, on its default device."""

    backend = "mlx"
    module = "mlx.core"

    @classmethod
    def devices(cls, library: Any) -> list[str]:
        """Return the default device, where arrays are computed."""
        return [str(library.default_device().type).rpartition(".")[2]]

    @property
    def raises(self) -> bool:
        """Whether the values can be read: they are not computed yet."""
        return False

    def array(self, data: Any, dtype: str) -> Array:
        """Make an array; MLX knows no device of one."""
        return self.library.array(data, dtype=self.dtype(dtype))

    def dtype(self, name: str) -> Any:
        """Return a dtype by its name."""
        return getattr(self.library, "bool_" if name == "bool" else name)

    def wait(self, arrays: tuple[Array, ...]) -> None:
        """Compute the arrays."""
        self.library.eval(arrays)


BACKENDS: dict[str, tuple[type[Place], ...]] = {
    "numpy": (Place,),
    "array-api-strict": (Strict,),
    "torch": (Torch,),
    "jax": (Jax, JaxJit),
    "cupy": (Cupy,),
    "dask": (Dask,),
    "mlx": (Mlx,),
}
"""What can be checked, by the name of the library; its classes differ in how they run."""


def find(backends: Sequence[str], device: str | None) -> tuple[list[Place], dict[str, str]]:
    """Return the places to check, and why there is none for a backend; a device is named whole, or by its kind."""
    places: list[Place] = []
    absent = {}
    for name in backends:
        try:
            found = [place for kind in BACKENDS[name] for place in _places(kind, device)]
        except ModuleNotFoundError as error:
            absent[name] = f"not installed: {error}"
        except Exception as error:  # noqa: BLE001  # of a driver, for one; it is reported
            absent[name] = f"not usable: {type(error).__name__}: {error}"
        else:
            places += found
            if not found:
                absent[name] = f"no device {device}" if device else "no device"
    return places, absent


def _places(kind: type[Place], device: str | None) -> list[Place]:
    names = kind.devices(importlib.import_module(kind.module))
    return [kind(name) for name in names if device in (None, name, name.partition(":")[0])]


def _refuse(*_: Any, **__: Any) -> None:
    msg = "a value is read on the host, or a graph computed"
    raise RuntimeError(msg)


@contextlib.contextmanager
def _synchronising_raises(cuda: Any) -> Iterator[None]:
    before = cuda.get_sync_debug_mode()
    cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        cuda.set_sync_debug_mode(before)


@contextlib.contextmanager
def _without_conversions(array: type, device: Device) -> Iterator[None]:
    """Make an array on a device refuse to become a Python number."""
    names = ("__float__", "__bool__", "__int__", "__index__", "__complex__")
    originals = {name: getattr(array, name) for name in names}

    def guarded(original: Callable[[Array], Any]) -> Callable[[Array], Any]:
        return lambda x: _refuse() if x.device == device else original(x)

    for name, original in originals.items():
        setattr(array, name, guarded(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(array, name, original)
