"""How many threads there are, and what they do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import threadpoolctl

from tests.test_validate import refused
from xent_arrayapi import _threads

pytestmark = [pytest.mark.only("numpy", "torch"), pytest.mark.once]


def test_limits(monkeypatch):
    monkeypatch.delenv(_threads.VARIABLE, raising=False)
    monkeypatch.setattr(_threads, "_processors", lambda: 7)
    with threadpoolctl.threadpool_limits(3):
        assert _threads.number_of_threads() <= 3
    with threadpoolctl.threadpool_limits(1):
        assert _threads.number_of_threads() == 1
    monkeypatch.setenv(_threads.VARIABLE, "4")
    assert _threads.number_of_threads() == 4
    with _threads.threads(2):
        assert _threads.number_of_threads() == 2
    monkeypatch.setenv(_threads.VARIABLE, "two")
    refused(
        ValueError,
        "`XENT_ARRAYAPI_THREADS` must be an integer of at least 1, not 'two'.",
        _threads.number_of_threads,
    )


def test_arguments():
    refused(ValueError, "`limit` must be at least 1, not 0.", _threads.threads(0).__enter__)
    refused(TypeError, "`limit` must be a Python integer, not 1.5.", _threads.threads(1.5).__enter__)


def test_without_threadpoolctl(monkeypatch):
    monkeypatch.delenv(_threads.VARIABLE, raising=False)
    monkeypatch.delitem(sys.modules, "threadpoolctl")
    assert _threads.number_of_threads() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert _threads.number_of_threads() == os.cpu_count()


@pytest.mark.parametrize("limit", [1, 3])
def test_errors_are_raised(limit):
    def work(items):
        if 5 in items:
            message = "the fifth"
            raise ArithmeticError(message)

    with _threads.threads(limit), pytest.raises(ArithmeticError, match="the fifth"):
        _threads.on_threads(work, range(9))


def test_all_work_is_done_once():
    done = []
    with _threads.threads(4):
        _threads.on_threads(done.extend, range(1000))
    assert sorted(done) == list(range(1000))


def test_after_a_fork():
    """A process that is forked off has no threads but one, and makes its own."""
    code = (
        "import os, numpy as np, xent_arrayapi as xent\n"
        "u = np.zeros((4000, 100)); xent.softmax(u)\n"
        "child = os.fork()\n"
        "if not child: os._exit(round(xent.softmax(u).sum()) != 4000)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    env = {**os.environ, _threads.VARIABLE: "3"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=env, check=True, timeout=60)  # noqa: S603
