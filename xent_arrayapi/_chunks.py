"""Data in chunks of rows, larger than memory: Dask arrays, on threads or on many machines."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import delayed
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from xent_arrayapi._namespace import from_host, is_of_host, to_host
from xent_arrayapi._training import (
    codes_among,
    finite_only,
    floating,
    known_weights,
    real_features,
    row_weights,
    sample_weights,
    two_classes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn.base import BaseEstimator

    from xent_arrayapi._penalised import ArraySums, Floats, Product
    from xent_arrayapi._sgd import Descent, State
    from xent_arrayapi._typing import Array

BRANCHES = 8
"""How many results are merged at once: a tree of them, which is the same wherever its leaves are computed."""


class Chunk(NamedTuple):
    """Some rows: features, labels and weights, as they are given or as a task that makes them."""

    x: Any
    y: Any
    s: Any


class Found(NamedTuple):
    """What is known of labels and weights: the classes in order, their total weights, and the number of rows."""

    classes: Any
    totals: Floats
    rows: int


@dataclass(frozen=True, eq=False)
class Chunks:
    """Rows in chunks, each loaded by the tasks that need it and then forgotten."""

    parts: tuple[Chunk, ...]
    features: int

    def reduced(self, of_chunk: Callable[..., Any], merge: Callable[[Any, Any], Any], *shared: Any) -> Any:
        """Return what a function makes of each chunk, merged in a tree of fixed order."""
        there = [delayed(x, traverse=False) for x in shared]
        results = [delayed(of_chunk, pure=False)(part, *there) for part in self.parts]
        merged = delayed(_merged, pure=False)
        while len(results) > 1:
            results = [merged(merge, results[i : i + BRANCHES]) for i in range(0, len(results), BRANCHES)]
        return results[0].compute()


def _merged(merge: Callable[[Any, Any], Any], results: Sequence[Any]) -> Any:
    return reduce(merge, results)


def added(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Add sums of two sets of rows."""
    return tuple(a + b for a, b in zip(one, other, strict=True))


def in_chunks(estimator: BaseEstimator, x: Any, y: Any, sample_weight: Any, *, reset: bool) -> Chunks:
    """Return X, y and weights in chunks of the same rows, once it is checked that they are; no value is computed."""
    x = whole_rows(estimator, x, reset=reset)
    parts = _blocks(x)
    labels = _blocks(_like_rows("y", y, x))
    weights = [None] * len(parts) if sample_weight is None else _blocks(_like_rows("sample_weight", sample_weight, x))
    return Chunks(tuple(map(Chunk, parts, labels, weights)), x.shape[1])


def whole_rows(estimator: BaseEstimator, x: Any, *, reset: bool) -> Any:
    """Return X in chunks of whole rows, once its shape and dtype are checked."""
    real_features(x)
    validate_data(estimator, x, reset=reset, skip_check_array=True)
    return x if x.numblocks[1] == 1 else x.rechunk({1: -1})


def _blocks(x: Any) -> list[Any]:
    return list(x.to_delayed().ravel())


def _like_rows(name: str, given: Any, x: Any) -> Any:
    """Return an array of one axis in the chunks of the rows of X."""
    known = not any(np.isnan(size) for size in x.chunks[0])
    if not isinstance(given, da.Array):
        if not known:
            msg = (
                f"`{name}` must be a Dask array in the chunks of `X`, for the rows of those are not counted yet: "
                "make it of the same chunks, or call `X.compute_chunk_sizes()` first."
            )
            raise ValueError(msg)
        given = da.from_array(np.asarray(given), chunks=-1)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        msg = f"`{name}` must have 1 axis, one value for each row of `X`, not the shape {given.shape}."
        raise ValueError(msg)
    if not known or np.isnan(given.shape[0]):
        if given.numblocks[0] != x.numblocks[0]:
            msg = (
                f"`{name}` must be in the {x.numblocks[0]} chunks of `X`, not in {given.numblocks[0]}: "
                "rows that are not counted cannot be matched, call `compute_chunk_sizes()` of both first."
            )
            raise ValueError(msg)
        return given
    if given.shape[0] != x.shape[0]:
        msg = f"`{name}` must have a value for each of the {x.shape[0]} rows of `X`, not {given.shape[0]}."
        raise ValueError(msg)
    return given.rechunk((x.chunks[0],))


def survey(chunks: Chunks) -> Found:
    """Go through the data once: check every value, and return the classes."""
    found: Found = chunks.reduced(_found, _united)
    if found.rows == 0:
        msg = "`X` must have rows, and has none."
        raise ValueError(msg)
    return found


def _found(chunk: Chunk) -> Found:
    x, y, s = chunk
    labels, weights = _labels(x, y), sample_weights(s, x.shape[:1])
    finite_only(floating(x))
    if labels.shape[0]:
        check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    totals: Floats = np.bincount(codes, weights=weights, minlength=classes.shape[0]).astype(np.float64)
    return Found(classes, totals, labels.shape[0])


def _labels(x: Array, y: Any) -> Any:
    y = column_or_1d(y if is_of_host(y) else to_host(y))
    if y.shape[0] != x.shape[0]:
        msg = f"`y` must have as many labels in each chunk as `X` has rows: {x.shape[0]}, not {y.shape[0]}."
        raise ValueError(msg)
    return y


def _united(one: Found, other: Found) -> Found:
    if not one.rows or not other.rows:
        return one if one.rows else other
    classes, codes = np.unique(np.concatenate([one.classes, other.classes]), return_inverse=True)
    both = np.concatenate([one.totals, other.totals])
    totals: Floats = np.bincount(codes, weights=both, minlength=classes.shape[0]).astype(np.float64)
    return Found(classes, totals, one.rows + other.rows)


