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
    """Return our function, and of what is differentiated that."""
    options: dict[str, Any] = {"axis": work.axis, "reduction": "none", "check_values": check_values}
    if function == "value_and_grad":
        return lambda u, labels: xent.SoftmaxCrossEntropy(labels, **options).value_and_grad(u)
    if (name := BACKWARD.get(function, function)) == "loss":
        return lambda u, labels: xent.SoftmaxCrossEntropy(labels, **options)(u)
    of_rows = getattr(xent, name)
    return lambda u, _: of_rows(u, axis=work.axis)


def on_numpy(function: str, work: Work, _threads: int) -> Call:
    """Ours on NumPy, which differentiates nothing: it has the derivatives by functions of their own."""
    name = BACKWARD.get(function)
    if name in (None, "loss"):
        return functools.partial(ours("value_and_grad" if name else function, work), *work.arrays())
    u, axis = work.arrays()[0], work.axis
    value, probs = getattr(xent, name)(u, axis=axis), xent.softmax(u, axis=axis)
    if name == "logsumexp":
        return lambda: (value, probs)
    gradient = (
        u - probs * np.sum(u, axis=axis, keepdims=True) if name == "log_softmax" else xent.softmax_jvp(u, u, axis=axis)
    )
    return lambda: (value, gradient)


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

    name = BACKWARD.get(function, function)
    if name in ("value_and_grad", "loss"):
        loss = functools.partial(torch.nn.functional.cross_entropy, reduction="none")
        return lambda u, labels: loss(torch.movedim(u, work.axis, 1), labels)
    of_rows = {"softmax": torch.softmax, "log_softmax": torch.log_softmax, "logsumexp": torch.logsumexp}[name]
    return lambda u, _: of_rows(u, dim=work.axis)


def torch_eager(function: str, work: Work, threads: int) -> Call:
    """Torch, eager; the gradient by its automatic differentiation."""
    way = differentiated if function == "value_and_grad" or function in BACKWARD else functools.partial
    return way(of_torch(function, work), *tensors(work, threads))


def differentiated(function: Function, logits: Any, labels: Any) -> Call:
    """Return a call of a function of each row and of its gradient, by torch's automatic differentiation.

    What is brought back is 1 for a number of each row, and for a row the logits.
    """
    import torch

    def value_and_grad() -> tuple[Any, Any]:
        leaf = logits.detach().requires_grad_()
        value = function(leaf, labels)
        cotangent = torch.ones_like(value) if value.ndim < logits.ndim else logits
        (gradient,) = torch.autograd.grad(value, leaf, cotangent)
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
        return compiled(of_rows, work, threads, backward=function in BACKWARD)

    def total(u: Any, labels: Any) -> tuple[Any, Any]:
        value = of_rows(u, labels)
        return value.sum(), value

    return compiled(torch.func.grad_and_value(total, has_aux=True), work, threads)


def on_torch(function: str, work: Work, threads: int) -> Call:
    """Ours on torch, eager."""
    way = differentiated if function in BACKWARD else functools.partial
    return way(ours(function, work), *tensors(work, threads))


def on_torch_compiled(function: str, work: Work, threads: int) -> Call:
    """Ours on torch, under torch.compile."""
    return compiled(ours(function, work), work, threads, backward=function in BACKWARD)


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

    name = BACKWARD.get(function, function)
    if name in ("value_and_grad", "loss"):
        return jitted(with_gradient(lambda u, labels: loss(u, labels, axis=work.axis)), work)
    names = {"softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax, "logsumexp": jax.nn.logsumexp}

    def of_rows(u: Any, _: Any) -> Any:
        return names[name](u, axis=work.axis)

    return jitted(with_gradient(of_rows) if function in BACKWARD else of_rows, work)


def with_gradient(function: Function) -> Function:
    """Return a function of each row with its gradient, by JAX's automatic differentiation, as `differentiated` does."""
    import jax

    def value_and_grad(u: Any, labels: Any) -> tuple[Any, Any]:
        value, back = jax.vjp(lambda u: function(u, labels), u)
        return value, back(jax.numpy.ones_like(value) if value.ndim < u.ndim else u)[0]

    return value_and_grad


def on_jax(function: str, work: Work, _threads: int) -> Call:
    """Ours on JAX, under jit."""
    of_rows = ours(function, work, check_values=False)
    return jitted(with_gradient(of_rows) if function in BACKWARD else of_rows, work)


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
    if function in BACKWARD:
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
    got = leaves(theirs())
    for wanted in leaves(on_numpy(function, work, 1)()):
        have = [x for x in got if x.shape == wanted.shape] or [x.T for x in got if x.shape == wanted.shape[::-1]]
        step = max(1, wanted.size // 1000)
        if not any(np.allclose(x.flat[::step], wanted.flat[::step], rtol=1e-3, atol=1e-5) for x in have):
            msg = f"{peer} does not compute the {function} of {work.name}"
            raise ValueError(msg)
