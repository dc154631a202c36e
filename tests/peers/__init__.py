"""The tests of other libraries, run on this one: `pytest --lane peers`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Recorder:
    """A plugin that puts our functions in place once a peer's tests are collected, and keeps what comes of each."""

    def __init__(self, patch: Callable[[Any], None]) -> None:
        self.patch = patch
        self.outcomes: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.patch(session.items[0].module)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" or report.outcome != "passed":
            said = report.outcome if report.passed or call.excinfo is None else call.excinfo.exconly()
            self.outcomes[item.nodeid.partition("::")[2]] = said
        return report


def record(file: str, patch: Callable[[Any], None], *options: str) -> None:
    """Run a peer's test file in this process and print what came of each test as JSON, on the last line."""
    recorder = Recorder(patch)
    root = str(Path(file).parent)
    arguments = [file, "-q", "--tb=no", "--no-summary", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", root]
    pytest.main([*arguments, *options], plugins=[recorder])
    sys.stdout.write("\n" + json.dumps(recorder.outcomes))


def outcomes(module: str, **environment: str) -> dict[str, str]:
    """Call `main` of a module of ours in a process of its own, and return "passed" or the error of each test."""
    done = subprocess.run(  # noqa: S603  # this interpreter, on our own code
        [sys.executable, "-c", f"from {module} import main; main()"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return json.loads(done.stdout.splitlines()[-1])


def hold(found: dict[str, str], deviations: dict[str, tuple[str, str]]) -> None:
    """Check that tests pass, but for those that a pattern names, which fail by the error stated with its reason."""
    used = set()
    for test, said in found.items():
        stated = [pattern for pattern in deviations if re.search(pattern, test)]
        used.update(stated)
        if said == "passed":
            assert not stated, f"{test} does not deviate by {stated}"
        else:
            assert stated, f"{test}: {said}"
            assert any(re.search(deviations[pattern][0], said) for pattern in stated), f"{test}: {said}"
    assert used == set(deviations)
