"""The class axis: any axis of either sign, several, all."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_properties import near, outputs
from tests.test_validate import refused
from xent_arrayapi import LogPartition, SoftmaxCrossEntropy, _rows
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._rows import Rows


def along(*given: Any, axis: int) -> Any:
    """Call everything that has an axis: results of the logits' shape, results without the axis, blocks."""
    u, p, t, v, where, w = given
    options = {"axis": axis, "where": where, "reduction": "none", "label_smoothing": 0.1, "check_values": False}
    h, of_rows, mean = (
        SoftmaxCrossEntropy(t, **options),
        SoftmaxCrossEntropy(p, **options, class_weights=w),
        SoftmaxCrossEntropy(t, axis=axis, check_values=False, class_weights=w),
    )
    part = LogPartition.of(u, axis=axis)
    full = (
        *(xent.softmax(u, axis=axis, where=where), xent.log_softmax(u, axis=axis, temperature=2.0)),
        *(xent.softmax_jvp(u, v, axis=axis), part.softmax(v), part.log_softmax(v)),
        *(h.grad(u), h.hvp(u, v), h.hessian_diag(u), of_rows.grad(u), mean.grad(u)),
        *(of_rows.hvp(u, v), mean.linearize(u)[2](v)),
        xent.logsumexp(u, axis=axis, keepdims=True),
    )
    reduced = (
        *(xent.logsumexp(u, axis=axis, where=where), *xent.logsumexp(u, axis=axis, weights=v, return_sign=True)),
        *(part.max, part.tail, part.merge(part).logsumexp, h(u), of_rows(u)),
        *(xent.entropy(p, axis=axis), xent.cross_entropy(p, p + 1, axis=axis)),
        xent.kl_divergence(p, p + 1, axis=axis),
    )
    blocks = (xent.softmax_jacobian(u, axis=axis), h.hessian(u), of_rows.hessian(u))
    return (*full, *reduced, *blocks, mean(u), *mean.total_and_weight(u))


@pytest.mark.parametrize("axis", [pytest.param(0, marks=pytest.mark.traced), -2, 2])
def test_an_axis_is_that_axis_moved_last(be, axis, rng):
    """Of either sign: what is compared with is along axis −1."""
    u, v = 3 * rng.normal(size=(3, 3, 3)), rng.normal(size=(3, 3, 3))
    u[0, 1, 2] = u[1, 0, 0] = -np.inf
    p, where = rng.uniform(size=(3, 3, 3)), rng.uniform(size=(3, 3, 3)) > 0.2
    where[0, 0, 0] = where[:, :, 0].any()
    t = np.zeros(np.moveaxis(u, axis, -1).shape[:-1], dtype="int64")
    w = rng.uniform(size=3)
    got = outputs(be, functools.partial(along, axis=axis), *(be.array(x) for x in (u, p, t, v, where, w)))
    moved = [np.ascontiguousarray(np.moveaxis(x, axis, -1)) for x in (u, p, v, where)]
    u, p, v, where = (be.array(x) for x in moved)
    expected = be.numpies(along(u, p, be.array(t), v, where, be.array(w), axis=-1))
    for one, other in zip(got[:13], expected[:13], strict=True):
        near(be, np.moveaxis(one, axis, -1), other, roundings=16, size=1)
    for one, other in zip(got[13:], expected[13:], strict=True):
        near(be, one, other, roundings=16, size=1)


SEVERAL = ((0, 1), (0, -1), (-1, 0), (1, -1), None, (2,), ())


def over(u: Any, where: Any, axis: Any) -> Any:
    part = LogPartition.of(u, axis=axis, where=where)
    return (
        *(xent.softmax(u, axis=axis, where=where), xent.log_softmax(u, axis=axis, where=where)),
        *(xent.logsumexp(u, axis=axis, where=where, keepdims=keepdims) for keepdims in (False, True)),
        *(part.logsumexp, part.softmax(u)),
    )


@pytest.mark.parametrize("axis", SEVERAL)
def test_several_axes_are_one_long_axis(be, axis, rng):
    u, where = rng.normal(size=(2, 3, 4)), rng.uniform(size=(2, 3, 4)) > 0.25
    where[:, 0, :] = where[0, :, 0] = True
    where |= axis == ()  # a mask that leaves no class has no softmax
    got = outputs(be, functools.partial(over, axis=axis), be.array(u), be.array(where))
    axes = tuple(range(3)) if axis is None else tuple(k % 3 for k in axis)
    e = np.exp(u)
    total = np.sum(e * where, axis=axes, keepdims=True)
    with np.errstate(divide="ignore"):
        expected = (
            *(e * where / total, np.where(where, u - np.log(total), -np.inf)),
            *(np.log(total).reshape(np.sum(e, axis=axes).shape), np.log(total)),
            *(np.log(total).reshape(np.sum(e, axis=axes).shape), e / total),
        )
    for x, y in zip(got, expected, strict=True):
        near(be, x, y, roundings=32, size=1)


