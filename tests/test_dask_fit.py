"""The classifier on Dask arrays in chunks of rows: on threads, and on worker processes that are measured and killed."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import distributed
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from tests.sharded import PATIENCE
from tests.workers import kill, one_thread, peak_memory, until, workers  # noqa: F401  # a fixture for all tests
from xent_arrayapi import MaxEntClassifier, _chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKERS = 3
SOLVERS = ("newton-cg", "lbfgs", "sgd")
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with workers(WORKERS) as client:
        yield client


def rows(classes: int = 3, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, labels in words, and weights of 60 rows."""
    rng = np.random.default_rng(20_161_122)
    x = rng.normal(size=(60, 5))
    words = np.asarray(["one", "two", "three", "four"][:classes])
    y = words[np.argmax(x @ rng.normal(size=(5, classes)) + 2 * rng.normal(size=(60, classes)), axis=-1)]
    return x.astype(dtype), y, rng.uniform(0.5, 2, size=60)


def lazily(x: Any, *, chunks: Any) -> da.Array:
    return da.from_array(np.asarray(x), chunks=chunks)


def with_an_empty_chunk(x: da.Array) -> da.Array:
    return da.concatenate([x[:0], x[:20], x[20:20], x[20:]])


def uncounted(x: da.Array) -> da.Array:
    """Return the same rows in chunks whose sizes are not known."""
    return x[da.ones(x.shape[0], chunks=(x.chunks[0],), dtype=bool)]


GIVEN: dict[str, Callable[..., tuple[Any, ...]]] = {
    "rows": lambda x, y, s: (lazily(x, chunks=(25, -1)), lazily(y, chunks=25), lazily(s, chunks=25)),
    "columns": lambda x, y, s: (lazily(x, chunks=(25, 2)), lazily(y, chunks=16), s),
    "host": lambda x, y, s: (lazily(x, chunks=(25, -1)), list(y), list(s)),
    "one": lambda x, y, s: (lazily(x, chunks=-1), y[:, None], s),
    "empty": lambda x, y, s: (with_an_empty_chunk(lazily(x, chunks=(20, -1))), lazily(y, chunks=20), s),
    "uncounted": lambda x, y, s: tuple(uncounted(lazily(a, chunks=(25, *(-1,) * (a.ndim - 1)))) for a in (x, y, s)),
}


KINDS: tuple[tuple[int, dict[str, Any]], ...] = (
    (3, {}),
    (2, {"class_weight": "balanced"}),
    (4, {"fit_intercept": False}),
    (3, {"solver": "lbfgs", "tol": 1e-6}),
    (2, {"class_weight": {"one": 2.0, "two": 0.5}}),
    (3, {"alpha": 0}),
)


@pytest.mark.parametrize(("given", "kind"), list(zip(GIVEN, KINDS, strict=True)))
def test_equals_the_fit_in_memory(given, kind):
    x, y, s = rows(kind[0])
    options = {"solver": "newton-cg", "alpha": 0.01, "tol": 1e-9, **kind[1]}
    expected = MaxEntClassifier(**options).fit(x, y, s)
    lazy, *others = GIVEN[given](x, y, s)
    got = MaxEntClassifier(**options).fit(lazy, *others)
    assert got.classes_.tolist() == expected.classes_.tolist()
    assert (type(got.coef_), got.coef_.dtype, got.n_features_in_) == (np.ndarray, np.float64, 5)
    near = {"rtol": 0, "atol": 100 * options["tol"]}
    np.testing.assert_allclose(got.coef_, expected.coef_, **near)
    np.testing.assert_allclose(got.intercept_, expected.intercept_, **near)
    assert got.objective_ == pytest.approx(expected.objective_, rel=1e-12)
    for method in METHODS:
        result = getattr(got, method)(lazy)
        assert isinstance(result, da.Array)
        assert result.chunks[0] == lazy.chunks[0] or given == "uncounted"
        values = result.compute()
        assert values.dtype == result.dtype
        np.testing.assert_array_equal(values, getattr(got, method)(x))
    if given != "uncounted":
        assert got.score(lazy, y) == expected.score(x, y)


