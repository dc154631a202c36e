"""What the library asks of an array library, bound to CuPy's own functions."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import array_api_strict
import numpy as np
import pytest

import xent_arrayapi as xent
from tests.cupy_emulation import install
from tests.recorder import Recorder, array, faults, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recorder import Call

U = np.asarray([[0.0, 1.0, -2.0, 0.5], [3.0, 0.0, 1.0, 1.0], [0.25, 0.5, 0.25, 0.0]])
P = np.asarray([[0.25, 0.25, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
AXES = (-1, 0, 1)
CLASSES = [name for name in xent.__all__ if inspect.isclass(getattr(xent, name))]
METHODS = ("grad", "value_and_grad", "linearize", "hessian", "hessian_diag", "total_and_weight")


@pytest.fixture(autouse=True, scope="module")
def _before_cupy_is_imported():
    """Take over, for the tests of the emulation may run in this process; here nothing is launched."""
    install()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> set[Call]:
    return record(monkeypatch)


def cases(dtype: str, integer: str) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Yield calls of every public function, with every option: its name, arguments, options."""
    u, p, mask, y = array(U, dtype), array(P, dtype), array(U != 1, "bool"), array([0, 2, 3], integer)
    w, s = array([1, 2, 0, 0.5], dtype), array([2, 0, 0.5], dtype)
    masked = {"where": mask}
    for axis in (*AXES, None, (0, 1)):
        for options in ({"axis": axis}, {"axis": axis, **masked}):
            yield from ((name, (u,), options) for name in ("softmax", "log_softmax", "logsumexp", "LogPartition.of"))
        yield "logsumexp", (u,), {"axis": axis, "weights": p, "return_sign": True, "keepdims": True}
    for temperature in (0, 0.5, np.inf):
        yield from ((name, (u,), {"temperature": temperature}) for name in ("softmax", "log_softmax"))
    for axis in AXES:
        yield from ((name, (p, p), {"axis": axis}) for name in ("cross_entropy", "kl_divergence", "softmax_jvp"))
        yield from ((name, (p,), {"axis": axis}) for name in ("entropy", "softmax_jacobian"))
        yield from ((name, (u,), {"axis": axis}) for name in ("Categorical", "Boltzmann"))
    yield from ((name, (x,), {}) for name in ("sigmoid", "log_sigmoid", "softmax") for x in (u, y, mask))
    both = {"sample_weight": s, "label_smoothing": 0.1, "temperature": 2.0}
    reduced = [{"reduction": name} for name in ("none", "sum")]
    reduced += [{"normalizer": x} for x in ("weights", "count", "batch", 2.5, array(2, dtype), array(2, integer))]
    softmax = [{"class_weights": w}, masked, {"softcap": 3.0}, {"z_loss": 0.1}, {"axis": 1, "check_values": False}]
    every = {key: x for options in softmax for key, x in options.items()}
    for targets, more in ((y, {"ignore_index": 2}), (y, {"ignore_index": -100}), (p, {})):
        for options in ({}, {**both, **every}, *softmax, *reduced):
            yield "softmax_cross_entropy", (u, targets), {**more, **options}
    yield "softmax_cross_entropy", (u, array([0, 2, 1, 2], integer)), {"axis": 0}
    whole = array(P != 0, integer)
    for targets, more in ((whole, {"ignore_index": 1}), (p, {})):
        wide = {**both, "sample_weight": p, "pos_weight": w, "check_values": False}
        for options in ({}, wide, *reduced):
            yield "sigmoid_cross_entropy", (u, targets), {**more, **options}


