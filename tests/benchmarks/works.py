"""What is timed: arrays of some sizes, and what is computed of them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

OF_ROWS = ("softmax", "log_softmax", "logsumexp")
BACKWARD = {f"{name}, backward": name for name in ("loss", *OF_ROWS)}
"""What the library differentiates, as it does in training, and what that is called by itself."""
FUNCTIONS = ("value_and_grad", *OF_ROWS, *BACKWARD)
"""`value_and_grad` is the loss of each row and its gradient, for labels."""


@dataclass(frozen=True)
class Work:
    """An array to work on."""

    shape: tuple[int, ...]
    dtype: str
    axis: int = -1

    @property
    def name(self) -> str:
        """Sizes, dtype, and the class axis where it is not the last."""
        sizes = "x".join(map(str, self.shape))
        return f"{sizes} {self.dtype}" + ("" if self.axis == -1 else f" axis {self.axis}")

    @property
    def size(self) -> int:
        """The number of logits."""
        return math.prod(self.shape)

    @property
    def classes(self) -> int:
        """K."""
        return self.shape[self.axis]

    @property
    def batch(self) -> tuple[int, ...]:
        """The shape of the labels."""
        axis = self.axis % len(self.shape)
        return self.shape[:axis] + self.shape[axis + 1 :]

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return logits and labels, the same to all and in each run."""
        return drawn(self)


@functools.lru_cache(maxsize=1)
def drawn(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits and labels; those of the last work are kept, for its pairs are timed one after another."""
    draw = np.random.default_rng(0)
    logits = 3 * draw.standard_normal(work.shape, dtype=np.float32)
    return logits.astype(work.dtype), draw.integers(0, work.classes, work.batch)


CALL = Work((32, 10), "float64")
"""So small that what is timed is the call."""
WORKS = (
    *(Work((4096, 1000), dtype) for dtype in ("float32", "float64")),
    Work((512, 32_000), "float32"),
    *(Work((1_000_000, 10), dtype) for dtype in ("float32", "float64")),
    Work((200_000, 100), "float32"),
    Work((64, 128_256), "float32"),
    CALL,
    *(Work((1000, 4096), "float32", 0), Work((10, 1_000_000), "float32", 0)),
    *(Work((64, 1000, 64), "float32", 1), Work((1000, 10, 1000), "float32", 1)),
)
"""Class axis last, first, and in the middle."""
QUICK = (
    *(Work((64, 1000), "float32"), Work((20_000, 10), "float64"), Work((2, 32_000), "float32"), CALL),
    *(Work((10, 20_000), "float32", 0), Work((8, 1000, 8), "float32", 1)),
)
"""One of each kind, small: to see that all runs, not how fast."""