class Made(NamedTuple):
    """How the sums over one chunk are made: of its features, codes and weights."""

    classes: Any
    class_weights: Floats
    of_array: Callable[[Array, Any, Floats, int], ArraySums]

    def __call__(self, x: Array, y: Any, s: Any) -> ArraySums:
        """Return the sums over the rows of a chunk."""
        codes = np.searchsorted(self.classes, _labels(x, y))
        return self.of_array(
            floating(x), codes, sample_weights(s, x.shape[:1]) * self.class_weights[codes], self.classes.shape[0]
        )


@dataclass(frozen=True, eq=False)
class ChunkSums:
    """The sums over the rows of all chunks: those of each chunk, where it is, and no more than they are moved."""

    chunks: Chunks
    made: Made
    shape: tuple[int, int]
    weight: float

    def value_and_grad(self, theta: Floats) -> tuple[float, Floats]:
        """Return Σ s h and its gradient."""
        result: tuple[float, Floats] = self.chunks.reduced(_value_and_grad, added, self.made, theta)
        return result

    def linearize(self, theta: Floats) -> tuple[float, Floats, Product]:
        """Return Σ s h, its gradient, and the product of its Hessian with a tangent, which goes through all chunks."""

        def product(tangent: Floats) -> Floats:
            (result,) = self.chunks.reduced(_product, added, self.made, theta, tangent)
            along: Floats = result
            return along

        return *self.value_and_grad(theta), product

    def moments(self) -> Floats:
        """Return Σ s (x, 1) (x, 1)ᵀ."""
        (result,) = self.chunks.reduced(_moments, added, self.made)
        moments: Floats = result
        return moments

    def spread(self, tangent: Floats) -> float:
        """Return the largest difference between two logits of a row, where θ is a tangent."""
        return float(self.chunks.reduced(_spread, max, self.made, tangent))


def _value_and_grad(chunk: Chunk, made: Made, theta: Floats) -> tuple[float, Floats]:
    return made(*chunk).value_and_grad(theta)


def _product(chunk: Chunk, made: Made, theta: Floats, tangent: Floats) -> tuple[Floats]:
    return (made(*chunk).linearize(theta)[2](tangent),)


def _moments(chunk: Chunk, made: Made) -> tuple[Floats]:
    return (made(*chunk).moments(),)


def _spread(chunk: Chunk, made: Made, tangent: Floats) -> float:
    return made(*chunk).spread(tangent) if chunk.x.shape[0] else 0.0


def walked(sums: ChunkSums, descent: Descent, state: State, random: Any) -> State:
    """Go once through the rows, chunk after chunk in random order, each where it is."""
    there = delayed(sums.made, traverse=False), delayed(descent, traverse=False)
    through = delayed(_through, pure=False)
    for number in random.permutation(len(sums.chunks.parts)):
        seed = int(random.randint(np.iinfo(np.int32).max))
        state = through(sums.chunks.parts[number], *there, delayed(state, traverse=False), seed).compute()
    return state


def _through(chunk: Chunk, made: Made, descent: Descent, state: State, seed: int) -> State:
    return descent.through(state, made(*chunk), np.random.RandomState(seed).permutation(chunk.x.shape[0]))


def sums_over_chunks(
    chunks: Chunks, class_weight: Any, of_array: Callable[[Array, Any, Floats, int], ArraySums]
) -> tuple[Any, ChunkSums]:
    """Return the classes, and the loss of a linear model on all chunks, given how it is made for an array."""
    found = survey(chunks)
    two_classes(found.classes)
    count = found.classes.shape[0]
    totals = row_weights(found.totals, class_weight, found.classes, np.arange(count))
    made = Made(found.classes, totals / found.totals, of_array)
    return found.classes, ChunkSums(chunks, made, _shape(chunks, count), float(np.sum(totals)))


def sums_over_more_chunks(
    chunks: Chunks, class_weight: Any, classes: Any, of_array: Callable[[Array, Any, Floats, int], ArraySums]
) -> ChunkSums:
    """Return the loss of a linear model on all chunks, where the classes are known."""
    weights = known_weights(class_weight, classes)
    found = survey(chunks)
    total = float(np.sum(found.totals * weights[codes_among(classes, found.classes)]))
    return ChunkSums(chunks, Made(classes, weights, of_array), _shape(chunks, classes.shape[0]), total)


def _shape(chunks: Chunks, classes: int) -> tuple[int, int]:
    return 1 if classes == 2 else classes, chunks.features + 1


def map_rows(estimator: Any, x: Any, method: Callable[[Any, Array], Array]) -> Any:
    """Return what a method of a fitted estimator makes of rows, in chunks as lazy as they are."""
    x = whole_rows(estimator, x, reset=False)
    columns = x.shape[1]
    meta = _on_chunk(np.zeros_like(x._meta, shape=(0, columns)), estimator, method)  # noqa: SLF001  # Dask documents it
    laid_out: dict[str, Any] = {"drop_axis": 1} if meta.ndim == 1 else {"chunks": (x.chunks[0], (meta.shape[1],))}
    return x.map_blocks(_on_chunk, estimator, method, dtype=meta.dtype, meta=meta, **laid_out)


def _on_chunk(block: Array, estimator: Any, method: Callable[[Any, Array], Array]) -> Array:
    if not block.shape[0]:
        one = np.zeros_like(block, shape=(1, block.shape[1]))
        return _on_chunk(one, estimator, method)[:0]
    there = estimator
    if not is_of_host(block):
        there, block = copy.copy(estimator), floating(block)
        there.coef_, there.intercept_ = (from_host(x, block) for x in (estimator.coef_, estimator.intercept_))
    return method(there, block)
