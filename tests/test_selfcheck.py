"""The self-check passes on every backend, and fails where the library is wrong."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import xent_arrayapi as xent
from tests import fakes
from xent_arrayapi import _assembly, _evaluation, _exponentials, _loss_rows, _selfcheck_special, _selfcheck_values
from xent_arrayapi._selfcheck import MOST_COMPILED, checked
from xent_arrayapi._selfcheck_machine import BACKENDS, JaxJit, Strict, Torch, find
from xent_arrayapi._selfcheck_place import Place
from xent_arrayapi._selfcheck_special import SPECIAL
from xent_arrayapi._selfcheck_values import Finding, Tally

FEW = 50
"""The most classes in these tests."""
MOVES = pytest.mark.only("torch")
"""array-api-strict moves arrays between its devices with NumPy 2 alone, which this lane has, and is measured."""
EXACT = {"special values", "labels and one-hot rows", "label out of range", "integer logits"}
JUDGED = {
    *("softmax", "log_softmax", "logsumexp", "loss", "gradient", "hvp", "hessian", "hessian_diag"),
    *("hvp of unit vectors", "dtype, device, arguments", *EXACT),
}
DIFFERENTIATED = {"gradient by autograd", "hvp by autograd"}


def failed(findings):
    return {(one.check, one.dtype): one.detail for one in findings if one.passed is False}


def named(be):
    """Return the places of a backend of the suite."""
    (name,) = (name for name, kinds in BACKENDS.items() if kinds[0].module.partition(".")[0] == be.package)
    device = {"strict": "CPU_DEVICE", "strict-device1": "device1"}.get(be.name)
    places, absent = find([name], device)
    assert not absent
    return places


@pytest.mark.only("numpy", "strict", "strict-device1", "torch", "jax", "dask-both")
def test_all_is_well(be):
    for place in named(be):
        findings = checked(place, 10 if be.package in ("dask", "jax") else FEW)  # each graph takes a second
        assert failed(findings) == {}
        differentiates = place.backend == "torch" or place.mode == "jit"
        passed = {one.check for one in findings if one.passed}
        if not place.compiles_operations:
            assert passed >= JUDGED | (DIFFERENTIATED if differentiates else set())
        assert {one.dtype for one in findings if one.check == "softmax"} >= {"float32", "float64"}
        counted = [one.passed for one in findings if one.check == "no synchronisation"]
        assert counted == [True if place.device == "device1" or place.mode != "eager" else None]


WITHOUT_NUMPY = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numpy":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
from xent_arrayapi.__main__ import main
sys.exit(main(["--backend", "torch", "--most-classes", "10"]))
"""


