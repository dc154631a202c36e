"""One theorem in all its settings: which runs there are, and what is made of their answers."""

from __future__ import annotations

import math
from concurrent.futures import Executor, Future

import pytest

from tests.verification import samples
from verification import _numbers, _prove, _run
from verification._covered import thing
from verification._pool import TooLongError, processes, shown, submit, within
from verification._progress import Show, grouped
from verification._prove import Job, jobs, outcome
from verification._results import Check, Step, Theorem, Verdict


class AtOnce(Executor):
    """Calls functions at once, in this process."""

    def submit(self, task, /, *arguments, **options):
        future = Future()
        try:
            future.set_result(task(*arguments, **options))
        except ArithmeticError as error:
            future.set_exception(error)
        return future


@pytest.fixture
def settings(monkeypatch):
    """Have the provers answer what a test says, by the name of the prover and the hypothesis that is dropped."""
    answers = {}

    def answer(theorem, prover, drop):
        said = answers.get((prover, drop), Verdict.REFUTED if drop else Verdict.PROVED)
        if isinstance(said, Exception):
            raise said
        step = Step("a claim", f'["{theorem.id}","{prover}"]')
        return Check(prover, said, 0.5, (step,), "" if said is Verdict.PROVED else "left over: 1")

    monkeypatch.setattr(_prove, "DOMAINS", {"SymPy": None, "python-flint": None})
    monkeypatch.setattr(_prove, "every_check", lambda theorem, drop: answer(theorem, "SymPy, every K", drop))
    monkeypatch.setattr(_prove, "fixed_check", lambda t, k, domain, drop: answer(t, f"{domain}, K = {k}", drop))
    monkeypatch.setattr(_prove, "RECHECKS", {"z3": lambda text: answers.get(text, True)})
    monkeypatch.setattr(_prove.theorems, "THEOREMS", samples.THEOREMS)
    return answers


def found(theorem):
    """Run everything of a theorem, in some order."""
    runs = jobs(theorem)
    runs.reverse()
    pool = AtOnce()
    return outcome(theorem, [_run.finding(job, pool.submit(_prove.run, job)) for job in runs])


def test_a_theorem_is_run_for_every_k_for_each_k_and_without_each_hypothesis(settings):
    name = samples.CROSS.id
    fixed = [Job(name, domain, size) for size in (2, 3) for domain in ("SymPy", "python-flint")]
    assert jobs(samples.CROSS) == [Job(name), *fixed, Job(name, drop=r"$\sum_k p_k = 1$")]
    assert not settings


def test_a_theorem_of_some_k_alone_drops_hypotheses_there(settings):
    theorem = Theorem("a", "", "", samples.gradient, (), hypotheses=("h",), sizes=(2,), every=False)
    assert jobs(theorem)[-1] == Job("a", "SymPy", 2, "h")
    assert Job("a") not in jobs(theorem)
    assert not settings


def test_all_is_proved(settings):
    said = found(samples.CROSS)
    assert said.proved
    assert [check.prover for check in said.checks] == [
        *("SymPy, every K", "SymPy, K = 2", "python-flint, K = 2", "SymPy, K = 3", "python-flint, K = 3"),
        "certificates, z3",
    ]
    assert said.dropped[r"$\sum_k p_k = 1$"].detail == "left over: 1"
    assert len(said.certificates) == 5
    assert {*said.sources} == {*samples.CROSS.covers}
    assert not settings


@pytest.mark.parametrize("verdict", [Verdict.REFUTED, Verdict.UNDECIDED])
def test_one_prover_that_finds_no_proof_is_enough_to_fail(settings, verdict):
    settings["python-flint, K = 3", None] = verdict
    said = found(samples.CROSS)
    assert not said.proved
    assert [check.prover for check in said.checks if check.verdict is verdict] == ["python-flint, K = 3"]


def test_a_hypothesis_that_is_not_needed_fails(settings):
    settings["SymPy, every K", r"$\sum_k p_k = 1$"] = Verdict.PROVED
    said = found(samples.CROSS)
    assert not said.proved
    assert said.idle == (r"$\sum_k p_k = 1$",)


