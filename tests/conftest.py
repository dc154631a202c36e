"""One suite over backends: `pytest --lane NAME` runs it on those of a lane; a missing package is an error."""

from __future__ import annotations

import gc
import importlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.backends import backend
from tests.backends.table import BACKENDS, LANES, OWN, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.backends.base import Backend

settings.register_profile(
    "lane",
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=int(os.environ.get("XENT_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("lane")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", action="append", choices=sorted(LANES), help="a lane of tests/backends/table.py")
    parser.addoption("--selection", choices=("ci", "full"), default="full", help="of tests/backends/table.py, too")


MARKERS = {
    "once": "independent of the backend; run in the numpy lane",
    "traced": "run where every call is compiled as well, which takes seconds a call",
    "autodiff": "needs a backend that differentiates",
    "only(*names)": "concerns these backends alone",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if any(lane.startswith("cupy") for lane in _lanes(config)):
        config.pluginmanager.register(importlib.import_module("tests.cupy_emulation.report"))


def _lanes(config: pytest.Config) -> list[str]:
    return config.getoption("lane") or ["numpy"]


def _owner(path: Path) -> str | None:
    return next((OWN[part] for part in path.parts if part in OWN), None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files alone that import what only their lane installs."""
    return True if _owner(collection_path) not in (None, *_lanes(config)) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "be" in metafunc.fixturenames:
        names = [name for lane in _lanes(metafunc.config) for name in LANES[lane]]
        metafunc.parametrize("be", names, indirect=True, scope="session")


def _concerns(item: pytest.Function, entry: Entry) -> bool:
    """Tell whether a backend runs a test."""
    if not item.path.name.startswith(entry.files):
        return False
    if any(name.startswith(tuple(entry.without)) for name in (item.name, item.path.name)):
        return False
    if item.callspec.params.get("mode", entry.modes[0]) not in entry.modes:
        return False
    only = item.get_closest_marker("only")
    if only and item.callspec.params["be"] not in only.args:
        return False
    if item.get_closest_marker("autodiff"):
        return "autograd" in entry.modes
    return not entry.compiling or item.get_closest_marker("traced") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not concern the lane: it is deselected, and counted, not skipped."""
    lanes, kept, left_out = _lanes(config), [], []
    ci, full = config.getoption("selection") == "ci", Counter[str]()
    for item in items:
        entry = BACKENDS.get(item.callspec.params.get("be")) if hasattr(item, "callspec") else None
        if entry:
            concerns = _concerns(item, entry)
            lacking = [reason for name, reason in entry.lacks.items() if item.name.startswith(name)]
            for reason in lacking:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
            full[item.callspec.params["be"]] += concerns
            concerns = concerns and (not ci or entry.in_ci(item.path.name, item.name))
        elif item.get_closest_marker("once"):
            concerns = "numpy" in lanes
        else:
            owner = _owner(item.path)
            concerns = owner in lanes if owner else any(LANES[lane] for lane in lanes)
        (kept if concerns else left_out).append(item)
    for item in kept:
        entry = BACKENDS.get(item.callspec.params.get("be")) if hasattr(item, "callspec") else None
        if entry and entry.ci:
            item.user_properties.append(("full", str(full[item.callspec.params["be"]])))
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session")
def be(request: pytest.FixtureRequest) -> Backend:
    made = backend(request.param)
    gc.freeze()  # the libraries stay: to look through them again and again takes a tenth of the time of some lanes
    return made


@pytest.fixture(autouse=True)
def _in_force(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the settings of the backend in force, and forbid host reads where its device forbids them."""
    if "be" not in request.fixturenames:
        yield
        return
    it: Backend = request.getfixturevalue("be")
    request.node.user_properties.append(("backend", it.name))
    only = request.node.get_closest_marker("only")
    if only:
        request.node.user_properties.append(("only", " ".join(only.args)))
    it.host_reads_raise(monkeypatch)
    with it.settings():
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_161_122)


def close(got: Any, expected: Any, *, rtol: float, atol: float = 0.0) -> None:
    """Compare with nan equal to nan, and shapes equal."""
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)
