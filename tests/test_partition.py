"""`LogPartition` and the reduction behind it."""

from __future__ import annotations

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_properties import near, outputs
from tests.test_validate import refused
from xent_arrayapi import LogPartition
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._exponentials import exponentials, row_max, shift, shift_error
from xent_arrayapi._namespace import quiet
from xent_arrayapi._partition import merged
from xent_arrayapi._signed import sign_of

NAN, INF = np.nan, np.inf


def test_the_state_of_known_logits(be):
    u = [[0.0, 0.0, 0.0], [0.0, -1.0, -INF], [-INF] * 3, [INF, 1.0, INF], [NAN, 0.0, 1.0]]

    def state(u):
        part = LogPartition.of(u)
        return part.max, part.tail, part.logsumexp

    m, tail, value = outputs(be, state, be.array(u))
    near(be, m, np.asarray([0.0, 0.0, -INF, INF, NAN]), roundings=0)
    near(be, tail[:4], np.asarray([2.0, np.exp(-1.0), 0.0, 1.0]), roundings=2)
    assert np.isnan(tail[4])
    near(be, value, np.asarray([np.log(3), np.log1p(np.exp(-1)), -INF, INF, NAN]), roundings=2)


def test_a_small_tail_keeps_its_digits(be):
    tail = outputs(be, lambda u: LogPartition.of(u).tail, be.array([[0.0, -60.0]]))
    near(be, tail, np.exp([-60.0]), roundings=4)


@pytest.mark.parametrize("axis", [0, -1, (0, 1), None])
def test_states_remember_their_axis(be, axis, rng):
    u = be.array(rng.normal(size=(2, 3)))
    part = LogPartition.of(u, axis=axis)
    assert part.axis == axis
    assert part.merge(part).axis == axis
    got = outputs(be, lambda u: (part.softmax(u), xent.softmax(u, axis=axis)), u)
    near(be, got[0], got[1], roundings=2)  # transformed, torch evaluates what it views as NumPy's otherwise


def test_rule_04_logits_of_classes_that_were_left_out_are_held_against_the_others(be):
    """A class that a mask has left out may hold anything: nan stays nan, and above the maximum is above 1."""
    u, mask = be.array([[NAN, 0.0, INF, -INF, 1.0]]), be.array(np.asarray([[False, True, False, False, True]]))

    def both(u, mask):
        part = LogPartition.of(u, where=mask)
        return part.softmax(u), part.log_softmax(u)

    probs, logs = outputs(be, both, u, mask)
    total = np.log1p(np.exp(-1.0)) + 1
    near(be, probs, np.asarray([[NAN, np.exp(-total), INF, 0.0, np.exp(1 - total)]]), roundings=4)
    near(be, logs, np.asarray([[NAN, -total, INF, -INF, 1 - total]]), roundings=4)


def test_states_of_other_axes_or_rows_do_not_mix(be):
    x = be.array(np.zeros((2, 3)))
    message = "`other` must have the axis 0 of this partition, not -1."
    refused(ValueError, message, LogPartition.of(x, axis=0).merge, LogPartition.of(x))
    part = LogPartition.of(x)
    for method in (part.softmax, part.log_softmax):
        message = "`max` must have the shape (3,) of the rows of `x`, not (2,)."
        if be.sized:
            refused(ValueError, message, method, be.array(np.zeros((3, 4))))
        message = "`x` must be an array, not float: make it one with the array library of the logits."
        refused(TypeError, message, method, 1.0)


def test_logits_under_a_state_that_is_not_theirs(be):
    """A class above the maximum of the partition has a probability above 1, as exp(x − A) says; −inf has none."""
    part = LogPartition(be.array([0.0]), be.array([1.0]))
    got = outputs(be, lambda x: (part.softmax(x), part.log_softmax(x)), be.array([[1.0, 0.0, -INF]]))
    near(be, got[0], np.asarray([[np.e / 2, 0.5, 0.0]]), roundings=4)
    near(be, got[1], np.asarray([[1 - np.log(2), -np.log(2), -INF]]), roundings=4)


