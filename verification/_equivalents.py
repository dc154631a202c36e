"""Mutants that are no wrong code: they compute the same numbers, for the reason that is given."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
"""By the id of the mutant; one that is refused after all, or is no longer generated, fails the run."""
