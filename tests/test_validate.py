"""What is refused, with which class of error, and in which words."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import xent_arrayapi as xent
from xent_arrayapi import LogPartition, SigmoidCrossEntropy, SoftmaxCrossEntropy
from xent_arrayapi._validate import (
    AxisError,
    axes_of,
    axis_of,
    choice,
    known_shape,
    may_be_equal,
    number,
    unravel,
    whole_number,
)

NAN, INF = np.nan, np.inf

WITH_AXIS = {
    "logsumexp": lambda x, axis: xent.logsumexp(x, axis=axis),
    "softmax": lambda x, axis: xent.softmax(x, axis=axis),
    "log_softmax": lambda x, axis: xent.log_softmax(x, axis=axis),
    "softmax_jacobian": lambda x, axis: xent.softmax_jacobian(x, axis=axis),
    "softmax_jvp": lambda x, axis: xent.softmax_jvp(x, x, axis=axis),
    "LogPartition": lambda x, axis: LogPartition.of(x, axis=axis),
    "entropy": lambda x, axis: xent.entropy(x, axis=axis),
    "cross_entropy": lambda x, axis: xent.cross_entropy(x, x, axis=axis),
    "kl_divergence": lambda x, axis: xent.kl_divergence(x, x, axis=axis),
    "softmax_cross_entropy": lambda x, axis: xent.softmax_cross_entropy(x, x, axis=axis),
}


def refused(error: type[Exception], message: str, function: object, *args: object, **options: object) -> None:
    """Check class and whole message of what a call raises."""
    with pytest.raises(error) as caught:
        function(*args, **options)
    assert type(caught.value) is error
    assert str(caught.value) == message


@pytest.mark.parametrize("name", WITH_AXIS)
def test_an_axis_that_is_not_there(be, name):
    call, x = WITH_AXIS[name], be.array([[0.5, 0.5], [0.25, 0.75]])
    for axis in (2, -3):
        refused(AxisError, f"`axis` must be an axis of an array with 2 axes, not {axis}.", call, x, axis)
    refused(AxisError, "`axis` must be an axis of an array with 0 axes, not -1.", call, be.array(0.5), -1)
    assert issubclass(AxisError, ValueError)
    assert issubclass(AxisError, IndexError)
    for axis in (0.0, "0", True):
        refused(TypeError, f"`axis` must be a Python integer, not {axis!r}.", call, x, axis)


@pytest.mark.parametrize("name", sorted(WITH_AXIS.keys() - {"logsumexp", "softmax", "log_softmax", "LogPartition"}))
def test_one_axis_only(be, name):
    x = be.array([[0.5, 0.5], [0.25, 0.75]])
    for axis in ((0,), None):
        refused(TypeError, f"`axis` must be a Python integer, not {axis!r}.", WITH_AXIS[name], x, axis)


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "LogPartition"])
def test_axes_are_named_once(be, name):
    x = be.array([[0.5, 0.5], [0.25, 0.75]])
    for axis in ((0, 0), (1, -1)):
        refused(ValueError, f"`axis` must name each axis once, not {axis}.", WITH_AXIS[name], x, axis)
    refused(AxisError, "`axis` must be an axis of an array with 2 axes, not 5.", WITH_AXIS[name], x, (0, 5))


BOUNDS = {
    "label_smoothing": ("0 <= label_smoothing <= 1", (-0.25, 1.5, NAN, INF)),
    "temperature": ("0 < temperature < inf", (0, -1.0, NAN, INF)),
    "z_loss": ("0 <= z_loss <= 1.79769e+308", (-0.5, NAN, INF)),
    "softcap": ("0 < softcap < inf", (0, -2, NAN, INF)),
    "normalizer": ("0 <= normalizer <= 1.79769e+308", (-1, NAN, INF)),
    "pos_weight": ("0 <= pos_weight <= 1.79769e+308", (-1.0, NAN, INF)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_numbers_have_bounds(be, name):
    bounds, values = BOUNDS[name]
    losses = [loss for loss in (SoftmaxCrossEntropy, SigmoidCrossEntropy) if name in loss.__dataclass_fields__]
    assert losses
    for loss in losses:
        for value in values:
            message = f"`{name}` must be a number with {bounds}, not {value!r}."
            refused(ValueError, message, loss, be.array([0, 1]), **{name: value})
        for value in (True, [1.0], 1j):
            message = f"`{name}` must be a Python number, not {value!r}."
            refused(TypeError, message, loss, be.array([0, 1]), **{name: value})


def test_an_array_is_named_and_not_read(be):
    """To print one is to read it, which is a synchronisation where its values are on a device."""
    x, number = be.array([0.0, 1.0]), be.array(1.0)
    refused(TypeError, "`temperature` must be a Python number, not an array.", xent.softmax, x, temperature=number)
    refused(TypeError, "`axis` must be a Python integer, not an array.", xent.softmax, x, axis=number)
    loss = functools.partial(SoftmaxCrossEntropy, be.array([0, 1]))
    refused(ValueError, "`reduction` must be one of 'none', 'sum', 'mean', not an array.", loss, reduction=number)
    refused(TypeError, "`check_values` must be True, False or None, not an array.", loss, check_values=number)


def test_the_temperature_of_softmax(be):
    x = be.array([0.0, 1.0])
    for function in (xent.softmax, xent.log_softmax):
        for value in (-1.0, NAN, -INF):
            message = f"`temperature` must be a number with 0 <= temperature <= inf, not {value!r}."
            refused(ValueError, message, function, x, temperature=value)
        refused(TypeError, "`temperature` must be a Python number, not '1'.", function, x, temperature="1")


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, SigmoidCrossEntropy])
def test_words_and_flags(be, loss):
    t = be.array([0, 1])
    message = "`reduction` must be one of 'none', 'sum', 'mean', not 'average'."
    refused(ValueError, message, loss, t, reduction="average")
    message = "`normalizer` must be one of 'weights', 'count', 'batch', not 'rows'."
    refused(ValueError, message, loss, t, normalizer="rows")
    refused(TypeError, "`check_values` must be True, False or None, not 1.", loss, t, check_values=1)
    refused(TypeError, "`ignore_index` must be a Python integer, not 1.0.", loss, t, ignore_index=1.0)
    message = "`ignore_index` must be None with probabilities: give a row `sample_weight` 0 instead."
    refused(ValueError, message, loss, be.array([0.0, 1.0]), ignore_index=1)


def test_complex_numbers(be):
    z, u = be.array([[0, 1j]], "complex64"), be.array([[0.0, 1.0]])
    real = "must be real: floating, integer or bool, not complex64."
    for function in (xent.logsumexp, xent.softmax, xent.log_softmax, xent.softmax_jacobian, xent.sigmoid):
        refused(TypeError, f"`x` {real}", function, z)
    for function in (xent.log_sigmoid, LogPartition.of):
        refused(TypeError, f"`x` {real}", function, z)
    refused(TypeError, f"`logits` {real}", xent.softmax_cross_entropy, z, be.array([0]))
    refused(TypeError, f"`logits` {real}", xent.sigmoid_cross_entropy, z, be.array([[0, 1]]))
    message = "must be floating or integer, not complex64: convert it first."
    refused(TypeError, f"`weights` {message}", xent.logsumexp, u, weights=z)
    refused(TypeError, f"`tangent` {message}", xent.softmax_jvp, u, z)
    refused(TypeError, f"`tangent` {message}", SoftmaxCrossEntropy(be.array([0])).hvp, u, z)
    for option in ("class_weights", "sample_weight"):
        wrong = be.array([0] * 2 if option == "class_weights" else [0], "complex64")
        refused(TypeError, f"`{option}` {message}", SoftmaxCrossEntropy(be.array([0]), **{option: wrong}), u)
    wrong = SigmoidCrossEntropy(be.array([[0, 1]]), pos_weight=be.array(1, "complex64"))
    refused(TypeError, f"`pos_weight` {message}", wrong, u)


def test_dtypes(be):
    u = be.array([[0.0, 1.0]])
    flags = be.array([[True, False]])
    refused(TypeError, "`weights` must be floating or integer, not bool: convert it first.",
            xent.logsumexp, u, weights=flags)  # fmt: skip
    k = be.array([[0, 1]], "uint8")
    message = "`where` must be a boolean array, not uint8: compare it, as in `x != 0`."
    for function in (xent.logsumexp, xent.softmax, xent.log_softmax, LogPartition.of):
        refused(TypeError, message, function, u, where=k)
    refused(TypeError, message, SoftmaxCrossEntropy(be.array([0]), where=k), u)


def test_shapes(be):
    u, flat = be.array([[0.0, 1.0, 2.0]]), be.array([0.0, 1.0])
    message = "`where` must broadcast to the shape (1, 3) of the logits, not have shape {}."
    for shape in ((2,), (2, 3), (1, 1, 3)):
        mask = be.array(np.ones(shape, bool))
        for function in (xent.logsumexp, xent.softmax, xent.log_softmax, LogPartition.of):
            refused(ValueError, message.format(shape), function, u, where=mask)
        refused(ValueError, message.format(shape), SoftmaxCrossEntropy(be.array([0]), where=mask), u)
    message = "`weights` must broadcast against `x` of shape (1, 3), not have shape (2,)."
    refused(ValueError, message, xent.logsumexp, u, weights=flat)
    refused(ValueError, "`tangent` must have the shape (1, 3) of `x`, not (2,).", xent.softmax_jvp, u, flat)
    h = SoftmaxCrossEntropy(be.array([0]))
    refused(ValueError, "`tangent` must have the shape (1, 3) of `logits`, not (2,).", h.hvp, u, flat)
    for function in (xent.cross_entropy, xent.kl_divergence):
        refused(ValueError, "`q` must have the shape (1, 3) of `p`, not (2,).", function, u, flat)
    wrong = SoftmaxCrossEntropy(be.array([0]), class_weights=flat)
    refused(ValueError, "`class_weights` must have the shape (3,) of the classes, not (2,).", wrong, u)
    rows = "the logits without their class axis"
    wrong = SoftmaxCrossEntropy(be.array([0]), sample_weight=flat)
    refused(ValueError, f"`sample_weight` must have the shape (1,) of {rows}, not (2,).", wrong, u)
    refused(ValueError, f"`targets` must have the shape (1,) of {rows}, not (2,).", SoftmaxCrossEntropy(k(be)), u)
    message = "`targets` must have the shape (1, 3) of the logits, not (2,)."
    refused(ValueError, message, SoftmaxCrossEntropy(flat), u)
    refused(ValueError, "`targets` must have the shape (1, 3) of `logits`, not (2,).", SigmoidCrossEntropy(flat), u)
    wrong = SigmoidCrossEntropy(u * 0, pos_weight=flat)
    message = "`pos_weight` must broadcast to the shape (1, 3) of the logits, not have shape (2,)."
    refused(ValueError, message, wrong, u)


def k(be: object) -> object:
    """Two labels."""
    return be.array([0, 1])


def test_probability_vectors_are_floating(be):
    p, x = be.array([0.5, 0.5]), be.array([1, 0], "uint8")
    message = "must be real floating, not uint8: convert it first."
    refused(TypeError, f"`p` {message}", xent.entropy, x)
    for function in (xent.cross_entropy, xent.kl_divergence):
        refused(TypeError, f"`p` {message}", function, x, p)
        refused(TypeError, f"`q` {message}", function, p, x)


@pytest.mark.once
def test_axes():
    assert axes_of(None, 3) == (0, 1, 2)
    assert axes_of(None, 0) == ()
    assert axes_of((), 2) == ()
    assert axes_of((-1, 0), 3) == (2, 0)
    assert [axis_of(axis, 3) for axis in range(-3, 3)] == [0, 1, 2, 0, 1, 2]
    assert axis_of(np.int8(-1), 2) == 1


@pytest.mark.once
def test_numbers_and_words():
    assert whole_number("n", np.uint8(3)) == 3
    assert type(whole_number("n", np.uint8(3))) is int
    for value in (np.float32(0.5), 1, np.float64(0.25)):
        got = number("x", value, low=0, high=1, closed=True)
        assert type(got) is float
        assert got == float(value)
    assert number("x", 0, low=0, high=1, closed=True) == 0
    with pytest.raises(ValueError, match="0 < x < 1"):
        number("x", 1, low=0, high=1, closed=False)
    choice("word", "a", ("a", "b"))
    with pytest.raises(ValueError, match=r"`word` must be one of 'a', 'b', not None\."):
        choice("word", None, ("a", "b"))


@pytest.mark.once
def test_the_index_of_a_place_is_row_major():
    shape = (2, 3, 4)
    for flat, index in enumerate(np.ndindex(shape)):
        assert unravel(flat, shape) == index
    assert unravel(0, ()) == ()


@pytest.mark.once
def test_a_size_that_is_not_known_agrees_with_all():
    for one, other, expected in [
        *(((), (), True), ((2, 3), (2, 3), True), ((2,), (3,), False), ((2,), (2, 3), False)),
        *(((None, 3), (2, 3), True), ((2,), (None,), True), ((None, 3), (2, 4), False), ((None,), (None, 3), False)),
    ]:
        assert may_be_equal(one, other) is expected


@pytest.mark.once
def test_a_shape_that_is_not_known():
    known_shape("x", (0, 3))
    message = "`x` must have a known shape, not (nan, 3): have its chunk sizes computed first."
    refused(ValueError, message, known_shape, "x", (NAN, 3))
