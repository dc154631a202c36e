"""Models for ONNX beyond the suite: each exported once, its rows and classes unknown, and run on two shapes."""

from __future__ import annotations

import ndonnx as ndx
import numpy as np
import onnx
import onnxruntime
import pytest

import xent_arrayapi as xent
from tests.backends import backend

BE = backend("onnx-dynamic")
"""The runner of the suite, for its short cuts to the same models."""
SHAPES = (3, 4), (5, 7)
DEPENDS_ON_VALUES = {"NonZero", "Compress", "Unique", "Loop", "Scan"}
"""Operators whose results have sizes, or take steps, that depend on values."""


def arrays(rows, classes):
    """Make what every function is called with: logits, a tangent, labels, probabilities, weights, and a mask."""
    rng = np.random.default_rng(20_161_122)
    mask = rng.uniform(size=(rows, classes)) > 0.2
    mask[:, 0] = True
    labels = rng.integers(0, classes, rows)
    labels[0] = -100
    return {
        "u": 4 * rng.normal(size=(rows, classes)),
        "v": rng.normal(size=(rows, classes)),
        "y": labels,
        "p": rng.dirichlet(np.ones(classes), rows),
        "w": rng.uniform(size=classes),
        "s": rng.uniform(size=rows),
        "m": mask,
    }


def flat(results):
    return [x for part in results for x in flat(part)] if isinstance(results, tuple) else [results]


def traced(function):
    """Trace a function on arrays of which rank and dtype are known, and nothing else."""
    inputs = {
        name: ndx.argument(shape=(None,) * x.ndim, dtype=getattr(ndx, x.dtype.name))
        for name, x in arrays(*SHAPES[0]).items()
    }
    outputs = flat(function(**inputs))
    return ndx.build(inputs, {f"y{n}": y for n, y in enumerate(outputs)}, drop_unused=True)


def executed(model, data, **options):
    session = onnxruntime.InferenceSession(model.SerializeToString(), **options)
    return session.run(None, {one.name: data[one.name] for one in session.get_inputs()})


def operators(graph):
    """List what a graph calls, and the graphs within it."""
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            yield from operators(attribute.g)


def hold(function, path):
    """Export a function, check and load the model, and compare it on two shapes with NumPy."""
    onnx.save(traced(function), path)
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    sizes = [dim for one in model.graph.input for dim in one.type.tensor_type.shape.dim]
    assert sizes
    assert not any(dim.HasField("dim_value") for dim in sizes)
    used = {name for one in (model.graph, *model.functions) for name in operators(one)}
    assert not used & DEPENDS_ON_VALUES
    for shape in SHAPES:
        data = arrays(*shape)
        for got, expected in zip(executed(model, data), flat(function(**data)), strict=True):
            assert got.dtype == expected.dtype
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, rtol=64 * 2.0**-52, atol=64 * 2.0**-52)


def parts(h, u, v):
    return *h.value_and_grad(u), h(u), h.grad(u), h.hvp(u, v), h.hessian(u), h.hessian_diag(u), h.total_and_weight(u)


def partitions(u, m, **_):
    one, other = xent.LogPartition.of(u, where=m), xent.LogPartition.of(2 * u)
    every = xent.LogPartition.of(u, axis=(1, 0))
    whole = one.merge(other)
    return whole.max, whole.tail, whole.logsumexp, whole.softmax(u), one.log_softmax(u), every.tail, every.softmax(u)


def families(u, v, p, s, **_):
    one, other = xent.Categorical(u), xent.Categorical(v)
    numbers = one.log_normalizer, one.entropy, one.kl_divergence(other), one.cross_entropy(other), one.log_prob(p)
    moments = one.mean, one.covariance, one.third_cumulant, one.natural(), one.fisher_information(reference=0)
    return *numbers, *moments, one.mode, one.sample(s), xent.Categorical.from_probs(p).entropy


def levels(u, s, **_):
    warm = xent.Boltzmann(u).at_beta(s)
    found, certificate = xent.Boltzmann(u).at_mean_energy(warm.mean_energy, max_iter=8)
    quantities = warm.probs, warm.log_partition, warm.free_energy, warm.energy_variance, warm.heat_capacity
    return *quantities, warm.entropy, found.entropy, certificate.dual, certificate.converged


