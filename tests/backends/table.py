"""The one table of what is run: each backend, its lane, its modes, and what of the suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTED, EMULATED, TRACED = "executed", "emulated", "traced"
MODES = ("eager", "lazy", "jit", "autograd", "device")


@dataclass(frozen=True)
class Entry:
    """How a backend is run."""

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
    lacks: Mapping[str, str] = field(default_factory=dict)
    """What is known to fail, by the beginning of a test's name, and why: strictly expected to."""


CONTRACT = ("test_contract", "test_capabilities")
NUMBERS = ("test_contract_values", "test_accuracy", "test_partition", "test_capabilities")
DERIVED = ("eager", "autograd")

BACKENDS = {
    "numpy": Entry("numpy", "host.Numpy", EXECUTED, ("eager",)),
    "numpy-writable": Entry("numpy", "host.Numpy", EXECUTED, ("eager",), CONTRACT),
    "strict": Entry("strict", "host.Strict", EXECUTED, ("eager",)),
    "strict-flags": Entry("strict", "host.Strict", EXECUTED, ("eager",)),
    "strict-device1": Entry("strict", "host.Strict", EXECUTED, ("eager", "device")),
    "strict-device2": Entry("strict", "host.Strict", EXECUTED, ("eager", "device")),
    "strict-no_float64": Entry("strict-narrow", "host.Strict", EXECUTED, ("eager", "device")),
    "strict-no_x64": Entry("strict-narrow", "host.Strict", EXECUTED, ("eager", "device")),
    "torch": Entry("torch", "torch.Torch", EXECUTED, DERIVED),
    "torch-func": Entry("torch", "torch.TorchFunc", EXECUTED, DERIVED),
    "torch-compile": Entry("torch-compile", "torch.TorchCompile", EXECUTED, ("jit", "autograd"), compiling=True),
    "jax": Entry("jax", "jax.Jax", EXECUTED, DERIVED),
    "jax-jit": Entry("jax", "jax.JaxJit", EXECUTED, ("jit", "autograd"), compiling=True),
    "jax-x32": Entry("jax-x32", "jax.JaxX32", EXECUTED, DERIVED, (*CONTRACT, "test_accuracy")),
    "dask-rows": Entry("dask", "dask.Dask", EXECUTED, ("lazy",), NUMBERS),
    "dask-classes": Entry("dask", "dask.Dask", EXECUTED, ("lazy",), NUMBERS),
    "dask-both": Entry("dask", "dask.Dask", EXECUTED, ("lazy",)),
}
"""By name, as the tests print it."""

OWN = {"peers": "peers", "test_example.py": "example", "test_dask.py": "dask"}
"""Files, or folders of them, that only one lane runs, for what they import is installed there alone."""

LANES = {
    lane: tuple(name for name, entry in BACKENDS.items() if entry.lane == lane)
    for lane in dict.fromkeys([*(entry.lane for entry in BACKENDS.values()), *OWN.values()])
}
"""What `--lane NAME` stands for."""
