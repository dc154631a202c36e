"""Labels and probability rows as weights over classes, and what is refused in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.conftest import close
from tests.test_properties import near, outputs
from tests.test_validate import refused
from xent_arrayapi import SoftmaxCrossEntropy
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._namespace import quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._targets import smoothing_share, times, weights_of_labels, weights_of_rows

NAN, INF = np.nan, np.inf
U = np.asarray([[0.0, 0.5, 1.0], [2.0, 0.0, 0.0]])


def refused_where_readable(be: Any, message: str, logits: Any, targets: Any, **options: Any) -> None:
    """Check the message; on a device whose values are elsewhere, that check_values=True does read them."""
    h = SoftmaxCrossEntropy(targets, check_values=True, **options)
    for call in (h, h.grad, h.value_and_grad, h.hessian, h.hessian_diag, h.total_and_weight):
        if be.guarded:
            with pytest.raises(AssertionError, match="a synchronisation"):
                call(logits)
        elif be.package == "ndonnx":
            refused(ValueError, "no propagated value available", call, logits)
        else:
            refused(ValueError, message, call, logits)


def test_the_first_inadmissible_label_is_named(be):
    u = be.array(U)
    must = "`targets` must hold labels in 0..2"
    refused_where_readable(be, f"{must}, not 3 at (1,).", u, be.array([0, 3]))
    refused_where_readable(be, f"{must}, not -1 at (0,).", u, be.array([-1, 7]))
    refused_where_readable(be, f"{must}, not 255 at (1,).", u, be.array([2, 255], "uint8"))
    refused_where_readable(be, f"{must} or `ignore_index`, not 9 at (1,).", u, be.array([-5, 9]), ignore_index=-5)
    refused_where_readable(be, f"{must}, not 5.", be.array([0.0, 1.0, 2.0]), be.array(5))
    cube = be.array(np.zeros((2, 3, 2)))
    t = be.array([[0, 1], [2, 4]])
    refused_where_readable(be, f"{must}, not 4 at (1, 1).", cube, t, axis=1)


def test_the_first_inadmissible_weight_is_named(be):
    u, t, must = be.array(U), be.array([0, 1]), "must hold finite numbers >= 0"
    for wrong in (-0.5, NAN, INF):
        w, s, p = np.ones(3), np.ones(2), np.ones((2, 3))
        w[2] = s[1] = p[1, 2] = wrong
        refused_where_readable(be, f"`class_weights` {must}, not {wrong} at (2,).", u, t, class_weights=be.array(w))
        refused_where_readable(be, f"`sample_weight` {must}, not {wrong} at (1,).", u, t, sample_weight=be.array(s))
        refused_where_readable(be, f"`targets` {must}, not {wrong} at (1, 2).", u, be.array(p))
    w = be.array([1, 1, -2], "int32")
    refused_where_readable(be, f"`class_weights` {must}, not -2 at (2,).", u, t, class_weights=w)


def test_a_weight_too_large_for_the_logits_is_refused(be):
    """What is finite as float64 may not be in the dtype that decides."""
    if be.has_float64:
        u, w = be.array(U, "float32"), be.array([1.0, 1e300, 1.0], "float64")
        message = "`class_weights` must hold finite numbers >= 0, not 1e+300 at (1,)."
        refused_where_readable(be, message, u, be.array([0, 1]), class_weights=w)
    reads = not be.guarded and be.package != "ndonnx"
    for name in be.halves:  # computed in float32, which holds it
        w = be.array([1.0, 1e30, 1.0], "float32")
        h = SoftmaxCrossEntropy(be.array([0, 0]), class_weights=w, check_values=reads)
        assert np.isfinite(be.numpy(h(be.array(U, name))))


def test_unread_values_make_their_rows_nan(be):
    """Each inadmissible argument, unread: nan in loss and gradient of its row alone, or of all for a class weight."""
    u = be.array(U)
    p = np.asarray([[0.5, 0.5, 0.0], [0.5, -0.5, 1.0]])
    for targets, options, bad in (
        (np.asarray([0, 3]), {}, [False, True]),
        (np.asarray([-1, 0]), {}, [True, False]),
        (p, {}, [False, True]),
        (np.where(p < 0, NAN, p), {"label_smoothing": 0.1}, [False, True]),
        (np.where(p < 0, INF, p), {}, [False, True]),
        (np.asarray([0, 1]), {"sample_weight": np.asarray([1.0, -1.0])}, [False, True]),
        (np.asarray([0, 1]), {"sample_weight": np.asarray([NAN, 1.0])}, [True, False]),
        (np.asarray([0, 1]), {"class_weights": np.asarray([1.0, 1.0, -1.0])}, [True, True]),
    ):
        made = {k: be.array(x) if isinstance(x, np.ndarray) else x for k, x in options.items()}
        h = SoftmaxCrossEntropy(be.array(targets), reduction="none", check_values=False, **made)
        value, gradient, blocks = outputs(be, lambda u, h=h: (*h.value_and_grad(u), h.hessian(u)), u)
        assert np.all(np.isnan(value) == bad), options
        assert np.all(np.isnan(gradient) == np.asarray(bad)[:, None]), options
        assert np.all(np.isnan(blocks) == np.asarray(bad)[:, None, None]), options


@pytest.mark.parametrize("ignore_index", [-1, 0, 2, 255, 256, -129, 2**40, -(2**70), 2**63])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "uint64"])
def test_any_integer_may_be_ignored_in_any_dtype(be, dtype, ignore_index):
    """One that the dtype of the labels cannot hold ignores nothing, and wraps to no label."""
    if dtype == "uint64" and be.int_default == "int32":
        dtype = "uint32"
    info = np.iinfo(dtype)
    held = info.min <= ignore_index <= info.max
    labels = np.asarray([1, ignore_index if held else 0], dtype=dtype)
    h = SoftmaxCrossEntropy(
        be.array(labels, dtype), ignore_index=ignore_index, normalizer="count", reduction="none", check_values=False
    )
    value, weight = be.numpy(h(be.array(U))), be.numpy(h.total_and_weight(be.array(U))[1])
    assert value[0] > 0
    assert (value[1] == 0) == held
    assert weight == 2 - held


def test_unsigned_labels_do_not_wrap(be):
    u = be.array(np.zeros((2, 3)))
    expected = np.full(2, np.log(3))
    for dtype in ("uint8", "uint16", "uint32", "uint64"):
        if dtype == "uint64" and be.int_default == "int32":
            continue
        h = SoftmaxCrossEntropy(be.array([0, 2], dtype), reduction="none", check_values=False)
        near(be, be.numpy(h(u)), expected, roundings=4)
    huge = np.asarray([2**63 + 1 if be.int_default == "int64" else 2**31 + 1, 1])
    h = SoftmaxCrossEntropy(
        be.array(huge, "uint64" if be.int_default == "int64" else "uint32"), reduction="none", check_values=False
    )
    assert np.isnan(be.numpy(h(u))[0])


def test_targets_of_the_wrong_kind(be):
    flags = be.array([True, False])
    message = (
        "`targets` must be integers (class labels) or real floating (probability rows), not bool: "
        "convert them to the one that they are."
    )
    refused(TypeError, message, SoftmaxCrossEntropy, flags)
    message = "`targets` must be integers to be class labels, not real floating: convert them to an integer dtype."
    refused(TypeError, message, SoftmaxCrossEntropy(be.array([0.0, 1.0])), be.array(U))
    message = "`targets` must not be labels where the logits have no classes: there is none to choose."
    empty = be.array(np.zeros((2, 0)))
    if be.name != "onnx-dynamic":  # where the number of classes is not known, their loss is nan: rule 5's test
        refused(ValueError, message, SoftmaxCrossEntropy(be.array([0, 0])), empty)
    rows = SoftmaxCrossEntropy(empty, reduction="none")
    assert np.all(be.numpy(rows(empty)) == 0)
    assert be.numpy(rows.grad(empty)).shape == (2, 0)


def weights_of(be: Any, targets: Any, **options: Any) -> Any:
    """Build weights and bring back Q, its total, and the total before smoothing."""
    u = be.array(U)
    rows = Rows.of("logits", u, -1, be.namespace())
    made = {"mask": None, "class_weights": None, "smoothing": 0.0}
    made |= {key: be.array(x) if isinstance(x, np.ndarray) else x for key, x in options.items()}
    given = be.array(targets)
    if targets.ndim == 1:
        q = weights_of_labels(given[:, None], rows, **made, ignore_index=None, checked=False, again=True)
    else:
        q = weights_of_rows(given, rows, **made)
    with quiet(be.namespace()):
        got = Evaluation.of(u, be.namespace(), made["mask"])

    def weight(one: Any, at: Evaluation) -> Any:
        return 0 * at.rows.e if one is None else one + 0 * at.rows.e

    each, total = q.each(weight, got), q.dot(lambda at: 1 + 0 * at.rows.e, got)
    return be.numpy(each), be.numpy(q.total), be.numpy(q.unsmoothed), be.numpy(total)


CASES = {
    "labels": ({}, np.eye(3)[[2, 0]]),
    "weights": ({"class_weights": np.asarray([2.0, 0.0, 3.0])}, np.asarray([[0, 0, 3], [2, 0, 0]])),
    "smoothing": ({"smoothing": 0.5}, 0.5 * np.eye(3)[[2, 0]] + 0.5 / 3),
    "all smoothing": ({"smoothing": 1.0}, np.full((2, 3), 1 / 3)),
    "a mask": ({"mask": np.asarray([[True, False, True]] * 2), "smoothing": 0.5},
               np.asarray([[0.25, 0, 0.75], [0.75, 0, 0.25]])),
    "a masked label": ({"mask": np.asarray([[True, True, False]] * 2), "smoothing": 0.5},
                       np.asarray([[0.25, 0.25, 0.5], [0.75, 0.25, 0]])),
    "no class left": ({"mask": np.zeros((2, 3), bool), "smoothing": 0.5}, 0.5 * np.eye(3)[[2, 0]]),
    "all": ({"mask": np.asarray([[True, False, True]] * 2), "smoothing": 0.5, "class_weights": np.asarray([2.0, 5, 4])},
            np.asarray([[0.5, 0, 3], [1.5, 0, 1]])),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("as_rows", [False, True])
def test_weights_over_classes(be, name, as_rows):
    options, expected = CASES[name]
    targets = np.eye(3)[[2, 0]] if as_rows else np.asarray([2, 0])
    q, total, unsmoothed, dot = weights_of(be, targets, **options)
    own = options.get("class_weights", np.ones(3))[[2, 0]][:, None]
    possible = np.eye(3, dtype=bool)[[2, 0]] | options.get("mask", np.ones((2, 3), bool))
    near(be, np.where(possible, q, 0), np.where(possible, expected, 0), roundings=4)
    near(be, total, np.sum(np.where(possible, expected, 0), axis=1, keepdims=True), roundings=4)
    near(be, dot, total, roundings=4)
    near(be, unsmoothed, own, roundings=2)


def test_nothing_times_infinity(be):
    xp = be.namespace()
    got = outputs(be, lambda q, x: times(q, x, xp), be.array([0.0, 0.0, 0.0, 2.0, 0.0]),
                  be.array([INF, -INF, NAN, -INF, 3.0]))  # fmt: skip
    near(be, got, np.asarray([0.0, 0.0, NAN, -INF, 0.0]), roundings=0)


def test_the_share_of_smoothing(be):
    xp = be.namespace()
    rows = Rows.of("logits", be.array(U), -1, xp)
    mask = be.array([[True, True, False], [False] * 3])
    column = be.array(np.ones((2, 1)))
    near(be, be.numpy(smoothing_share(0.5, None, column, rows)), np.full((2, 1), 0.5 / 3), roundings=2)
    near(be, be.numpy(smoothing_share(0.5, mask, column, rows)), np.asarray([[0.25], [0.0]]), roundings=2)


def test_smoothing_at_its_ends(be):
    """ε = 0 is no smoothing, to the bit; ε = 1 forgets the label."""
    u = be.array(U)
    pairs = []
    for epsilon in (0.0, 0, 1.0, 1):
        made = [SoftmaxCrossEntropy(be.array(t), label_smoothing=epsilon, reduction="none", check_values=False)
                for t in ([0, 1], [2, 2])]  # fmt: skip
        pairs.append(outputs(be, lambda u, made=made: (made[0](u), made[1](u)), u))
    plain = outputs(be, SoftmaxCrossEntropy(be.array([0, 1]), reduction="none", check_values=False), u)
    close(pairs[0][0], plain, rtol=0)
    close(pairs[1][0], plain, rtol=0)
    uniform = np.mean(np.log(np.sum(np.exp(U), axis=1, keepdims=True)) - U, axis=1)
    for one, other in pairs[2:]:
        near(be, one, uniform, roundings=16)
        near(be, other, uniform, roundings=16)
