"""A whole run: theorems in processes, then what lies beside them, all told as it comes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from verification._about import about
from verification._coverage import SymbolicCoverage, float_literals
from verification._covered import uncovered
from verification._mutants import failures, run_mutants
from verification._numeric import numeric_layer
from verification._parts import broken_part, coverage_part, mutants_part, numeric_part, ulps_part
from verification._pool import finding, processes, within
from verification._prove import jobs, outcome, run, trail
from verification._report import Report
from verification._ulps import ulp_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor, Future

    from verification._progress import Show
    from verification._prove import Finding
    from verification._report import Part
    from verification._results import Outcome, Theorem


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    mode: str
    theorems: tuple[Theorem, ...]
    processes: int = 2
    whole: bool = True
    """Whether all theorems are there, so that all that they have to cover can be asked for."""
    ulps: bool = False
    peers: bool = False
    mutants: bool = False
