"""Threads of our own, as many as the caller, the environment and threadpoolctl allow."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from xent_arrayapi._validate import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

VARIABLE = "XENT_ARRAYAPI_THREADS"
_LIMIT: contextvars.ContextVar[int | None] = contextvars.ContextVar("threads", default=None)


@contextlib.contextmanager
def threads(limit: int, /) -> Iterator[None]:
    """Limit the threads on which NumPy arrays, and those of torch in host memory, are evaluated.

    Without it they are the environment's `XENT_ARRAYAPI_THREADS`, or else one for each processor that this process
    may run on; and never more than threadpoolctl, where it is imported, leaves to a library that it knows.

    Parameters
    ----------
    limit : int
        How many at most; 1 for the calling thread alone.

    Yields
    ------
    None
        Nothing: what matters is what is evaluated inside.

    Raises
    ------
    TypeError
        If `limit` is not a Python integer.
    ValueError
        If `limit` is less than 1.

    Notes
    -----
    Results do not depend on it, to the bit.  It holds inside the ``with`` statement and in this thread or task.

    Examples
    --------
    >>> import numpy as np, xent_arrayapi
    >>> with threads(1):
    ...     float(xent_arrayapi.logsumexp(np.zeros(2)))
    0.6931471805599453
    """
    if whole_number("limit", limit) < 1:
        msg = f"`limit` must be at least 1, not {limit}."
        raise ValueError(msg)
    token = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def number_of_threads() -> int:
    """Return how many threads to use."""
    limit = _LIMIT.get()
    if limit is not None:
        return limit
    given = os.environ.get(VARIABLE)
    if given is not None:
        if not given.isdecimal() or int(given) < 1:
            msg = f"`{VARIABLE}` must be an integer of at least 1, not {given!r}."
            raise ValueError(msg)
        return int(given)
    return min(_processors(), *_limits_of_libraries())


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _limits_of_libraries() -> list[int]:
    """Return to how many threads others are limited just now, by threadpoolctl or by themselves."""
    if "threadpoolctl" not in sys.modules:
        return [_processors()]
    return [library.get_num_threads() or 1 for library in _libraries(sys.modules["threadpoolctl"])]


@functools.cache
def _libraries(threadpoolctl: Any) -> list[Any]:
    return list(threadpoolctl.ThreadpoolController().lib_controllers)


def on_threads(work: Callable[[Iterator[Any]], None], items: Sequence[Any]) -> None:
    """Do work on the items that a thread takes, the calling one with the others; the first error is raised."""
    count = min(number_of_threads(), len(items)) if len(items) > 1 else 1
    waiting = collections.deque(items)
    if count == 1:
        work(_taken(waiting))
        return
    others = [_pool(count - 1, os.getpid()).submit(work, _taken(waiting)) for _ in range(count - 1)]
    try:
        work(_taken(waiting))
    finally:
        errors = [other.exception() for other in others]
    for error in errors:
        if error is not None:
            raise error


def _taken(waiting: collections.deque[Any]) -> Iterator[Any]:
    """Take one item after the other, as long as there are any."""
    while True:
        try:
            yield waiting.popleft()
        except IndexError:
            return


@functools.lru_cache(maxsize=1)
def _pool(others: int, _process: int) -> ThreadPoolExecutor:
    """Keep threads for the next call; a process that was forked off has none of them."""
    return ThreadPoolExecutor(others, thread_name_prefix="xent_arrayapi")
