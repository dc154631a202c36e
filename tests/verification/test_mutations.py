"""Every rule alters what it says, every mutant of the real cores compiles, and the sample leaves nothing out."""

import ast
from collections import Counter

import pytest

from verification._cores import cores
from verification._loading import compiled, function_of
from verification._mutations import _excerpts, mutants, sample
from verification._operators import OPERATORS

EXAMPLES = {
    "sign": {"a + b": ["a - b"], "a - b": ["a + b"], "-a": ["a"]},
    "term": {"a + b": ["a", "b"], "a - b": ["a", "-b"]},
    "factor": {"a * b": ["a", "b"]},
    "division": {"a / b": ["a * b", "a", "b / a"]},
    "power": {"a ** 2": ["a"]},
    "axis": {
        "xp.sum(a, axis=-1, keepdims=True)": [
            "xp.sum(a, axis=0, keepdims=True)",
            "xp.sum(a, axis=-1, keepdims=False)",
        ],
        "xp.sum(a, axis=axis)": [],
    },
    "constant": {"0": ["1"], "1": ["0", "2"], "2": ["1"], "xp.inf": ["-xp.inf"], "xp.nan": ["0"], "True": []},
    "index": {"a[..., 1]": ["a[..., 0]"], "a[..., :, None]": ["a[..., None, :]"], "a[..., None]": [], "a[1:]": []},
    "branch": {"xp.where(c, a, b)": ["xp.where(c, b, a)"], "a if c else b": ["b if c else a"]},
    "guard": {"xp.where(c, a, b)": ["a", "b"], "a if c else b": ["a", "b"]},
    "comparison": {
        "a < b": ["a <= b"],
        "a >= b": ["a > b"],
        "a == b": ["a != b"],
        "0 <= a < b": ["0 < a < b", "0 <= a <= b"],
    },
    "function": {
        "xp.exp(a)": ["a"],
        "xp.log1p(a)": ["xp.log(a)", "a"],
        "xp.max(a, axis=-1)": ["xp.min(a, axis=-1)"],
        "xp.sum(a)": ["xp.mean(a)", "xp.max(a)"],
        "max(a, b)": ["min(a, b)"],
    },
    "connective": {"xp.logical_and(a, b)": ["xp.logical_or(a, b)", "a", "b"], "a and b": ["a or b"]},
    "argument": {
        "f(a, b, xp)": ["f(b, a, xp)"],
        "f('x', a)": [],
        "xp.logical_and(a, b)": [],
        "mean(a, b, xp)": [],
        "f(*a, b)": [],
    },
}


@pytest.mark.parametrize(("rule", "before", "after"), [(r, b, a) for r, e in EXAMPLES.items() for b, a in e.items()])
def test_each_rule_alters_what_it_says(rule, before, after):
    assert [ast.unparse(node) for node in OPERATORS[rule](ast.parse(before, mode="eval").body)] == after


def test_each_rule_has_an_example_and_a_mutant_of_the_real_cores():
    assert set(EXAMPLES) == set(OPERATORS)
    assert set(OPERATORS) == {mutant.operator for mutant in mutants()}


def test_all_mutants_compile_and_differ_from_their_core():
    for mutant in mutants():
        original = function_of(mutant.module, mutant.function).__code__
        code = compiled(mutant)
        assert code.co_name == original.co_name
        assert code.co_varnames[: code.co_argcount] == original.co_varnames[: original.co_argcount]
        assert code.co_freevars == original.co_freevars
        assert mutant.before != mutant.after


def test_mutants_are_many_and_their_names_and_sources_their_own():
    for kind in ("id", "source"):
        counts = Counter((mutant.core, getattr(mutant, kind)) for mutant in mutants())
        assert max(counts.values()) == 1
    assert len(mutants()) > 1000


def test_generating_mutants_leaves_the_source_as_it_was():
    before = {core.id: ast.unparse(core.node) for core in cores()}
    mutants.__wrapped__()
    assert {core.id: ast.unparse(core.node) for core in cores()} == before


def test_names_of_mutants_stay_when_lines_move():
    assert any(mutant.id == "_loss_rows.tilt:factor-bbb1ff" for mutant in mutants())
    (tilt,) = (mutant for mutant in mutants() if mutant.id == "_loss_rows.tilt:factor-bbb1ff")
    assert "q.unsmoothed, 2 * z_loss, got.xp" in tilt.after


def test_the_sample_has_each_rule_and_a_mutant_of_each_core_that_has_one():
    chosen = sample()
    assert len(chosen) >= 60
    assert {mutant.core for mutant in chosen} == {mutant.core for mutant in mutants()}
    assert {mutant.operator for mutant in chosen} == set(OPERATORS)
    assert chosen == sample()


def test_what_refuses_and_what_chooses_a_backend_is_not_altered():
    altered = "\n".join(mutant.after for mutant in mutants())
    assert "low=1" not in altered  # an argument of what checks a number
    assert "class_indices:" not in "".join(mutant.id for mutant in mutants())  # its one condition is a tracer's


def test_lines_are_those_of_the_statement():
    for mutant in mutants():
        first, last = mutant.lines
        (core,) = (core for core in cores() if core.id == mutant.core)
        text = "\n".join(core.path.read_text(encoding="utf-8").splitlines()[first - 1 : last])
        assert set(ast_names(mutant.before)) <= set(ast_names(text))


def ast_names(text):
    return {name for name in ("log1p", "where", "tanh", "row_max", "isfinite") if f"{name}(" in text}


@pytest.mark.parametrize(
    ("before", "after", "short"),
    [
        ("a + b", "a - b", ("a + b", "a - b")),
        ("x " * 90 + "+ a", "x " * 90 + "- a", ("… " + "x " * 20 + "+ a", "… " + "x " * 20 + "- a")),
        ("a + " + "x " * 90, "a - " + "x " * 90, ("a + " + "x " * 20 + "…", "a - " + "x " * 20 + "…")),
    ],
)
def test_long_lines_are_cut_around_the_change(before, after, short):
    assert _excerpts(before, after) == short
