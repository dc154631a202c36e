"""Dask arrays in chunks of rows and of classes: docs/examples/dask_classes.py, on four worker processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import dask_classes
import distributed
import numpy as np
import pytest

import xent_arrayapi as xent
from tests.sharded import IGNORED, PATIENCE, in_one_process, infinite_rows, rows_of_all_kinds, said_by, within
from tests.workers import kill, one_thread, peak_memory, until, workers  # noqa: F401  # a fixture for all tests
from verification._regimes import ULPS, ULPS_LOGSUMEXP, case

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKS = {"rows": (8, -1), "classes": (-1, 7), "both": (8, 7), "one": (-1, -1)}
WORKERS = 4


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with workers(WORKERS) as client:
        yield client


def computed(*arrays: Any, scheduler: str | None = None) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(x) for x in dask.compute(*arrays, scheduler=scheduler))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("lazy", [False, True], ids=["NumPy labels", "Dask labels"])
def test_equals_one_process(chunks, dtype, lazy):
    u, y = rows_of_all_kinds(dtype)
    s = np.linspace(0.5, 2, 30)
    u[1], s[1] = np.nan, 0
    x = da.from_array(u, chunks=CHUNKS[chunks])
    labels, weight = (da.from_array(a, chunks=11) if lazy else a for a in (y, s))
    for options in ({}, {"reduction": "sum"}, {"reduction": "none"}):
        given = {"ignore_index": IGNORED, **options}
        got = computed(*dask_classes.value_and_grad(x, labels, sample_weight=weight, **given))
        for one, other in zip(got, in_one_process(u, y, sample_weight=s, **given), strict=True):
            within(one, other, 16)
    ignored = np.full(30, IGNORED)
    for one in computed(*dask_classes.value_and_grad(x, ignored, ignore_index=IGNORED)):
        assert np.all(one == 0)


@pytest.mark.parametrize("chunks", CHUNKS)
def test_infinite_rows_and_labels_that_are_no_class(chunks):
    u, y = infinite_rows()
    x = da.from_array(u, chunks=CHUNKS[chunks])
    got = computed(*dask_classes.value_and_grad(x, y, reduction="none"))
    for one, other in zip(got, in_one_process(u, y, reduction="none"), strict=True):
        within(one, other, 4)
    assert np.isnan(got[0]).tolist() == [False, False, True, False, True, True, True, False]
    part, whole = dask_classes.log_partition(x), xent.LogPartition.of(u)
    for name in ("max", "tail", "logsumexp"):
        within(*computed(getattr(part, name), getattr(whole, name)), 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_accuracy_of_rule_7(dtype):
    """Chunks lose nothing of the 6 ulp of one process, nor of a loss of 1e-26 under a dominant logit."""
    it = case(50, dtype)
    u = it.rows.logits
    x = da.from_array(u, chunks=(40, 13))
    part = dask_classes.log_partition(x)
    for labels, place in ((it.top, 0), (it.other, 1)):
        loss, gradient = dask_classes.value_and_grad(x, labels, reduction="none")
        results = part.softmax(x), part.log_softmax(x), part.logsumexp, loss, gradient
        for (quantity, exact), got in zip(it.exact.items(), computed(*results), strict=True):
            most = ULPS_LOGSUMEXP if quantity == "logsumexp" else ULPS
            error = exact[place].ulps(got) - (most + exact[place].subnormal)
            assert np.max(error) <= 0, (quantity, it.names[int(np.argmax(np.max(error.reshape(len(u), -1), axis=-1)))])


def test_building_computes_nothing_and_no_chunk_is_evaluated_twice():
    u, y = rows_of_all_kinds()
    seen: list[int] = []

    def watched(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        seen.append(block_info[0]["chunk-location"])
        return block

    def refuse(*_: Any, **__: Any) -> None:
        msg = "a graph is computed while it is built"
        raise AssertionError(msg)

    with dask.config.set(scheduler=refuse):
        x = da.from_array(u, chunks=CHUNKS["both"]).map_blocks(watched, dtype=u.dtype)
        results = dask_classes.value_and_grad(x, da.from_array(y, chunks=8), ignore_index=IGNORED)
    assert not seen
    computed(*results)
    assert sorted(seen) == [(i, k) for i in range(4) for k in range(3)]


@pytest.mark.parametrize("split", [2, 4])
def test_one_task_per_chunk_and_one_tree_of_merges(split):
    """Of each row of chunks: a task per chunk, the merges of a tree, and the loss; the labels come beside them."""
    blocks = 16
    x = da.zeros((8 * 4, 8 * blocks), chunks=(8, 8))
    with dask.config.set(split_every=split):
        (graph,) = dask.optimize(dask_classes.states_of(x, hit=False))
    merges = sum(blocks // split**level for level in range(1, blocks) if blocks >= split**level)
    assert len(graph.dask) == 4 * (blocks + merges)
    loss, _ = dask_classes.value_and_grad(x, np.zeros(32, int))
    theirs = xent.SoftmaxCrossEntropy(da.zeros(32, chunks=8, dtype=int))(x)
    assert 2 * len(dask.optimize(loss)[0].dask) < len(dask.optimize(theirs)[0].dask)


@pytest.mark.parametrize("chunks", CHUNKS)
def test_four_processes_give_the_numbers_of_one(client, chunks):
    """To the bit those of the same graph in one process, to rounding those of the library without chunks."""
    u, y = rows_of_all_kinds()
    s = np.linspace(0.5, 2, 30)
    x, given = da.from_array(u, chunks=CHUNKS[chunks]), {"ignore_index": IGNORED, "sample_weight": s}
    loss, gradient = dask_classes.value_and_grad(x, y, **given)
    part = dask_classes.log_partition(x)
    results = loss, gradient, part.logsumexp, part.softmax(x)
    got = client.gather(client.compute(results))
    for one, same in zip(got, computed(*results), strict=True):
        np.testing.assert_array_equal(one, same)
    expected = *in_one_process(u, y, **given), xent.logsumexp(u), xent.softmax(u)
    for one, other in zip(got, expected, strict=True):
        within(np.asarray(one), other, 16)
    assert len(client.scheduler_info(n_workers=-1)["workers"]) == WORKERS


def made_on_workers(rows: int, classes: int) -> tuple[da.Array, da.Array]:
    """Return logits in chunks of 512 KiB, each made by a task of its own, and labels."""

    def chunk(block_id: Any = None) -> np.ndarray:
        return np.random.default_rng(block_id).normal(size=(128, 512))

    chunks = (128,) * (rows // 128), (512,) * (classes // 512)
    labels = da.random.default_rng(7).integers(0, classes, size=rows, chunks=128)
    return da.map_blocks(chunk, chunks=chunks, dtype=np.float64, meta=np.zeros((0, 0))), labels


def value_alone(logits: da.Array, labels: da.Array) -> Any:
    return dask_classes.value_and_grad(logits, labels)[0]


def value_and_norm(logits: da.Array, labels: da.Array) -> Any:
    loss, gradient = dask_classes.value_and_grad(logits, labels)
    return loss, da.sum(gradient**2)


def of_gathered_logits(logits: da.Array, labels: da.Array) -> Any:
    return value_alone(logits.rechunk(-1), labels)


@pytest.mark.parametrize("evaluate", [value_alone, value_and_norm])
def test_memory_of_a_worker_is_bounded_by_its_chunks(client, evaluate):
    """Of 96 MiB of logits no worker holds 24 MiB, its share: it holds some of the 192 chunks, and forgets them."""
    client.gather(client.compute(evaluate(*made_on_workers(256, 1024))))
    with peak_memory(client) as grown:
        client.gather(client.compute(evaluate(*made_on_workers(6144, 2048))))
    assert len(grown) == WORKERS
    assert max(grown) < 24 * 2**20, grown


def test_the_measure_sees_a_gathered_array(client):
    with peak_memory(client) as grown:
        client.gather(client.compute(of_gathered_logits(*made_on_workers(4096, 2048))))
    assert max(grown) > 64 * 2**20, grown


@pytest.mark.parametrize("lost", ["with states", "at work"])
def test_a_worker_lost_in_the_middle_changes_no_bit(client, lost):
    """One task is held back until a worker is killed: one that has states of chunks, or the one that runs the task."""
    u, y = rows_of_all_kinds()

    def held_back(block: np.ndarray, name: str, block_info: Any = None) -> np.ndarray:
        if block_info[0]["chunk-location"] == (1, 1):
            worker = distributed.get_worker()
            distributed.Variable(name, client=worker.client).set(worker.address)
            assert distributed.Event(name, client=worker.client).wait(PATIENCE)
        return block

    whole = da.from_array(u, chunks=CHUNKS["both"])
    expected = computed(*dask_classes.value_and_grad(whole, y, ignore_index=IGNORED))
    x = whole.map_blocks(held_back, lost, dtype=u.dtype, meta=np.zeros((0, 0)))
    futures = client.compute(dask_classes.value_and_grad(x, y, ignore_index=IGNORED))

    at_work = distributed.Variable(lost, client=client).get(timeout=PATIENCE)
    others_idle = until(lambda: not any(tasks for name, tasks in client.processing().items() if name != at_work))
    assert others_idle
    with_states = [name for name, keys in client.has_what().items() if keys and name != at_work]
    victim = at_work if lost == "at work" else with_states[0]
    assert not any(future.done() for future in futures)
    kill(client, victim)
    distributed.Event(lost, client=client).set()

    for one, same in zip(client.gather(futures), expected, strict=True):
        np.testing.assert_array_equal(one, same)
    client.wait_for_workers(WORKERS, timeout=PATIENCE)


def test_the_script_runs():
    said = said_by("dask_classes.py", "--rows", "1000", "--classes", "5000", "--workers", "2")
    values = re.search(r"^loss: (\S+); of one process: (\S+)$", said, re.MULTILINE)
    off = re.search(r"^gradient of the layer: within (\S+) of", said, re.MULTILINE)
    assert float(values[1]) == pytest.approx(float(values[2]), rel=1e-14)
    assert float(off[1]) < 1e-13
