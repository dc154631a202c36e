"""The example: it converges to the same coefficients in every backend, shows it, and fails loudly."""

from __future__ import annotations

import json
import os
import runpy
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import xent_arrayapi

SCRIPT = Path(__file__).parents[1] / "docs" / "examples" / "digits.py"
PACKAGE = Path(xent_arrayapi.__file__).parents[1]
BACKENDS = ["numpy", "torch", "jax"]


def run(cwd: Path, *arguments: str, first_on_path: Path = PACKAGE) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(first_on_path), str(PACKAGE)])
    return subprocess.run(  # noqa: S603  # our own script
        [sys.executable, str(SCRIPT), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=600,
    )


@dataclass(frozen=True)
class Outcome:
    runs: dict[str, dict[str, Any]]
    stdout: str
    directory: Path

    def coefficients(self, backend: str) -> np.ndarray:
        return np.asarray(self.runs[backend]["coefficients"])


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    directory = tmp_path_factory.mktemp("digits")
    done = run(directory, "--json", "digits.json")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads((directory / "digits.json").read_text(encoding="utf-8"))
    return Outcome({one["backend"]: one for one in runs}, done.stdout, directory)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_all_backends_run_by_default(outcome):
    assert list(outcome.runs) == BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
def test_over_96_percent_held_out(outcome, backend):
    assert outcome.runs[backend]["held_out_accuracy"] > 0.96


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradient_vanishes(outcome, backend):
    assert outcome.runs[backend]["gradient_norms"][-1] <= 1e-14
    assert outcome.runs[backend]["moment_deviation"] <= 1e-14


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_coefficients_equal_those_of_numpy(outcome, backend):
    numpy_s = outcome.coefficients("numpy")
    assert numpy_s.shape == (64, 10)
    assert np.max(np.abs(outcome.coefficients(backend) - numpy_s)) <= 1e-10 * np.max(np.abs(numpy_s))


def test_scikit_learn_finds_the_same_coefficients(outcome, script):
    features, _, labels, _ = script["digits"]()
    model = LogisticRegression(C=1 / (script["ALPHA"] * len(labels)), solver="newton-cholesky", tol=1e-12)
    peer = model.fit(features, labels).coef_.T
    assert np.max(np.abs(outcome.coefficients("numpy") - peer)) <= 1e-10 * np.max(np.abs(peer))


def test_curvature_justifies_the_bound_on_the_difference(outcome, script):
    features, _, labels, _ = script["digits"]()
    model = script["MaximumEntropy"](features, xent_arrayapi.SoftmaxCrossEntropy(labels))
    weights = outcome.coefficients("numpy")
    parameters = np.concatenate([weights.ravel(), outcome.runs["numpy"]["intercept"]])
    flat, smallest, *_ = np.linalg.eigvalsh([model.hvp(parameters, unit) for unit in np.eye(650)])
    assert abs(flat) < 1e-15  # along b + constant
    assert 2 * script["STATIONARY"] / smallest <= script["AGREEMENT"] * np.max(np.abs(weights))


def test_progress_table_and_path_are_printed(outcome):
    for backend in BACKENDS:
        iterations = len(outcome.runs[backend]["objectives"])
        assert outcome.stdout.count(f"{backend}  iteration ") == iterations
    assert "held out" in outcome.stdout
    assert "E_est − E_obs = −α W" in outcome.stdout
    assert f"Plot: {(outcome.directory / 'digits.png').resolve()}" in outcome.stdout


def test_plot_is_a_png_of_sensible_size(outcome):
    content = (outcome.directory / "digits.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert 1000 <= width <= 3000
    assert 400 <= height <= 2000
    assert 20_000 <= len(content) <= 500_000


def test_unknown_backend_is_refused(tmp_path):
    done = run(tmp_path, "--backend", "abacus")
    assert done.returncode == 2
    assert "invalid choice: 'abacus'" in done.stderr
    assert all(backend in done.stderr for backend in BACKENDS)
    assert list(tmp_path.iterdir()) == []


def test_missing_backend_is_refused_with_the_remedy(tmp_path):
    hidden, cwd = tmp_path / "hidden", tmp_path / "cwd"
    hidden.mkdir()
    cwd.mkdir()
    (hidden / "torch.py").write_text("raise ModuleNotFoundError(name='torch')", encoding="utf-8")
    done = run(cwd, "--backend", "numpy", "--backend", "torch", first_on_path=hidden)
    assert done.returncode == 1
    assert "Backend 'torch' is missing: run `pip install 'xent_arrayapi[torch]'`" in done.stderr
    assert list(cwd.iterdir()) == []


def test_solutions_that_miss_a_bound_are_named(script):
    good = script["Run"]("numpy", [1.0], [0.0], 1.0, [[1.0, 2.0]], [0.0], 1.0, 0.97, 0.0)
    assert good.failures(good) == []
    bad = script["Run"]("torch", [1.0], [1e-13], 1.0, [[1.0, 2.0 + 1e-9]], [0.0], 1.0, 0.96, 1e-13)
    assert [failure.split()[0:2] for failure in bad.failures(good)] == [
        ["torch:", "gradient"],
        ["torch:", "E_est"],
        ["torch:", "held-out"],
        ["torch:", "W"],
    ]
    nan = float("nan")
    broken = script["Run"]("jax", [nan], [nan], 1.0, [[nan, nan]], [nan], 1.0, nan, nan)
    assert len(broken.failures(good)) == 4
