"""How each library computes the same numbers: its own best way, and ours on its arrays."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent
from tests.benchmarks.works import BACKWARD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.pairs import Call
    from tests.benchmarks.works import Work

    Function = Callable[[Any, Any], Any]
    """Of logits and labels."""


def ours(function: str, work: Work, *, check_values: bool | None = None) -> Function:
    """Return our function; of what is differentiated, the loss."""
    options: dict[str, Any] = {"axis": work.axis, "reduction": "none", "check_values": check_values}
    if function == "value_and_grad":
        return lambda u, labels: xent.SoftmaxCrossEntropy(labels, **options).value_and_grad(u)
    if function == BACKWARD:
        return lambda u, labels: xent.SoftmaxCrossEntropy(labels, **options)(u)
    of_rows = getattr(xent, function)
    return lambda u, _: of_rows(u, axis=work.axis)


def on_numpy(function: str, work: Work, _threads: int) -> Call:
    """Ours on NumPy, which differentiates nothing."""
    return functools.partial(ours("value_and_grad" if function == BACKWARD else function, work), *work.arrays())


def scipy(function: str, work: Work, _threads: int) -> Call:
    """SciPy, which has no loss: its logsumexp stands for it, for what a call costs."""
    import scipy.special

    of_rows = scipy.special.logsumexp if function == "value_and_grad" else getattr(scipy.special, function)
    return functools.partial(of_rows, work.arrays()[0], axis=work.axis)


def sklearn(_function: str, work: Work, threads: int) -> Call:
    """Scikit-learn's loss, compiled; it takes rows of classes in either order of memory."""
    from sklearn._loss import HalfMultinomialLoss

    logits, labels = work.arrays()
    loss = HalfMultinomialLoss(n_classes=work.classes)
    rows, targets = logits if work.axis == -1 else logits.T, labels.astype(work.dtype)
    return functools.partial(loss.loss_gradient, targets, rows, n_threads=threads)


def tensors(work: Work, threads: int) -> tuple[Any, Any]:
    """Return logits and labels in torch."""
    import torch

    torch.set_num_threads(threads)
    logits, labels = work.arrays()
    return torch.from_numpy(logits), torch.from_numpy(labels)


def of_torch(function: str, work: Work) -> Function:
    """Return torch's own function; its loss has the classes second."""
    import torch

    if function in ("value_and_grad", BACKWARD):
        loss = functools.partial(torch.nn.functional.cross_entropy, reduction="none")
        return lambda u, labels: loss(torch.movedim(u, work.axis, 1), labels)
    of_rows = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "logsumexp": torch.logsumexp}[function]
    return lambda u, _: of_rows(u, dim=work.axis)


def torch_eager(function: str, work: Work, threads: int) -> Call:
    """Torch, eager; the gradient by its automatic differentiation."""
    way = differentiated if function in ("value_and_grad", BACKWARD) else functools.partial
    return way(of_torch(function, work), *tensors(work, threads))


def differentiated(function: Function, logits: Any, labels: Any) -> Call:
    """Return a call of a loss of each row and of its gradient, by torch's automatic differentiation."""
    import torch

    def value_and_grad() -> tuple[Any, Any]:
        leaf = logits.detach().requires_grad_()
        value = function(leaf, labels)
        (gradient,) = torch.autograd.grad(value, leaf, torch.ones_like(value))
        return value.detach(), gradient

    return value_and_grad


@functools.lru_cache(maxsize=1)
def forget(_work: Work) -> None:
    """Forget what was compiled for other arrays: torch makes sizes variable, and gives up after some."""
    import torch

    torch.compiler.reset()


def compiled(function: Function, work: Work, threads: int, *, backward: bool = False) -> Call:
    """Return a call compiled for the sizes of these arrays alone, and of its gradient where that is wanted."""
    import torch

    forget(work)
    way = differentiated if backward else functools.partial
    return way(torch.compile(function, fullgraph=True, dynamic=False), *tensors(work, threads))


@functools.lru_cache(maxsize=1)
def torch_compiled(function: str, work: Work, threads: int) -> Call:
    """Torch's own function under torch.compile, with its gradient in one graph.

    Measured on (4096, 1000) float32: 0.75 of the time of the compiled loss with the gradient by `autograd.grad`.
    """
    import torch

    of_rows = of_torch(function, work)
    if function != "value_and_grad":
        return compiled(of_rows, work, threads, backward=function == BACKWARD)

    def total(u: Any, labels: Any) -> tuple[Any, Any]:
        value = of_rows(u, labels)
        return value.sum(), value

    return compiled(torch.func.grad_and_value(total, has_aux=True), work, threads)


