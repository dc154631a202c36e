"""Torch's own sample inputs of its two classification losses: ours against torch's, in value and gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import xent_arrayapi as xent

functional = torch.nn.functional

CROSS_ENTROPY, LOGISTIC = 21, 26
"""How many samples torch has of each."""
NEGATIVE_CROSS_ENTROPY, NEGATIVE_LOGISTIC = 6, 15
"""How many have random weights, in which some are negative: refused here (rule 20), and compared by their size."""


def samples(name: str, dtype: torch.dtype) -> list[Any]:
    """Return torch's samples of an operator."""
    from torch.testing._internal.common_methods_invocations import op_db

    torch.manual_seed(0)
    (info,) = (info for info in op_db if info.name == name)
    return list(info.sample_inputs("cpu", dtype, requires_grad=False))


def cross_entropy_options(logits: torch.Tensor, target: torch.Tensor, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return torch's options as ours."""
    labels = not target.is_floating_point()
    return {
        "axis": 1 if logits.ndim > 1 else 0,
        "class_weights": kwargs.get("weight"),
        "ignore_index": kwargs.get("ignore_index", -100) if labels else None,
        "label_smoothing": kwargs.get("label_smoothing", 0.0),
        "reduction": kwargs.get("reduction", "mean"),
        "normalizer": "weights" if labels else "batch",
    }


def logistic_options(logits: torch.Tensor, _: torch.Tensor, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return torch's options as ours."""
    weight = kwargs.get("weight")
    return {
        "pos_weight": kwargs.get("pos_weight"),
        "sample_weight": None if weight is None else weight.expand(logits.shape),
        "reduction": kwargs.get("reduction", "mean"),
        "normalizer": "batch",
    }


def compare(ours: Any, theirs: Any, options: Any, logits: torch.Tensor, target: torch.Tensor, **kwargs: Any) -> None:
    """Compare value and gradient, to what torch's rounding allows."""
    h = ours(target, **options(logits, target, kwargs))
    u = logits.clone().requires_grad_()
    expected = theirs(u, target, **kwargs)
    expected.sum().backward()
    value, gradient = h.value_and_grad(logits)
    for got, wanted in ((value, expected.detach()), (gradient, u.grad)):
        bound = 32 * torch.finfo(logits.dtype).eps
        torch.testing.assert_close(got, wanted, rtol=bound, atol=bound * float(wanted.abs().max()))


def compare_all(found: list[Any], ours: Any, theirs: Any, options: Any) -> int:
    """Compare all samples, those with negative weights by their size, and return how many these are."""
    negative = 0
    for sample in found:
        (target,), kwargs = sample.args, dict(sample.kwargs)
        weight = kwargs.get("weight")
        if weight is not None and bool((weight < 0).any()):
            negative += 1
            with pytest.raises(ValueError, match=r"weights?` must hold finite numbers >= 0"):
                ours(target, **options(sample.input, target, kwargs))(sample.input)
            kwargs["weight"] = weight.abs()
        compare(ours, theirs, options, sample.input, target, **kwargs)
    return negative


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_of_cross_entropy(dtype):
    found = samples("nn.functional.cross_entropy", dtype)
    assert len(found) == CROSS_ENTROPY
    negative = compare_all(found, xent.SoftmaxCrossEntropy, functional.cross_entropy, cross_entropy_options)
    assert negative == NEGATIVE_CROSS_ENTROPY


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_of_binary_cross_entropy_with_logits(dtype):
    found = samples("nn.functional.binary_cross_entropy_with_logits", dtype)
    assert len(found) == LOGISTIC
    theirs = functional.binary_cross_entropy_with_logits
    assert compare_all(found, xent.SigmoidCrossEntropy, theirs, logistic_options) == NEGATIVE_LOGISTIC


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 5)])
def test_what_the_samples_leave_out(shape, weighted, reduction, dtype):
    """Logits without a batch axis, and label smoothing, with labels, ignored ones, and rows."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator, dtype=dtype)
    batch = shape[:1] + shape[2:] if len(shape) > 1 else ()
    labels = torch.randint(0, 3, batch, generator=generator)
    rows = torch.rand(shape, generator=generator, dtype=dtype)
    weight = torch.rand(3, generator=generator, dtype=dtype) if weighted else None
    targets = [(labels, {}), (rows, {})]
    if bool((labels != 1).any()):  # else all would be ignored, whose mean is nan in torch
        targets.append((labels, {"ignore_index": 1}))
    for target, kwargs in targets:
        for smoothing in (0.0, 0.1, 1.0):
            given = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing, **kwargs}
            compare(xent.SoftmaxCrossEntropy, functional.cross_entropy, cross_entropy_options, logits, target, **given)


def test_a_mean_over_nothing_is_nan_in_torch_and_0_here():
    """Rule 23."""
    logits, labels = torch.randn(2, 3), torch.tensor([1, 1])
    assert bool(torch.isnan(functional.cross_entropy(logits, labels, ignore_index=1)))
    value, gradient = xent.SoftmaxCrossEntropy(labels, ignore_index=1).value_and_grad(logits)
    assert float(value) == 0
    assert bool((gradient == 0).all())
