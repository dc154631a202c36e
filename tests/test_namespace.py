"""Namespaces, devices, dtypes, what can be read, and the sums that libraries get wrong."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace

import xent_arrayapi as xent
from tests.conftest import close
from xent_arrayapi import LogPartition, SoftmaxCrossEntropy, _namespace

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("wrong", [[0.0, 1.0], 1.5, "x", {}])
def test_what_is_no_array_is_named(be, wrong):
    kind = type(wrong).__name__
    message = f"must be an array, not {kind}: make it one with the array library of the logits."
    for name, call in {
        "x": xent.softmax,
        "p": xent.entropy,
        "logits": SoftmaxCrossEntropy(be.array([0])),
        "targets": SoftmaxCrossEntropy,
    }.items():
        with pytest.raises(TypeError, match=rf"^`{name}` {re.escape(message)}$"):
            call(wrong)
    with pytest.raises(TypeError, match=rf"^`sample_weight` {re.escape(message)}$"):
        SoftmaxCrossEntropy(be.array([0]), sample_weight=wrong)(be.array([[0.0, 1.0]]))


@pytest.mark.once
def test_a_masked_array_is_refused():
    masked = np.ma.masked_array([0.0, 1.0], mask=[True, False])
    message = r"^`x` must be a plain array, not a masked array: pass its data, and its mask as `where`\.$"
    with pytest.raises(TypeError, match=message):
        xent.softmax(masked)


def test_arrays_of_another_library(be):
    """Only NumPy takes NumPy's arrays, and says so for every argument."""
    u, t, other = be.array([[0.0, 1.0]]), be.array([0]), np.ones((1, 2))
    library = "numpy" if be.package == "numpy" else be.package
    if library == "numpy":
        assert xent.logsumexp(u, weights=other).shape == (1,)
        return
    for name, call in {
        "weights": lambda: xent.logsumexp(u, weights=other),
        "where": lambda: xent.softmax(u, where=other > 0),
        "tangent": lambda: xent.softmax_jvp(u, other),
        "q": lambda: xent.cross_entropy(u, other),
        "class_weights": lambda: SoftmaxCrossEntropy(t, class_weights=other[0])(u),
        "normalizer": lambda: SoftmaxCrossEntropy(t, normalizer=np.asarray(1.0))(u),
        "targets": lambda: SoftmaxCrossEntropy(np.asarray([0]))(u),
    }.items():
        with pytest.raises(TypeError, match=rf"and `{name}` must come from one array library, not from \w+ and numpy"):
            call()


def test_arrays_on_another_device(be):
    """Every argument that is an array is named with its device, before anything is computed."""
    u, t = be.array([[0.0, 1.0]]), be.array([0])
    assert _namespace.device_of(u) == be.device_of(u)
    calls = {
        "weights": lambda there: xent.logsumexp(u, weights=there([[1.0, 1.0]])),
        "where": lambda there: xent.softmax(u, where=there([[True, True]])),
        "tangent": lambda there: xent.softmax_jvp(u, there([[1.0, 1.0]])),
        "q": lambda there: xent.cross_entropy(u, there([[0.5, 0.5]])),
        "targets": lambda there: SoftmaxCrossEntropy(there([0]))(u),
        "class_weights": lambda there: SoftmaxCrossEntropy(t, class_weights=there([1.0, 1.0]))(u),
        "sample_weight": lambda there: SoftmaxCrossEntropy(t, sample_weight=there([1.0]))(u),
        "normalizer": lambda there: SoftmaxCrossEntropy(t, normalizer=there(2.0))(u),
        "pos_weight": lambda there: xent.SigmoidCrossEntropy(u, pos_weight=there(2.0))(u),
    }
    for k, other in enumerate(be.elsewhere(0.0)):
        places = f"not on {be.device_of(u)} and {be.device_of(other)}: move one of them."
        for name, call in calls.items():
            with pytest.raises(ValueError, match=rf"^`\w+` and `{name}` must be on one device, {re.escape(places)}$"):
                call(lambda data, k=k: be.elsewhere(data)[k])


