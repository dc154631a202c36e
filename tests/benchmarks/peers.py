"""How each library computes the same numbers: its own best way, and ours on its arrays."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.pairs import Call
    from tests.benchmarks.works import Work

THREADS = 2


def ours(function: str, work: Work, logits: Any, labels: Any) -> Callable[[Any], Any]:
    """Return our function of logits."""
    if function == "value_and_grad":
        h = xent.SoftmaxCrossEntropy(labels, axis=work.axis, reduction="none", check_values=None)
        return h.value_and_grad
    return functools.partial(getattr(xent, function), axis=work.axis)


def on_numpy(function: str, work: Work) -> Call:
    """Ours on NumPy."""
    logits, labels = work.arrays()
    return functools.partial(ours(function, work, logits, labels), logits)


def scipy(function: str, work: Work) -> Call | None:
    """SciPy, which has no loss."""
    import scipy.special

    logits, _ = work.arrays()
    if function == "value_and_grad":
        return None
    return functools.partial(getattr(scipy.special, function), logits, axis=work.axis)


def sklearn(function: str, work: Work) -> Call | None:
    """Scikit-learn's loss, compiled, on two threads; it takes rows of classes."""
    from sklearn._loss import HalfMultinomialLoss

    if function != "value_and_grad" or len(work.shape) != 2 or work.axis != -1:
        return None
    logits, labels = work.arrays()
    loss = HalfMultinomialLoss(n_classes=work.classes)
    targets = labels.astype(work.dtype)
    return functools.partial(loss.loss_gradient, targets, logits, n_threads=THREADS)


def tensors(work: Work) -> tuple[Any, Any]:
    """Return logits and labels in torch."""
    import torch

    torch.set_num_threads(THREADS)
    logits, labels = work.arrays()
    return torch.from_numpy(logits), torch.from_numpy(labels)


def torch_function(function: str, work: Work, labels: Any) -> Callable[[Any], Any]:
    """Return torch's own function of logits; its loss has the classes second."""
    import torch

    if function != "value_and_grad":
        of_rows = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "logsumexp": torch.logsumexp}
        return functools.partial(of_rows[function], dim=work.axis)

    def value_and_grad(u: Any) -> tuple[Any, Any]:
        leaf = u.detach().requires_grad_()
        value = torch.nn.functional.cross_entropy(torch.movedim(leaf, work.axis, 1), labels, reduction="none")
        (gradient,) = torch.autograd.grad(value, leaf, torch.ones_like(value))
        return value.detach(), gradient

    return value_and_grad


def torch_eager(function: str, work: Work) -> Call:
    """Torch, eager."""
    logits, labels = tensors(work)
    return functools.partial(torch_function(function, work, labels), logits)


def torch_compiled(function: str, work: Work) -> Call:
    """Torch's own function under torch.compile."""
    import torch

    logits, labels = tensors(work)
    return functools.partial(torch.compile(torch_function(function, work, labels)), logits)


def on_torch(function: str, work: Work) -> Call:
    """Ours on torch, eager."""
    logits, labels = tensors(work)
    return functools.partial(ours(function, work, logits, labels), logits)


def on_torch_compiled(function: str, work: Work) -> Call:
    """Ours on torch, under torch.compile."""
    import torch

    logits, labels = tensors(work)
    return functools.partial(torch.compile(ours(function, work, logits, labels), fullgraph=True), logits)


def jax_call(function: Callable[[Any], Any], logits: np.ndarray) -> Call:
    """Return a call that waits for its result."""
    import jax

    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    compiled, u = jax.jit(function), jax.numpy.asarray(logits)
    return lambda: jax.block_until_ready(compiled(u))


def optax(function: str, work: Work) -> Call:
    """JAX's functions and optax's loss, under jit."""
    import jax
    from optax.losses import softmax_cross_entropy_with_integer_labels as loss

    logits, labels = work.arrays()
    if function == "value_and_grad":

        def total(u: Any) -> tuple[Any, Any]:
            value = loss(u, labels, axis=work.axis)
            return jax.numpy.sum(value), value

        return jax_call(lambda u: jax.value_and_grad(total, has_aux=True)(u), logits)
    of_rows = {"softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax, "logsumexp": jax.nn.logsumexp}
    return jax_call(functools.partial(of_rows[function], axis=work.axis), logits)


def on_jax(function: str, work: Work) -> Call:
    """Ours on JAX, under jit."""
    import jax

    logits, labels = work.arrays()
    if function == "value_and_grad":
        labels = jax.numpy.asarray(labels)
        h = xent.SoftmaxCrossEntropy(labels, axis=work.axis, reduction="none", check_values=False)
        return jax_call(h.value_and_grad, logits)
    return jax_call(functools.partial(getattr(xent, function), axis=work.axis), logits)


def numba(function: str, work: Work) -> Call | None:
    """A kernel by hand, compiled, in parallel over rows: the plain formulas."""
    from tests.benchmarks.kernel import rows_value_and_grad

    if function != "value_and_grad" or len(work.shape) != 2 or work.axis != -1:
        return None
    logits, labels = work.arrays()
    return functools.partial(rows_value_and_grad, logits, labels)


OURS = {"NumPy": on_numpy, "torch": on_torch, "torch.compile": on_torch_compiled, "JAX jit": on_jax}
PEERS = {
    "SciPy": scipy,
    "scikit-learn": sklearn,
    "torch": torch_eager,
    "torch.compile": torch_compiled,
    "JAX jit": optax,
    "Numba": numba,
}
