"""A loss with all its derivatives, as NumPy arrays, from one call of the backend."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import xent_arrayapi as xent

if TYPE_CHECKING:
    from tests.backends.base import Backend

INF, NAN = np.inf, np.nan


class Outcome(NamedTuple):
    """What a loss gives at some logits."""

    value: np.ndarray
    grad: np.ndarray
    hvp: np.ndarray
    hessian: np.ndarray
    diag: np.ndarray


def outcome(
    be: Backend,
    logits: Any,
    targets: Any,
    *,
    loss: Any = xent.SoftmaxCrossEntropy,
    dtype: str | None = None,
    **options: Any,
) -> Outcome:
    """Evaluate a loss; logits, targets and array options are given as NumPy arrays or lists, or as backend arrays."""
    u = be.array(logits, dtype) if isinstance(logits, (list, np.ndarray)) else logits
    shape = be.shape(u)
    v = be.array(np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape), dtype)
    made = {k: be.array(x) if isinstance(x, (list, np.ndarray)) else x for k, x in options.items()}
    h = loss(be.array(targets) if isinstance(targets, (list, np.ndarray)) else targets, **made)

    if be.slow:
        # Compiling takes seconds: the second derivatives are compiled in rules 25 to 27, and run as they are here.
        value_and_grad = be.run(h.value_and_grad, u)
        unread = replace(h, check_values=False)
        parts = (*value_and_grad, unread.hvp(u, v), unread.hessian(u), unread.hessian_diag(u))
    else:
        parts = be.run(lambda u, v: (h(u), h.grad(u), h.hvp(u, v), h.hessian(u), h.hessian_diag(u)), u, v)
    return Outcome(*be.numpies(parts))


def assert_same(got: Outcome, expected: Outcome, eps: float, scale: float = 64) -> None:
    """Compare all parts to a few roundings of their largest entry."""
    for name, one, other in zip(Outcome._fields, got, expected, strict=True):
        assert one.shape == other.shape, name
        finite = np.abs(other[np.isfinite(other)])
        atol = scale * eps * (finite.max() if finite.size else 0)
        np.testing.assert_allclose(one, other, rtol=scale * eps, atol=atol, err_msg=name)


def assert_zero(got: Outcome, rows: Any = ...) -> None:
    """Check that rows of all parts are exactly 0 (for a loss that is not reduced)."""
    for name, one in zip(Outcome._fields, got, strict=True):
        assert np.all(one[rows] == 0), name


def raises_or_nan(be: Backend, message: str, logits: Any, targets: Any, bad_rows: Any, **options: Any) -> None:
    """Check rule 15's alternative: a ValueError where values can be read, nan in the bad rows elsewhere."""
    if be.readable:
        try:
            outcome(be, logits, targets, **options)
        except ValueError as error:
            assert message in str(error), str(error)  # noqa: PT017  # one of two outcomes, by backend
        else:
            msg = "nothing was raised"
            raise AssertionError(msg)
    else:
        got = outcome(be, logits, targets, reduction="none", **options)
        bad = np.zeros(got.value.shape, bool)
        bad[bad_rows] = True
        for name, one in zip(Outcome._fields, got, strict=True):
            whole = np.isnan(one).reshape(*bad.shape, -1)
            assert np.all(whole.all(-1) == bad), name
            assert np.all(whole.any(-1) == bad), name
