"""The numeric layer passes on the library, and names function, regime and ulps of edits that only rounding shows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import xent_arrayapi as xent
from verification._definitions import Rows
from verification._judged import Judge
from verification._loss_definition import LossRow, exact_loss
from verification._numeric import PARTS, numeric_layer, run_part
from xent_arrayapi import (
    _assembly,
    _entropy,
    _evaluation,
    _exponentials,
    _host,
    _jacobian,
    _partition,
    _softmax,
    _targets,
)


def test_the_library_passes():
    told = []
    found = numeric_layer(told.append)
    assert [str(result) for result in found if not result.passed] == []
    assert len(told) == 2 * len(PARTS)
    names = {result.function.partition(",")[0].partition(".")[0].partition(":")[0] for result in found}
    by_another_name = {"softmax_cross_entropy", "sigmoid_cross_entropy", "CanonicalEnsemble", "EntropyCertificate"}
    assert set(xent.__all__) - by_another_name <= {name.partition(" ")[0] for name in names}


def tail_through_one(it, e, _own=None):
    own = it.place.of(e)
    return e.sum(axis=-1, keepdims=True) - own, own


def shift_by(m):
    """Return what takes other numbers for the maxima of rows."""
    return classmethod(lambda cls, u, **_: cls(m(u), _host.Indexed(u.argmax(axis=-1, keepdims=True))))


def naive_merge(m1, t1, m2, t2, xp):
    m = xp.where(m1 >= m2, m1, m2)
    return m, (1 + t1) * xp.exp(m1 - m) + (1 + t2) * xp.exp(m2 - m) - 1


def difference_of_logarithms(p, q, xp):
    return _entropy.sum_where_positive(p, p * (_entropy.log_of(p, xp) - _entropy.log_of(q, xp)), xp)


def plain_gradients(got, q, _z_loss, **_memory):
    return got.masked(q.each(lambda one, at: at.probs() * q.total - (0 if one is None else one), got), 0)


def unguarded_shift(u, m, _xp):
    d = u - m
    return d, _exponentials.shift_error(u, m, d)


WRONG = {
    "sign of the rounding error": (_exponentials, "shift_error", lambda u, m, d: (m + (d - u)) - (u - (d - (d - u)))),
    "rounding error dropped": (_exponentials, "shift_error", lambda u, _m, _d: 0 * u),
    "shift by the minimum": (_host.Top, "of", shift_by(lambda u: u.min(axis=-1, keepdims=True))),
    "shift by the largest of all rows": (_host.Top, "of", shift_by(lambda u: u.max() + 0 * u[..., :1])),
    "tail through 1": (_host.Top, "apart", tail_through_one),
    "log of 1 + tail": (_evaluation, "log_partition", lambda m, tail, xp: m + xp.log(1 + tail)),
    "naive merge": (_partition, "merged", naive_merge),
    "infinities unguarded": (_exponentials, "shift", unguarded_shift),
    "tangent not centred": (_jacobian, "centred", lambda tangent, *_: (1 * tangent, 0)),
    "gradient as a difference": (_assembly, "row_gradients", plain_gradients),
    "divergence as a difference": (_entropy, "divergences", difference_of_logarithms),
    "0 times infinity": (_targets, "times", lambda q, x, _xp: q * x),
}
CATCHES = {
    "sign of the rounding error": ("rule 7", "float64", "softmax", "spread ±350"),
    "rounding error dropped": ("rule 7", "float64", "softmax", "spread ±350"),
    "shift by the minimum": ("rule 7", "float64", "softmax", "subnormal result"),
    "shift by the largest of all rows": ("rule 7", "float64", "softmax", "N(0, 3²)"),
    "tail through 1": ("rule 7", "float64", "log_softmax", "dominant logit"),
    "log of 1 + tail": ("rule 7", "float32", "logsumexp", "dominant logit"),
    "naive merge": ("merging", "float64", "LogPartition.merge forwards: tail", "dominant logit"),
    "infinities unguarded": ("infinities and nan", "float64", "logsumexp", "+inf, what is not finite"),
    "tangent not centred": ("Jacobian", "float64", "softmax_jvp", "N(0, 3²), tangent + 1000"),
    "gradient as a difference": ("rule 7", "float64", "SoftmaxCrossEntropy.grad, the top label", "dominant logit"),
    "divergence as a difference": ("probability vectors", "float64", "kl_divergence", "nearly equal"),
    "0 times infinity": (
        "special losses",
        "float64",
        "SoftmaxCrossEntropy",
        "rows, infinite logits, what is not finite",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_edit_is_named(name, monkeypatch):
    monkeypatch.setattr(*WRONG[name])
    part, dtype, function, regime = CATCHES[name]
    found = [result for result in run_part(part, PARTS[part], dtype) if not result.passed]
    said = [str(result) for result in found if (result.function, result.regime) == (function, regime)]
    assert said, [str(result) for result in found[:5]]
    assert said[0].startswith(f"{function} | {regime} | {dtype} | ")
    assert " ulp, limit " in said[0]


def test_complements_by_subtraction_are_seen(monkeypatch):
    monkeypatch.setattr(_evaluation.Evaluation, "others", lambda self: (1 - self.probs()) * self.total)
    for part in ("rule 7", "Jacobian", "options of the loss"):
        assert not all(result.passed for result in run_part(part, PARTS[part], "float64"))


def test_what_the_library_raises_is_a_finding(monkeypatch):
    monkeypatch.setattr(_evaluation, "log_partition", lambda m, _tail, _xp: m / "1")
    found = run_part("rule 7", PARTS["rule 7"], "float64")
    assert not found[-1].passed
    assert "TypeError" in str(found[-1])


def test_a_warning_is_a_finding(monkeypatch):
    monkeypatch.setattr(_softmax, "quiet", lambda _xp: np.errstate(all="warn"))
    found = run_part("limits", PARTS["limits"], "float64")
    assert any("RuntimeWarning" in str(result) for result in found if not result.passed)


def test_a_result_of_another_dtype_or_shape_fails():
    judge, rows = Judge("float64"), Rows(np.zeros((2, 3)))
    judge.hold("softmax", ["a", "b"], rows.softmax, np.full((2, 3), 1 / 3, np.float32), 6)
    judge.hold("softmax", ["a", "b"], rows.softmax, np.full((3, 2), 1 / 3), 6)
    judge.hold("softmax", ["a", "b"], rows.softmax, np.full((2, 3), np.nan), 6)
    assert not any(result.passed for result in judge.found)


ROW = LossRow(
    logits=(0.5, -1.25, 2.0),
    targets=(0.25, 0.0, 1.5),
    tangent=(1.0, -0.5, 3.0),
    labelled=False,
    class_weights=(0.5, 2.0, 1.5),
    sample_weight=0.75,
    label_smoothing=0.125,
    temperature=0.75,
    softcap=4.0,
    z_loss=0.125,
)


def test_the_definition_is_its_own_derivative():
    """Central differences of the value give the gradient, of the gradient the Hessian, to their accuracy."""
    step, k = 2.0**-10, np.arange(3)

    def moved(j, by):
        row = dataclasses.replace(ROW, logits=tuple(x + by * (j == i) for i, x in enumerate(ROW.logits)))
        return {
            name: it.parts[0, 0] * 2.0 ** it.parts[2, 0] for name, it in exact_loss([row], np.dtype("float64")).items()
        }

    here = moved(0, 0.0)
    for j in k:
        up, down = moved(j, step), moved(j, -step)
        slope = (up["value"] - down["value"]) / (2 * step)
        column = (up["grad"] - down["grad"]) / (2 * step)
        assert abs(slope - here["grad"][j]) < 1e-5
        assert np.max(np.abs(column - here["hessian"][:, j])) < 1e-5
    assert np.allclose(here["hessian"] @ ROW.tangent, here["hvp"], rtol=1e-12)
    assert np.allclose(np.diagonal(here["hessian"]), here["hessian_diag"], rtol=1e-15)
