"""The one table of what is run: each backend, its lane, its modes, and what of the suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTED, EMULATED, TRACED = "executed", "emulated", "traced"
MODES = ("eager", "lazy", "jit", "autograd", "device")
DEFECTS = {
    "float()": "a value is read by float()",
    "branch": "Python branches on a value",
    "constant": "a constant is made on the host",
    "sent constant": "a constant is made on the host and sent to the device",
    "mask": "an array is indexed by a boolean mask",
    "device": "an array is made without saying on which device",
    "sum(where=)": "a function is given an argument that the standard does not have",
}
"""What `tests/test_lanes.py` seeds into a function, to see that a lane catches it."""


@dataclass(frozen=True)
class Entry:
    """How a backend is run."""

    library: str
    """What the documentation calls it; variants of one share a row there."""
    lane: str
    runner: str
    """The class that runs it, as module.class of this package."""
    how: str
    """Executed; emulated, where a device is pretended; traced, where values are of another compiler or of none."""
    modes: tuple[str, ...]
    files: tuple[str, ...] = ("test_",)
    """What the files are called that it runs."""
    compiling: bool = False
    """Whether each call is compiled, which takes seconds: only tests marked `traced` or `autodiff` run."""
    catches: Mapping[str, str] = field(default_factory=dict)
    """The defects that it catches, and what it says of them; it runs the others."""
    without: Mapping[str, str] = field(default_factory=dict)
    """What makes no sense there, by the beginning of a test's name, and why: deselected, and counted."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """What is known to fail, by the beginning of a test's name, and why: strictly expected to."""


CONTRACT = ("test_contract", "test_capabilities")
NUMBERS = ("test_contract_values", "test_accuracy", "test_partition", "test_capabilities")
DERIVED = ("eager", "autograd")

NO_WHERE = {"sum(where=)": "unexpected keyword argument 'where'"}
ON_DEVICE = NO_WHERE | {
    "float()": "a synchronisation",
    "branch": "a synchronisation",
    "constant": "Arrays from two different devices",
    "device": "Arrays from two different devices",
}
TORCH = {"sum(where=)": 'missing 1 required positional arguments: "dim"'}
BATCHED = TORCH | {
    "float()": "calling .item() on a Tensor",
    "branch": "data-dependent control flow",
    "mask": "operators that can support dynamic shape",
}
JITTED = {
    "float()": "Abstract tracer value encountered",
    "branch": "Attempted boolean conversion of traced array",
    "mask": "Array boolean indices must be concrete",
}
COMPUTED = "a graph is computed while it is built"

BACKENDS = {
    "numpy": Entry("NumPy", "numpy", "host.Numpy", EXECUTED, ("eager",)),
    "numpy-writable": Entry("NumPy", "numpy", "host.Numpy", EXECUTED, ("eager",), CONTRACT),
    "strict": Entry("array-api-strict", "strict", "host.Strict", EXECUTED, ("eager",), catches=NO_WHERE),
    "strict-flags": Entry(
        "array-api-strict",
        "strict",
        "host.Strict",
        EXECUTED,
        ("eager",),
        catches=NO_WHERE | {"mask": "boolean_indexing flag"},
    ),
    "strict-device1": Entry(
        "array-api-strict", "strict", "host.Strict", EXECUTED, ("eager", "device"), catches=ON_DEVICE
    ),
    "strict-device2": Entry(
        "array-api-strict", "strict", "host.Strict", EXECUTED, ("eager", "device"), catches=ON_DEVICE
    ),
    "strict-no_float64": Entry(
        "array-api-strict", "strict-narrow", "host.Strict", EXECUTED, ("eager", "device"), catches=ON_DEVICE
    ),
    "strict-no_x64": Entry(
        "array-api-strict", "strict-narrow", "host.Strict", EXECUTED, ("eager", "device"), catches=ON_DEVICE
    ),
    "torch": Entry("torch, CPU", "torch", "torch.Torch", EXECUTED, DERIVED, catches=TORCH),
    "torch-func": Entry("torch, CPU", "torch", "torch.TorchFunc", EXECUTED, DERIVED, catches=BATCHED),
    "torch-compile": Entry(
        "torch, CPU",
        "torch-compile",
        "torch.TorchCompile",
        EXECUTED,
        ("jit", "autograd"),
        compiling=True,
        catches=TORCH | {"branch": "Data-dependent branching"},
    ),
    "jax": Entry("JAX, CPU", "jax", "jax.Jax", EXECUTED, DERIVED),
    "jax-jit": Entry("JAX, CPU", "jax", "jax.JaxJit", EXECUTED, ("jit", "autograd"), compiling=True, catches=JITTED),
    "jax-x32": Entry("JAX, CPU", "jax-x32", "jax.JaxX32", EXECUTED, DERIVED, (*CONTRACT, "test_accuracy")),
    "dask-rows": Entry("Dask over NumPy", "dask", "dask.Dask", EXECUTED, ("lazy",), NUMBERS),
    "dask-classes": Entry("Dask over NumPy", "dask", "dask.Dask", EXECUTED, ("lazy",), NUMBERS),
    "dask-both": Entry(
        "Dask over NumPy",
        "dask",
        "dask.Dask",
        EXECUTED,
        ("lazy",),
        catches=NO_WHERE | {"float()": COMPUTED, "branch": COMPUTED},
    ),
}
"""By name, as the tests print it."""

OWN = {"peers": "peers", "test_example.py": "example", "test_dask.py": "dask"}
"""Files, or folders of them, that only one lane runs, for what they import is installed there alone."""

LANES = {
    lane: tuple(name for name, entry in BACKENDS.items() if entry.lane == lane)
    for lane in dict.fromkeys([*(entry.lane for entry in BACKENDS.values()), *OWN.values()])
}
"""What `--lane NAME` stands for."""
