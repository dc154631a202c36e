r"""Fit the maximum-entropy classifier to more rows than the workers may hold.

The rows are made on the workers, chunk by chunk and from seeds, each time that the fit goes through them, as they would
be read from files.  Beside the fit, the memory of the workers is measured as Linux counts it.

    python docs/examples/dask_fit.py [--chunks 24] [--workers 2] [--output dask_fit.svg]
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from matplotlib.figure import Figure
from plotting import BLUE, ORANGE, write

from xent_arrayapi import MaxEntClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROWS, FEATURES, CLASSES = 32_768, 64, 3
"""Of a chunk, which is 8 MiB."""


def features_of_chunk(block_id: tuple[int, int]) -> NDArray[Any]:
    """Return the rows of a chunk: its seed is its place."""
    return np.random.default_rng(block_id).random((ROWS, FEATURES), dtype=np.float32) - np.float32(0.5)


def labels_of_chunk(x: NDArray[Any], block_id: tuple[int]) -> NDArray[Any]:
    """Draw labels from a model of the features, by Gumbel's trick."""
    of_model = np.random.default_rng(2016).standard_normal((FEATURES, CLASSES))
    return np.argmax(x @ of_model + np.random.default_rng((7, *block_id)).gumbel(size=(len(x), CLASSES)), axis=-1)


def rows_in_chunks(count: int) -> tuple[da.Array, da.Array]:
    """Return features and labels that are made whenever they are needed."""
    chunks = ((ROWS,) * count, (FEATURES,))
    x = da.map_blocks(features_of_chunk, chunks=chunks, dtype=np.float32, meta=np.zeros((0, 0), np.float32))
    return x, x.map_blocks(labels_of_chunk, drop_axis=1, dtype=np.int64, meta=np.zeros(0, np.int64))


def resident(pids: list[int]) -> float:
    """Return the resident memory of processes, in MiB."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextlib.contextmanager
def measured(pids: list[int]) -> Iterator[tuple[list[float], list[float]]]:
    """Measure the memory of processes ten times a second."""
    times: list[float] = []
    used: list[float] = []
    start, over = time.monotonic(), threading.Event()

    def measure() -> None:
        while not over.wait(0.1):
            times.append(time.monotonic() - start)
            used.append(resident(pids))

    beside = threading.Thread(target=measure)
    beside.start()
    try:
        yield times, used
    finally:
        over.set()
        beside.join()


def plot(times: list[float], grown: list[float], size: float) -> Figure:
    """Show by how much the memory of the workers grows, beside the size of the features."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(size, color=ORANGE, ls="--")
    axes.annotate(
        f"the features: {size:.0f} MiB", (times[-1], size), xytext=(0, -14), textcoords="offset points", ha="right"
    )
    axes.fill_between(times, 0, grown, color=BLUE, alpha=0.3, lw=0)
    axes.plot(times, grown, color=BLUE)
    axes.annotate(
        "all workers, above what they held before", (times[0], max(grown)), xytext=(6, 8), textcoords="offset points"
    )
    axes.set(xlabel="seconds", ylabel="memory of the workers, MiB", xlim=(0, times[-1]), ylim=(0, 1.08 * size))
    return figure


def main() -> None:
    """Fit on a cluster of local processes, say how close to the minimum the fit is, and draw the memory it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=24, help="of 8 MiB each; default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="the SVG file to write")
    arguments = parser.parse_args()

    x, y = rows_in_chunks(arguments.chunks)
    options: dict[str, Any] = {"n_workers": arguments.workers, "threads_per_worker": 1}
    with LocalCluster(**options, dashboard_address="127.0.0.1:0") as cluster, Client(cluster) as client:
        pids = [worker.pid for worker in cluster.workers.values()]
        before = resident(pids)
        with measured(pids) as (times, used):
            fitted = MaxEntClassifier(alpha=1e-3, solver="lbfgs", tol=1e-3).fit(x, y)
            correct = float(da.mean(fitted.predict(x) == y).compute())
        client.close()

    size = x.nbytes / 2**20
    said = (
        f"features: {size:.0f} MiB in {arguments.chunks} chunks, {x.shape[0]:,} rows",
        f"memory of {arguments.workers} workers: {max(used) - before:.0f} MiB more than before, at the peak",
        f"fit: {fitted.n_iter_} iterations in {times[-1]:.1f} s, largest derivative {fitted.moment_violation_:.0e}",
        f"f: {fitted.objective_:.6f}, and at most {fitted.duality_gap_:.0e} above its minimum",
        f"correct: {correct:.3f} of the rows",
    )
    print("\n".join(said))  # noqa: T201  # what the script is run for
    if arguments.output:
        write(plot(times, [now - before for now in used], size), arguments.output)


if __name__ == "__main__":
    main()
