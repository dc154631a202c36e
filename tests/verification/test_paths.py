"""The branches of the true maximum."""

from __future__ import annotations

import pytest

from tests.verification import small_theorems as small
from verification._field import Field
from verification._fixed import fixed_check
from verification._paths import path_check, paths, ties_of
from verification._results import Verdict


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("prove", [small.coldest_softmax, small.softmax_at_the_true_maximum])
def test_theorems_hold_on_each_branch(prove, k):
    result = path_check(small.theorem(prove), k)
    assert result.verdict is Verdict.PROVED, result.detail


def test_a_false_theorem_is_refuted():
    assert path_check(small.theorem(small.too_cold_softmax), 2).verdict is Verdict.REFUTED


def test_a_free_maximum_does_not_show_the_ties():
    assert fixed_check(small.theorem(uniform), 2, Field.name).verdict is not Verdict.PROVED


def uniform(s):
    u = s.reals("u", "NK")
    p = small.xa.softmax(u, temperature=0)
    s.equal("uniform", s.at(p, 0, 0), s.term(1) / 2)


def test_all_sets_of_ties_are_gone_through():
    assert ties_of(2) == [(0,), (1,), (0, 1)]
    assert len(ties_of(3)) == 7
    assert [s.ties(0) for s in paths(3)] == ties_of(3)


def test_nothing_is_differentiated_by_logits_that_are_tied():
    assert path_check(small.theorem(small.softmax_is_the_gradient), 2).verdict is Verdict.UNDECIDED


def test_the_maximum_is_the_one_that_was_declared():
    for s in paths(3):
        u = s.reals("u", "NK")
        top = s.xp.max(u, axis=-1)
        assert all(top.data[n] == u.data[n, s.ties(n)[0]] for n in range(u.shape[0]))