PUBLIC = {
    "Boltzmann": levels,
    "Categorical": families,
    "LogPartition": partitions,
    "SigmoidCrossEntropy": lambda u, v, p, s, **_: parts(
        xent.SigmoidCrossEntropy(p, pos_weight=s[:, None], label_smoothing=0.1), u, v
    ),
    "SoftmaxCrossEntropy": lambda u, v, p, **_: parts(xent.SoftmaxCrossEntropy(p), u, v),
    "cross_entropy": lambda p, u, **_: xent.cross_entropy(p, xent.softmax(u)),
    "entropy": lambda p, **_: (xent.entropy(p), xent.entropy(p, axis=0)),
    "kl_divergence": lambda p, u, **_: xent.kl_divergence(p, xent.softmax(u)),
    "log_sigmoid": lambda u, **_: xent.log_sigmoid(u),
    "log_softmax": lambda u, m, **_: (xent.log_softmax(u, axis=0), xent.log_softmax(u, where=m, temperature=0.5)),
    "logsumexp": lambda u, p, w, m, **_: (
        *(xent.logsumexp(u), xent.logsumexp(u, axis=None), xent.logsumexp(u, axis=0, keepdims=True, where=m)),
        *(xent.logsumexp(u, weights=p - 0.2, return_sign=True), xent.logsumexp(u, weights=w)),
    ),
    "sigmoid": lambda u, **_: xent.sigmoid(u),
    "sigmoid_cross_entropy": lambda u, p, **_: xent.sigmoid_cross_entropy(u, p, reduction="none"),
    "softmax": lambda u, m, **_: (
        *(xent.softmax(u), xent.softmax(u, axis=0, where=m), xent.softmax(u, axis=(1, 0))),
        *(xent.softmax(u, temperature=0), xent.softmax(u, temperature=np.inf)),
    ),
    "softmax_cross_entropy": lambda u, y, **_: xent.softmax_cross_entropy(u, y, ignore_index=-100),
    "softmax_jacobian": lambda u, **_: (xent.softmax_jacobian(u), xent.softmax_jacobian(u, axis=0)),
    "softmax_jvp": lambda u, v, **_: xent.softmax_jvp(u, v),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_function_is_one_model_for_all_shapes(name, tmp_path):
    hold(PUBLIC[name], tmp_path / "model.onnx")


def test_every_public_name_is_exported():
    assert PUBLIC.keys() == set(xent.__all__) - {"CanonicalEnsemble", "EntropyCertificate"}, "which Boltzmann makes"


OPTIONS = {
    "labels": lambda **_: {},
    "class weights": lambda w, **_: {"class_weights": w},
    "sample weights": lambda s, **_: {"sample_weight": s, "normalizer": "count"},
    "smoothing": lambda **_: {"label_smoothing": 0.1},
    "weights and smoothing": lambda w, **_: {"class_weights": w, "label_smoothing": 0.1},
    "softcap": lambda **_: {"softcap": 3.0, "temperature": 0.5},
    "z-loss": lambda **_: {"z_loss": 0.1, "reduction": "sum"},
    "a mask": lambda m, **_: {"where": m, "label_smoothing": 0.1, "z_loss": 0.1},
    "a mask of classes": lambda m, **_: {"where": m[:1, :], "label_smoothing": 0.1},
    "no reduction": lambda **_: {"reduction": "none"},
    "rows": lambda **_: {"normalizer": "batch"},
    "a number": lambda **_: {"normalizer": 7.0},
    "everything": lambda w, s, m, **_: {
        "class_weights": w,
        "sample_weight": s,
        "where": m,
        "label_smoothing": 0.1,
        "softcap": 3.0,
        "temperature": 0.5,
        "z_loss": 0.1,
        "normalizer": "count",
    },
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_loss_of_labels_is_one_model_for_all_shapes(name, tmp_path):
    def function(u, v, y, **others):
        options = {"ignore_index": -100, "check_values": False} | OPTIONS[name](**others)
        h = xent.SoftmaxCrossEntropy(y, **options)
        totals = () if name == "a number" else h.total_and_weight(u)
        return *h.value_and_grad(u), h.hvp(u, v), h.hessian(u), h.hessian_diag(u), totals

    hold(function, tmp_path / "model.onnx")


def test_a_label_out_of_range_is_nan_whatever_the_number_of_classes():
    model = traced(lambda u, y, **_: xent.SoftmaxCrossEntropy(y, reduction="none").value_and_grad(u))
    for rows, classes in SHAPES:
        data = arrays(rows, classes)
        data["y"] = np.asarray([classes, classes - 1, -1, *[0] * (rows - 3)])
        value, gradient = executed(model, data)
        for x in (value[:, None], gradient):
            assert np.array_equal(np.isnan(x).all(axis=-1), np.isnan(x).any(axis=-1))
            assert np.array_equal(np.isnan(x).any(axis=-1), np.isin(np.arange(rows), [0, 2]))


def test_there_is_nothing_to_read():
    with pytest.raises(ValueError, match="no propagated value"):
        traced(lambda u, y, **_: xent.softmax_cross_entropy(u, y, check_values=True))


def test_onnxruntime_takes_a_factor_that_float32_rounds_to_1_for_1():
    """A temperature within 2⁻²⁵ of 1 does nothing in float64, unless that optimisation is off."""

    def function(u, **_):
        return xent.log_softmax(2 * u, temperature=1 + 2.0**-30)

    model, data = traced(function), arrays(*SHAPES[0])
    expected = function(**data)
    optimised = executed(model, data)[0]
    exact = executed(model, data, disabled_optimizers=["NoopElimination"])[0]
    assert np.max(np.abs(optimised - expected)) > 2.0**-35
    np.testing.assert_allclose(exact, expected, rtol=64 * 2.0**-52)


def test_what_is_known_of_shapes_is_held_against_each_other():
    u = ndx.argument(shape=(None, 4), dtype=ndx.float64)
    y, w = (ndx.argument(shape=shape, dtype=dtype) for shape, dtype in (((2, None), ndx.int64), ((3,), ndx.float64)))
    with pytest.raises(ValueError, match=r"^`targets` must have the shape \(None,\) of .*, not \(2, None\)\.$"):
        xent.softmax_cross_entropy(u, y)
    with pytest.raises(ValueError, match=r"^`class_weights` must have the shape \(4,\) of the classes, not \(3,\)\.$"):
        xent.softmax_cross_entropy(u, y[0, :], class_weights=w)
    with pytest.raises(ValueError, match=r"^`where` must broadcast to the shape \(None, 4\) of the logits, not"):
        xent.softmax(u, where=w > 0)


DEFECTS = {
    "reads a number": lambda u, **_: u / float(u[0, 0]),
    "branches on values": lambda u, **_: u if ndx.any(u > 0) else -u,
    "takes what values choose": lambda u, **_: ndx.sum(u[u > 0]),
    "fixes the number of classes": lambda u, y, **_: ndx.astype(ndx.arange(4) == y[:, None], ndx.float64) * u,
    "fixes the number of rows": lambda u, **_: ndx.sum(u) / SHAPES[0][0],
    "is off": lambda u, **_: xent.softmax(u) * (1 + 1e-6),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defects_are_caught(name, tmp_path):
    def function(u, **others):
        if not isinstance(u, np.ndarray):
            return DEFECTS[name](u, **others)
        right = {
            "takes what values choose": lambda u, **_: np.sum(u[u > 0]),
            "fixes the number of classes": lambda u, y, **_: (np.arange(u.shape[1]) == y[:, None]) * u,
            "fixes the number of rows": lambda u, **_: np.sum(u) / len(u),
            "is off": lambda u, **_: xent.softmax(u),
        }
        return right[name](u, **others)

    with pytest.raises((AssertionError, ValueError, onnxruntime.capi.onnxruntime_pybind11_state.Fail)):
        hold(function, tmp_path / "model.onnx")
