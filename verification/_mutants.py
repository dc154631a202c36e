"""Runs wrong cores through the provers and the numeric layer: what is wrong must not pass."""

from __future__ import annotations

import enum
import multiprocessing
import signal
import time
import traceback
import warnings
from dataclasses import dataclass, replace
from itertools import accumulate
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from verification._cores import FOLDER
from verification._coverage import Line, recording
from verification._equivalents import EQUIVALENT
from verification._loading import mutated
from verification._mutations import sample
from verification._results import NotProvedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from verification._mutations import Mutant

LIMIT = 120.0
"""Seconds after which a mutant is given up, whatever it does."""
SLOWER = 20.0
"""How many times as long as on the shipped code a check may take on a mutant, which may make terms that do not end."""
LEAST = 2.0
"""Seconds of the processor that each check has, however fast it is on the shipped code."""


QUICK = 4.0
"""Seconds of theorems, the fastest setting of each, that are tried before the numeric layer; the others come last."""


class Fate(enum.StrEnum):
    """What became of a mutant; the last two are failures."""

    REFUSED = "refused"
    """A prover does not prove a theorem of it."""
    KILLED = "killed"
    """The numeric layer sees wrong numbers."""
    CRASHED = "crashed"
    """It raises an error where the shipped code does not."""
    TIMED_OUT = "timed out"
    """A check does not end, and no other sees anything."""
    EQUIVALENT = "equivalent"
    """It computes the same, as is said why."""
    SURVIVED = "survived"
    """Nothing sees that it is wrong."""
    BROKE_PROVER = "broke a prover"
    """A check fails by an error of its own, outside the library."""


INCONCLUSIVE = {Fate.TIMED_OUT, Fate.BROKE_PROVER}
"""What does not show a mutant to be wrong as long as another check may."""


@dataclass(frozen=True)
class Probe:
    """A check of the library that raises where it fails: a theorem in a setting, or numbers in a regime."""

    name: str
    run: Callable[[], object]
    numeric: bool = False

    @property
    def theorem(self) -> str:
        """The theorem, without the setting, which follows a colon."""
        return self.name.partition(":")[0]


@dataclass(frozen=True)
class Trail:
    """What a probe ran on the shipped code, and how many seconds it took."""

    probe: Probe
    lines: frozenset[Line]
    seconds: float


@dataclass(frozen=True)
class MutantResult:
    """What became of one mutant."""

    mutant: Mutant
    fate: Fate
    by: str = ""
    """The check that saw it."""
    detail: str = ""
    """The claim that failed, with what is left over of it; or the reason why it is equivalent."""
    seconds: float = 0.0

    @property
    def seen(self) -> bool:
        """Whether a check tells it from the shipped code."""
        return self.fate not in {Fate.EQUIVALENT, Fate.SURVIVED, Fate.BROKE_PROVER}


class _TooLongError(BaseException):
    """A check that takes too long: not an Exception, which SymPy may catch."""


def trails(probes: Iterable[Probe]) -> list[Trail]:
    """Run all checks on the shipped code, and see which lines of the cores each of them runs."""
    return [_trail(probe) for probe in probes]


def _trail(probe: Probe) -> Trail:
    start = time.process_time()
    with recording() as lines:
        probe.run()
    return Trail(probe, frozenset(lines), time.process_time() - start)


def run_mutants(
    known: Sequence[Trail],
    *,
    jobs: int = 2,
    progress: Callable[[MutantResult], None] | None = None,
    chosen: Sequence[Mutant] | None = None,
) -> tuple[MutantResult, ...]:
    """Run mutants, each in a process of its own, through the checks that run the line that is wrong."""
    waiting = list(sample() if chosen is None else chosen)
    order = {mutant.id: k for k, mutant in enumerate(waiting)}
    running: dict[Connection, _Run] = {}
    results: list[MutantResult] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            run = _Run(waiting.pop(0), known)
            running[run.connection] = run
        ended = wait(list(running), timeout=0.2)
        for connection, run in list(running.items()):
            if connection in ended or run.is_late:
                del running[connection]
                results.append(_judged(run.result()))
                if progress is not None:
                    progress(results[-1])
    return tuple(sorted(results, key=lambda result: order[result.mutant.id]))


