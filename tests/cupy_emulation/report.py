"""What pytest says of the emulation: at its head that CuPy is emulated, at its end what was run."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import Any

import pytest

from tests.cupy_emulation import install

SAID = (
    "CuPy is EMULATED: the unmodified wheel, its kernels compiled by NVRTC as a check and run on the host; "
    "no GPU, no CUB, the host's exp, log and tanh (see tests/cupy_emulation/__init__.py)"
)
WORKERS: list[dict[str, int]] = []


def pytest_report_header() -> list[str]:
    wheels = sorted(
        f"{it.name} {it.version}" for it in distributions() if it.name.startswith(("cupy-", "nvidia-cuda-"))
    )
    return [SAID, ", ".join(wheels)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a worker of xdist to its controller."""
    if not install.cache_info().currsize:
        return
    done = install().summary()
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        WORKERS.append(done)
    else:
        output["cupy"] = done


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if "cupy" in getattr(node, "workeroutput", {}):
        WORKERS.append(node.workeroutput["cupy"])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the counts of all processes."""
    terminalreporter.section("emulated CuPy")
    terminalreporter.line(SAID)
    for name in WORKERS[0] if WORKERS else ():
        terminalreporter.line(f"{name}: {' + '.join(f'{done[name]:,}' for done in WORKERS)}")
