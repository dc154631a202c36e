"""Certificates: canonical, the same on every run, and refused where they are false."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from verification._certificates import certificate, recheck_flint, recheck_z3, replaced, sha256

X, Y = ("atom", "x"), ("atom", "y")
MINUS = ("rational", -1, 1)
LEFT = ("mul", ("add", X, Y), ("add", X, ("mul", MINUS, Y)), ("pow", ("add", X, Y), -2))
RIGHT = ("mul", ("add", X, ("mul", MINUS, Y)), ("pow", ("add", X, Y), -1))
NESTED = ("pow", ("add", ("pow", X, -1), ("pow", Y, -1)), -1)
HARMONIC = ("mul", X, Y, ("pow", ("add", X, Y), -1))
CHECKERS = pytest.mark.parametrize("recheck", [recheck_flint, recheck_z3])


@CHECKERS
@pytest.mark.parametrize(("left", "right"), [(LEFT, RIGHT), (NESTED, HARMONIC), (("pow", X, 2), ("mul", X, X))])
def test_identities_are_confirmed(recheck, left, right):
    assert recheck(certificate(left, right))


@CHECKERS
@pytest.mark.parametrize(
    ("left", "right"),
    [
        (LEFT, X),
        (LEFT, ("mul", MINUS, RIGHT)),
        (NESTED, ("mul", HARMONIC, ("rational", 10**30 + 1, 10**30))),
        (("pow", ("add", X, ("mul", MINUS, X)), -1), ("pow", ("add", X, ("mul", MINUS, X)), -1)),
    ],
    ids=["other", "sign", "a little", "over 0"],
)
def test_what_is_no_identity_is_not(recheck, left, right):
    assert not recheck(certificate(left, right))


@CHECKERS
def test_a_forged_certificate_is_refused(recheck):
    content = json.loads(certificate(LEFT, RIGHT))
    content["left"] = content["left"] + [["rational", 2, 1]]
    assert not recheck(json.dumps(content))


def test_operands_are_put_in_order():
    swapped = ("mul", ("add", ("mul", Y, MINUS), X), ("pow", ("add", Y, X), -1))
    assert certificate(LEFT, swapped) == certificate(LEFT, RIGHT)
    assert certificate(RIGHT, LEFT) != certificate(LEFT, RIGHT)


def test_both_sides_are_recorded_as_they_were():
    content = json.loads(certificate(LEFT, RIGHT))
    assert content["atoms"] == ["x", "y"]
    assert content["left"] != content["right"]
    assert content["nonzero"] == [["add", ["atom", 0], ["atom", 1]]]


def test_atoms_are_replaced():
    assert replaced(LEFT, {"x": RIGHT})[1] == ("add", RIGHT, Y)


def test_the_hash_is_the_same_on_every_run():
    program = (
        "from tests.verification.small_theorems import jacobian, theorem\n"
        "from verification._certificates import sha256\n"
        "from verification._fixed import fixed_check\n"
        "print([sha256(s.certificate) for s in fixed_check(theorem(jacobian), 2, 'python-flint').steps])"
    )
    printed = {
        subprocess.run(  # noqa: S603  # this very Python
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1
    assert len(sha256("")) == 64