@pytest.mark.only("torch")
@pytest.mark.usefixtures("be")
def test_torch_is_checked_where_there_is_no_numpy():
    path = str(Path(xent.__file__).parent.parent)
    run = subprocess.run(  # noqa: S603  # this interpreter, on code of ours
        [sys.executable, "-I", "-c", WITHOUT_NUMPY, path], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.rstrip().endswith("all passed")


@pytest.mark.once
def test_all_is_well_with_every_class():
    findings = checked(Place("cpu"))
    assert failed(findings) == {}
    assert {f"{name}, K = 100000" for name in ("softmax", "log_softmax", "logsumexp", "loss", "gradient", "hvp")} <= {
        one.check for one in findings if one.passed
    }


@pytest.mark.once
def test_dtypes_of_half_precision_have_bounds_of_their_own():
    limits = {one.check: one.limit for one in _selfcheck_values.values(Place("cpu"), "float16", FEW)}
    assert limits == {
        "softmax": 0.501,
        "log_softmax": 0.501,
        "logsumexp": 4,
        "loss": 6,
        "gradient": 0.501,
        "hvp": 0.501,
    }


def usual_log_total(it):
    return it.xp.log(1 + it.tail)


def usual_others(it):
    return (1 - it.probs()) * it.total


def usual_product(probs, v, _, xp):
    mean = xp.sum(probs * v, axis=-1, keepdims=True)
    return probs * (v - mean), mean


DEFECTS = {
    "a shift that rounds": (_exponentials, "shift_error", lambda _u, _m, d: 0 * d, {"softmax", "gradient"}),
    "the logarithm of a sum": (_evaluation.Evaluation, "log_total", property(usual_log_total), {"log_softmax", "loss"}),
    "one minus a probability": (_evaluation.Evaluation, "others", usual_others, {"gradient", "hessian_diag"}),
    "a mean that is not shifted": (_loss_rows, "jacobian_product", usual_product, {"special values", "hvp"}),
    "labels that nobody checks": (_assembly, "refuse_labels", lambda *_: None, {"labels_out_of_range"}),
    "a mean over nothing": (_assembly, "quotient", lambda a, b, *_: a / b, {"special values"}),
}  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_wrong_formula_fails(monkeypatch, defect):
    owner, name, wrong, expected = DEFECTS[defect]
    monkeypatch.setattr(owner, name, wrong)
    assert expected <= {check for check, _ in failed(checked(Place("cpu"), FEW))}


def replaced(monkeypatch, wrong):
    """Put a softmax that does something besides in the place of ours."""
    right = xent.softmax
    monkeypatch.setattr(xent, "softmax", lambda u, **options: wrong(right(u, **options), u))


@MOVES
@pytest.mark.usefixtures("be")
def test_a_read_on_the_host_fails(monkeypatch):
    replaced(monkeypatch, lambda s, u: (s, float(xent.logsumexp(u)[0]))[0])
    found = failed(checked(Strict("device1"), FEW))
    assert found == {("synchronisations", "float32"): "RuntimeError: a value is read on the host, or a graph computed"}


@pytest.mark.once
def test_a_result_of_another_dtype_fails(monkeypatch):
    replaced(monkeypatch, lambda s, _: s.astype(np.float64))
    found = failed(checked(Place("cpu"), FEW))
    assert found["dtype, device, arguments", "float32"] == "float64 instead of float32"
    assert ("dtype, device, arguments", "float64") not in found


@MOVES
@pytest.mark.usefixtures("be")
def test_a_result_on_another_device_fails(monkeypatch):
    host = Strict("CPU_DEVICE")
    replaced(monkeypatch, lambda s, _: s.to_device(host.handle))
    found = failed(checked(Strict("device1"), FEW))
    assert found["dtype, device, arguments", "float32"] == f"a result on {host.handle}"


@pytest.mark.once
def test_an_argument_that_is_written_to_fails(monkeypatch):
    def overwrite(s, u):
        u[...] = 0
        return s

    replaced(monkeypatch, overwrite)
    assert "an argument was written to" in failed(checked(Place("cpu"), FEW))["dtype, device, arguments", "float32"]


@pytest.mark.once
def test_devices_that_are_mixed_fail(monkeypatch):
    place = Place("cpu")
    monkeypatch.setattr(place, "elsewhere", lambda: place)  # what is refused nowhere
    assert failed(checked(place, FEW))["two devices", "float32"] == "not refused: cpu and cpu"


@pytest.mark.once
def test_a_check_that_raises_has_failed(monkeypatch):
    def broken(*_):
        msg = "no such kernel"
        raise RuntimeError(msg)

    replaced(monkeypatch, broken)
    assert failed(checked(Place("cpu"), FEW))["values", "float64"] == "RuntimeError: no such kernel"


@pytest.mark.once
def test_labels_that_raise_where_they_should_not(monkeypatch):
    monkeypatch.setattr(Place, "raises", False)
    (found,) = _selfcheck_special.labels_out_of_range(Place("cpu"), "float32", FEW)
    assert found.passed is False
    assert found.detail.startswith("raises ValueError: `targets` must hold labels in 0..1, not 2")
    monkeypatch.setattr("xent_arrayapi._cross_entropy.is_readable", lambda *_: False)
    (found,) = _selfcheck_special.labels_out_of_range(Place("cpu"), "float32", FEW)
    assert found.passed
    monkeypatch.setattr(Place, "raises", True)
    (found,) = _selfcheck_special.labels_out_of_range(Place("cpu"), "float32", FEW)
    assert found.passed is False


@pytest.mark.once
def test_labels_and_rows_that_differ_fail(monkeypatch):
    monkeypatch.setattr(_selfcheck_special, "same", lambda *_: False)
    (found,) = _selfcheck_special.labels_and_rows(Place("cpu"), "float32", FEW)
    assert found == Finding("labels and one-hot rows", "float32", passed=False, detail="different numbers")


@pytest.mark.once
def test_a_guard_that_catches_nothing_is_not_counted(monkeypatch):
    fakes.torch(monkeypatch, fakes.Log())
    found = {one.check: one for one in checked(Torch("cuda:0"), FEW)}
    assert found["no synchronisation"].passed is None
    assert found["no synchronisation"].detail == "not countable here: one that is meant to be caught is not"


@pytest.mark.once
def test_compiled_code_is_checked_up_to_1000_classes(monkeypatch):
    fakes.jax(monkeypatch, fakes.Log())
    monkeypatch.setattr(JaxJit, "handle", "cpu")  # NumPy's, of which it is made
    place = JaxJit("cpu:0")
    monkeypatch.setattr(place, "dtypes", lambda: ["float32"])
    findings = checked(place, 100_000)
    assert not any("K = " in one.check for one in findings)
    assert set(failed(findings)) == {("label out of range", "float32")}  # NumPy can be read
    assert {one.check for one in findings if one.passed} >= DIFFERENTIATED
    assert MOST_COMPILED == 1000


@pytest.mark.once
def test_where_operations_are_compiled_rows_are_filled_up(monkeypatch):
    place = Place("cpu")
    shapes = []
    monkeypatch.setattr(Place, "compiles_operations", True)
    prepared = place.prepared
    monkeypatch.setattr(place, "prepared", lambda f: shapes.append(f) or prepared(f))
    findings = list(_selfcheck_values.values(place, "float32", 1000))
    assert failed(findings) == {}
    assert shapes.count(_selfcheck_values.evaluate) == 1
    narrower = {one.check for one in checked(place, FEW)}
    assert not narrower & {"hessian", "special values"}
    assert narrower >= {"softmax", "label out of range", "dtype, device, arguments"}
    regimes = {row.regime for _, rows in _selfcheck_values.batches("float32", 100_000, filled=True) for row in rows}
    assert regimes == {row.regime for _, rows in _selfcheck_values.batches("float32", 100_000) for row in rows}


@pytest.mark.once
def test_subnormal_results_that_a_device_flushes_are_counted_and_not_judged(monkeypatch):
    place, least = Place("cpu"), 2.0**-126
    assert not _selfcheck_values.flushes(place, "float32")
    values = place.values
    monkeypatch.setattr(place, "values", lambda x: [0.0 if abs(y) < least else y for y in values(x)])
    assert _selfcheck_values.flushes(place, "float32")
    found = {one.check: one for one in _selfcheck_values.values(place, "float32", FEW)}
    assert found["subnormal numbers"].detail == "flushed to 0 by the device"
    assert found["softmax"].passed
    assert found["softmax"].detail.endswith(" subnormal results flushed to 0")
    monkeypatch.setattr(_selfcheck_values, "flushes", lambda *_: False)
    assert {"softmax", "gradient"} <= {check for check, _ in failed(_selfcheck_values.values(place, "float32", FEW))}


@pytest.mark.once
def test_a_tally_that_judged_nothing_has_not_passed():
    tally = Tally("softmax", "float64", 6)
    assert tally.finding("float64").passed is False
    tally.hold("any", [1.0], [Decimal(1)])
    assert tally.finding("float64").passed
    tally.hold("any", [float("nan")], [Decimal(1)])
    assert tally.finding("float64").passed is False


@pytest.mark.once
def test_the_special_values_cover_the_rules_on_them():
    assert {case.rule for case in SPECIAL} >= {2, 3, 4, 5, 6, 15, 16, 18, 20, 21, 23, 25, 26}
