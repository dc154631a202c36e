"""What the table of ulps compares: the library on each backend, and SciPy, torch, JAX and optax."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Evaluate = Callable[[Any, Any, Any], dict[str, Any]]
    """Of logits, labels and a tangent: results by the name of the function."""


@dataclass(frozen=True)
class Library:
    """The functions of one library, on arrays of NumPy."""

    name: str
    version: str
    ours: bool
    evaluate: Evaluate = field(repr=False)
    flushes: bool = False
    """Whether subnormal numbers are flushed to 0: XLA does on the CPU, whoever computes."""


def version_of(name: str) -> str:
    """Return the version of a package."""
    return str(importlib.import_module(name).__version__)


def ours(u: Any, y: Any, v: Any) -> dict[str, Any]:
    """Evaluate this library, on the arrays of any other."""
    h = xent.SoftmaxCrossEntropy(y, reduction="none")
    value, gradient = h.value_and_grad(u)
    found = {"softmax": xent.softmax(u), "log_softmax": xent.log_softmax(u), "logsumexp": xent.logsumexp(u)}
    return found | {"loss": value, "gradient": gradient, "hvp": h.hvp(u, v)}


def of_numpy() -> Iterator[Library]:
    """Yield this library on NumPy."""
    yield Library("xent_arrayapi, NumPy", xent.__version__, ours=True, evaluate=ours)


def of_scipy() -> Iterator[Library]:
    """Yield SciPy: it has no loss."""
    special = importlib.import_module("scipy.special")

    def evaluate(u: Array, _y: Array, _v: Array) -> dict[str, Any]:
        return {name: getattr(special, name)(u, axis=-1) for name in ("softmax", "log_softmax", "logsumexp")}

    yield Library("SciPy", version_of("scipy"), ours=False, evaluate=evaluate)


def of_torch() -> Iterator[Library]:
    """Yield this library on torch, and torch itself, whose gradients are by autograd."""
    torch = importlib.import_module("torch")

    def there(evaluate: Evaluate) -> Evaluate:
        def run(*arrays: Array) -> dict[str, Any]:
            tensors = (torch.from_numpy(np.array(x)) for x in arrays)
            return {name: x.detach().numpy() for name, x in evaluate(*tensors).items()}

        return run

    def losses(u: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(u, y, reduction="none")

    def evaluate(u: Any, y: Any, v: Any) -> dict[str, Any]:
        def gradient(x: Any) -> Any:
            return torch.func.grad(lambda x: losses(x, y).sum())(x)

        found = {"softmax": torch.softmax(u, -1), "log_softmax": torch.log_softmax(u, -1)}
        found |= {"logsumexp": torch.logsumexp(u, -1), "loss": losses(u, y), "gradient": gradient(u)}
        return found | {"hvp": torch.func.jvp(gradient, (u,), (v,))[1]}

    yield Library("xent_arrayapi, torch", xent.__version__, ours=True, evaluate=there(ours))
    yield Library("torch", version_of("torch"), ours=False, evaluate=there(evaluate))


def of_jax() -> Iterator[Library]:
    """Yield this library on JAX, and JAX itself, whose gradients are its own; both compiled."""
    jax = importlib.import_module("jax")

    def losses(u: Any, y: Any) -> Any:
        return -jax.numpy.take_along_axis(jax.nn.log_softmax(u), y[:, None], axis=-1)[:, 0]

    def evaluate(u: Any, y: Any, v: Any) -> dict[str, Any]:
        found = {"softmax": jax.nn.softmax(u), "log_softmax": jax.nn.log_softmax(u)}
        return found | {"logsumexp": jax.nn.logsumexp(u, axis=-1)} | _differentiated(jax, losses, u, y, v)

    yield Library("xent_arrayapi, JAX", xent.__version__, ours=True, evaluate=jax.jit(ours), flushes=True)
    yield Library("JAX", version_of("jax"), ours=False, evaluate=jax.jit(evaluate), flushes=True)


def of_optax() -> Iterator[Library]:
    """Yield optax: its loss, which JAX differentiates and compiles."""
    jax, optax = importlib.import_module("jax"), importlib.import_module("optax")

    def evaluate(u: Any, y: Any, v: Any) -> dict[str, Any]:
        return _differentiated(jax, optax.softmax_cross_entropy_with_integer_labels, u, y, v)

    yield Library("optax", version_of("optax"), ours=False, evaluate=jax.jit(evaluate), flushes=True)


def _differentiated(jax: Any, losses: Callable[[Any, Any], Any], u: Any, y: Any, v: Any) -> dict[str, Any]:
    """Return a loss of rows and its derivatives."""

    def gradient(x: Any) -> Any:
        return jax.grad(lambda x: losses(x, y).sum())(x)

    return {"loss": losses(u, y), "gradient": gradient(u), "hvp": jax.jvp(gradient, (u,), (v,))[1]}


SOURCES: dict[str, Callable[[], Iterator[Library]]] = {
    "numpy": of_numpy,
    "scipy": of_scipy,
    "torch": of_torch,
    "jax": of_jax,
    "optax": of_optax,
}


def libraries() -> tuple[list[Library], list[str]]:
    """Return what can be imported, this library first, and the names of what cannot."""
    found, missing = [], []
    for name, source in SOURCES.items():
        try:
            found += list(source())
        except ImportError:
            missing.append(name)
    return sorted(found, key=lambda library: not library.ours), missing
