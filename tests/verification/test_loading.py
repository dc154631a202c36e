"""A mutant runs in place of its core, for whoever holds it, and is gone afterwards."""

import hashlib

import numpy as np
import pytest

import xent_arrayapi
from verification._cores import FOLDER
from verification._loading import function_of, mutated
from verification._mutations import mutants

U = np.asarray([[0.5, -1.0, 2.0]])
CALLS = {
    "_evaluation.log_partition:sign-1003a3": lambda: xent_arrayapi.logsumexp(U),  # a function
    "_evaluation.Evaluation.total:sign-6c3463": lambda: xent_arrayapi.softmax(U),  # a property
    "_evaluation.Evaluation.log_probs:sign-0a7111": lambda: xent_arrayapi.LogPartition.of(U).log_softmax(U),  # given on
    "_evaluation.Evaluation.of:branch-f2513d": lambda: xent_arrayapi.softmax(U),  # a class method
    "_sigmoid.Pairs.back:index-706554": lambda: xent_arrayapi.sigmoid(U),  # of a class that inherits
}


def files():
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.py")}


def outcome(call):
    try:
        return call().tolist()
    except TypeError as error:
        return str(error)


@pytest.mark.parametrize("name", CALLS)
def test_a_mutant_is_seen_and_leaves_no_trace(name):
    (mutant,) = (mutant for mutant in mutants() if mutant.id == name)
    before, tree = outcome(CALLS[name]), files()
    code = function_of(mutant.module, mutant.function).__code__
    with mutated(mutant):
        assert outcome(CALLS[name]) != before
        assert files() == tree
    assert outcome(CALLS[name]) == before
    assert function_of(mutant.module, mutant.function).__code__ is code


def test_the_core_is_put_back_after_an_error():
    mutant = mutants()[0]
    code = function_of(mutant.module, mutant.function).__code__
    with pytest.raises(KeyError), mutated(mutant):
        raise KeyError
    assert function_of(mutant.module, mutant.function).__code__ is code
