"""The command: its table, its JSON, its exit status."""

from __future__ import annotations

import io
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xent_arrayapi as xent
from tests import fakes
from xent_arrayapi import _evaluation
from xent_arrayapi.__main__ import main
from xent_arrayapi._selfcheck_place import FLOATING, Place
from xent_arrayapi._selfcheck_report import of_place, read, show, verdicts, whole, write
from xent_arrayapi._selfcheck_values import Finding

pytestmark = pytest.mark.once

QUICK = ("--backend", "numpy", "--most-classes", "10")


@pytest.fixture
def report():
    findings = [
        Finding("softmax", "float16", passed=True, worst=0.4954, limit=0.501, detail="inf ulp at ties"),
        Finding("softmax", "float32", passed=False, worst=511.2, limit=6, detail="511 ulp at spread ±40"),
        Finding("softmax", "float64", passed=False, worst=np.inf, limit=6, detail="inf ulp at ties"),
        Finding("special values", "float32", passed=True),
        Finding("throughput", "float32", None, detail="3 GB/s"),
        Finding("throughput", "float64", None, detail="3 GB/s"),
    ]
    places = [of_place(Place("cpu"), findings, 1.23), of_place(Place("cpu"), findings[3:], 0.1)]
    return whole(places, {"cupy": "not installed"}, 1000, 1.33)


def printed(report):
    out = io.StringIO()
    show(report, out)
    return out.getvalue()


def test_the_json_has_what_is_said_of_it(report, tmp_path):
    file = tmp_path / "report.json"
    write(report, file)
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found == read(file) == report
    assert found.keys() == {
        *("schema", "xent_arrayapi", "python", "platform", "most_classes", "seconds", "absent", "places", "passed")
    }
    assert (found["schema"], found["xent_arrayapi"], found["passed"]) == (1, xent.__version__, False)
    assert found["absent"] == {"cupy": "not installed"}
    for place in found["places"]:
        assert place.keys() == {"backend", "version", "device", "device_name", "mode", "seconds", "findings"}
        for one in place["findings"]:
            assert one.keys() == {"check", "dtype", "passed", "worst", "limit", "detail"}
            assert one["passed"] in (True, False, None)
    infinite = found["places"][0]["findings"][2]
    assert infinite["worst"] is None
    assert infinite["detail"] == "inf ulp at ties"


def test_another_schema_is_refused(tmp_path):
    file = tmp_path / "report.json"
    file.write_text('{"schema": 7}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"must be a report of schema 1, not 7"):
        read(file)


def test_verdicts_say_what_was_checked_where(report):
    first, second = verdicts(report)
    assert first.passed == ["softmax (float16)", "special values (float32)"]
    assert first.failed == ["softmax (float32)", "softmax (float64)"]
    assert first.stated == second.stated == ["throughput (float32)", "throughput (float64)"]
    name = f"numpy {np.__version__}, cpu ({Place('cpu').device_name}), eager"
    assert str(first) == f"{name}: 2 passed, 2 FAILED, 2 stated"
    assert str(second) == f"{name}: 1 passed, 2 stated"


@pytest.mark.parametrize("rich", [True, False])
def test_the_table(report, monkeypatch, rich):
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.table", None)
    lines = [line.split() for line in printed(report).splitlines()]
    assert ["check", *FLOATING, "limit"] in lines
    assert ["softmax", "0.495", "FAILED", "FAILED", "0.501,", "6"] in lines
    assert ["special", "values", "ok"] in lines
    assert ["throughput", "stated", "stated"] in lines
    assert max(len(line) for line in printed(report).splitlines()[:8]) <= 80


def test_what_is_said_below_the_table(report):
    said = printed(report)
    name = f"numpy {np.__version__}, cpu ({Place('cpu').device_name}), eager"
    assert f"  {name}: throughput (float32, float64): 3 GB/s\n" in said
    assert f"FAILED: {name}: softmax (float32): 511 ulp at spread ±40\n" in said
    assert "Not checked: cupy, not installed\n" in said
    assert said.splitlines()[-1].endswith("1.3 s: NOT PASSED")


def test_nothing_checked_has_not_passed():
    assert whole([], {}, 10, 0.0)["passed"] is False


def test_the_command_passes(tmp_path, capsys):
    file = tmp_path / "report.json"
    assert main([*QUICK, "--json", str(file)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1].endswith("all passed")
    assert read(file)["most_classes"] == 10
    assert [place["backend"] for place in read(file)["places"]] == ["numpy"]
    assert main(["--read", str(file)]) == 0
    assert capsys.readouterr().out == said


def test_a_defect_makes_the_status_1(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_evaluation.Evaluation, "others", lambda it: (1 - it.probs()) * it.total)
    file = tmp_path / "report.json"
    assert main([*QUICK, "--json", str(file)]) == 1
    assert "FAILED: numpy" in capsys.readouterr().out
    assert main(["--read", str(file)]) == 1


def test_all_backends_of_the_machine_by_default(monkeypatch, capsys):
    monkeypatch.setattr("xent_arrayapi.__main__.checked", lambda *_: [Finding("softmax", "float32", passed=True)])
    for name in ("torch", "jax", "dask.array", "mlx.core"):
        monkeypatch.setitem(sys.modules, name, None)
    fakes.cupy(monkeypatch, fakes.Log(), 2)
    assert main([]) == 0
    said = capsys.readouterr().out
    for name in ("numpy", "array-api-strict", "cupy 1.2.3, cuda:1 (the GPU 1)", "Not checked: torch, not installed"):
        assert name in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "numpy", "--backend", "cupy"], "nothing to check: cupy: not installed"),
        (["--backend", "numpy", "--device", "cuda"], "nothing to check: numpy: no device cuda"),
        (["--device", "abacus"], "numpy: no device abacus"),
        (["--backend", "tensorflow"], "invalid choice: 'tensorflow'"),
        ([*QUICK[:2], "--most-classes", "9"], "--most-classes must be at least 10"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(monkeypatch, capsys, arguments, message):
    for name in ("cupy", "torch", "jax", "dask.array", "mlx.core"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as error:
        main(["--help"])
    assert error.value.code == 0
    said = capsys.readouterr().out
    for word in ("--backend", "--device", "--json", "--read", "exit status"):
        assert word in said


def test_as_a_module(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["xent_arrayapi", *QUICK])
    monkeypatch.delitem(sys.modules, "xent_arrayapi.__main__")
    with pytest.raises(SystemExit) as error:
        runpy.run_module("xent_arrayapi", run_name="__main__")
    assert error.value.code == 0


def test_from_a_shell():
    path = str(Path(xent.__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {path!r}); import runpy; runpy.run_module('xent_arrayapi', None, '__main__')"
    )
    run = subprocess.run(  # noqa: S603  # this interpreter, on code of ours
        [sys.executable, "-I", "-W", "error", "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == xent.__version__
