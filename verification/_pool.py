"""Processes that prove: what raises, hangs or dies there is an answer too, and never a proof."""

from __future__ import annotations

import multiprocessing
import re
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from verification._prove import Finding, Job, run
from verification._results import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

LIMIT = 90
"""Seconds after which a run is given up."""
FRAME = re.compile(r'File ".*?((?:xent_arrayapi|verification)/[^"]+)", line (\d+), in (\w+)')


def processes(count: int) -> Executor:
    """Return a pool of fresh processes: nothing is inherited from the threads of this one."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def findings(jobs: Iterable[Job], pool: Executor) -> Iterator[Finding]:
    """Run theorems, and yield what came out as it comes."""
    waiting = {pool.submit(within, LIMIT, run, job): job for job in jobs}
    for future in as_completed(waiting):
        yield finding(waiting[future], future)


def finding(job: Job, future: Future[Finding]) -> Finding:
    """Return what a run found; an exception is no proof, nor does it show that a hypothesis is needed."""
    error = future.exception()
    if error is None:
        return future.result()
    return Finding(job, (Check(job.prover, Verdict.UNDECIDED, 0.0, detail=shown(error)),), raised=True)


def within(seconds: int, task: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, but for no longer than some seconds, where the system has an alarm for this."""
    if not hasattr(signal, "SIGALRM"):
        return task(*arguments)
    with alarm(seconds):
        return task(*arguments)


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raise TimeoutError after some seconds, and every second from then on: someone may have caught it."""

    def ring(_signal: int, _frame: Any) -> None:
        message = f"not done after {seconds} s"
        raise TimeoutError(message)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def shown(error: BaseException) -> str:
    """Return an exception of a process in a line: what it says, and where in our code it was raised."""
    text = f"{type(error).__name__}: {error}"
    frames = FRAME.findall(str(error.__cause__))
    if not frames:
        return text
    path, line, function = frames[-1]
    return f"{text} ({path}:{line}, in {function})"
