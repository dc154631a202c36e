"""Array libraries with devices that this machine has not, made of NumPy."""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Unused:
    """The array type that array-api-compat asks an imported library for."""


def installed(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> ModuleType:
    """Put a module of NumPy's functions in the place of a library."""
    module = ModuleType(name)
    vars(module).update({"asarray": np.asarray, "dtype": np.dtype, "__version__": "1.2.3"} | members)
    monkeypatch.setitem(sys.modules, name, module)
    return module


class Log(list[str]):
    """What was called, in order."""

    def entry(self, name: str, result: Any = None) -> Any:
        """Return a function that is noted when it is called."""

        def called(*arguments: Any, **_: Any) -> Any:
            self.append(" ".join([name, *(str(x) for x in arguments if isinstance(x, (str, bool, int)))]))
            return result

        return called

    @contextlib.contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Note the beginning and the end."""
        self.append(f"{name} begins")
        try:
            yield
        finally:
            self.append(f"{name} ends")


def torch(monkeypatch: pytest.MonkeyPatch, log: Log, kind: str = "cuda", count: int = 2) -> ModuleType:
    """Install a torch with accelerators, or with none."""
    accelerator = SimpleNamespace(
        is_available=lambda: count > 0,
        current_accelerator=lambda: SimpleNamespace(type=kind),
        device_count=lambda: count,
        synchronize=log.entry("synchronize"),
    )
    cuda = SimpleNamespace(
        get_device_name=lambda device: f"the {device}",
        get_sync_debug_mode=lambda: 0,
        set_sync_debug_mode=log.entry("set_sync_debug_mode"),
    )
    return installed(
        monkeypatch, "torch", Tensor=Unused, accelerator=accelerator, cuda=cuda, device=lambda _: "cpu",
        mps=SimpleNamespace(),
    )  # fmt: skip


def jax(monkeypatch: pytest.MonkeyPatch, log: Log, *platforms: str, cpu: bool = True) -> ModuleType:
    """Install a JAX with devices of some platforms, which differentiates what has derivatives of its own."""
    found = {name: SimpleNamespace(platform=name, id=0, device_kind=f"the {name}") for name in (*platforms, "cpu")}

    def local_devices(backend: str | None = None) -> list[Any]:
        if backend and not cpu:
            msg = "Unknown backend cpu"
            raise RuntimeError(msg)
        return [found[name] for name in ([backend] if backend else platforms or ["cpu"])]

    def jvp(gradient: Any, primals: Any, tangents: Any) -> tuple[Any, Any]:
        return gradient(*primals), gradient.__self__.hvp(*primals, *tangents)

    installed(monkeypatch, "jax.numpy", ndarray=Unused)
    return installed(
        monkeypatch, "jax", Array=Unused, core=SimpleNamespace(Tracer=Unused), local_devices=local_devices, jvp=jvp,
        enable_x64=lambda _: log.during("64 bits"), default_device=lambda x: log.during(x.platform),
        transfer_guard=log.during, jit=lambda f: f, grad=lambda h: h.grad, block_until_ready=log.entry("wait"),
    )  # fmt: skip


def cupy(monkeypatch: pytest.MonkeyPatch, log: Log, count: int = 1) -> ModuleType:
    """Install a CuPy with devices."""

    class Device:
        def __init__(self, number: int) -> None:
            self.id = number
            self.synchronize = log.entry("synchronize")

        def __enter__(self) -> None:
            log.append(f"device {self.id}")

        def __exit__(self, *_: object) -> None:
            log.append("no device")

    def properties(number: int) -> dict[str, Any]:
        return {"name": f"the GPU {number}".encode()}

    runtime = SimpleNamespace(getDeviceCount=lambda: count, getDeviceProperties=properties)
    installed(monkeypatch, "cupyx", allow_synchronize=lambda allowed: log.during(f"allow_synchronize({allowed})"))
    return installed(monkeypatch, "cupy", ndarray=Unused, cuda=SimpleNamespace(Device=Device, runtime=runtime))


def mlx(monkeypatch: pytest.MonkeyPatch, log: Log) -> ModuleType:
    """Install an MLX whose arrays are computed on a GPU."""
    dtypes = {name: np.dtype(name) for name in ("float16", "float32", "int32", "uint8")}
    core = installed(
        monkeypatch, "mlx.core", array=np.array, bool_=np.dtype(bool), eval=log.entry("eval"),
        default_device=lambda: SimpleNamespace(type="DeviceType.gpu"), **dtypes,
    )  # fmt: skip
    return installed(monkeypatch, "mlx", core=core)
