"""A whole run: theorems and numbers in processes, then what is made of them, all told as it comes."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import as_completed
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from verification import _numbers, _prove
from verification._about import about
from verification._coverage import SymbolicCoverage, float_literals
from verification._covered import uncovered
from verification._mutants import Trail, failures, run_mutants
from verification._mutations import sample
from verification._part_ulps import ulps_part
from verification._parts import broken_part, coverage_part, mutants_part, numeric_part, refused
from verification._pool import processes, shown, submit
from verification._probes import probes
from verification._report import Report
from verification._results import Check, Verdict
from verification._ulps import ulp_table

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from verification._coverage import Line
    from verification._mutants import MutantResult
    from verification._numbers import Numbers, Piece
    from verification._progress import Show
    from verification._prove import Finding, Job
    from verification._report import Part
    from verification._results import Outcome, Theorem

NUMBERS, ROUNDING = "Numbers", "Rounding"


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    mode: str
    theorems: tuple[Theorem, ...]
    processes: int = 2
    quick: bool = False
    """Whether each theorem is proved in one setting alone."""
    whole: bool = True
    """Whether these are all theorems: then together they have to cover everything, and numbers are checked too."""
    peers: bool = False
    """Whether this library is measured on each backend, beside others."""
    mutants: bool = False


class Run:
    """What was found so far."""

    def __init__(self, plan: Plan, show: Show) -> None:
        """Find nothing yet."""
        self.plan, self.show = plan, show
        self.jobs = {theorem.id: _prove.jobs(theorem, quick=plan.quick) for theorem in plan.theorems}
        self.findings: dict[str, list[Finding]] = defaultdict(list)
        self.outcomes: dict[str, Outcome] = {}
        self.numbers: list[Numbers] = []
        self.parts: list[Part] = []

    def tasks(self, pool: Executor) -> dict[Future[Any], Job | Piece]:
        """Hand everything to processes."""
        pieces = _numbers.pieces(record=self.plan.mutants) if self.plan.whole else []
        proofs = [job for every in self.jobs.values() for job in every]
        proofs.sort(key=lambda job: not job.theorem.startswith("all-options"))
        tasks: dict[Future[Any], Job | Piece] = {submit(pool, _prove.run, job): job for job in proofs}
        tasks |= {submit(pool, _numbers.measure, piece): piece for piece in pieces}
        self.show.begin("theorems", len(self.jobs))
        if pieces:
            self.show.begin(NUMBERS, len(pieces))
        return tasks

    def take(self, task: Job | Piece, future: Future[Any]) -> None:
        """Take what a process found."""
        if isinstance(task, _prove.Job):
            self._prove(task, future)
            return
        self.show.step(NUMBERS)
        if (error := future.exception()) is None:
            self.numbers.append(future.result())
        else:
            self.tell(broken_part(f"{NUMBERS}, {task.name}, {task.dtype}", shown(error)))

    def _prove(self, job: Job, future: Future[Finding]) -> None:
        """Take a run of a theorem, and tell of the theorem if it was the last one."""
        found, due = self.findings[job.theorem], self.jobs[job.theorem]
        if not found:
            self.show.begin(job.theorem, len(due))
        found.append(finding(job, future))
        self.show.step(job.theorem)
        if len(found) == len(due):
            theorem = next(theorem for theorem in self.plan.theorems if theorem.id == job.theorem)
            self.outcomes[theorem.id] = _prove.outcome(theorem, found)
            self.show.end(theorem.id)
            self.show.step("theorems")
            self.show.outcome(self.outcomes[theorem.id])

    @property
    def trails(self) -> dict[str, tuple[frozenset[Line], float]]:
        """The lines that each check ran on the shipped code, which it found to be right, and its seconds."""
        proofs = [found for every in self.findings.values() for found in every if not found.job.drop]
        trails = {f"{p.job.theorem}: {p.job.prover}": (p.lines, p.checks[0].seconds) for p in proofs if p.proved}
        good = [numbers for numbers in self.numbers if all(result.passed for result in numbers.results)]
        return trails | {f"{n.piece.name}, {n.piece.dtype}": (n.lines, n.seconds) for n in good}

    def tell(self, part: Part) -> None:
        """Tell what a layer found, and keep it."""
        self.show.part(part)
        self.parts.append(part)

    def mutants(self) -> tuple[MutantResult, ...]:
        """Run wrong cores through what proved and measured the shipped ones."""
        chosen = sample()
        known = [Trail(probe, *self.trails[probe.name]) for probe in probes() if probe.name in self.trails]
        self.show.begin("mutants", len(chosen))
        jobs = self.plan.processes
        results = run_mutants(known, jobs=jobs, progress=lambda _: self.show.step("mutants"), chosen=chosen)
        self.show.end("mutants")
        return results


def finding(job: Job, future: Future[Finding]) -> Finding:
    """Return what a run found; an exception is no proof, nor does it show that a hypothesis is needed."""
    error = future.exception()
    if error is None:
        return future.result()
    return _prove.Finding(job, (Check(job.prover, Verdict.UNDECIDED, 0.0, detail=shown(error)),), raised=True)


def verify(plan: Plan, show: Show) -> Report:
    """Run everything that is planned."""
    start = perf_counter()
    run = Run(plan, show)
    with processes(plan.processes) as pool:
        table = submit(pool, ulp_table) if plan.peers else None  # the longest comes first
        tasks = run.tasks(pool)
        for future in as_completed(tasks):
            run.take(tasks[future], future)
        show.end("theorems")
        if plan.whole:
            show.end(NUMBERS)
            run.tell(numeric_part([result for numbers in run.numbers for result in numbers.results]))
        if table is not None:
            error = table.exception()
            run.tell(ulps_part(table.result()) if error is None else broken_part(ROUNDING, shown(error)))
    return concluded(run, start)


def concluded(run: Run, start: float) -> Report:
    """Return the report: what was covered, and what became of wrong cores."""
    plan, killed = run.plan, {}
    if plan.whole:
        seen = (found.lines for every in run.findings.values() for found in every)
        run.tell(coverage_part(SymbolicCoverage.of(*seen), float_literals()))
    if plan.mutants:
        results = run.mutants()
        run.tell(mutants_part(results, failures(results)))
        killed = refused(results)
    outcomes = tuple(run.outcomes[theorem.id] for theorem in plan.theorems)
    missing = uncovered(plan.theorems) if plan.whole else ()
    return Report(about(plan.mode, perf_counter() - start), outcomes, tuple(run.parts), missing, killed)