def test_float32_and_integers():
    x, y, s = rows(dtype="float32")
    expected = MaxEntClassifier(alpha=0.01, tol=1e-5).fit(x, y, s)
    got = MaxEntClassifier(alpha=0.01, tol=1e-5).fit(lazily(x, chunks=(25, -1)), y, s)
    assert got.coef_.dtype == np.float32
    np.testing.assert_allclose(got.coef_, expected.coef_, rtol=0, atol=1e-4)
    counts = np.round(4 * x).astype("int64")
    expected, got = (MaxEntClassifier(alpha=0.01).fit(a, y) for a in (counts, lazily(counts, chunks=(25, -1))))
    assert got.coef_.dtype == np.float64
    np.testing.assert_allclose(got.coef_, expected.coef_, rtol=0, atol=1e-5)


def test_prediction_computes_nothing_by_itself():
    x, y, _ = rows()
    fitted = MaxEntClassifier(alpha=0.01).fit(x, y)

    def refuse(*_: Any, **__: Any) -> None:
        msg = "a graph is computed while it is built"
        raise AssertionError(msg)

    with dask.config.set(scheduler=refuse):
        results = [getattr(fitted, method)(with_an_empty_chunk(lazily(x, chunks=(20, 3)))) for method in METHODS]
    for result, method in zip(dask.compute(*results), METHODS, strict=True):
        np.testing.assert_array_equal(result, getattr(fitted, method)(x))