def run(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Call a function; where there is an object behind it, all methods of that too."""
    function = xent.LogPartition.of if name == "LogPartition.of" else getattr(xent, name)
    found = function(*arguments, **options)
    if name == "LogPartition.of":
        merged = found.merge(found)
        results = merged.logsumexp, found.softmax(*arguments), found.log_softmax(*arguments)
        assert len(results) == 3
    elif name == "Categorical":
        run_family(found, *arguments)
    elif name == "Boltzmann":
        run_levels(found)
    elif name.endswith("_cross_entropy"):
        loss = {"softmax": xent.SoftmaxCrossEntropy, "sigmoid": xent.SigmoidCrossEntropy}[name.partition("_")[0]]
        h = loss(arguments[1], **options)
        for method in METHODS:
            if method != "total_and_weight" or isinstance(options.get("normalizer", ""), str):
                getattr(h, method)(arguments[0])
        h.hvp(arguments[0], arguments[0])
        h.linearize(arguments[0])[2](arguments[0])


def run_family(family: Any, u: Any) -> None:
    """Evaluate everything of a family."""
    numbers = family.log_normalizer, family.entropy, family.mode
    results = family.mean, family.covariance, family.third_cumulant, family.natural(), family.fisher_information()
    beside = family.cross_entropy(family), family.kl_divergence(family), family.natural(reference=1)
    uniform = 0 * family.entropy + 1 / 2
    draws = family.sample(uniform, check_values=False)
    likely = family.log_prob(draws, check_values=False), family.log_prob(family.mean, check_values=False)
    made = xent.Categorical.from_probs(u * u, check_values=False), xent.Categorical.from_natural(u)
    fitted = xent.Categorical.fit(draws, classes=4, sample_weight=uniform, check_values=False)
    assert len((*numbers, *results, *beside, *likely, *made, fitted)) == 16


def run_levels(levels: Any) -> None:
    """Evaluate everything of energy levels at temperatures and at mean energies."""
    cold, (some, certificate) = levels.at_temperature(0), levels.at_mean_energy(1 / 2, max_iter=2)
    warm = levels.at_beta(some.beta)
    quantities = ("probs", "log_partition", "free_energy", "mean_energy", "energy_variance", "heat_capacity", "entropy")
    found = [getattr(ensemble, name) for ensemble in (cold, warm, some) for name in quantities]
    assert len(found) + len(dataclasses.astuple(certificate)) == 27


def test_every_function_is_called_with_every_option():
    called: dict[str, set[str]] = {}
    for name, _, options in cases("float64", "int64"):
        called.setdefault(name, set()).update(options)
    behind = {"softmax_cross_entropy": xent.SoftmaxCrossEntropy, "sigmoid_cross_entropy": xent.SigmoidCrossEntropy}
    for name in set(xent.__all__) - set(CLASSES):
        if name in behind:
            options = {field.name for field in dataclasses.fields(behind[name])} - {"targets"}
        else:
            parameters = inspect.signature(getattr(xent, name)).parameters.values()
            options = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        assert called[name] == options, name
    public = {name for loss in behind.values() for name, it in vars(loss.__mro__[1]).items() if callable(it)}
    assert {name for name in public if not name.startswith("_")} == {*METHODS, "hvp"}


@pytest.mark.parametrize(("dtype", "integer"), [("float32", "int32"), ("float64", "int64"), ("float32", "uint8")])
def test_cupy_has_all_that_the_library_calls(calls, dtype, integer):
    for case in cases(dtype, integer):
        run(*case)
    assert faults(calls) == []
    names = {call.name for call in calls}
    assert {"sum", "max", "where", "exp", "log1p", "astype", "__mul__", "__getitem__"} <= names
    assert len(names) > 30


def reads(u: Any, _: Any) -> None:
    float(u[0, 0])


FAULTS = {
    "reads a value on the host": reads,
    "got an unexpected keyword argument 'dim'": lambda u, xp: xp.argmax(u, dim=-1),
    "'where'": lambda u, xp: xp.sum(u, where=u > 0),
    "CuPy's has no argument 'like'": lambda _, xp: xp.zeros(3, like=None),
    "no loop of CuPy's takes ['int64']": lambda u, xp: xp.exp(array_api_strict.astype(u, array_api_strict.int64)),
    "no loop of CuPy's takes ['float64', 'float64']": lambda u, xp: xp.bitwise_and(u, u),
    "CuPy lacks it": lambda u, xp: xp.softmax(u),
    "a ufunc of CuPy is given ['where']": lambda u, xp: xp.exp(u, where=u > 0),
    "indexes by an array": lambda u, _: u[u > 0],
}


class Lenient:
    """A namespace that has every function, and takes whatever it is given."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **_: arguments[0]


@pytest.mark.parametrize("said", FAULTS)
def test_what_cupy_cannot_do_is_found(calls, said):
    FAULTS[said](array(U, "float64"), Recorder(Lenient(), calls))
    found = faults(calls)
    assert len(found) == 1, found
    assert said in found[0]
