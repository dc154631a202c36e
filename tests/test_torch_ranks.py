"""Logits sharded over four ranks of torch.distributed: docs/examples/torch_ranks.py, and the library on DTensors."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import multiprocessing

import xent_arrayapi as xent
from tests import ranks
from tests.sharded import IGNORED, PATIENCE, in_one_process, infinite_rows, rows_of_all_kinds, said_by, within
from verification._regimes import ULPS, ULPS_LOGSUMEXP, case

if TYPE_CHECKING:
    from pathlib import Path

DTYPES = ("float16", "float32", "float64")
EXACT = [(dtype, place) for dtype in ("float32", "float64") for place in ("top", "other")]


def inputs() -> dict[Any, tuple[np.ndarray, np.ndarray]]:
    """Return logits and labels by name."""
    few = np.log(np.asarray([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])), np.asarray([2, 0])
    found = {"infinite": infinite_rows(), "fewer classes than ranks": few}
    found |= {dtype: rows_of_all_kinds(dtype) for dtype in DTYPES}
    found["nothing kept"] = found["float64"][0], np.full(30, IGNORED)
    cases = {(dtype, place): case(50, dtype) for dtype, place in EXACT}
    return found | {key: (it.rows.logits, getattr(it, key[1])) for key, it in cases.items()}


def on_mesh() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits whose axes four ranks share evenly, labels and a tangent."""
    rng = np.random.default_rng(20_161_122)
    u, y = 4 * rng.normal(size=(16, 40)), rng.integers(0, 40, 16)
    y[3], u[5, 25] = IGNORED, 60
    return u, y, rng.normal(size=u.shape)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    """Run the ranks once, and return what each has found."""
    directory: Path = tmp_path_factory.mktemp("ranks")
    given = {name: tuple(map(torch.from_numpy, arrays)) for name, arrays in (inputs() | {"mesh": on_mesh()}).items()}
    torch.save(given, directory / "given.pt")
    started = multiprocessing.spawn(ranks.start, (str(directory),), ranks.RANKS, join=False)
    deadline = time.monotonic() + PATIENCE
    try:
        while not started.join(timeout=1):
            assert time.monotonic() < deadline, "the ranks are stuck"
    finally:
        for process in started.processes:
            process.kill()
    return [torch.load(directory / f"{rank}.pt") for rank in range(ranks.RANKS)]


def joined(found: list[dict[Any, Any]], name: Any, what: str) -> np.ndarray:
    """Put the columns of all ranks together."""
    return np.concatenate([one[name][what].numpy() for one in found], axis=-1)


def of_each(found: list[dict[Any, Any]], name: Any, what: str) -> np.ndarray:
    """Return what all ranks agree on, to the bit."""
    first, *others = (one[name][what].numpy() for one in found)
    for other in others:
        np.testing.assert_array_equal(other, first)
    return first


@pytest.mark.parametrize("name", [*DTYPES, "fewer classes than ranks", "nothing kept"])
def test_classes_on_four_ranks_equal_one_process(found, name):
    u, y = inputs()[name]
    for reduction, value, gradient in (("mean", "loss", "gradient"), ("none", "losses", "gradients")):
        expected = in_one_process(u, y, ignore_index=IGNORED, reduction=reduction)
        within(of_each(found, name, value), np.asarray(expected[0]), 16)
        within(joined(found, name, gradient), expected[1], 16)
    within(joined(found, name, "pulled back"), joined(found, name, "gradient"), 0)


def test_infinite_rows_and_labels_that_are_no_class(found):
    u, y = inputs()["infinite"]
    losses, gradients = in_one_process(u, y, reduction="none")
    within(of_each(found, "infinite", "losses"), losses, 4)
    within(joined(found, "infinite", "gradients"), gradients, 4)
    whole = xent.LogPartition.of(u)
    numbers = ~np.isnan(whole.logsumexp)
    for what in ("max", "tail", "logsumexp"):
        within(of_each(found, "infinite", what)[numbers], getattr(whole, what)[numbers], 0)
    assert np.isnan(of_each(found, "infinite", "logsumexp")[~numbers]).all()
    within(joined(found, "infinite", "softmax"), xent.softmax(u), 0)