def readable(x: Any, *others: Any) -> bool:
    """Ask the one namespace of arrays."""
    return _namespace.is_readable(_namespace.namespace_of(x=x), x, *others)


@pytest.mark.traced
def test_what_can_be_read_here(be):
    """Values are read where the backend says so, and nowhere inside its transformations."""
    held, seen = be.array([1.0]), []

    def look(x: Any) -> Any:
        seen.extend([readable(x, None), readable(held)])
        return x

    be.run(look, be.array([0.0]))
    assert seen == [be.readable, be.readable]


@pytest.mark.once
def test_only_the_cpu_of_the_strict_library_is_read():
    strict = importlib.import_module("array_api_strict")
    for name, expected in (("CPU_DEVICE", True), ("device1", False), ("no_float64", False)):
        x = strict.zeros(1, dtype=strict.float32, device=strict.Device(name))
        assert readable(x) == expected


@pytest.mark.autodiff
def test_parameters_are_read_and_subclasses_are_not(be):
    if be.package == "torch":
        x, on_host = be.array([1.0]), be.device_of(be.array([1.0])).type == "cpu"
        assert readable(be.module.nn.Parameter(x)) == on_host
        if on_host:
            assert not readable(x.as_subclass(type("Subclass", (be.module.Tensor,), {})))
        for other in be.elsewhere([1.0]):
            assert readable(other) == (be.device_of(other).type == "cpu")
    else:
        seen = []
        be.module.grad(lambda x: (seen.append(readable(x)), x)[1])(be.array(1.0))
        assert seen == [False]


def test_dtypes(be):
    xp, x = be.namespace(), be.array([1.0], "float32")
    for name in (*be.dtypes, *be.halves):
        wide = be.dtype("float32" if name in be.halves else name)
        assert _namespace.computing_dtype(be.dtype(name), xp) == wide
        assert _namespace.floating_dtype(be.array([1.0], name), xp) == be.dtype(name)
        assert _namespace.is_floating(be.dtype(name), xp)
    for name in ("bool", "uint8", "int32"):
        assert _namespace.floating_dtype(be.array([1], name), xp) == be.dtype(be.float_default)
        assert not _namespace.is_floating(be.dtype(name), xp)
        assert _namespace.is_integral(be.dtype(name), xp) == (name != "bool")
        assert _namespace.is_boolean(be.dtype(name), xp) == (name == "bool")
    k = _namespace.class_indices(3, be.dtype("int32"), x, xp)
    close(be.numpy(k), np.arange(3, dtype="int32"), rtol=0)
    assert be.device_of(k) == be.device_of(x)


@pytest.mark.traced
def test_labels_are_widened_not_wrapped(be):
    xp = be.namespace()
    for name in ("uint8", "int8", "int16", "int32"):
        wide = _namespace.widened(be.array([1, 100], name), xp)
        assert xp.iinfo(wide.dtype).max >= xp.iinfo(be.dtype(be.int_default)).max
        assert xp.isdtype(wide.dtype, "signed integer")
        close(be.numpy(wide), np.asarray([1, 100], dtype=str(be.int_default)), rtol=0)
    widest = be.array([1], be.int_default)
    assert _namespace.widened(widest, xp) is widest


def test_rows_are_laid_out_in_order(be):
    x = be.array(np.arange(12.0).reshape(3, 4))
    xp = be.namespace()
    turned = xp.permute_dims(x, (1, 0))
    rows = _namespace.rows_in_order(turned, xp)
    close(be.numpy(rows), np.arange(12.0).reshape(3, 4).T.astype(be.numpy(x).dtype), rtol=0)
    if be.package in ("numpy", "array_api_strict"):
        assert be.numpy(rows).flags.c_contiguous
    for same in (be.array([1.0]), be.array(np.zeros((0, 2)))):
        assert _namespace.rows_in_order(same, xp) is same


