"""The emulated CuPy against NumPy, for what the library calls.

The functions are held to what the array API standard and NumPy say of dtypes, shapes and special values, in the way of
the standard's own tests, so that a result of the other tests on emulated CuPy is one.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.conftest import close
from tests.cupy_emulation import install

install()
cp = importlib.import_module("cupy")
xp = importlib.import_module("array_api_compat.cupy")

INF, NAN = np.inf, np.nan
FLOATING = ("float16", "float32", "float64")
DTYPES = (*FLOATING, "int32", "int64", "uint8", "bool")
SPECIAL = np.asarray([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.5, 30.0, -30.0, 2.0**-10, INF, -INF, NAN])
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
few = settings(max_examples=12)


def same(got: Any, expected: np.ndarray, ulps: int = 0) -> None:
    """Compare dtype, shape and values, nan and the sign of 0 included."""
    expected = np.asarray(expected)
    assert got.dtype == expected.dtype
    got = cp.asnumpy(got)
    assert got.shape == expected.shape
    if ulps and expected.dtype.kind == "f":
        close(got, expected, rtol=ulps * np.finfo(expected.dtype).eps)
    else:
        np.testing.assert_array_equal(got, expected)
    if expected.dtype.kind == "f" and not ulps:
        np.testing.assert_array_equal(np.signbit(got[got == 0]), np.signbit(expected[expected == 0]))


def values(dtype: str, shape: Any = SHAPES) -> st.SearchStrategy[np.ndarray]:
    small = {"f": st.sampled_from(SPECIAL.tolist()), "b": st.booleans()}
    return hnp.arrays(dtype, shape, elements=small.get(np.dtype(dtype).kind, st.integers(0, 5)))


def on_device(x: np.ndarray) -> Any:
    """Move an array as it is: CuPy makes one of no axes by filling it, and fills with 0 for −0."""
    return xp.reshape(cp.asarray(np.atleast_1d(x)), x.shape)


# --- functions of elements ---


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("name", ["exp", "log", "log1p", "expm1", "tanh"])
def test_functions_are_accurate_and_take_special_values(name, dtype):
    rng = np.random.default_rng(3)
    x = np.concatenate([SPECIAL, rng.normal(size=300) * 4, 10 ** rng.uniform(-4, 1, 100)]).astype(dtype)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble)).astype(dtype)
    same(getattr(xp, name)(cp.asarray(x)), exact, ulps=2)


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("name", ["abs", "negative", "isnan", "isinf", "isfinite"])
def test_exact_functions(name, dtype):
    x = SPECIAL.astype(dtype)
    same(getattr(xp, name)(cp.asarray(x)), getattr(np, name)(x))


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "bitwise_and"])
def test_logic(name):
    one, other = np.asarray([True, True, False, False]), np.asarray([True, False, True, False])
    same(getattr(xp, name)(cp.asarray(one), cp.asarray(other)), getattr(np, name)(one, other))
    same(xp.logical_not(cp.asarray(one)), ~one)


@few
@given(st.data(), st.sampled_from(FLOATING), st.sampled_from(["add", "subtract", "multiply", "divide"]))
def test_arithmetic_broadcasts(data, dtype, name):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4, min_side=0))
    one, other = (data.draw(values(dtype, shape)) for shape in shapes.input_shapes)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(one, other)
    same(getattr(xp, name)(on_device(one), on_device(other)), expected)


@few
@given(st.data(), st.sampled_from(DTYPES), st.sampled_from(["equal", "not_equal", "less", "greater_equal"]))
def test_comparisons(data, dtype, name):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3))
    one, other = (data.draw(values(dtype, shape)) for shape in shapes.input_shapes)
    same(getattr(xp, name)(cp.asarray(one), cp.asarray(other)), getattr(np, name)(one, other))


@pytest.mark.parametrize("dtype", FLOATING)
def test_python_scalars_keep_the_dtype(dtype):
    x = np.asarray([0.5, -2.0, 4.0], dtype)
    y = cp.asarray(x)
    for got, expected in (
        (y + 1, x + 1), (1.5 - y, 1.5 - x), (2 * y, 2 * x), (1 / y, 1 / x), (y / 3.0, x / 3.0),
        (-y, -x), (abs(y), abs(x)), (y > 0, x > 0), (y == 0.5, x == 0.5), (y != -INF, x != -INF),
    ):  # fmt: skip
        same(got, expected)


@few
@given(st.data(), st.sampled_from(FLOATING))
def test_where(data, dtype):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
    mask, one, other = (
        data.draw(values(name, shape)) for name, shape in zip(("bool", dtype, dtype), shapes.input_shapes, strict=True)
    )
    same(xp.where(on_device(mask), on_device(one), on_device(other)), np.where(mask, one, other))
    same(xp.where(on_device(mask), on_device(one), -INF), np.where(mask, one, np.asarray(-INF, dtype)))


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_astype(dtype, to):
    x = np.asarray([0, 1, 3, 100]).astype(dtype)
    same(xp.astype(cp.asarray(x), np.dtype(to)), x.astype(to))


# --- reductions ---


@few
@given(st.data(), st.sampled_from(("float32", "float64", "int64")), st.sampled_from(["sum", "max", "any", "all"]))
def test_reductions_over_any_axes(data, dtype, name):
    x = data.draw(values(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=name == "max", max_side=4)))
    axis = data.draw(st.none() | hnp.valid_tuple_axes(x.ndim) | st.sampled_from(range(-x.ndim, x.ndim) or [None]))
    keepdims = data.draw(st.booleans())
    expected = getattr(np, name)(np.where(np.isfinite(x), x, 0).astype(dtype), axis=axis, keepdims=keepdims)
    got = getattr(xp, name)(cp.asarray(np.where(np.isfinite(x), x, 0).astype(dtype)), axis=axis, keepdims=keepdims)
    same(got, expected, ulps=8)


@pytest.mark.parametrize("dtype", FLOATING)
def test_reductions_of_special_values(dtype):
    rows = np.asarray([[1, NAN, 2], [INF, 1, NAN], [-INF, -INF, -INF], [INF, 1, 2], [INF, -INF, 0]], dtype)
    x = cp.asarray(rows)
    with np.errstate(all="ignore"):
        same(xp.max(x, axis=-1), rows.max(axis=-1))
        same(xp.sum(x, axis=-1), rows.sum(axis=-1))
    same(xp.argmax(x[2:], axis=-1), np.argmax(rows[2:], axis=-1))
    same(xp.argmax(cp.asarray(np.asarray([[1, 3, 3], [0, 0, 0]], dtype)), axis=-1), np.asarray([1, 0]))


def test_reductions_of_nothing():
    same(xp.sum(cp.zeros((2, 0)), axis=-1), np.zeros(2))
    same(xp.any(cp.zeros((2, 0), bool), axis=-1), np.zeros(2, bool))
    same(xp.all(cp.zeros((2, 0), bool), axis=-1), np.ones(2, bool))
    with pytest.raises(ValueError, match="zero-size"):
        xp.max(cp.zeros((2, 0)), axis=-1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_of_sums(dtype):
    x = np.asarray([1, 0, 1]).astype(dtype)
    same(xp.sum(cp.asarray(x)), np.sum(x))


@pytest.mark.parametrize("axis", [0, 1])
def test_long_sums_are_accurate(axis):
    """In a tree: the error grows with the logarithm of the length."""
    x = np.random.default_rng(5).uniform(size=(2, 100_000)).astype("float32")
    exact = x.astype("float64").sum(axis=-1)
    got = xp.sum(cp.asarray(x if axis else x.T.copy()), axis=axis)
    close(cp.asnumpy(got), exact.astype("float32"), rtol=8 * np.finfo("float32").eps)


# --- creation, shape, indices ---


@pytest.mark.parametrize("dtype", DTYPES)
def test_creation(dtype):
    x = cp.asarray(np.asarray([[1, 0, 1]]).astype(dtype))
    as_dtype = np.dtype(dtype)
    same(xp.zeros((2, 3), dtype=as_dtype), np.zeros((2, 3), dtype))
    for name in ("zeros_like", "ones_like"):
        same(getattr(xp, name)(x), getattr(np, name)(cp.asnumpy(x)))
        same(getattr(xp, name)(x, dtype=np.dtype("float32")), getattr(np, name)(cp.asnumpy(x), dtype="float32"))
    same(xp.full_like(x, 1), np.full((1, 3), 1, dtype))
    if dtype != "bool":
        same(xp.arange(5, dtype=as_dtype, device=x.device), np.arange(5, dtype=dtype))
    if dtype in FLOATING:
        same(xp.full_like(x, -INF), np.full((1, 3), -INF, dtype))
        assert cp.asnumpy(cp.empty((7,), dtype=as_dtype)).tolist() == pytest.approx([NAN] * 7, nan_ok=True)


def test_dtypes_are_told_apart():
    for dtype in DTYPES:
        it = np.dtype(dtype)
        assert xp.isdtype(it, "real floating") == (it.kind == "f")
        assert xp.isdtype(it, "integral") == (it.kind in "iu")
        assert xp.isdtype(it, "signed integer") == (it.kind == "i")
        assert xp.isdtype(it, "bool") == (it.kind == "b")
    assert [xp.finfo(np.dtype(dtype)).bits for dtype in FLOATING] == [16, 32, 64]
    assert [xp.iinfo(np.dtype(dtype)).bits for dtype in ("uint8", "int32", "int64")] == [8, 32, 64]
    defaults = xp.__array_namespace_info__().default_dtypes(device=cp.zeros(1).device)
    assert (defaults["real floating"], defaults["integral"]) == (np.float64, np.int64)


@few
@given(st.data(), st.sampled_from(("float32", "int64", "bool")))
def test_shapes(data, dtype):
    x = data.draw(values(dtype))
    y = on_device(x)
    axes = data.draw(st.permutations(range(x.ndim)))
    turned = xp.permute_dims(y, tuple(axes))
    same(turned, np.transpose(x, axes))
    same(xp.reshape(turned, (-1,)), np.transpose(x, axes).reshape(-1)) if x.size else None
    same(xp.expand_dims(y, axis=0), x[None])
    same(xp.squeeze(y[None], axis=0), x)
    same(xp.broadcast_to(y, (2, *x.shape)), np.broadcast_to(x, (2, *x.shape)))
    same(xp.stack([y, y], axis=-1), np.stack([x, x], axis=-1))
    for got, expected in zip(xp.broadcast_arrays(y, y[None]), np.broadcast_arrays(x, x[None]), strict=True):
        same(got, expected)


@few
@given(st.data())
def test_indices(data):
    x = np.arange(24.0).reshape(2, 3, 4)
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    same(cp.asarray(x)[key], np.asarray(x[key]))
    same(cp.asarray(x)[key] * 2, np.asarray(x[key] * 2))