def on_torch(function: str, work: Work, threads: int) -> Call:
    """Ours on torch, eager."""
    way = differentiated if function == BACKWARD else functools.partial
    return way(ours(function, work), *tensors(work, threads))


def on_torch_compiled(function: str, work: Work, threads: int) -> Call:
    """Ours on torch, under torch.compile."""
    return compiled(ours(function, work), work, threads, backward=function == BACKWARD)


def jitted(function: Function, work: Work) -> Call:
    """Return a call that waits for its result."""
    import jax

    jax.config.update("jax_enable_x64", True)  # noqa: FBT003
    logits, labels = map(jax.numpy.asarray, work.arrays())
    call = jax.jit(function)
    return lambda: jax.block_until_ready(call(logits, labels))


def optax(function: str, work: Work, _threads: int) -> Call:
    """JAX's functions and optax's loss, under jit, with its gradient by automatic differentiation."""
    import jax
    from optax.losses import softmax_cross_entropy_with_integer_labels as loss

    if function not in ("value_and_grad", BACKWARD):
        names = {"softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax, "logsumexp": jax.nn.logsumexp}
        return jitted(lambda u, _: names[function](u, axis=work.axis), work)

    return jitted(with_gradient(lambda u, labels: loss(u, labels, axis=work.axis)), work)


def with_gradient(function: Function) -> Function:
    """Return a loss of each row with its gradient, by JAX's automatic differentiation."""
    import jax

    def total(u: Any, labels: Any) -> tuple[Any, Any]:
        value = function(u, labels)
        return jax.numpy.sum(value), value

    found: Function = jax.value_and_grad(total, has_aux=True)
    return found


def on_jax(function: str, work: Work, _threads: int) -> Call:
    """Ours on JAX, under jit."""
    of_rows = ours(function, work, check_values=False)
    return jitted(with_gradient(of_rows) if function == BACKWARD else of_rows, work)


def numba(_function: str, work: Work, threads: int) -> Call:
    """A kernel by hand, compiled, in parallel over rows: the plain formulas."""
    import numba

    from tests.benchmarks.kernel import rows_value_and_grad

    numba.set_num_threads(threads)
    return functools.partial(rows_value_and_grad, *work.arrays())


OURS = {"NumPy": on_numpy, "torch": on_torch, "torch.compile": on_torch_compiled, "JAX jit": on_jax}
PEERS = {
    "SciPy": scipy,
    "scikit-learn": sklearn,
    "torch": torch_eager,
    "torch.compile": torch_compiled,
    "JAX jit": optax,
    "Numba": numba,
}


def has(ours: str, peer: str, function: str, work: Work, *, call_only: bool) -> bool:
    """Tell whether a peer computes a function of an array; for what a call costs, SciPy's logsumexp is a loss.

    Where a library differentiates, it is ours against its own in the same way.
    """
    if function == BACKWARD:
        return ours == peer
    matrix, loss = len(work.shape) == 2, function == "value_and_grad"
    if peer == "SciPy":
        return call_only or not loss
    if peer == "scikit-learn":
        return loss and matrix
    return peer != "Numba" or (loss and matrix and work.axis == -1)


def leaves(result: Any) -> list[Any]:
    """Return the arrays of what a call returns: loss and gradient come in several orders, some with their sum."""
    return [x for part in result for x in leaves(part)] if isinstance(result, tuple) else [np.asarray(result)]


def check(peer: str, function: str, work: Work, theirs: Call) -> None:
    """Raise where a peer does not compute the numbers that we do, for then there is nothing to compare."""
    if peer == "SciPy" and function == "value_and_grad":
        return
    got = {x.shape: x for x in leaves(theirs())}
    for wanted in leaves(on_numpy(function, work, 1)()):
        have = got[wanted.shape] if wanted.shape in got else got[wanted.shape[::-1]].T
        step = max(1, wanted.size // 1000)
        if not np.allclose(have.flat[::step], wanted.flat[::step], rtol=1e-3, atol=1e-5):
            msg = f"{peer} does not compute the {function} of {work.name}"
            raise ValueError(msg)