@pytest.mark.traced
def test_sums_of_rows(be):
    """Each number of classes, odd ones included, against exact sums of small integers."""
    xp = be.namespace()
    for classes in (0, 1, 2, 3, 6, 7, 8, 13, 17, 33):
        data = np.arange(2.0 * classes).reshape(2, classes) + 1
        got = be.numpy(be.run(lambda x: _namespace.sum_rows(x, xp), be.array(data)))
        close(got, data.sum(axis=-1, keepdims=True).astype(got.dtype), rtol=0)
        parts = data[:1] / 64
        for row in (parts, 1 - parts):
            got = be.numpy(be.run(lambda x: _namespace.sum_rows(x, xp, within_one=True), be.array(row)))
            close(got, row.sum(axis=-1, keepdims=True).astype(got.dtype), rtol=0)


def test_sums_in_any_order(be):
    """1 + 2⁻⁵³ + 2⁻⁵³, which is 1 if added in this order, and sums that are not finite or whose size is not."""
    big = np.finfo(np.float64).max / 2
    data = np.asarray([[1.0, 2.0**-53, 2.0**-53], [INF, 1.0, 0.0], [INF, -INF, 1.0], [NAN, 1.0, 2.0], [-INF, big, big]])
    expected = [1 + 2.0**-52, INF, NAN, NAN, -INF]

    def add(x: Any) -> Any:
        with _namespace.quiet(be.namespace()):
            return _namespace._sum_in_any_order(x, be.namespace())  # noqa: SLF001

    for dtype in be.dtypes if be.has_float64 else ():  # float32 is added in float64
        held = np.where(np.abs(data) == big, 0, data).astype(dtype) if dtype == "float32" else data
        got = be.run(add, be.array(held, dtype))
        assert got.dtype == be.dtype(dtype)
        close(be.numpy(got)[:, 0], np.asarray(expected, dtype=dtype), rtol=0)


@pytest.mark.autodiff
@pytest.mark.parametrize("classes", [17, 2000])
def test_sums_that_are_compiled_to_many_additions(be, monkeypatch, classes):
    """1 + Σ ε, of which one addition after the other leaves 1: compiled on the CPU, it is exact up to one rounding."""
    xp = be.namespace()
    if be.package == "torch":
        monkeypatch.setattr(be.module.compiler, "is_compiling", lambda: True)
        assert not readable(be.array([1.0]))
    for dtype in be.dtypes:
        eps = np.finfo(dtype).eps / 2
        data = np.full((classes, 2), eps, dtype)
        data[0] = 1
        turned = xp.permute_dims(be.array(data, dtype), (1, 0))
        exact = np.full((2, 1), 1 + (classes - 1) * np.longdouble(eps)).astype(dtype)
        for within_one in (False, True):
            total = _namespace.sum_rows(turned, xp, within_one=within_one)
            assert total.dtype == turned.dtype
            compiled = be.package == "torch" and turned.device.type == "cpu"
            close(be.numpy(total), exact, rtol=0 if compiled else classes * eps)
        along = _namespace.sum_rows(be.array(np.ascontiguousarray(data.T), dtype), xp)
        close(be.numpy(along), exact, rtol=classes * eps)


@pytest.mark.once
def test_numpy_is_quiet_inside_only():
    with _namespace.quiet(array_namespace(np.zeros(1))):
        assert np.log(np.zeros(1)) == -np.inf
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


