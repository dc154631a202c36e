"""Dask beyond the suite: its schedulers, and what only its arrays can be."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.backends import backend
from tests.backends.table import LANES
from tests.conftest import close
from xent_arrayapi._selfcheck_machine import Dask

N, K = 30, 8


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(20_161_122)
    return 4 * rng.normal(size=(N, K)), rng.integers(0, K, N), rng.normal(size=(N, K))


def everything(u, y, v):
    h = xent.SoftmaxCrossEntropy(y, ignore_index=2, label_smoothing=0.1, z_loss=0.01)
    part = xent.LogPartition.of(u, axis=None)
    return *h.value_and_grad(u), h.hvp(u, v), h.hessian_diag(u), part.logsumexp, xent.softmax(u, axis=0)


@pytest.fixture(scope="module")
def client():
    distributed = importlib.import_module("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def held(data, results):
    for one, other in zip(results, everything(*data), strict=True):
        close(np.asarray(one), other, rtol=8 * 2.0**-52, atol=8 * 2.0**-52)


@pytest.mark.parametrize("name", LANES["dask"])
def test_threads_give_the_numbers_of_one_process(data, name):
    be = backend(name)
    held(data, be.module.compute(*be.run(everything, *(be.array(x) for x in data)), scheduler="threads"))


@pytest.mark.parametrize("name", LANES["dask"])
def test_processes_give_the_numbers_of_one(data, name, client):
    be = backend(name)
    held(data, client.gather(client.compute(list(be.run(everything, *(be.array(x) for x in data))))))


@pytest.mark.parametrize("name", LANES["dask"])
def test_unknown_row_counts_are_refused(data, name):
    be = backend(name)
    u, y, _ = (be.array(x) for x in data)
    few = u[u[:, 0] > 0]
    for named, call in {
        "x": lambda: xent.softmax(few),
        "logits": lambda: xent.SoftmaxCrossEntropy(y)(few),
        "p": lambda: xent.entropy(few),
    }.items():
        with pytest.raises(ValueError, match=rf"^`{named}` must have a known shape, not \(nan, 8\)"):
            call()
    few.compute_chunk_sizes()
    positive = data[0][:, 0] > 0
    close(be.numpy(xent.softmax(few)), xent.softmax(data[0][positive]), rtol=8 * be.eps)


def test_the_place_of_the_self_check():
    place = Dask("cpu")
    assert (place.version, place.raises) == (backend("dask-both").module.__version__, False)
    assert "bfloat16" not in place.dtypes()
    with place.within():
        x = place.array([[1.0, 2.0, 3.0]], "float32")
        assert x.numblocks == (1, 2)
        assert place.values(xent.logsumexp(x * np.inf - x * np.inf)) == pytest.approx([np.nan], nan_ok=True)
        place.wait((x,))
        with place.forbidding(), pytest.raises(RuntimeError, match="graph computed"):
            place.offend(x)
