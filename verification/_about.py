"""What a report is about: the versions that ran, the commit, and how it was asked for."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from importlib import metadata

import xent_arrayapi
from verification._covered import ROOT, digest

PROVERS = ("sympy", "python-flint", "z3-solver")
LIBRARIES = ("array-api-compat", "numpy")
PEERS = ("scipy", "torch", "jax", "optax")


@dataclass(frozen=True)
class About:
    """Where and how a report was made."""

    mode: str
    """`full`, `quick` or `only`."""
    seconds: float = 0.0
    digest: str = field(default_factory=digest)
    """The SHA-256 of all sources: a report of another source is no report of this one."""
    commit: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""


def about(mode: str, seconds: float) -> About:
    """Say where and how a report is made."""
    packages = (*PROVERS, *LIBRARIES, *(PEERS if mode == "full" else ()))
    versions = {"xent_arrayapi": xent_arrayapi.__version__, "Python": platform.python_version()}
    versions |= {package: found for package in packages if (found := version(package))}
    return About(mode, seconds, digest(), commit(), versions, f"{platform.system()} {platform.machine()}")


def version(package: str) -> str:
    """Return the version of a package, or nothing where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def commit() -> str:
    """Return the commit of this checkout, and whether files differ from it; nothing outside of one."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return ""
    head = subprocess.run([git, "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # of this checkout
    status = subprocess.run(  # noqa: S603  # of this checkout
        [git, "status", "--porcelain", "--", "xent_arrayapi", "verification"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return head.stdout.strip() + (" with changes" if status.stdout.strip() else "")
