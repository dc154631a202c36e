"""The backends that a lane runs the suite over, by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tests.backends.table import BACKENDS

if TYPE_CHECKING:
    from tests.backends.base import Backend


def backend(name: str) -> Backend:
    """Make a backend; a missing package is an error."""
    module, _, runner = BACKENDS[name].runner.partition(".")
    made: Backend = getattr(importlib.import_module(f"tests.backends.{module}"), runner)(name)
    return made