def everything(x: Any, t: Any, other: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Call every public name: what comes back in the dtype of the logits, and what in the dtype of a loss."""
    h = SoftmaxCrossEntropy(t, class_weights=other[0, :], check_values=False)
    binary = xent.SigmoidCrossEntropy(other, pos_weight=other, check_values=False)
    part, family = LogPartition.of(x), xent.Categorical(x)
    made = (
        *(xent.Categorical.from_natural(x), xent.Categorical.from_probs(x, check_values=False)),
        xent.Categorical.fit(t, classes=4, sample_weight=other[:, 0], check_values=False),
    )
    levels = xent.Boltzmann(x)
    warm, (hot, certificate) = levels.at_temperature(other[:, 0] + 1), levels.at_mean_energy(other[:, 0] / 2 + 0.25)
    methods = ("grad", "hessian", "hessian_diag")
    like_logits = {
        "softmax": xent.softmax(x),
        "log_softmax": xent.log_softmax(x),
        "sigmoid": xent.sigmoid(x),
        "log_sigmoid": xent.log_sigmoid(x),
        "softmax_jacobian": xent.softmax_jacobian(x),
        "softmax_jvp": xent.softmax_jvp(x, other),
        "LogPartition": (part.softmax(x), part.log_softmax(x)),
        "Categorical": (
            *(family.mean, family.covariance, family.third_cumulant, family.natural(), family.fisher_information()),
            *(one.logits for one in made),
        ),
        "Boltzmann": hot.probs,
        "CanonicalEnsemble": warm.probs,
        "SoftmaxCrossEntropy": (*(getattr(h, name)(x) for name in methods), h.hvp(x, other), h.value_and_grad(x)[1]),
        "SigmoidCrossEntropy": (*(getattr(binary, name)(x) for name in methods), binary.hvp(x, other)),
    }
    like_losses = {
        "logsumexp": xent.logsumexp(x, weights=other, return_sign=True),
        "softmax_cross_entropy": xent.softmax_cross_entropy(x, t, check_values=False, reduction="none"),
        "sigmoid_cross_entropy": xent.sigmoid_cross_entropy(x, other, check_values=False),
        "LogPartition": (part.max, part.tail, part.logsumexp, part.merge(part).tail),
        "Categorical": (
            *(family.log_normalizer, family.entropy, family.cross_entropy(family), family.kl_divergence(family)),
            family.log_prob(t, check_values=False),
        ),
        "Boltzmann": hot.entropy,
        "CanonicalEnsemble": (
            *(warm.log_partition, warm.free_energy, warm.mean_energy, warm.energy_variance, warm.heat_capacity),
            warm.entropy,
        ),
        "EntropyCertificate": (certificate.dual, certificate.entropy, certificate.gap, certificate.residual),
        "SoftmaxCrossEntropy": (h(x), *h.total_and_weight(x), h.value_and_grad(x)[0]),
        "SigmoidCrossEntropy": (binary(x), *binary.total_and_weight(x)),
    }
    return like_logits, like_losses


def entropies(p: Any) -> dict[str, Any]:
    return {
        "entropy": xent.entropy(p),
        "cross_entropy": xent.cross_entropy(p, p),
        "kl_divergence": xent.kl_divergence(p, p),
    }


def test_dtype_device_and_namespace_are_kept_and_nothing_is_written_to(be):
    logits = np.asarray([[0, 1, 1], [1, 0, 0]])
    for dtype in (*be.dtypes, *be.halves, "int32", "uint8", "bool"):
        floating = dtype not in ("int32", "uint8", "bool")
        x = be.array(logits, dtype)
        other = be.array(logits, dtype if floating else be.float_default)
        arrays = {"x": x, "t": be.array([0, 2], "uint8"), "other": other}
        copies = {name: be.numpy(array).copy() for name, array in arrays.items()}
        like_logits, like_losses = everything(**arrays)
        if floating:
            like_losses |= entropies(x)
        assert like_logits.keys() | like_losses.keys() >= set(xent.__all__) - (
            set() if floating else set(entropies(other))
        )
        result = be.dtype(dtype if floating else be.float_default)
        loss = be.dtype("float32") if dtype in be.halves else result
        for group, expected in ((like_logits, result), (like_losses, loss)):
            for name, got in group.items():
                for y in got if isinstance(got, tuple) else (got,):
                    assert y.dtype == expected, (name, dtype)
                    assert array_namespace(y) is be.namespace(), name
                    assert be.device_of(y) == be.device_of(x), name
        for name, array in arrays.items():
            close(be.numpy(array), copies[name], rtol=0)
