"""`pytest --lane bench tests/benchmarks`: options, what is timed with what, and the file of results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import machine, pairs
from tests.benchmarks.limits import LIMITS
from tests.benchmarks.peers import OURS, PEERS, has
from tests.benchmarks.results import Results
from tests.benchmarks.works import CALL, FUNCTIONS, QUICK, WORKS

if TYPE_CHECKING:
    from tests.benchmarks.works import Work

RESULTS = pytest.StashKey[Results]()
OUTPUT = Path(__file__).parents[2] / ".nox" / "benchmarks.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("speed")
    group.addoption("--quick", action="store_true", help="small arrays in few rounds: that all runs, not how fast")
    group.addoption("--seconds", type=float, default=2.0, help="how long a pair is timed, about")
    group.addoption(
        "--add", action="store_true", help="keep what the file of results has and this run does not measure"
    )
    group.addoption("--ours", action="append", choices=OURS, help="where we run")
    group.addoption("--peers", action="append", choices=PEERS, help="who we are compared with")
    group.addoption("--functions", action="append", choices=FUNCTIONS, help="what is computed")
    group.addoption("--works", action="append", help="part of the name of an array, such as 'x1000 float32'")
    group.addoption("--threads", type=int, default=2, help="cores to keep to, and threads of each library")
    group.addoption("--chosen", action="store_true", help="what follows is what the results are said to be of")
    group.addoption("--results", type=Path, default=OUTPUT, help="the file to write")


def pytest_configure(config: pytest.Config) -> None:
    machine.keep_to(config.option.threads)
    given = list(config.invocation_params.args)
    chosen = given[given.index("--chosen") + 1 :] if "--chosen" in given else given
    config.stash[RESULTS] = Results(machine.about(config.option.threads, chosen))


def works(config: pytest.Config) -> list[Work]:
    """Return the arrays that are asked for."""
    parts = config.option.works or [""]
    return [work for work in (QUICK if config.option.quick else WORKS) if any(part in work.name for part in parts)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pair" not in metafunc.fixturenames:
        return
    option = metafunc.config.option
    pairs_of_all = [
        (work, function, ours, peer)
        for work in works(metafunc.config)
        for function in option.functions or FUNCTIONS
        for ours in option.ours or OURS
        for peer in LIMITS[ours]
        if peer in (option.peers or PEERS) and has(ours, peer, function, work, call_only=work == CALL)
    ]
    ids = [f"{work.name}, {function}, {ours} over {peer}" for work, function, ours, peer in pairs_of_all]
    metafunc.parametrize("pair", pairs_of_all, ids=ids)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave fits and growth out where a part of the pairs is asked for."""
    option = config.option
    if option.ours or option.peers or option.functions or option.works:
        config.hook.pytest_deselected(items=[item for item in items if "pair" not in item.fixturenames])
        items[:] = [item for item in items if "pair" in item.fixturenames]


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> pairs.Effort:
    return pairs.QUICK if request.config.option.quick else pairs.Effort(request.config.option.seconds, 5, 25)


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> int:
    return request.config.option.threads


@pytest.fixture
def results(request: pytest.FixtureRequest) -> Results:
    """Give the results to add to."""
    return request.config.stash[RESULTS]


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    measured, path = config.stash[RESULTS], config.option.results
    if measured.ratios or measured.growth:
        (measured.replacing(Results.read(path)) if config.option.add and path.exists() else measured).write(path)
