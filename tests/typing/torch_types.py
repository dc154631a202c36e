"""What a checker infers for PyTorch: the caller's type comes back.  Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

import torch

import xent_arrayapi as xent


def functions(x: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> None:
    """Check every function."""
    assert_type(xent.softmax(x, axis=(0, 1), temperature=2.0), torch.Tensor)
    assert_type(xent.log_softmax(x), torch.Tensor)
    assert_type(xent.logsumexp(x, axis=None, weights=v, keepdims=True), torch.Tensor)
    assert_type(xent.logsumexp(x, return_sign=True), tuple[torch.Tensor, torch.Tensor])
    assert_type(xent.softmax_jacobian(x), torch.Tensor)
    assert_type(xent.softmax_jvp(x, v), torch.Tensor)
    assert_type(xent.sigmoid(x), torch.Tensor)
    assert_type(xent.log_sigmoid(x), torch.Tensor)
    assert_type(xent.entropy(x), torch.Tensor)
    assert_type(xent.cross_entropy(x, v), torch.Tensor)
    assert_type(xent.kl_divergence(x, v, axis=0), torch.Tensor)
    assert_type(xent.softmax_cross_entropy(x, v, label_smoothing=0.1, reduction="none"), torch.Tensor)
    assert_type(xent.sigmoid_cross_entropy(x, v, pos_weight=2.0), torch.Tensor)
    assert_type(xent.softmax(x, where=mask), torch.Tensor)


def partitions(x: torch.Tensor, mask: torch.Tensor) -> None:
    """Check the mergeable reduction."""
    part = xent.LogPartition.of(x, axis=0)
    assert_type(part, xent.LogPartition[torch.Tensor])
    assert_type(xent.LogPartition.of(x, where=mask), xent.LogPartition[torch.Tensor])
    assert_type(part.merge(part), xent.LogPartition[torch.Tensor])
    assert_type(part.max, torch.Tensor)
    assert_type(part.tail, torch.Tensor)
    assert_type(part.logsumexp, torch.Tensor)
    assert_type(part.softmax(x), torch.Tensor)
    assert_type(part.log_softmax(x), torch.Tensor)


def losses(x: torch.Tensor, v: torch.Tensor) -> None:
    """Check every method of the losses."""
    for h in (xent.SoftmaxCrossEntropy(v, axis=0, z_loss=0.1), xent.SigmoidCrossEntropy(v, pos_weight=2.0)):
        assert_type(h(x), torch.Tensor)
        assert_type(h.grad(x), torch.Tensor)
        assert_type(h.value_and_grad(x), tuple[torch.Tensor, torch.Tensor])
        assert_type(h.hvp(x, v), torch.Tensor)
        assert_type(h.hessian(x), torch.Tensor)
        assert_type(h.hessian_diag(x), torch.Tensor)
        assert_type(h.total_and_weight(x), tuple[torch.Tensor, torch.Tensor])


def wrong(x: torch.Tensor) -> None:
    """Check that what is wrong is an error: an unused ignore is one."""
    xent.softmax([0.0, 1.0])  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    xent.softmax(x, temperature="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    xent.softmax_cross_entropy(x, x, reduction="average")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    xent.softmax_cross_entropy(x, x, eps=0.1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    xent.softmax_jacobian(x, axis=(0, 1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