@pytest.mark.parametrize("name", EXACT, ids=", ".join)
def test_accuracy_of_rule_7(found, name):
    """Ranks lose nothing of the 6 ulp of one process, nor of a loss of 1e-26 under a dominant logit."""
    it = case(50, name[0])
    for what, of in {"loss": of_each, "logsumexp": of_each, "gradient": joined, "softmax": joined}.items():
        most = ULPS_LOGSUMEXP if what == "logsumexp" else ULPS
        exact = it.exact[what][name[1] == "other"]
        got = of(found, name, {"loss": "losses", "gradient": "gradients"}.get(what, what))
        error = np.reshape(exact.ulps(got) - (most + exact.subnormal), (len(it.names), -1)).max(axis=-1)
        assert np.max(error) <= 0, (what, it.names[int(np.argmax(error))])


def test_two_collectives_of_five_numbers_a_row(found):
    for rank in found:
        for name, (u, _) in inputs().items():
            assert rank[name]["sent"] == [("allreduce", len(u)), ("allreduce", 4 * len(u))]


@pytest.mark.parametrize("name", [*DTYPES, "nothing kept"])
def test_rows_on_four_ranks_equal_one_process(found, name):
    u, y = inputs()[name]
    value, gradient = in_one_process(u, y, ignore_index=IGNORED)
    for rank in found:
        within(rank[name]["of rows"][0].numpy(), np.asarray(value), 16)
        assert rank[name]["sent of rows"] == [("allreduce", 2)]
    within(np.concatenate([rank[name]["of rows"][1].numpy() for rank in found]), gradient, 16)


SCALARS = ("loss", "loss by recipe")


@pytest.mark.parametrize("place", ranks.PLACES)
def test_dtensors_equal_one_process(found, place):
    u, y, v = on_mesh()
    loss = xent.SoftmaxCrossEntropy(y, ignore_index=IGNORED)
    gradient = loss.grad(u)
    expected = {
        "softmax": xent.softmax(u),
        "log_softmax": xent.log_softmax(u),
        "logsumexp": xent.logsumexp(u),
        "LogPartition": xent.softmax(u),
        **dict.fromkeys(SCALARS, np.asarray(loss(u))),
        **dict.fromkeys(("gradient", "gradient by recipe"), gradient),
    }
    results = {what: x.numpy() for (where, what), (x, _, _) in meshed(found[0]).items() if where == place}
    for what in expected.keys() & results.keys():
        within(results[what], expected[what], 16)
    for what, one in {"hvp": loss.hvp(u, v), "backward": gradient}.items():
        np.testing.assert_allclose(results[what], one, rtol=1e-13, atol=1e-17)
    assert len(results) == (10 if place == "classes" else 8)


def meshed(rank: dict[Any, Any]) -> dict[tuple[str, str], Any]:
    """Return the results on meshes."""
    return {key: result for key, result in rank.items() if isinstance(key, tuple) and key[0] in ranks.PLACES}


def test_dtensors_stay_sharded_and_no_logits_are_sent(found):
    """Arrays of the shape of the logits keep their placement; one number a row is sent at a time, at most."""
    shards = {place: [f"S({p.dim})" for p in placements] for place, placements in ranks.PLACES.items()}
    rows = len(on_mesh()[0])
    for (place, what), (_, placements, sent) in meshed(found[0]).items():
        if (place, what) == ("both", "backward"):
            continue  # torch's own rules move the logits there: docs/distributed.md says so
        if what not in (*SCALARS, "logsumexp"):
            assert placements == shards[place], (place, what)
        if "recipe" in what:
            assert sent == [("allreduce", rows), ("allreduce", 4 * rows)]
        elif place == "rows":
            most = 0 if what in ("softmax", "log_softmax", "logsumexp", "LogPartition") else 1
            assert all(numbers <= most for _, numbers in sent), (what, sent)
        else:
            assert sent
            assert all(numbers <= rows for _, numbers in sent), (place, what, sent)


def test_the_script_runs():
    found = re.findall(
        r"^by (\w+): loss (\S+), of one process (\S+); gradient (\S+) off$",
        said_by("torch_ranks.py", "--ranks", "2"),
        re.MULTILINE,
    )
    assert [name for name, *_ in found] == ["classes", "rows"]
    for _, loss, expected, off in found:
        assert float(loss) == pytest.approx(float(expected), rel=1e-14)
        assert float(off) < 1e-16
