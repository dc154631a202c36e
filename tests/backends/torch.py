"""torch on the CPU: eager, under torch.func, captured by torch.compile."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tests.backends.base import Backend


class Torch(Backend):
    package = "torch"
    halves = ("float16", "bfloat16")
    float_default = "float32"

    def make(self, data: np.ndarray, dtype: str) -> Any:
        return self.module.from_numpy(np.array(data)).to(self.dtype(dtype))

    def elsewhere(self, data: Any) -> tuple[Any, ...]:
        return (self.module.asarray(data, device="meta"),)

    def numpy(self, x: Any) -> np.ndarray:
        if isinstance(x, (float, int)):
            return np.asarray(x)
        x = x.detach()
        return (x.to(self.module.float32) if x.dtype == self.module.bfloat16 else x).numpy()

    def pulled_back(self, function: Any, primals: Any, cotangent: Any) -> tuple[Any, ...]:
        leaves = [x.requires_grad_() for x in primals]
        return tuple(self.module.autograd.grad(self.run(function, *leaves), leaves, cotangent))


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
