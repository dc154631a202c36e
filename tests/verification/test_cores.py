"""Cores are found by rule, and what is no formula is left out."""

import ast

import pytest

from verification import _cores as cores_module
from verification._cores import Core, cores, modules

FOUND = {core.id: core for core in cores()}


def shown(core: Core) -> str:
    return "\n".join(ast.unparse(formula).partition("\n")[0] for formula in core.formulas)


@pytest.mark.parametrize(
    "name",
    [
        "_exponentials.shift_error",
        "_evaluation.Evaluation.total",
        "_partition.LogPartition.of",
        "_jacobian.jacobian_blocks",
        "_softmax.logsumexp",
        "_loss_rows.row_products",
        "_logits.representable",
        "_assembly.Case.blocks",
        "_assembly.Weights.scaled",
        "_assembly.Call.case",
        "_targets.weights_of_labels",
        "_reduction.quotient",
        "_rows.Rows.bring",
        "_sigmoid.Pairs.back",
        "_entropy.divergences",
        "_namespace.sum_rows",
    ],
)
def test_what_computes_is_a_core(name):
    assert name in FOUND


@pytest.mark.parametrize(
    "name",
    [
        "_targets.check_target_shape",  # returns nothing
        "_targets.refuse_labels",
        "_objective.RowwiseLoss._call",  # is abstract
        "_namespace._sum_in_any_order",  # is of one backend
        "_namespace.namespace_of",
        "_validate.number",
        "_selfcheck_values.worst",
        "__main__.main",
    ],
)
def test_what_refuses_reads_or_serves_one_backend_is_none(name):
    assert name not in FOUND


def test_every_module_with_formulas_has_cores():
    assert {core.module for core in cores()} == set(modules())


def test_refusals_are_no_formulas():
    assert "raise" not in "".join(map(shown, cores()))
    assert "msg =" not in "".join(map(shown, cores()))
    assert "same_shape" not in shown(FOUND["_assembly.Call.case"])


def test_reading_of_values_is_no_formula():
    shown_of_assemble = shown(FOUND["_assembly.Call._weighed"])
    assert "if check_values:" not in shown_of_assemble
    assert "refuse_" not in shown_of_assemble
    assert "scale_or_nan" in shown_of_assemble  # which returns numbers


def test_branches_of_backends_are_no_formulas():
    assert shown(FOUND["_namespace.sum_rows"]) == "return xp.sum(x, axis=-1, keepdims=True)"


def test_what_is_left_to_unknown_sizes_is_no_formula():
    assert shown(FOUND["_rows.Rows.count"]) == "return self.classes"
    assert "concat" not in shown(FOUND["_rows.Rows._joined"])


@pytest.mark.parametrize("test", sorted(cores_module.OF_KNOWN_SIZES))
def test_each_test_for_known_sizes_is_there(test):
    tests = [ast.unparse(n.test) for tree in modules().values() for n in ast.walk(tree) if isinstance(n, ast.If)]
    assert test in tests


def test_formulas_of_functions_within_are_those_of_the_core():
    assert "v = self.clean(tangent)" in shown(FOUND["_assembly.Case.linearized"])