def test_a_number_is_its_own_class_over_no_axis(be):
    """A 0-d array has no axis: None and () take it for a row of one class."""
    x = be.array(1.5)
    for axis in (None, ()):
        got = outputs(be, lambda x, axis=axis: (xent.softmax(x, axis=axis), xent.logsumexp(x, axis=axis)), x)
        close(got[0], np.ones((), dtype=got[0].dtype), rtol=0)
        close(got[1], np.asarray(1.5, dtype=got[1].dtype), rtol=0)


def hold_in_place(be: Any, rows: Rows, x: Any) -> None:
    """Hold what is along rows that stay where they are against what is along the axis."""
    (axis,), there, data = rows.axes, rows.in_place(), be.numpy(x)
    assert there.back(there.last(x)).shape == x.shape
    column, k = there.xp.max(x, axis=-1, keepdims=True), be.array(np.arange(data.shape[axis]))
    close(be.numpy(column), np.max(data, axis=axis, keepdims=True), rtol=0)
    close(be.numpy(there.column(there.reduced(column))), be.numpy(column), rtol=0)
    near(be, be.numpy(there.xp.sum(x)), np.sum(data), roundings=32, size=24)
    k = np.moveaxis(be.numpy(there.vector(k)) + np.zeros(data.shape), axis, -1)
    close(k, np.arange(data.shape[axis]) + 0 * k, rtol=0)


def hold_where_rows_stay(rows: Rows, patched: pytest.MonkeyPatch) -> None:
    """Rows of XLA stay where they are, unless classes are far apart, or nobody knows how far."""
    assert rows.unmoved() is rows or rows.unmoved().along in rows.axes
    patched.setattr(_rows, "is_by_xla", lambda _: True)
    assert (rows.unmoved() is rows) == (rows.in_order or None in rows.shape)
    with patched.context() as far:
        far.setattr(_rows, "NEAR", 0)
        assert rows.unmoved() is rows
    patched.setattr(rows, "shape", ("n",) * len(rows.shape))
    assert rows.unmoved() is rows


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None, ()])
def test_what_is_brought_goes_back(be, axis, rng, monkeypatch):
    xp, data = be.namespace(), rng.normal(size=(2, 3, 4))
    x = be.array(data)
    rows = Rows.of("x", x, axis, xp)
    assert rows.back(rows.bring(x)).shape == x.shape
    close(be.numpy(rows.back(rows.last(x))), be.numpy(x), rtol=0)
    batch = tuple(data.shape[k] for k in rows.batch_axes)
    assert be.numpy(rows.last(x)).shape == (*batch, data.size // math.prod(batch))
    column = rows.last(x)[..., :1]
    assert be.numpy(rows.reduced(column)).shape == batch
    assert be.numpy(rows.kept(rows.reduced(column), keepdims=True)).shape == tuple(
        1 if k in rows.axes else size for k, size in enumerate(data.shape)
    )
    assert rows.mask("where", None) is None
    mask = rows.mask("where", be.array([True, False, True, True]))
    close(be.numpy(mask), be.numpy(rows.bring(be.array(data * 0 + [1, 0, 1, 1]))) == 1, rtol=0)
    if len(rows.axes) == 1:
        hold_in_place(be, rows, x)
        hold_where_rows_stay(rows, monkeypatch)


def test_a_cast_that_is_none_returns_the_array(be):
    x = be.array([0.5], "float32")
    rows = Rows.of("x", x, -1, be.namespace())
    assert rows.cast(x) is x
    assert rows.in_dtype(x) is x
    for half in be.halves:
        y = be.array([0.5], half)
        rows = Rows.of("x", y, -1, be.namespace())
        assert rows.cast(y).dtype == be.dtype("float32")
        assert rows.in_dtype(rows.cast(y)).dtype == be.dtype(half)


@pytest.mark.only("numpy")
def test_layouts_that_were_seen_are_kept_without_their_arrays(be, monkeypatch):
    """Some of them: an axis that is no integer is refused also where its equal was seen, and dtypes stay apart."""
    known: dict[Any, Any] = {}
    monkeypatch.setattr(_rows, "_KNOWN", known)
    monkeypatch.setattr(_rows, "MOST_KNOWN", 2)
    for classes in (3, 4, 5, 5):
        x = be.array(np.zeros((2, classes)))
        rows = Rows.of("x", x, 1, be.namespace())
        assert (rows.like is x, rows.classes, rows.batch_shape) == (True, classes, (2,))
        assert len(known) <= 2
    assert all(rows.like is None for rows in known.values())
    seen: Any = True
    refused(TypeError, "`axis` must be a Python integer, not True.", Rows.of, "x", x, seen, be.namespace())
    assert Rows.of("x", be.array(np.zeros((2, 5)), "float32"), 1, be.namespace()).dtype == np.float32


@pytest.mark.only("numpy")
def test_what_is_asked_for_twice_is_made_once(be):
    got = Evaluation.of(be.array([[0.0, 1.0], [2.0, 2.0]]), be.namespace())
    assert got.top is got.top
    assert got.total is got.total
    assert got.top.tolist() == [[False, True], [True, True]]
