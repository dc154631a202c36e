"""The one table of what is run: each backend, its lane, its modes, and what of the suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.backends.lacks import MARRAY, MLX, MLX_WITHOUT, MPARRAY, MPARRAY_WITHOUT, ONNX, ONNX_WITHOUT, SPARSE

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
    without: Mapping[str, str] = field(default_factory=dict)
    """What is left out, by the beginning of the name of a test or its file, and why: deselected, and counted."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """What is known to fail, by the beginning of a test's name, and why: strictly expected to."""
    ci: tuple[str, ...] = ()
    """What the files are called that the selection ci runs, beside the tests of rules; where empty, it runs all."""

    def in_ci(self, file: str, test: str) -> bool:
        """Tell whether the selection ci has a test."""
        return not self.ci or file.startswith(self.ci) or test.startswith("test_rule_")


CONTRACT = ("test_contract", "test_capabilities")
NUMBERS = ("test_contract_values", "test_accuracy", "test_partition", "test_capabilities")
VALUES = ("test_contract_values", "test_capabilities")
SHAPES = (*CONTRACT, "test_namespace", "test_validate", "test_targets", "test_reduction", "test_rows")
UNLABELLED = ("test_softmax", "test_entropy", "test_partition", "test_capabilities")
"""Without labels, which need arange, and without losses of two classes, which stack what is sparse in several ways."""
INEXACT = (
    *("test_contract", "test_cross", "test_entropy", "test_logits", "test_namespace", "test_partition"),
    *("test_properties", "test_reduction", "test_rows", "test_sigmoid", "test_softmax", "test_targets"),
    *("test_validate", "test_capabilities"),
)
"""Without the accuracy tests: the exponential of MLX alone is some 20 ulp off, its sums of many classes 2000."""
DERIVED = ("eager", "autograd")
CI = (*CONTRACT, "test_accuracy", "test_autodiff", "test_lanes")
"""Where each call takes long: the contract, every public call, the accuracy and the derivatives."""

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
    "torch-accelerator": Entry(
        *("torch-devices", "accelerator.Accelerator", EMULATED, (*DERIVED, "device")),
        without={
            "test_numerical_derivatives": "torch.autograd.gradcheck reads values on the host",
            "test_compiled_forwards_and_backwards": "torch.compile takes no call under a dispatch mode",
        },
    ),
    "torch-meta": Entry("torch-devices", "accelerator.Meta", TRACED, ("eager", "device"), SHAPES),
    "jax": Entry("jax", "jax.Jax", EXECUTED, DERIVED, ci=CI),
    "jax-jit": Entry("jax", "jax.JaxJit", EXECUTED, ("jit", "autograd"), compiling=True),
    "jax-x32": Entry("jax-x32", "jax.JaxX32", EXECUTED, DERIVED, ("test_contract", "test_accuracy")),
    "jax-export": Entry("jax-export", "jax.JaxExport", TRACED, ("jit",), ("test_export", "test_capabilities")),
    "dask-rows": Entry("dask", "dask.Dask", EXECUTED, ("lazy",), NUMBERS),
    "dask-classes": Entry("dask", "dask.Dask", EXECUTED, ("lazy",), NUMBERS),
    "dask-both": Entry("dask", "dask.Dask", EXECUTED, ("lazy",), ci=CI),
    "onnx": Entry("onnx", "onnx.Onnx", EXECUTED, ("lazy",), VALUES, lacks=ONNX, without=ONNX_WITHOUT),
    "onnx-dynamic": Entry("onnx", "onnx.Onnx", EXECUTED, ("lazy",), lacks=ONNX, without=ONNX_WITHOUT),
    "cupy": Entry("cupy", "cupy.CuPy", EMULATED, ("eager", "device")),
    "cupy-13": Entry("cupy-13", "cupy.CuPy", EMULATED, ("eager", "device"), CONTRACT),
    "torch-cuda": Entry("gpu", "gpu.TorchCuda", EXECUTED, (*DERIVED, "device")),
    "cupy-cuda": Entry("gpu", "gpu.CuPyCuda", EXECUTED, ("eager", "device")),
    "mparray": Entry("others", "others.MPArray", EXECUTED, ("eager",), lacks=MPARRAY, without=MPARRAY_WITHOUT),
    "marray-numpy": Entry("others", "others.MArray", EXECUTED, ("eager",), lacks=MARRAY),
    "sparse": Entry("others", "others.Sparse", EXECUTED, ("eager",), UNLABELLED, lacks=SPARSE),
    "mlx": Entry("others", "others.Mlx", EXECUTED, ("eager",), INEXACT, lacks=MLX, without=MLX_WITHOUT),
}
"""By name, as the tests print it."""

LIBRARIES = {
    "numpy": "NumPy",
    "strict": "array-api-strict",
    "torch-cuda": "torch on CUDA",
    "torch-accelerator": "torch, pretended device",
    "torch-meta": "torch, meta device",
    "torch": "torch, CPU",
    "jax-export": "JAX, exported for GPU and TPU",
    "jax": "JAX, CPU",
    "dask": "Dask over NumPy",
    "onnx": "ndonnx in onnxruntime",
    "cupy-cuda": "CuPy on CUDA",
    "cupy": "CuPy, emulated device",
    "mparray": "mparray",
    "marray": "marray over NumPy",
    "sparse": "sparse",
    "mlx": "MLX, CPU",
}
"""What the documentation calls them, by the beginning of the name of a backend: its variants share a row there."""

OWN = {
    "benchmarks": "bench",
    "peers": "peers",
    "verification": "verification",
    "classifier": "maxent",
    "test_example.py": "example",
    "test_dask.py": "dask",
    "test_accelerator.py": "torch-devices",
    "test_export.py": "jax-export",
    "test_gpu.py": "gpu",
    "test_onnx.py": "onnx",
    "test_dask_classes.py": "distributed",
    "test_dask_fit.py": "distributed",
    "test_torch_ranks.py": "distributed",
    "test_cupy_functions.py": "cupy",
    "test_cupy_fit.py": "cupy",
    "test_cupy_emulation.py": "cupy",
    "test_recorder.py": "cupy",
}
"""Files, or folders of them, that only one lane runs, for what they import is installed there alone."""

LANES = {
    lane: tuple(name for name, entry in BACKENDS.items() if entry.lane == lane)
    for lane in dict.fromkeys([*(entry.lane for entry in BACKENDS.values()), *OWN.values()])
}
"""What `--lane NAME` stands for."""
