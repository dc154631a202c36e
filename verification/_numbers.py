"""The numeric layer in pieces, as processes run them and as mutants are held against them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from verification._coverage import Line, recording
from verification._numeric import DTYPES, PARTS, run_part

if TYPE_CHECKING:
    from verification._judged import NumericResult


@dataclass(frozen=True)
class Piece:
    """Some numbers of one dtype."""

    name: str
    dtype: str
    record: bool
    """Whether it is seen which lines of the cores run, which takes time."""


@dataclass(frozen=True)
class Numbers:
    """What came out of a piece."""

    piece: Piece
    results: tuple[NumericResult, ...]
    lines: frozenset[Line]
    seconds: float


def pieces(*, record: bool) -> list[Piece]:
    """Return the whole layer."""
    return [Piece(name, dtype, record) for name in PARTS for dtype in DTYPES]


def measure(piece: Piece) -> Numbers:
    """Run a piece."""
    start = perf_counter()
    lines = set[Line]()
    with ExitStack() as stack:
        if piece.record:
            lines = stack.enter_context(recording())
        results = run_part(piece.name, PARTS[piece.name], piece.dtype)
    return Numbers(piece, tuple(results), frozenset(lines), perf_counter() - start)
