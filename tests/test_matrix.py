"""The report of a run: a lane that failed, skipped, ran nothing or less than NumPy is named, and so is a stale page."""

from __future__ import annotations

import pytest

from tests import matrix
from tests.backends.table import BACKENDS

pytestmark = pytest.mark.once

PAGE = "".join(
    f"before\n{matrix.BEGIN.format(name)}\n\nold\n\n{matrix.END.format(name)}\nafter\n"
    for name in ("backends", "selections")
)


def case(name: str, backend: str = "", *, mode: str = "", child: str = "", only: str = "", full: str = "") -> str:
    """Write a test as pytest's report has it."""
    said = {"backend": backend, "only": only, "capability": f"{backend} softmax {mode}" if mode else "", "full": full}
    module = "tests.test_capabilities" if mode else "tests.test_contract_x"
    properties = "".join(f'<property name="{key}" value="{value}"/>' for key, value in said.items() if value)
    return f'<testcase classname="{module}" name="{name}"><properties>{properties}</properties>{child}</testcase>'


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the report over lanes, given as lists of cases, and return its status, what it said, and the page."""
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(matrix, "PAGES", (page,))

    def report(lanes: dict[str, list[str]], *args: str):
        for lane, cases in lanes.items():
            (tmp_path / f"{lane}.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
        status = matrix.main([str(tmp_path), *args, "--lanes", *lanes])
        return status, capsys.readouterr().out, page.read_text()

    return report


NUMPY = [
    case("test_a[numpy]", "numpy"),
    case("test_call[numpy]", "numpy", mode="eager"),
]
TORCH = [
    case("test_a[torch]", "torch"),
    case("test_call[torch]", "torch", mode="eager"),
]


def test_a_whole_run_is_written_and_then_agrees(run):
    lanes = {"numpy": NUMPY, "torch": TORCH}
    status, said, page = run(lanes)
    assert status == 1
    assert "page.md differs from what was run" in said
    assert "old" in page
    status, _, page = run(lanes, "--write")
    assert status == 0
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "| NumPy | executed (not run: numpy-writable) | 1 of 1 |" in page
    assert "| JAX, CPU | not run |" in page
    assert "old" not in page
    assert run(lanes)[0] == 0


def test_a_call_that_failed_has_no_tick(run):
    broken = case("test_call[torch]", "torch", mode="eager", child="<failure/>")
    status, said, page = run({"numpy": NUMPY, "torch": [TORCH[0], broken]}, "--write")
    assert status == 1
    assert "torch failed, skipped or ran no test" in said
    assert "| torch, CPU | executed (not run: torch-func, torch-compile) | 0 of 1 |" in page


@pytest.mark.parametrize("child", ["<failure/>", "<error/>", '<skipped type="pytest.skip"/>'])
def test_failures_and_skips_are_named(run, child):
    status, said, _ = run({"numpy": [*NUMPY, case("test_b[numpy]", "numpy", child=child)]}, "--write")
    assert status == 1
    assert "numpy failed, skipped or ran no test" in said


def test_a_lane_without_tests_is_named(run):
    status, said, _ = run({"numpy": NUMPY, "jax": []}, "--write")
    assert status == 1
    assert "jax failed, skipped or ran no test" in said


def test_an_expected_failure_is_counted_and_passes(run):
    status, said, _ = run({"numpy": [*NUMPY, case("b[numpy]", child='<skipped type="pytest.xfail"/>')]}, "--write")
    assert status == 0
    assert "tests: 3 passed, 0 failed" in said


def test_fewer_tests_than_numpy_without_a_reason_are_named(run):
    status, said, _ = run({"numpy": NUMPY, "torch": TORCH[:1]}, "--write")
    assert status == 1
    assert "torch leaves out 1 of NumPy's tests without a reason" in said


def test_fewer_tests_for_a_reason_are_counted(run):
    jitted = case("test_call[jax-jit]", "jax-jit", mode="jit")
    status, said, _ = run({"numpy": NUMPY, "jax": [jitted]}, "--write")
    assert status == 0
    assert "without 1 of NumPy's test functions: runs what is marked traced" in said
    assert BACKENDS["jax-jit"].compiling


def test_a_test_that_concerns_some_backends_alone_is_counted(run):
    numpy = [*NUMPY, case("test_b[numpy]", "numpy", only="numpy strict")]
    status, said, _ = run({"numpy": numpy, "torch": TORCH}, "--write")
    assert status == 0
    assert "without 1 of NumPy's test functions: concerns numpy strict alone" in said


def test_what_a_backend_is_without_has_its_reason(run):
    slow = case("test_a[numpy]", "numpy").replace("test_contract_x", "test_properties")
    there = [case("test_call[mparray]", "mparray", mode="eager"), case("test_a[mparray]", "mparray")]
    status, said, _ = run({"numpy": [*NUMPY, slow], "others": there}, "--write")
    assert status == 0
    assert "without 1 of NumPy's test functions: each number is an object of Python" in said


def test_a_lane_that_needs_a_device_may_be_missing(run):
    status, said, page = run({"numpy": NUMPY}, "--write", "--where-possible", "gpu")
    assert status == 0
    assert "| torch on CUDA | not run |" in page
    assert "torch-cuda                   0  not run" in said


@pytest.mark.parametrize("selection", ["ci", "full"])
def test_a_part_of_the_tests_is_counted_beside_all(run, selection):
    slow = case("test_b[numpy]", "numpy").replace("test_contract_x", "test_softmax")
    there = [case("test_call[jax]", "jax", mode="eager", full="3"), case("test_a[jax]", "jax", full="3")]
    if selection == "full":
        there.append(case("test_b[jax]", "jax", full="3").replace("test_contract_x", "test_softmax"))
    status, said, page = run({"numpy": [*NUMPY, slow], "jax": there}, "--write")
    assert status == 0
    assert ("without 1 of NumPy's test functions: is of the selection full" in said) == (selection == "ci")
    assert f"| `jax` | 2 | 3 | {len(there)} |" in page
    assert BACKENDS["jax"].in_ci("test_softmax.py", "test_rule_30_x")
    assert not BACKENDS["jax"].in_ci("test_softmax.py", "test_b")
    assert BACKENDS["numpy"].in_ci("test_softmax.py", "test_b")
