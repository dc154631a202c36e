"""Lines of formulas are seen to run, and what formulas may not hold is found."""

import ast
import sys

import numpy as np
import pytest

import xent_arrayapi
from verification import _coverage
from verification._cores import Core
from verification._coverage import (
    Line,
    SymbolicCoverage,
    executable,
    float_literals,
    recording,
)
from verification._loading import mutated
from verification._mutations import mutants

U = np.asarray([[0.5, -1.0, 2.0]])


def text_of(line):
    return SymbolicCoverage(frozenset()).missed[line]


def test_every_line_of_a_formula_runs_or_is_missed():
    texts = SymbolicCoverage(frozenset()).missed
    assert set(texts) == executable()
    assert "b = d - u" in texts.values()
    assert 'msg = f"`other` must have the axis {self.axis} of this partition, not {other.axis}."' not in texts.values()


def test_recording_sees_the_lines_that_run_and_no_others():
    with recording() as lines:
        xent_arrayapi.softmax(U)
    texts = {text_of(line) for line in lines}
    assert {"b = d - u", "return x if self.mask is None else self.xp.where(self.mask, x, value)"} <= texts
    assert "return self.masked(self.rows.d - self.log_total, -self.xp.inf)" not in texts
    assert "return m + xp.log1p(tail)" not in texts


def test_recording_twice_sees_the_same():
    seen = []
    xent_arrayapi.softmax(U)  # the first time, NumPy's layout of it may be new
    for _ in range(2):
        with recording() as lines:
            xent_arrayapi.softmax(U)
        seen.append(lines)
    assert seen[0] == seen[1] != set()


def test_recording_sees_functions_within_cores():
    with recording() as lines:
        xent_arrayapi.SoftmaxCrossEntropy(np.asarray([0])).hvp(U, U)
    assert "v = self.clean(tangent)" in {text_of(line) for line in lines}


def test_recording_ends_with_an_error_and_leaves_no_trace():
    code = xent_arrayapi.softmax.__code__
    with pytest.raises(KeyError), recording() as lines:
        raise KeyError
    xent_arrayapi.softmax(U)
    assert lines == set()
    assert xent_arrayapi.softmax.__code__ is code
    assert not any("__ran__" in vars(module) for name, module in sys.modules.items() if name.startswith("xent_"))


def test_a_mutant_is_not_recorded():
    assert executable()
    with recording():
        pass
    with mutated(mutants()[0]), pytest.raises(RuntimeError, match="not as they are shipped"), recording():
        pass


def test_recording_changes_no_result():
    h = xent_arrayapi.SoftmaxCrossEntropy(np.asarray([0]), label_smoothing=0.25, z_loss=0.5, softcap=3.0)
    with recording():
        recorded = h.hessian(U)
    assert recorded.tolist() == h.hessian(U).tolist()


def test_coverage_is_the_union_of_runs_and_complete_only_with_all_lines():
    every = sorted(executable())
    whole = SymbolicCoverage.of(every[:100], every[100:])
    assert not whole.missed
    assert whole.missed == {}
    part = SymbolicCoverage.of(every[:100], every[101:])
    assert part.missed
    assert list(part.missed) == [every[100]]
    ran, of = part.by_core[every[100].core]
    assert ran == of - 1
    assert sum(of for _, of in part.by_core.values()) == len(every)


def test_other_lines_count_for_nothing():
    assert SymbolicCoverage.of([Line("_partition.no_core", 1)]).executed == frozenset()


def test_the_cores_have_no_float_literals():
    assert float_literals() == []


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("return 0.5 * u", ["0.5"]),
        ("return u + 1e-300", ["1e-300"]),
        ("return 2.0 * u", []),
        ("return u * 1j", ["1j"]),
        ("return u if u > 0.1 else 3", ["0.1"]),
        ("return u / 3", []),
    ],
)
def test_float_literals_are_found(monkeypatch, line, refused):
    (node,) = ast.parse(f"def f(u):\n    {line}\n").body
    monkeypatch.setattr(_coverage, "cores", lambda: (Core("_partition", "f", node, tuple(node.body)),))
    assert [found.partition(": ")[2].split(" ")[0] for found in float_literals()] == refused