@pytest.mark.parametrize("drop", [None, r"$\sum_k p_k = 1$"])
def test_an_exception_is_neither_a_proof_nor_a_hypothesis_that_is_needed(settings, drop):
    settings["SymPy, every K", drop] = ZeroDivisionError("of a wrong core")
    said = found(samples.CROSS)
    assert not said.proved
    (failed,) = [check for check in said.checks if check.verdict is not Verdict.PROVED]
    assert failed.verdict is Verdict.UNDECIDED
    assert "ZeroDivisionError: of a wrong core" in failed.detail


def test_a_certificate_that_does_not_hold_fails(settings):
    settings[f'["{samples.CROSS.id}","python-flint, K = 2"]'] = False
    said = found(samples.CROSS)
    (failed,) = [check for check in said.checks if check.verdict is not Verdict.PROVED]
    assert (failed.prover, failed.detail) == ("certificates, z3", "the certificate does not hold: a claim")


def test_what_is_stated_wrongly_fails(settings):
    theorem = Theorem("a", "A $\\undefined$ title", "x", samples.gradient, (), ("softmin",), sizes=())
    settings["SymPy, every K", None] = Verdict.PROVED
    (failed,) = [check for check in outcome(theorem, []).checks if check.verdict is not Verdict.PROVED]
    assert "cannot be typeset" in failed.detail
    assert "softmin, which is not public" in failed.detail


def plan(monkeypatch, **options):
    """Return a plan that runs at once."""
    monkeypatch.setattr(_run, "processes", lambda _: AtOnce())
    monkeypatch.setattr(_run, "submit", lambda pool, *task: pool.submit(*task))
    return _run.Plan("quick", tuple(samples.THEOREMS.values()), **options)


def test_a_run_tells_each_theorem_and_reports_all(settings, monkeypatch, capsys):
    with Show() as show:
        report = _run.verify(plan(monkeypatch, whole=False), show)
    assert report.proved
    said = capsys.readouterr().out
    assert all(f"✓ {name}" in said for name in samples.THEOREMS)
    assert not settings


def test_a_run_of_all_measures_numbers_and_asks_for_coverage(settings, monkeypatch):
    monkeypatch.setattr(_numbers, "PARTS", {"ties": None})
    monkeypatch.setattr(_numbers, "run_part", lambda *_: [])
    with Show() as show:
        report = _run.verify(plan(monkeypatch), show)
    assert [part.id for part in report.parts] == ["numeric", "coverage"]
    assert "entropy" in report.uncovered  # which the theorems of the sample do not cover
    assert any("never ran symbolically" in failure.message for failure in report.failures)
    assert not settings


def test_numbers_that_raise_are_a_failure(settings, monkeypatch):
    def fail(*_):
        raise OverflowError("beside a wrong core")  # noqa: EM101, TRY003

    monkeypatch.setattr(_numbers, "PARTS", {"ties": None})
    monkeypatch.setattr(_numbers, "run_part", fail)
    with Show() as show:
        report = _run.verify(plan(monkeypatch), show)
    assert any("OverflowError: beside a wrong core" in failure.message for failure in report.failures)
    assert not settings


def test_a_process_that_raises_says_where():
    with processes(1) as pool:
        error = submit(pool, thing, "softmin").exception()
    assert shown(error).startswith("AttributeError: ")
    assert "xent_arrayapi/__init__.py" in shown(error)


def endless():
    """Never return."""
    while True:
        pass


def test_a_task_that_takes_too_long_is_given_up():
    with pytest.raises(TooLongError):
        within(0.05, endless)
    assert within(5, math.fsum, [1, 2]) == 3


def test_provers_are_named_once_for_several_k():
    assert grouped(["SymPy, every K", "SymPy, K = 2", "SymPy, K = 3"]) == ["SymPy, every K", "SymPy, K = 2, 3"]
