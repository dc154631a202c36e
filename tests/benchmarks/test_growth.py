"""Loss and gradient in NumPy of more and more rows: the time is linear, and the memory beyond the outputs flat."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from tests.benchmarks.pairs import Turn, timed
from tests.benchmarks.peers import on_numpy
from tests.benchmarks.results import Growth
from tests.benchmarks.works import Work
from tests.counting import beyond_outputs

ROUNDS = 7


@pytest.mark.parametrize("classes", [10, 1000])
def test_growth(results, request, classes):
    largest = 6 if request.config.option.quick else 8
    sizes = [int(10 ** (e / 2)) for e in range(2 * largest - 8, 2 * largest + 1)]
    works = [Work((max(1, size // classes), classes), "float32") for size in sizes]
    turns = [Turn.of(on_numpy("value_and_grad", work, 1)) for work in works]
    taken: list[list[float]] = [[] for _ in turns]
    for _ in range(2 if request.config.option.quick else ROUNDS):
        for turn, seconds in zip(turns, taken, strict=True):
            turn.prepare()
            seconds.append(timed(turn) / turn.times)
    medians = [statistics.median(seconds) for seconds in taken]
    slope, _ = np.polyfit(np.log([work.size for work in works]), np.log(medians), 1)
    results.growth.append(
        Growth(
            f"{classes} classes, float32",
            [work.size for work in works],
            [t / medians[-1] for t in medians],
            float(slope),
            [beyond_outputs(on_numpy("value_and_grad", work, 1)) for work in works],
        )
    )
