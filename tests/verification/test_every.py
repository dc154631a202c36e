"""The setting for every K: what it proves, and what it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sympy

import xent_arrayapi as xent
from verification._certificates import recheck_flint, recheck_z3
from verification._every import Every, every_check
from verification._options import symbolic_options
from verification._results import NotProvedError, Theorem, UndecidedError, Verdict
from verification.theorems import THEOREMS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def s() -> Every:
    return Every()


@pytest.mark.parametrize("name", ["mask", "gradient-for-labels", "class-weights", "softcap-derivatives", "chain-rule"])
def test_a_theorem_is_proved_and_breaks_without_its_hypotheses(name: str) -> None:
    """These are of each kind; `python -m verification` proves them all."""
    theorem = THEOREMS[name]
    with symbolic_options():
        check = every_check(theorem)
        assert check.verdict is Verdict.PROVED, check.detail
        assert all(every_check(theorem, drop).verdict is not Verdict.PROVED for drop in theorem.hypotheses)
    certificates = {step.certificate for step in check.steps if step.certificate}
    assert all(recheck_flint(text) for text in certificates)


def test_certificates_are_the_same_on_each_run_and_hold() -> None:
    runs = [every_check(THEOREMS["jacobian-of-softmax"]).steps for _ in range(2)]
    assert runs[0] == runs[1]
    assert all(recheck_z3(step.certificate) for step in runs[0])


def exponentials(s: Every, u: Any) -> tuple[Any, Any]:
    m = s.xp.max(u, axis=-1, keepdims=True)
    return m, s.xp.exp(u - m)


def forgotten_shift(s: Every) -> Any:
    m, e = exponentials(s, s.reals("u", "NK"))
    del m
    return s.xp.log(s.xp.sum(e, axis=-1))


def one_tie(s: Every) -> Any:
    u = s.reals("u", "NK")
    m, e = exponentials(s, u)
    return s.xp.sum(s.xp.where(u < m, e, 1), axis=-1)


def a_branch(s: Every) -> Any:
    u = s.reals("u", "NK")
    return u * 2 if u.shape[-1] > 6 else u


def a_value(s: Every) -> Any:
    u = s.reals("u", "NK")
    return u if s.xp.any(u > 50) else -u


def a_literal(s: Every) -> Any:
    return s.reals("u", "NK") + 1e-12


def naked_infinity(s: Every) -> Any:
    return s.xp.where(s.mask("M", "NK"), s.reals("u", "NK"), -s.xp.inf)


def wrong_shape(s: Every) -> Any:
    return s.reals("u", "NK") + s.reals("v", "ND")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (forgotten_shift, NotProvedError),
        (one_tie, NotProvedError),
        (a_branch, TypeError),
        (a_value, UndecidedError),
        (a_literal, UndecidedError),
        (naked_infinity, NotProvedError),
        (wrong_shape, UndecidedError),
    ],
)
def test_what_is_not_one_formula_for_every_k_is_refused(
    make: Callable[[Every], Any], error: type[Exception], s: Every
) -> None:
    with pytest.raises(error):  # noqa: PT012  # wherever it is found out
        x = make(s)
        for index in s.indices("NK"[: x.ndim]):
            s.at(x, *index)


def test_a_false_identity_is_refuted_with_what_is_left_over(s: Every) -> None:
    u = s.reals("u", "NK")
    for n, k in s.indices("NK"):
        with pytest.raises(NotProvedError, match=r"twice.*Sum") as caught:
            s.equal("twice", s.at(xent.softmax(u), n, k), 2 * s.at(xent.softmax(u), n, k))
        assert caught.value.verdict is Verdict.REFUTED


def test_equal_and_distinct_indices_are_all_the_cases(s: Every) -> None:
    assert len(list(s.indices("NK"))) == 1
    assert len(list(s.indices("NKK"))) == 2
    assert len(list(s.indices("NKKK"))) == 5
    y = s.labels("y", "N")
    cases = list(s.indices("NKK", y))
    assert len(cases) == 5
    assert sum(s.at(y, n) in (i, j) for n, i, j in cases) == 3


def test_a_label_is_in_its_range_and_decides_what_a_mask_is_there(s: Every) -> None:
    y = s.labels("y", "N")
    taken = s.mask("M", "NK", y)
    (n,) = next(iter(s.indices("N")))
    assert s.at(taken, n, s.at(y, n)) == 1
    assert bool(s.xp.all(y >= 0).element)
    assert bool(s.xp.all(y < s.size("K")).element)


@pytest.mark.parametrize("temperature", [2, 3.0])
def test_an_option_that_equals_a_number_is_undecided(temperature: float, s: Every) -> None:
    t = s.number("T")
    assert t not in (0, 1)
    with pytest.raises(UndecidedError, match="whether an option is a number"):
        _ = t == temperature


def test_an_option_stays_a_symbol_in_the_library_and_there_only(s: Every) -> None:
    t = s.number("T")
    with symbolic_options():
        loss = xent.SoftmaxCrossEntropy(s.labels("y", "N"), temperature=t, reduction="none")
        (value,) = [s.at(loss(s.reals("u", "NK")), n) for (n,) in s.indices("N")]
    assert sympy.Symbol("T", positive=True) in value.free_symbols
    with pytest.raises(TypeError):
        float(t)


def test_a_theorem_without_identities_is_undecided() -> None:
    empty = Theorem("empty", "Nothing", "0 = 0", lambda _: None, ("nowhere",))
    assert every_check(empty).verdict is Verdict.UNDECIDED


def test_what_is_infinite_on_a_branch_of_unknown_sign_is_no_result(s: Every) -> None:
    x = s.reals("x", "NK") * s.xp.full_like(s.reals("y", "NK"), float("inf"))
    for index in s.indices("NK"):
        with pytest.raises(NotProvedError, match="an element is finite"):
            s.at(x, *index)
