r"""Evaluate softmax cross-entropy of Dask arrays in chunks of rows and of classes, by one reduction.

Each chunk of the logits is looked at once for its `xent_arrayapi.LogPartition` and for the logit of the label, where
the chunk has it.  These states, three numbers a row, are merged along the classes by ``dask.array.reduction``; the
gradient is then made chunk by chunk from the chunk and the merged state of its rows.  Everything is lazy.

    python docs/examples/dask_classes.py [--rows 2000] [--classes 10000] [--workers 4]

evaluates the loss of a linear layer and its gradient on a cluster of local processes, and beside it in one process.
"""

from __future__ import annotations

import argparse
from functools import reduce
from typing import Any, Literal

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from numpy.typing import NDArray

from xent_arrayapi import LogPartition, SoftmaxCrossEntropy

Array = NDArray[Any]
Reduction = Literal["none", "sum", "mean"]


def pack(partition: LogPartition[Array], label: Array) -> Array:
    """Lay a state out as one record per row, which Dask passes on as it does numbers."""
    state = np.empty(label.shape, [(name, label.dtype) for name in ("max", "tail", "label")])
    state["max"], state["tail"], state["label"] = partition.max, partition.tail, label
    return state


def unpack(state: Any) -> LogPartition[Any]:
    """Return the partition of records, of NumPy or of Dask."""
    return LogPartition(state["max"], state["tail"])


def state_of_chunk(logits: Array, hit: Array) -> Array:
    """Return the state of the classes of a chunk: their partition, and the logit of the label or 0."""
    partition = LogPartition.of(logits)
    label = np.sum(np.where(hit, logits, 0), axis=-1, dtype=partition.max.dtype)
    return pack(partition, label)[:, None]


def merge_states(states: Array, axis: Any, keepdims: Any) -> Array:
    """Merge the states of some chunks of the same rows, one in each column."""
    empty = np.zeros(len(states), states.dtype)
    empty["max"] = -np.inf
    whole = reduce(LogPartition.merge, map(unpack, states.T), unpack(empty))
    return np.reshape(pack(whole, np.sum(states["label"], axis=axis)), (-1, 1) if keepdims else -1)


def states_of(logits: da.Array, hit: Any) -> da.Array:
    """Reduce logits to one state per row; hit marks the label among the classes."""
    dtype = LogPartition.of(np.zeros((1, 1), logits.dtype)).max.dtype
    meta = pack(LogPartition(*np.zeros((2, 0), dtype)), np.zeros(0, dtype))
    chunks = (logits.chunks[0], (1,) * logits.numblocks[1])
    states = da.map_blocks(state_of_chunk, logits, hit, chunks=chunks, meta=meta[:, None])
    return da.reduction(
        states, lambda state, **_: state, merge_states, combine=merge_states, axis=1, dtype=meta.dtype, meta=meta
    )


def log_partition(logits: da.Array) -> LogPartition[da.Array]:
    """Return the partition of rows of logits, as lazy as they are."""
    return unpack(states_of(logits, hit=False))


def losses_of_rows(state: Array, weight: Array) -> Array:
    """Return the weighted losses −log S of rows, 0 where the weight is 0."""
    loss = -unpack(state).log_softmax(state["label"][:, None])[:, 0]
    return weight * np.where(weight == 0, 0, loss)


def gradient_of_chunk(logits: Array, hit: Array, state: Array, weight: Array) -> Array:
    """Return S − onehot times the weights of rows, with S − 1 = expm1(log S) at the label."""
    partition = unpack(state[:, 0])
    u = logits.astype(weight.dtype)
    gradient = np.where(hit, np.expm1(partition.log_softmax(u)), partition.softmax(u))
    return (weight * np.where(weight == 0, 0, gradient)).astype(logits.dtype)


def value_and_grad(
    logits: da.Array,
    labels: Any,
    *,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> tuple[da.Array, da.Array]:
    """Return the loss and its gradient: those of `SoftmaxCrossEntropy` with the same arguments.

    The loss and the gradient of a row are nan where its label is no class.
    """
    rows, classes = logits.chunks
    labels = da.asarray(labels).rechunk((rows,))
    hit = da.arange(logits.shape[1], chunks=(classes,)) == labels[:, None]
    states = states_of(logits, hit)

    weight = da.ones(logits.shape[0], chunks=(rows,)) if sample_weight is None else da.asarray(sample_weight)
    weight = weight.rechunk((rows,)).astype(states.dtype["max"])
    if ignore_index is not None:
        weight = da.where(labels == ignore_index, 0, weight)
    is_class = (weight == 0) | ((labels >= 0) & (labels < logits.shape[1]))
    if reduction == "mean":
        total = da.sum(weight)
        weight = weight / da.where(total > 0, total, 1)
    weight = da.where(is_class, weight, np.nan)

    losses = da.map_blocks(losses_of_rows, states, weight, dtype=weight.dtype)
    columns = states[:, None], weight[:, None]
    gradient = da.map_blocks(gradient_of_chunk, logits, hit, *columns, dtype=logits.dtype)
    return losses if reduction == "none" else da.sum(losses), gradient


def main() -> None:
    """Evaluate a linear layer on a cluster of this machine, and compare with one process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in {"rows": 2000, "classes": 10_000, "features": 16, "workers": 4}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help="default: %(default)s")
    arguments = parser.parse_args()

    random = da.random.default_rng(0)
    features = random.normal(size=(arguments.rows, arguments.features), chunks=(500, -1))
    weights = random.normal(size=(arguments.features, arguments.classes), chunks=(-1, 2500))
    labels = random.integers(0, arguments.classes, size=arguments.rows, chunks=500)
    logits = features @ weights
    loss, gradient = value_and_grad(logits, labels)
    with (
        LocalCluster(n_workers=arguments.workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster),
    ):
        loss, layer = dask.compute(loss, features.T @ gradient)
        x, u, y = dask.compute(features, logits, labels)

    value, expected = SoftmaxCrossEntropy(y).value_and_grad(u)
    off = np.max(np.abs(layer - x.T @ expected)) / np.max(np.abs(layer))
    said = (
        f"logits: {logits.nbytes / 2**20:.0f} MiB in {logits.npartitions} chunks of {logits.chunksize}",
        f"loss: {loss:.15f}; of one process: {value:.15f}",
        f"gradient of the layer: within {off:.0e} of that of one process, relative to its largest entry",
    )
    print("\n".join(said))  # noqa: T201  # what the script is run for


if __name__ == "__main__":
    main()
