"""The pretend accelerator and the meta device with values beside it: right where they compute, and strict where not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import xent_arrayapi as xent
from tests.backends import backend
from tests.boundary import HostCrossing
from tests.meta import agree
from xent_arrayapi import _assembly, _picked

DATA = np.asarray([[0.5, -1.0, 2.0], [0.25, 3.0, -0.125]])
ON_HOST = torch.ones(3)

CROSSINGS = {
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()),
    "bool": lambda x: bool(x.sum()),
    "item": lambda x: x.sum().item(),
    "if any": lambda x: 1 if (x > 0).any() else 0,
    "a Python index": lambda x: ["a", "b", "c"][(x.sum() * 0).to(torch.int64)],
    "a Python maximum": lambda x: max(x[0, 0], x[0, 1]),
    "a mask": lambda x: x[x > 0],
    "a mask written through": lambda x: x.clone().__setitem__(x > 0, ON_HOST[0]),
    "masked_select": lambda x: torch.masked_select(x, x > 0),
    "nonzero": lambda x: torch.nonzero(x > 0),
    "where of one": lambda x: torch.where(x > 0),
    "unique": torch.unique,
    "equal": lambda x: torch.equal(x, x),
    "allclose": lambda x: torch.allclose(x, x),
    "repeats": lambda x: torch.repeat_interleave(x, (x[0] > 0).to(torch.int64), dim=1),
    "a constant": lambda x: x * torch.tensor(0.5),
    "a constant without axes": lambda x: x * torch.zeros(()),
    "a constant for the device": lambda x: x * torch.tensor(0.5, device=x.device),
    "asarray": lambda x: x * torch.asarray(0.5, device=x.device),
    "asarray of a list": lambda x: x * torch.asarray([0.5, 1.0, 2.0], device=x.device),
    "a NumPy constant": lambda x: x * torch.from_numpy(np.ones(3)),
    "arange without a device": lambda x: x + torch.arange(3),
    "full without a device": lambda x: x + torch.full((3,), 0.5),
    "an operand on the host": lambda x: x + ON_HOST,
    "a mask on the host": lambda x: torch.where(ON_HOST > 0, x, 0.0),
    "an index on the host": lambda x: x[torch.zeros(2, dtype=torch.int64)],
    "an operand without axes on the host": lambda x: x + ON_HOST[0],
    "a copy from the host": lambda x: x.clone().copy_(ON_HOST),
    "cpu": lambda x: x.cpu() + ON_HOST,
    "to the host": lambda x: x.to("cpu") + ON_HOST,
    "from the host": lambda x: x + ON_HOST.to(x.device),
}
"""What would wait, or move something, on an accelerator: none of it does on the host."""

WITHOUT_TORCH = {
    "numpy": lambda x: x.numpy(),
    "np.asarray": np.asarray,
    "tolist": lambda x: x.tolist(),
    "dlpack to NumPy": np.from_dlpack,
    "dlpack to torch": torch.from_dlpack,
}
"""What leaves torch: refused by torch itself, in its words."""

COMPUTED = {
    "numbers": lambda x: 1 - 2.0 * x / 3 + x**2,
    "numbers to choose": lambda x: torch.where(x > 0, x, 0.0),
    "slices": lambda x: x[1:, ::2] + x[..., :2],
    "integer indices": lambda x: x[:, torch.arange(2, device=x.device)],
    "an axis more": lambda x: x[:, None, :] - x[..., None],
    "turned": lambda x: x.mT.reshape(-1) * 2,
    "zeros_like": lambda x: torch.zeros_like(x) + x.exp(),
    "new_full": lambda x: x.new_full((3,), 0.5) * x,
    "full": lambda x: x * torch.full((3,), 0.5, device=x.device, dtype=x.dtype),
    "arange": lambda x: x * torch.arange(3, device=x.device),
    "a sum": lambda x: x.exp().sum(dim=-1, keepdim=True),
    "logsumexp": lambda x: x.logsumexp(dim=-1),
    "a maximum": lambda x: x.amax(dim=0),
    "a maximum and its place": lambda x: torch.max(x, dim=-1).values * x.softmax(dim=-1)[:, 0],
    "in place": lambda x: x.clone().mul_(2).add_(1),
    "a view in place": lambda x: written(x) * x,
    "joined": lambda x: torch.concat([x, torch.stack([x[0], x[1]])]),
    "wider": lambda x: x.to(torch.float32).exp().to(torch.float64),
    "vmap": torch.func.vmap(lambda row: 2 * row / row.sum()),
}


def written(x: Any) -> Any:
    """Write into a view of a copy."""
    y = x * 1
    y[0][1:] = 5.0
    y[:, 0] += x[:, 1]
    return y


def results(function: Any, x: Any) -> list[Any]:
    """Return what a function gives, and its first and second derivatives along fixed weights."""
    x = x.detach().requires_grad_()
    value = function(x)
    (first,) = torch.autograd.grad((value * value.detach().cos()).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad((first * first.detach().sin() + x * 0).sum(), x)
    return [value, first, second]


@pytest.mark.parametrize("name", CROSSINGS)
def test_what_crosses_raises(be, name):
    with pytest.raises(HostCrossing):
        CROSSINGS[name](be.array(DATA))


@pytest.mark.parametrize("name", [*CROSSINGS, *WITHOUT_TORCH])
def test_on_the_host_nothing_raises(name):
    (CROSSINGS | WITHOUT_TORCH)[name](torch.asarray(DATA))


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_what_leaves_torch_raises(be, name):
    with pytest.raises((HostCrossing, BufferError, RuntimeError, TypeError, ValueError)):
        WITHOUT_TORCH[name](be.array(DATA))


@pytest.mark.parametrize("name", COMPUTED)
def test_what_stays_is_computed_and_differentiated(be, name):
    """The very numbers of torch on the host, to second order."""
    got = results(COMPUTED[name], be.array(DATA))
    with be.boundary.lifted():
        expected = [y.detach().numpy() for y in results(COMPUTED[name], torch.asarray(DATA))]
    for one, other in zip(got, expected, strict=True):
        assert one.device == be.array(DATA).device
        np.testing.assert_array_equal(be.numpy(one), other)


def test_gradients_accumulate(be):
    """As an optimiser takes them: called twice, the second is added to the first."""
    x = be.array(DATA).requires_grad_()
    for _ in range(2):
        (x.exp() * x).sum().backward()
    np.testing.assert_array_equal(be.numpy(x.grad), 2 * be.numpy(((x + 1) * x.exp()).detach()))


def test_a_crossing_while_differentiating_raises(be):
    class Reads(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Any) -> Any:
            return 2 * x

        @staticmethod
        def backward(_: Any, cotangent: Any) -> Any:
            return cotangent * float(cotangent.sum())

    x = be.array(DATA).requires_grad_()
    with pytest.raises(HostCrossing, match="the host waits for values"):
        Reads.apply(x).sum().backward()


def test_two_devices(be):
    """What is elsewhere can neither be mixed in nor reached, and the error says where it is."""
    x = be.array([0.0, 1.0])
    for other in be.elsewhere([0.0, 1.0]):
        places = " and ".join(sorted([str(x.device), str(other.device)]))
        for mix in (lambda y: x + y, lambda y: x.clone().copy_(y), lambda y: y.to(x.device), lambda y: x.to(y.device)):
            with pytest.raises(HostCrossing, match=f"tensors are on {places}, not on one device of "):
                mix(other)


def test_a_crossing_in_the_library_raises(be, monkeypatch):
    """Labels are compared with a forgotten device, a constant comes from the host, values are read, and only then."""
    u, t = be.array(DATA), be.array([0, 2])

    def value(**options: Any) -> Any:
        return xent.softmax_cross_entropy(u, t, **options)

    defects = {
        (_picked, "class_indices"): lambda classes, dtype, _, xp: xp.arange(classes, dtype=dtype),
        (_assembly, "quotient"): lambda x, by, _, xp: x / by * xp.asarray(1.0, device=x.device),
    }
    expected = value()
    for (module, name), defect in defects.items():
        with monkeypatch.context() as patch:
            patch.setattr(module, name, defect)
            with pytest.raises(HostCrossing):
                value()
    with pytest.raises(HostCrossing, match="a synchronisation"):
        value(check_values=True)
    np.testing.assert_array_equal(be.numpy(value()), be.numpy(expected))


def test_values_are_read_where_it_is_asked_for():
    """With the boundary lifted, `check_values=True` reads them from the device, and by default nothing does."""
    be = backend("torch-accelerator")
    h = xent.SoftmaxCrossEntropy(be.array([0, 3]), reduction="none", check_values=True)
    with be.boundary as boundary, boundary.lifted(), pytest.raises(ValueError, match=r"not 3 at \(1,\)\.$"):
        h(be.array(DATA))
    with be.boundary:
        assert np.isnan(be.numpy(replace(h, check_values=None)(be.array(DATA)))).tolist() == [False, True]


def test_what_meta_says_is_held_to_what_is_computed():
    made = torch.empty((2, 3), device="meta")
    agree([made, 1], [torch.ones((2, 3)), 1])
    for false in (torch.ones((3, 2)), torch.ones((2, 3), dtype=torch.float64)):
        with pytest.raises(AssertionError):
            agree(made, false)
    with pytest.raises(AssertionError):
        agree([made, 1], [torch.ones((2, 3)), 2])
