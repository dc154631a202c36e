"""The backends that a lane runs the suite over, by name."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

if TYPE_CHECKING:
    from collections.abc import Iterable

LANES = {
    "numpy": ("numpy", "numpy-writable"),
    "strict": ("strict", "strict-flags", "strict-device1", "strict-device2"),
    "strict-narrow": ("strict-no_float64", "strict-no_x64"),
    "torch": ("torch", "torch-func"),
    "torch-compile": ("torch-compile",),
    "jax": ("jax", "jax-jit"),
    "jax-x32": ("jax-x32",),
    "dask": ("dask-rows", "dask-classes", "dask-both"),
    "peers": (),
    "example": (),
}
"""What `--lane NAME` stands for."""


COMPILING = ("torch-compile", "jax-jit")
"""The backends where each call is compiled: they run the tests marked `traced` or `autodiff`."""

PARTS = {
    "numpy-writable": ("test_contract",),
    "jax-x32": ("test_contract", "test_accuracy"),
    "dask-rows": ("test_contract_values", "test_accuracy", "test_partition"),
    "dask-classes": ("test_contract_values", "test_accuracy", "test_partition"),
}
"""What the files are called that a variant of a backend runs, where it does not run them all."""


class Backend:
    """One array library on one device, run in one way.

    ``array`` makes an array of it, ``numpy`` brings one back, and ``run`` calls a function of arrays as the backend
    does: eagerly, or compiled with every array argument traced.
    """

    readable = True
    """Whether the library reads values here by default, and so can raise for them."""
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

    def numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def numpies(self, arrays: Iterable[Any]) -> tuple[np.ndarray, ...]:
        """Bring several back: where they are graphs, computed as one."""
        return tuple(self.numpy(x) for x in arrays)

    def run(self, function: Any, *arrays: Any) -> Any:
        return function(*arrays)

    def namespace(self) -> Any:
        return array_namespace(self.array([0.0]))

    def settings(self) -> contextlib.AbstractContextManager[None]:
        """Whatever has to be in force while a test runs."""
        return contextlib.nullcontext()

    def host_reads_raise(self, monkeypatch: Any) -> None:
        """Make reading a value on the host raise, where a device is to forbid it."""


class Numpy(Backend):
    """NumPy arrays that cannot be written to, unless the name says else."""

    halves = ("float16",)

    def dtype(self, name: str) -> Any:
        return np.dtype(name)

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


class Torch(Backend):
    package = "torch"
    halves = ("float16", "bfloat16")
    float_default = "float32"

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.module.from_numpy(np.array(data)).to(self.dtype(dtype))

    def numpy(self, x: Any) -> np.ndarray:
        if isinstance(x, (float, int)):
            return np.asarray(x)
        x = x.detach()
        return (x.to(self.module.float32) if x.dtype == self.module.bfloat16 else x).numpy()


class TorchFunc(Torch):
    """Every array is a wrapper of torch.func: the function is run under vmap over a batch of one."""

    readable = False

    def run(self, function: Any, *arrays: Any) -> Any:
        batched = self.module.func.vmap(function)(*(x[None] for x in arrays))
        return tuple(x[0] for x in batched) if isinstance(batched, tuple) else batched[0]


class TorchCompile(Torch):
    """Every function is captured as one graph.

    The graph is run as it is; the accuracy and autodiff tests compile it with inductor as well.
    """

    readable = False
    slow = True
    compiler = "eager"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.unsupported = importlib.import_module("torch._dynamo.exc").Unsupported

    def run(self, function: Any, *arrays: Any) -> Any:
        self.module.compiler.reset()
        compiled = self.module.compile(function, fullgraph=True, backend=self.compiler, dynamic=False)
        try:
            return compiled(*arrays)
        except self.unsupported as error:
            if "Observed exception" not in str(error):
                raise
            function(*arrays)  # the function itself raises: dynamo wraps what it raises
            raise


class Jax(Backend):
    package = "jax"
    halves = ("float16", "bfloat16")
    x64 = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.jnp = importlib.import_module("jax.numpy")

    @property
    def has_float64(self) -> bool:
        return self.x64

    @property
    def float_default(self) -> str:
        return "float64" if self.x64 else "float32"

    @property
    def int_default(self) -> str:
        return "int64" if self.x64 else "int32"

    def dtype(self, name: str) -> Any:
        return self.jnp.dtype(name)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.jnp.asarray(np.asarray(data).astype(self.jnp.dtype(dtype)))

    def numpy(self, x: Any) -> np.ndarray:
        got = np.asarray(x)
        return got.astype(np.float32) if got.dtype.name == "bfloat16" else got

    def settings(self) -> contextlib.AbstractContextManager[None]:
        return self.module.enable_x64(self.x64)


class JaxX32(Jax):
    """JAX as it comes, without 64-bit types."""

    x64 = False


class JaxJit(Jax):
    readable = False
    slow = True

    def run(self, function: Any, *arrays: Any) -> Any:
        return self.module.jit(function)(*arrays)


class Dask(Backend):
    """Graphs over NumPy chunks, two along the rows, the classes, or every axis, that nothing computes while built."""

    package = "dask"
    readable = False
    halves = ("float16",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.da = importlib.import_module("dask.array")

    def dtype(self, name: str) -> Any:
        return np.dtype(name)

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


CLASSES = {
    "numpy": Numpy,
    "numpy-writable": Numpy,
    "torch": Torch,
    "torch-func": TorchFunc,
    "torch-compile": TorchCompile,
    "jax": Jax,
    "jax-jit": JaxJit,
    "jax-x32": JaxX32,
    **dict.fromkeys(LANES["dask"], Dask),
}


def backend(name: str) -> Backend:
    """Make a backend; a missing package is an error."""
    return CLASSES.get(name, Strict)(name)
