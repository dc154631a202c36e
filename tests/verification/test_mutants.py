"""What becomes of a mutant is told by which check sees it, and how."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

import xent_arrayapi
from verification import _mutants
from verification._mutants import Fate, MutantResult, Probe, apt, failures, run_mutants, trails
from verification._mutations import mutants
from verification._results import NotProvedError

U = np.asarray([[0.5, -1.0, 2.0]])
BY_ID = {mutant.id: mutant for mutant in mutants()}
WRONG = BY_ID["_evaluation.log_partition:sign-1003a3"]  # m − log1p(tail)
ELSEWHERE = BY_ID["_entropy.divergences:division-07dc6c"]
RAISING = BY_ID["_partition.LogPartition.of:argument-c99f17"]
CRASHING = BY_ID["_sigmoid._evaluate:argument-ea1bfc"]


def holds():
    if abs(float(xent_arrayapi.logsumexp(U)[0]) - 2.2413) > 1e-4:
        claim = "A = log Σ exp u"
        raise NotProvedError(claim, "of another sign")


def blind():
    xent_arrayapi.logsumexp(U)


def never_ends():
    while float(xent_arrayapi.logsumexp(U)[0]) < 2:
        pass


def waits():
    if float(xent_arrayapi.logsumexp(U)[0]) < 2:
        time.sleep(60)


def fails_itself():
    if float(xent_arrayapi.logsumexp(U)[0]) < 2:
        raise KeyError


def dies():
    if float(xent_arrayapi.logsumexp(U)[0]) < 2:
        os._exit(1)


def sigmoid():
    xent_arrayapi.sigmoid(U)


def fate(mutant, *probes):
    (result,) = run_mutants(trails(probes), chosen=[mutant])
    return result


def test_a_mutant_that_a_theorem_sees_is_refused():
    result = fate(WRONG, Probe("blind", blind), Probe("holds", holds), Probe("numbers", holds, numeric=True))
    assert (result.fate, result.by, result.detail) == (Fate.REFUSED, "holds", "A = log Σ exp u: of another sign")


def test_a_mutant_that_only_numbers_see_is_killed():
    result = fate(WRONG, Probe("numbers", holds, numeric=True), Probe("blind", blind))
    assert (result.fate, result.by) == (Fate.KILLED, "numbers")


def test_quick_theorems_are_asked_first_then_numbers_then_all_others(monkeypatch):
    asked = {"numbers": 4, "long": 5, "one: K = 3": 0.5, "one: K = 2": 0.2, "two: K = 2": 0.1, "elsewhere": 0}
    names = [Probe(name, sigmoid if name == "elsewhere" else blind, name == "numbers") for name in asked]
    known = [replace(trail, seconds=asked[trail.probe.name]) for trail in trails(names)]
    quick = ["two: K = 2", "one: K = 2", "numbers"]
    assert [trail.probe.name for trail in apt(WRONG, known)] == [*quick, "one: K = 3", "long"]
    monkeypatch.setattr(_mutants, "EQUIVALENT", {WRONG.id: "a reason"})
    assert [trail.probe.name for trail in apt(WRONG, known)] == quick


def test_a_mutant_that_nothing_sees_survives_and_is_a_failure():
    result = fate(WRONG, Probe("blind", blind))
    assert result.fate is Fate.SURVIVED
    assert any(WRONG.id in told for told in failures([result]))


def test_a_mutant_that_no_check_reaches_survives():
    result = fate(ELSEWHERE, Probe("holds", holds))
    assert (result.fate, result.detail) == (Fate.SURVIVED, "no check runs this line")


def test_a_mutant_that_raises_in_the_library_crashes():
    result = fate(CRASHING, Probe("sigmoid", sigmoid))
    assert result.fate is Fate.CRASHED
    assert result.by == "sigmoid"
    assert "Error" in result.detail


@pytest.mark.parametrize("probe", [fails_itself, dies])
def test_a_check_that_fails_by_itself_is_a_failure(probe):
    result = fate(WRONG, Probe("broken", probe))
    assert result.fate is Fate.BROKE_PROVER
    assert failures([result])


def test_a_check_that_fails_by_itself_hides_nothing_from_another():
    result = fate(WRONG, Probe("broken", fails_itself), Probe("holds", holds, numeric=True))
    assert (result.fate, result.by) == (Fate.KILLED, "holds")


def test_a_check_that_does_not_end_is_passed_over(monkeypatch):
    monkeypatch.setattr(_mutants, "LEAST", 0.2)
    assert fate(WRONG, Probe("never ends", never_ends)).fate is Fate.TIMED_OUT
    result = fate(WRONG, Probe("never ends", never_ends), Probe("holds", holds, numeric=True))
    assert (result.fate, result.by) == (Fate.KILLED, "holds")


def test_a_mutant_has_a_limit(monkeypatch):
    monkeypatch.setattr(_mutants, "LIMIT", 0.3)
    start = time.perf_counter()
    assert fate(WRONG, Probe("waits", waits)).fate is Fate.TIMED_OUT
    assert time.perf_counter() - start < 10


def test_a_listed_mutant_is_equivalent_only_if_nothing_sees_it(monkeypatch):
    monkeypatch.setattr(_mutants, "EQUIVALENT", {WRONG.id: "a reason"})
    unseen = fate(WRONG, Probe("blind", blind))
    assert (unseen.fate, unseen.detail) == (Fate.EQUIVALENT, "a reason")
    assert failures([unseen]) == []
    seen = fate(WRONG, Probe("holds", holds))
    assert seen.fate is Fate.REFUSED
    assert any("listed as equivalent, but holds tells it apart" in told for told in failures([seen]))
    assert any("no such mutant was run" in told for told in failures([]))


def test_results_come_in_order_and_progress_is_told():
    told = []
    chosen = [WRONG, ELSEWHERE, RAISING]
    results = run_mutants(trails([Probe("holds", holds)]), chosen=chosen, progress=told.append)
    assert [result.mutant for result in results] == chosen
    assert sorted(r.mutant.id for r in told) == sorted(m.id for m in chosen)


def test_the_shipped_code_has_to_pass_first():
    def wrong():
        claim = "1 = 0"
        raise NotProvedError(claim)

    with pytest.raises(NotProvedError):
        trails([Probe("wrong", wrong)])


def test_seen_and_unseen():
    assert [fate for fate in Fate if not MutantResult(WRONG, fate).seen] == [
        Fate.EQUIVALENT,
        Fate.SURVIVED,
        Fate.BROKE_PROVER,
    ]
