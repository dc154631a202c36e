"""The shipped code holds at the edges, and each mutant that showed one missing is seen there."""

import pytest

from verification._judged import Judge
from verification._loading import mutated
from verification._mutations import mutants
from verification._numeric_edges import check_edges

SEEN = (
    "_assembly.Case.clean:guard-57aafd",
    "_assembly.Weights.lives:guard-095b8d",
    "_exponentials._lost:guard-1655dd",
    "_exponentials.tail_of:guard-2f874f",
    "_exponentials.tail_of:guard-fb4413",
    "_signed.signed_log:branch-fe131e",
    "_signed.signed_logsumexp:guard-17bedc",
    "_signed.signed_logsumexp:constant-88dc35",
    "_signed.signed_logsumexp:term-428515",
    "_softmax._evaluate:sign-ca7fba",
    "_targets._ignored:comparison-318b62",
    "_targets.admissible:connective-e376a3",
)


def failed(dtype):
    judge = Judge(dtype)
    check_edges(judge)
    return [str(result) for result in judge.found if not result.passed]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_shipped_code_holds(dtype):
    assert failed(dtype) == []


@pytest.mark.parametrize("name", SEEN)
def test_a_mutant_is_seen(name):
    (mutant,) = (mutant for mutant in mutants() if mutant.id == name)
    with mutated(mutant):
        assert failed("float64")
