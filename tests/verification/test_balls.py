"""The cores on balls agree with their definitions, and a core that is not its formula does not."""

from __future__ import annotations

import math

import flint
import numpy as np
import pytest
from flint import arb

import xent_arrayapi as xent
from verification._ball_elements import Balls
from verification._balls import APART, XP, ball_layer, check_functions
from verification._judged import Judge
from verification._results import UndecidedError
from xent_arrayapi import _evaluation


def test_the_cores_agree_with_their_definitions():
    told = []
    found = ball_layer(told.append)
    assert [str(result) for result in found if not result.passed] == []
    apart = [result for result in found if result.function.endswith(" on balls")]
    assert len(told) == 4
    assert {result.limit for result in apart} == {APART}
    assert {name.partition(",")[0] for name in (result.function.removesuffix(" on balls") for result in apart)} >= {
        *("softmax", "log_softmax", "logsumexp", "LogPartition.merge", "softmax_jacobian", "softmax_jvp"),
        *("sigmoid", "log_sigmoid", "entropy", "cross_entropy", "kl_divergence", "SoftmaxCrossEntropy"),
    }


def test_a_core_that_is_off_by_a_little_is_apart(monkeypatch):
    monkeypatch.setattr(
        _evaluation, "log_partition", lambda m, tail, xp: m + xp.log1p(tail) + xp.log1p(tail) * 2.0**-100
    )
    judge = Judge("float64")
    check_functions(judge)
    failed = [result for result in judge.found if not result.passed]
    assert {result.function for result in failed} == {"logsumexp on balls"}
    assert failed[0].ulps == math.inf


@pytest.mark.parametrize("bits", [64, 4096])
def test_special_values_are_those_of_floats(bits):
    rows = [[math.inf, 1.0, -math.inf], [math.inf, 0.0, math.inf], [-math.inf] * 3, [0.0, -math.inf, 0.0]]
    with flint.ctx.workprec(bits):
        for f in (xent.softmax, xent.log_softmax, xent.logsumexp):
            got = [float(x) for x in f(XP.asarray(rows)).data.ravel()]
            np.testing.assert_allclose(got, f(np.asarray(rows)).ravel(), rtol=1e-15)


def test_what_balls_cannot_tell_apart_is_undecided():
    third, domain = arb(1) / 3, Balls()
    for compare in (domain.less, domain.less_equal, domain.equal):
        with pytest.raises(UndecidedError):
            compare(third, arb(1) / 3)
    assert domain.less_equal(third, third)
    assert not domain.less(third, third)
    assert domain.less(third, arb(1))
    assert not domain.equal(domain.lift(math.nan), domain.lift(math.nan))