def test_each_evaluation_looks_at_each_chunk_once():
    """And chunks are made anew each time: none is kept."""
    x, y, _ = rows()
    seen: list[tuple[int, int]] = []

    def watched(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        seen.append(block_info[0]["chunk-location"])
        return block

    lazy = lazily(x, chunks=(20, -1)).map_blocks(watched, dtype=x.dtype, meta=np.zeros((0, 0)))
    MaxEntClassifier(alpha=0.01, solver="lbfgs", tol=1e-3).fit(lazy, y)
    places = sorted(set(seen))
    assert places == [(0, 0), (1, 0), (2, 0)]
    assert len({seen.count(place) for place in places}) == 1


def test_stochastic_gradient_descent_goes_through_chunks():
    x, y, s = rows()
    lazy = with_an_empty_chunk(lazily(x, chunks=(20, -1)))
    options = {"solver": "sgd", "alpha": 0.01, "random_state": 7, "tol": 0.03}
    expected = MaxEntClassifier(alpha=0.01).fit(x, y, s)
    one, other = (MaxEntClassifier(**options).fit(lazy, labels, s) for labels in (y, lazily(y, chunks=9)))
    np.testing.assert_array_equal(one.coef_, other.coef_)
    assert one.moment_violation_ <= 0.03
    assert 0 <= one.objective_ - expected.objective_ < 0.03

    whole = MaxEntClassifier(**options).partial_fit(x, y, expected.classes_, s)
    in_one_chunk = MaxEntClassifier(**options).partial_fit(lazily(x, chunks=-1), y, expected.classes_, s)
    assert in_one_chunk.coef_.shape == whole.coef_.shape
    again = in_one_chunk.coef_.copy()
    in_one_chunk.partial_fit(lazy, y, sample_weight=s)
    assert np.all(in_one_chunk.coef_ != again)
    with pytest.raises(ValueError, match=r"^`y` must have labels among \['one' 'three' 'two'\], not 'four'"):
        in_one_chunk.partial_fit(lazy, np.where(y == "one", "four", y))


NAN = np.where(np.arange(60)[:, None] == 31, np.nan, 1.0)
WRONG: dict[str, tuple[Callable[..., tuple[Any, ...]], str]] = {
    "nan": (lambda x, y, _s: (x * lazily(NAN, chunks=(25, -1)), y), "^`X` must hold finite numbers, and has NaN"),
    "one class": (lambda x, _y, _s: (x, np.full(60, "one")), "at least 2 classes"),
    "no rows": (lambda x, y, _s: (x[:0], y[:0]), "must have rows"),
    "no rows that are counted": (lambda x, y, _s: (x[x[:, 0] > 99], da.asarray(y)[x[:, 0] > 99]), "has none"),
    "labels too few": (lambda x, y, _s: (x, y[:-1]), "^`y` must have a value for each of the 60 rows of `X`, not 59"),
    "weights too few": (lambda x, y, s: (x, y, s[1:]), "^`sample_weight` must have a value for each of the 60 rows"),
    "labels of two axes": (
        lambda x, _y, _s: (x, np.zeros((60, 2))),
        r"^`y` must have 1 axis, .* not the shape \(60, 2\)",
    ),
    "numbers for labels": (lambda x, _y, s: (x, s), "Unknown label type: continuous"),
    "a negative weight": (lambda x, y, s: (x, y, -s), "^`sample_weight` must hold finite numbers >= 0"),
    "no weight": (lambda x, y, s: (x, y, 0 * s), "^`sample_weight` must leave each class some weight"),
    "a vector": (lambda x, y, _s: (x[:, 0], y), "^`X` must have 2 axes"),
    "words": (lambda _x, y, _s: (lazily(np.full((60, 5), "a"), chunks=25), y), "^`X` must be floating or integer"),
    "host labels of uncounted rows": (
        lambda x, y, _s: (uncounted(x), y),
        r"^`y` must be a Dask array in the chunks of `X`, .* or call `X.compute_chunk_sizes\(\)` first",
    ),
    "other chunks of uncounted rows": (
        lambda x, y, _s: (uncounted(x), uncounted(lazily(y, chunks=30))),
        "^`y` must be in the 3 chunks of `X`, not in 2",
    ),
    "other rows of uncounted rows": (
        lambda x, y, _s: (uncounted(x), uncounted(lazily(y, chunks=((24, 26, 10),)))),
        "^`y` must have as many labels in each chunk as `X` has rows: 25, not 2[46]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name):
    x, y, s = rows()
    wrong, message = WRONG[name]
    arguments = wrong(lazily(x, chunks=(25, -1)), y, s)
    with pytest.raises((ValueError, TypeError), match=message):
        MaxEntClassifier(alpha=0.01).fit(*arguments)


def test_chunks_of_another_library_are_predicted_there():
    import torch

    rng = np.random.default_rng(3)
    x = rng.normal(size=(8, 3))
    fitted = MaxEntClassifier(alpha=0.1).fit(x, np.arange(8) % 3)
    got = _chunks._on_chunk(torch.asarray(x), fitted, MaxEntClassifier.predict_proba.__wrapped__)  # noqa: SLF001
    assert isinstance(got, torch.Tensor)
    np.testing.assert_allclose(got.numpy(), fitted.predict_proba(x), rtol=1e-14)
    assert isinstance(fitted.coef_, np.ndarray)


def test_prediction_of_other_features_or_of_nan():
    x, y, _ = rows()
    fitted = MaxEntClassifier(alpha=0.01).fit(lazily(x, chunks=(25, -1)), y)
    with pytest.raises(ValueError, match="X has 4 features, but MaxEntClassifier is expecting 5"):
        fitted.predict(lazily(x[:, 1:], chunks=25))
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(lazily(x * NAN, chunks=(25, -1))).compute()


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("solver", SOLVERS)
def test_processes_and_threads_give_the_bits_of_one_thread(solver):
    x, y, s = (lazily(a, chunks=(25, *(-1,) * (a.ndim - 1))) for a in rows())
    options = {"solver": solver, "alpha": 0.01, "random_state": 1, "max_iter": 5, "tol": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected = MaxEntClassifier(**options).fit(x, y, s)
        for scheduler in ("threads", "distributed"):
            with dask.config.set(scheduler=scheduler):
                got = MaxEntClassifier(**options).fit(x, y, s)
            np.testing.assert_array_equal(got.coef_, expected.coef_)
            np.testing.assert_array_equal(got.intercept_, expected.intercept_)


def made_on_workers(count: int) -> tuple[da.Array, da.Array]:
    """Return features in chunks of 2 MiB, each made by a task of its own whenever it is needed, and labels."""

    def features(block_id: Any = None) -> np.ndarray:
        return np.tile(np.random.default_rng(block_id).normal(size=(512, 64)), (8, 1))

    def labels(block: np.ndarray) -> np.ndarray:
        return np.argmax(block[:, :3], axis=-1)

    x = da.map_blocks(features, chunks=((4096,) * count, (64,)), dtype=np.float64, meta=np.zeros((0, 0)))
    return x, x.map_blocks(labels, drop_axis=1, dtype=np.int64, meta=np.zeros(0, np.int64))


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_rule_47_memory_of_a_worker_is_bounded_by_its_chunks(client, solver):
    """Of 96 MiB of features no worker holds 32, its share: it holds some of the 48 chunks, and forgets them."""
    with dask.config.set(scheduler="distributed"):
        fitted = MaxEntClassifier(solver=solver, alpha=0.1, tol=0.05, batch_size=2048)
        fitted.fit(*made_on_workers(WORKERS))
        with peak_memory(client) as grown:
            fitted.fit(*made_on_workers(48))
        assert max(grown) < 32 * 2**20, grown
        with peak_memory(client) as grown:
            x, y = made_on_workers(48)
            correct = da.mean(fitted.predict(x) == y).compute()
        assert max(grown) < 32 * 2**20, grown
    assert correct > 0.5


def test_the_measure_sees_a_gathered_array(client):
    def gathered(x: da.Array) -> da.Array:
        return x.rechunk(-1).sum()

    with peak_memory(client) as grown:
        client.compute(gathered(made_on_workers(48)[0])).result()
    assert max(grown) > 64 * 2**20, grown


@pytest.mark.parametrize("solver", SOLVERS)
def test_rule_47_a_worker_lost_in_the_middle_of_a_fit_changes_no_bit(client, solver):
    """At its fifth evaluation a chunk is held back until the worker that has it is killed."""
    x, y, s = rows()
    options = {"solver": solver, "alpha": 0.01, "random_state": 1, "tol": 0.06 if solver == "sgd" else 1e-3}

    def held_back(block: np.ndarray, name: str, block_info: Any = None) -> np.ndarray:
        if block_info[0]["chunk-location"] == (1, 0):
            worker = distributed.get_worker()
            count = distributed.Variable(f"{name} count", client=worker.client)
            at = count.get(timeout=PATIENCE) + 1
            count.set(at)
            if at == 5:
                distributed.Variable(name, client=worker.client).set(worker.address)
                assert distributed.Event(name, client=worker.client).wait(PATIENCE)
        return block

    expected = MaxEntClassifier(**options).fit(lazily(x, chunks=(25, -1)), y, s)
    distributed.Variable(f"{solver} count", client=client).set(0)
    lazy = lazily(x, chunks=(25, -1)).map_blocks(held_back, solver, dtype=x.dtype, meta=np.zeros((0, 0)))

    def fitted() -> MaxEntClassifier:
        with dask.config.set(scheduler="distributed"):
            return MaxEntClassifier(**options).fit(lazy, y, s)

    with ThreadPoolExecutor(1) as beside:
        fit = beside.submit(fitted)
        kill(client, distributed.Variable(solver, client=client).get(timeout=PATIENCE))
        distributed.Event(solver, client=client).set()
        got = fit.result(PATIENCE)
    np.testing.assert_array_equal(got.coef_, expected.coef_)
    np.testing.assert_array_equal(got.intercept_, expected.intercept_)
    assert distributed.Variable(f"{solver} count", client=client).get(timeout=PATIENCE) > 5
    try:
        client.wait_for_workers(WORKERS, timeout=20)
    except TimeoutError:  # the cluster has not put another in its place, which is not what is tested
        client.restart(timeout=PATIENCE)
    until(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == WORKERS)
