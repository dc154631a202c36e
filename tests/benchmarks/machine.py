"""Where it is timed: the processor, its cores that are used, and the versions of all that is compared."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import shlex
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "jax", "jaxlib", "optax", "numba", "array-api-compat")

LARGEST = 2**25 - 2**16
"""Bytes: once as many were freed, glibc keeps what it is given up to this size, as in a program that runs for long; it
maps and zeroes what is larger anew."""


def processor() -> str:
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line for line in cpuinfo.read_text("utf-8").splitlines() if "model name" in line] if cpuinfo.exists() else []
    )
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def keep_to(threads: int) -> None:
    """Leave the process so many cores; NumPy has looked already how many there are, and is told."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    threadpool_limits(threads)


def about(threads: int, arguments: list[str]) -> dict[str, Any]:
    """Say what the ratios are of; the arguments are those that the session was given."""
    return {
        "commands": [shlex.join(["python", "-m", "nox", "-s", "bench", *(["--", *arguments] if arguments else [])])],
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": threads,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def give_memory_back() -> None:
    """Give freed memory back to the system: what was timed before left it to whom it was large enough for.

    An array that is not made of it is zeroed a page at a time, which may take longer than to compute it.
    """
    gc.collect()
    bytearray(LARGEST)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
