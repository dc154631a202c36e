"""One suite over backends: `pytest --lane NAME` runs it on those of a lane; a missing package is an error."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.backends import COMPILING, LANES, PARTS, Backend, backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    parser.addoption("--lane", action="append", choices=sorted(LANES), help="a lane of tests/backends.py")


MARKERS = {
    "once": "independent of the backend; run in the numpy lane",
    "traced": "run where every call is compiled as well, which takes seconds a call",
    "autodiff": "needs a backend that differentiates; run in the torch and jax lanes",
    "dask": "what only Dask has; run in the lane of this name",
    "peers": "other libraries' own tests; run in the lane of this name",
    "example": "the main job; run in the lane of this name",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def _lanes(config: pytest.Config) -> list[str]:
    return config.getoption("lane") or ["numpy"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files alone that import what only their lane installs."""
    lanes = _lanes(config)
    if "peers" in collection_path.parts and "peers" not in lanes:
        return True
    return True if collection_path.name == "test_example.py" and "example" not in lanes else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "be" in metafunc.fixturenames:
        names = [name for lane in _lanes(metafunc.config) for name in LANES[lane]]
        metafunc.parametrize("be", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not concern the lane: it is deselected, and counted, not skipped."""
    lanes = _lanes(config)

    def traced(item: pytest.Item) -> bool:
        return any(item.get_closest_marker(name) for name in ("traced", "autodiff"))

    def concerns(item: pytest.Item) -> bool:
        if item.get_closest_marker("once"):
            return "numpy" in lanes
        on = item.callspec.params.get("be") if hasattr(item, "callspec") else None
        if (on in COMPILING and not traced(item)) or not item.path.name.startswith(PARTS.get(on, "test_")):
            return False
        if item.get_closest_marker("autodiff"):
            return any(lane.startswith(("torch", "jax")) for lane in lanes)
        for own in ("dask", "peers", "example"):
            if item.get_closest_marker(own):
                return own in lanes
        return any(LANES[lane] for lane in lanes)

    kept = [item for item in items if concerns(item)]
    config.hook.pytest_deselected(items=[item for item in items if not concerns(item)])
    items[:] = kept


@pytest.fixture(scope="session")
def be(request: pytest.FixtureRequest) -> Backend:
    return backend(request.param)


@pytest.fixture(autouse=True)
def _in_force(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the settings of the backend in force, and forbid host reads where its device forbids them."""
    if "be" not in request.fixturenames:
        yield
        return
    it: Backend = request.getfixturevalue("be")
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
