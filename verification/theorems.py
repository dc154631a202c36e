"""All theorems, by their ids."""

from __future__ import annotations

from verification.theorems_partition import PARTITION
from verification.theorems_softmax import SOFTMAX

THEOREMS = {theorem.id: theorem for theorem in (*PARTITION, *SOFTMAX)}