def failures(results: Iterable[MutantResult]) -> list[str]:
    """Say what is wrong: mutants that pass, and entries of the list of equivalent ones that do not belong there."""
    results = list(results)
    told = [f"{r.mutant.id} {r.fate}: {r.detail or r.mutant.after}" for r in results if not _is_settled(r)]
    ran = {result.mutant.id: result for result in results}
    told += [f"{id_} is listed as equivalent, but no such mutant was run" for id_ in EQUIVALENT if id_ not in ran]
    wrong = [ran[id_] for id_ in EQUIVALENT if id_ in ran and ran[id_].seen]
    return told + [f"{r.mutant.id} is listed as equivalent, but {r.by} tells it apart: {r.detail}" for r in wrong]


def _is_settled(result: MutantResult) -> bool:
    return result.seen or result.fate is Fate.EQUIVALENT


def _judged(result: MutantResult) -> MutantResult:
    """Take a mutant that nothing saw for equivalent, where that is listed with a reason."""
    if result.fate is Fate.SURVIVED and result.mutant.id in EQUIVALENT:
        return replace(result, fate=Fate.EQUIVALENT, detail=EQUIVALENT[result.mutant.id])
    return result


class _Run:
    """A mutant in a process of its own, forked from this one, so that all modules are there."""

    def __init__(self, mutant: Mutant, known: Sequence[Trail]) -> None:
        self.mutant, self.start = mutant, time.perf_counter()
        self.connection, theirs = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_examine, args=(mutant, apt(mutant, known), theirs), daemon=True)
        with warnings.catch_warnings():
            # Threads of this process, as of BLAS or of what shows progress, hold nothing that the child waits for.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()

    @property
    def is_late(self) -> bool:
        """Whether it has run for too long."""
        return time.perf_counter() - self.start > LIMIT

    def result(self) -> MutantResult:
        """Return what the process says, or what its end does."""
        try:
            fate, by, detail = self.connection.recv() if self.connection.poll() else (Fate.TIMED_OUT, "", "")
        except EOFError:
            fate, by, detail = Fate.BROKE_PROVER, "", "the process died"
        self.process.kill()
        self.process.join()
        self.connection.close()
        return MutantResult(self.mutant, fate, by, detail, time.perf_counter() - self.start)


def apt(mutant: Mutant, known: Iterable[Trail]) -> list[Trail]:
    """Return the checks that run the altered line: quick theorems, the numeric layer, then all other theorems.

    What is listed as equivalent is spared the last: to find nothing, they would take longer than everything else.
    """
    first, last = mutant.lines
    altered = {Line(mutant.core, number) for number in range(first, last + 1)}
    checks = sorted((trail for trail in known if altered & trail.lines), key=lambda trail: trail.seconds)
    theorems = [trail for trail in checks if not trail.probe.numeric]
    fastest: dict[str, Trail] = {}
    for trail in theorems:
        fastest.setdefault(trail.probe.theorem, trail)
    until = accumulate(trail.seconds for trail in fastest.values())
    quick = [trail for trail, seconds in zip(fastest.values(), until, strict=True) if seconds <= QUICK]
    numeric = [trail for trail in checks if trail.probe.numeric]
    others = [trail for trail in theorems if trail not in quick]
    return quick + numeric + ([] if mutant.id in EQUIVALENT else others)


def _examine(mutant: Mutant, checks: Sequence[Trail], connection: Connection) -> None:
    """Run checks on a mutant until one sees it, in a process of its own."""
    signal.signal(signal.SIGPROF, _stop)
    passed_over: list[tuple[Fate, str, str]] = []
    with mutated(mutant):
        for trail in checks:
            found = _seen(trail)
            if found and found[0] in INCONCLUSIVE:
                passed_over.append(found)
            elif found:
                connection.send(found)
                return
    unseen = (Fate.SURVIVED, "", "" if checks else "no check runs this line")
    connection.send(passed_over[0] if passed_over else unseen)


def _seen(trail: Trail) -> tuple[Fate, str, str] | None:
    """Run a check and tell whether, and how, it sees that a core is wrong."""
    probe = trail.probe
    signal.setitimer(signal.ITIMER_PROF, max(LEAST, SLOWER * trail.seconds))
    try:
        probe.run()
    except NotProvedError as error:
        return Fate.KILLED if probe.numeric else Fate.REFUSED, probe.name, str(error)
    except _TooLongError:
        return Fate.TIMED_OUT, probe.name, "not decided in time"
    except Exception as error:  # noqa: BLE001  # a wrong core may raise whatever there is: told apart by where
        inside = any(frame.filename.startswith(str(FOLDER)) for frame in traceback.extract_tb(error.__traceback__))
        told = f"{type(error).__name__}: {error}"
        return Fate.CRASHED if inside else Fate.BROKE_PROVER, probe.name, told
    else:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _stop(_number: int, _frame: Any) -> None:
    """End a check that takes too long."""
    raise _TooLongError