def test_merges_at_infinity(be):
    """Every pair of an ordinary, an empty, an infinite and a nan state, in both orders."""
    xp = be.namespace()
    states = np.asarray([[0.0, 1.0], [-2.0, 0.5], [-INF, 0.0], [INF, 0.0], [INF, 2.0], [NAN, NAN]])
    first, second = np.repeat(states, 6, axis=0), np.tile(states, (6, 1))
    arrays = [be.array(x) for x in (*first.T, *second.T)]
    with quiet(xp):
        m, tail = outputs(be, lambda *a: merged(*a, xp), *arrays)
    for k, ((m1, t1), (m2, t2)) in enumerate(zip(first, second, strict=True)):
        top = m1 if m1 >= m2 or np.isnan(m1) else m2
        if np.isnan(m1 + t1) or np.isnan(m2 + t2):
            assert np.isnan(m[k] + np.log1p(tail[k])), k
            continue
        weights = [(1 + t) * (1.0 if x == top else np.exp(x - top)) for x, t in ((m1, t1), (m2, t2)) if x > -INF]
        near(be, m[k], np.asarray(top), roundings=0)
        near(be, tail[k], np.asarray(sum(weights) - 1 if weights else 0.0), roundings=4)


def test_the_error_of_the_shift_is_exact(be):
    """d + error is u − m to the bit, in twice the precision, and exp restores what d has lost."""
    xp, name = be.namespace(), "float64" if be.has_float64 else "float32"
    u, m = np.asarray([[0.1, -0.7, 123.456]], dtype=name), np.asarray([[321.7]], dtype=name)
    x, top = be.array(u), be.array(m)
    d, error = (be.numpy(y) for y in shift(x, top, xp))
    wide = np.longdouble
    assert np.all(d.astype(wide) + error.astype(wide) == u.astype(wide) - m.astype(wide))
    assert np.any(error != 0)
    close(be.numpy(shift_error(x, top, be.array(d))), error, rtol=0)


@pytest.mark.parametrize("late", [False, True])
def test_exponentials_of_rows_without_a_finite_maximum(be, late):
    xp = be.namespace()
    u = be.array([[INF, 0.0, -INF], [-INF, -INF, -INF], [NAN, 0.0, 1.0]])
    with quiet(xp):
        rows = exponentials(u, row_max(u, xp), xp, late=late)
    near(be, be.numpy(rows.e)[:2], np.asarray([[1.0, 0, 0], [1.0, 1.0, 1.0]]), roundings=0)
    near(be, be.numpy(rows.d)[:2], np.asarray([[0.0, -INF, -INF], [0.0, 0.0, 0.0]]), roundings=0)
    assert np.isnan(be.numpy(rows.e)[2]).any()


def test_evaluations_without_a_softmax(be):
    """A row that is −inf throughout is nan in everything but the partition, and 0 where a mask has emptied it."""
    xp = be.namespace()
    with quiet(xp):
        got = Evaluation.of(be.array([[-INF, -INF]]), xp)
        emptied = Evaluation.of(be.array([[NAN, 1.0]]), xp, be.array([[False, False]]))
    for x in (got.probs(), got.log_probs(), got.surprisals(), got.total, got.log_total):
        assert np.isnan(be.numpy(x)).all()
    assert be.numpy(got.log_partition)[0, 0] == -INF
    assert np.all(be.numpy(emptied.probs()) == 0)
    assert np.all(be.numpy(emptied.log_probs()) == -INF)
    assert np.all(be.numpy(emptied.surprisals()) == INF)


def test_complements_do_not_cancel(be):
    xp = be.namespace()
    got = Evaluation.of(be.array([[0.0, -60.0], [1.0, 1.0]]), xp)
    p = np.exp(-60.0)
    near(be, be.numpy(got.complements()), np.asarray([[p, 1.0], [0.5, 0.5]]), roundings=6)


def test_signs(be):
    got = outputs(be, lambda x: sign_of(x, be.namespace()), be.array([-2.0, -0.0, 0.0, 3.0, INF, -INF, NAN]))
    near(be, got, np.asarray([-1.0, 0, 0, 1, 1, -1, NAN]), roundings=0)
