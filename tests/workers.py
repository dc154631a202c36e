"""Worker processes of Dask: to start, to measure, to kill."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import distributed
import pytest

from tests.sharded import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute in this thread, unless a test says else; for the files that import it."""
    with dask.config.set(scheduler="synchronous"):
        yield


@contextlib.contextmanager
def workers(count: int) -> Iterator[distributed.Client]:
    """Run a cluster of processes of one thread each."""
    options: dict[str, Any] = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({"distributed.comm.timeouts.connect": PATIENCE / 5}),  # less than a test waits for what is lost
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster, timeout=PATIENCE) as client,
    ):
        yield client


@contextlib.contextmanager
def peak_memory(client: distributed.Client) -> Iterator[list[int]]:
    """Measure by how many bytes the resident memory of each worker grows at its peak, as Linux counts it."""

    def reset() -> int:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return status("VmRSS")

    def status(field: str) -> int:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))

    before, grown = client.run(reset), []
    yield grown
    after = client.run(status, "VmHWM")
    grown += [after[worker] - before[worker] for worker in before]


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something to be so."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def kill(client: distributed.Client, worker: str) -> None:
    """Kill the process of a worker, and wait until that is noticed."""
    os.kill(client.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)
    until(lambda: worker not in client.has_what())
