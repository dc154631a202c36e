"""Dtypes and axes in NumPy: half precision is rounded once, integers are promoted, and no class axis differs."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import xent_arrayapi as xent
from verification._definitions import Rows
from verification._numeric_functions import frozen
from verification._regimes import ULPS, ULPS_LOGSUMEXP
from xent_arrayapi._rows import Rows as Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from verification._judged import Judge

    Array = NDArray[Any]

ONCE = 0.501
"""Ulps of a result in float32 that is rounded to half precision."""
FEW = 2


def check_dtypes(judge: Judge) -> None:
    """Hold half precision against one rounding of what float32 gives, and integers against float64: rules 9 and 10."""
    if judge.dtype == "float32":
        u = frozen((np.random.default_rng(31).normal(size=(20, 10)) * 3).astype(np.float16))
        names, labels, wide = ["N(0, 3²), float16"] * 20, np.arange(20) % 10, Rows(u.astype(np.float32))
        h = xent.SoftmaxCrossEntropy(labels, reduction="none")
        judge.hold("softmax", names, Rows(u).softmax, xent.softmax(u), ONCE)
        judge.hold("log_softmax", names, Rows(u).log_softmax, xent.log_softmax(u), ONCE)
        judge.hold("SoftmaxCrossEntropy.grad", names, Rows(u).gradient(labels), h.grad(u), ONCE)
        judge.hold("logsumexp", names, wide.logsumexp, xent.logsumexp(u), ULPS_LOGSUMEXP)
        judge.hold("SoftmaxCrossEntropy", names, wide.loss(labels), h(u), ULPS)
        many = xent.logsumexp(np.zeros(70_000, np.float16))
        judge.near("logsumexp", "70 000 zeros, float16", many, np.float32(np.log(70_000)), FEW)
        return
    for dtype in (np.uint8, np.int64, np.bool_):
        x = frozen(np.asarray([[1, 0, 1], [0, 0, 1]], dtype) * np.asarray(1 if dtype == np.bool_ else 100, dtype))
        for function in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.softmax_jacobian):
            judge.same(function.__name__, np.dtype(dtype).name, function(x), function(x.astype(np.float64)))


def check_axes(judge: Judge) -> None:
    """Hold each class axis, of both signs, against the last one: the same numbers to the last bit."""
    rng = np.random.default_rng(37)
    u, v = (frozen(rng.normal(size=(3, 4, 5)).astype(judge.dtype)) for _ in range(2))
    for axis in range(-3, 3):
        last = np.moveaxis(u, axis, -1)
        back = partial(np.moveaxis, source=-1, destination=axis)
        same = partial(judge.same, regime=f"axis {axis}")
        for function in (xent.softmax, xent.log_softmax):
            same(function.__name__, got=function(u, axis=axis), expected=back(function(last)))
        same("logsumexp", got=xent.logsumexp(u, axis=axis), expected=xent.logsumexp(last))
        same("softmax_jacobian", got=xent.softmax_jacobian(u, axis=axis), expected=xent.softmax_jacobian(last))
        product = back(xent.softmax_jvp(last, np.moveaxis(v, axis, -1)))
        same("softmax_jvp", got=xent.softmax_jvp(u, v, axis=axis), expected=product)
        p, q = xent.softmax(u, axis=axis), xent.softmax(v, axis=axis)
        by_last = [np.moveaxis(x, axis, -1) for x in (p, q)]
        same("entropy", got=xent.entropy(p, axis=axis), expected=xent.entropy(by_last[0]))
        for divergence in (xent.cross_entropy, xent.kl_divergence):
            same(divergence.__name__, got=divergence(p, q, axis=axis), expected=divergence(*by_last))
        _hold_axis_of_loss(same, u, v, p, axis)
        _hold_rows_in_place(same, u, axis)
    _hold_joint_axes(judge, u)


def _hold_rows_in_place(same: Callable[..., None], u: Array, axis: int) -> None:
    """Hold what is along rows that stay where they are against what is along the axis."""
    rows = Layout.of("u", u, axis, np).in_place()
    top, k = np.max(u, axis=axis), np.arange(u.shape[axis])
    same("logsumexp", got=rows.xp.max(u, axis=-1, keepdims=True), expected=np.max(u, axis=axis, keepdims=True))
    same("logsumexp", got=rows.xp.sum(top, axis=-1), expected=np.sum(top, axis=-1))
    same("logsumexp", got=rows.column(top), expected=np.expand_dims(top, axis))
    same("softmax", got=rows.vector(k) + 0 * u, expected=np.moveaxis(k + 0 * np.moveaxis(u, axis, -1), -1, axis))


def _hold_axis_of_loss(same: Callable[..., None], u: Array, v: Array, rows: Array, axis: int) -> None:
    last, tangent = np.moveaxis(u, axis, -1), np.moveaxis(v, axis, -1)
    back, labels = partial(np.moveaxis, source=-1, destination=axis), np.argmax(tangent, axis=-1)
    for targets, of_last in ((labels, labels), (rows, np.moveaxis(rows, axis, -1))):
        h = xent.SoftmaxCrossEntropy(targets, axis=axis, reduction="none")
        plain = xent.SoftmaxCrossEntropy(of_last, reduction="none")
        same("SoftmaxCrossEntropy", got=h(u), expected=plain(last))
        same("SoftmaxCrossEntropy.grad", got=h.grad(u), expected=back(plain.grad(last)))
        same("SoftmaxCrossEntropy.hvp", got=h.hvp(u, v), expected=back(plain.hvp(last, tangent)))
        same("SoftmaxCrossEntropy.hessian", got=h.hessian(u), expected=plain.hessian(last))


def _hold_joint_axes(judge: Judge, u: Array) -> None:
    """Hold several class axes against one that joins them."""
    for axes in (*itertools.permutations(range(3), 2), (0, 1, 2), None):
        order = axes or (0, 1, 2)
        batch = tuple(k for k in range(3) if k not in order)
        joined = np.transpose(u, batch + order).reshape(*(u.shape[k] for k in batch), -1)
        judge.same("logsumexp", f"axes {axes}", xent.logsumexp(u, axis=axes), xent.logsumexp(joined))
        shape = tuple(u.shape[k] for k in batch + order)
        soft = np.transpose(xent.softmax(joined).reshape(shape), np.argsort(batch + order))
        judge.same("softmax", f"axes {axes}", xent.softmax(u, axis=axes), soft)
        kept = [1 if k in order else u.shape[k] for k in range(3)]
        judge.same("logsumexp", f"axes {axes}, keepdims", xent.logsumexp(u, axis=axes, keepdims=True).shape, kept)
