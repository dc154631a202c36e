"""Processes that prove and measure: what raises, hangs or dies there is an answer too, and never a good one."""

from __future__ import annotations

import multiprocessing
import re
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

LIMIT = 60
"""Seconds after which a task is given up."""
FRAME = re.compile(r'File ".*?((?:xent_arrayapi|verification)/(?!_pool)[^"/]+)", line (\d+), in (\w+)')


def processes(count: int) -> Executor:
    """Return a pool of processes: nothing is inherited from the threads of this one, but what is imported."""
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["verification._run"])
    return ProcessPoolExecutor(count, mp_context=context)


def submit(pool: Executor, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Have a process call a function, for no longer than the limit."""
    return pool.submit(within, LIMIT, task, *arguments)


def within(seconds: float, task: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, but for no longer than some seconds, where the system has an alarm for this."""
    if not hasattr(signal, "setitimer"):
        return task(*arguments)
    with alarm(seconds):
        return task(*arguments)


class TooLongError(BaseException):
    """A task that takes too long: not an Exception, which SymPy may catch."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise TooLongError after some seconds."""

    def ring(_signal: int, _frame: Any) -> None:
        message = f"not done after {seconds} s"
        raise TooLongError(message)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
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
