"""All theorems, by their ids."""

from __future__ import annotations

from verification.theorems_categorical import CATEGORICAL
from verification.theorems_entropy import ENTROPY
from verification.theorems_layout import LAYOUT
from verification.theorems_loss import LOSSES
from verification.theorems_models import MODELS
from verification.theorems_options import OPTIONS
from verification.theorems_partition import PARTITION
from verification.theorems_sigmoid import SIGMOID
from verification.theorems_softmax import SOFTMAX

THEOREMS = {
    theorem.id: theorem
    for theorem in (*PARTITION, *SOFTMAX, *LOSSES, *OPTIONS, *SIGMOID, *ENTROPY, *MODELS, *CATEGORICAL, *LAYOUT)
}
