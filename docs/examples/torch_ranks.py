r"""Evaluate softmax cross-entropy of logits that are sharded over the ranks of torch.distributed, by classes or rows.

Sharded by classes, each rank holds some columns of the logits, as after a linear layer whose classes are sharded.  It
evaluates the `xent_arrayapi.LogPartition` of its columns; two collectives merge them, of one and of four numbers a
row.  Sharded by rows, each rank has its own rows, and one collective adds two numbers.  Either way the gradient is
made from the shard with no further communication, and stays where the logits are; ``logits.backward(gradient)`` hands
it on to what they were made from.

    python docs/examples/torch_ranks.py [--ranks 4]

evaluates both on processes of this machine, and beside them in one process.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing
from torch.distributed import ProcessGroup, ReduceOp

from xent_arrayapi import LogPartition, SoftmaxCrossEntropy

Reduction = Literal["none", "sum", "mean"]


def merge_over_ranks(
    part: LogPartition[Tensor], *sums: Tensor, group: ProcessGroup | None = None
) -> tuple[LogPartition[Tensor], list[Tensor]]:
    """Merge the partitions of disjoint classes that the ranks hold, and add up what comes with them.

    The first collective finds the maximum m of all classes.  A rank below it adds (1 + t) exp(m_r − m) to the tail,
    which is what it adds to one class at m.  A rank at m adds its own tail, small as it may be, and each such rank but
    one a whole class: they are counted apart, for a tail that has been added to 1 has lost its digits.
    """
    m = part.max.clone()
    dist.all_reduce(m, ReduceOp.MAX, group)
    at_top = (part.max == m) & (m > -torch.inf)
    one_class = LogPartition(m, torch.zeros_like(m))
    tail = torch.where(at_top, part.tail, one_class.merge(part).tail)
    added = torch.stack([tail, at_top.to(m.dtype), *sums])
    dist.all_reduce(added, ReduceOp.SUM, group)
    tail, ranks_at_top, *rest = added
    return LogPartition(m, tail + (ranks_at_top - 1).clamp(min=0)), rest


@torch.no_grad()
def log_partition(shard: Tensor, group: ProcessGroup | None = None) -> LogPartition[Tensor]:
    """Return the partition of all classes, from the columns of each rank."""
    return merge_over_ranks(LogPartition.of(shard), group=group)[0]


@torch.no_grad()
def sharded_by_classes(
    shard: Tensor,
    labels: Tensor,
    first: int,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    group: ProcessGroup | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the loss, and its gradient by the columns of this rank, of which `first` is the first class.

    Every rank has the labels of all rows.  The loss and the gradient of a row are nan where its label is no class.
    """
    part = LogPartition.of(shard)
    hit = torch.arange(first, first + shard.shape[-1], device=shard.device) == labels[:, None]
    own = torch.where(hit, shard, 0).sum(-1, dtype=part.max.dtype)
    part, (logit, hits) = merge_over_ranks(part, own, hit.any(-1).to(own.dtype), group=group)

    kept = labels != ignore_index
    divisor = kept.sum().clamp(min=1) if reduction == "mean" else 1
    share = torch.where(hits == 1, hits / divisor, torch.nan)
    losses = torch.where(kept, -share * part.log_softmax(logit[:, None])[:, 0], 0)
    u = shard.to(own.dtype)
    gradient = torch.where(hit, torch.expm1(part.log_softmax(u)), part.softmax(u))  # S − 1 at the label
    gradient = torch.where(kept[:, None], share[:, None] * gradient, 0)
    return losses if reduction == "none" else losses.sum(), gradient.to(shard.dtype)


@torch.no_grad()
def sharded_by_rows(
    logits: Tensor, labels: Tensor, *, ignore_index: int = -100, group: ProcessGroup | None = None
) -> tuple[Tensor, Tensor]:
    """Return the mean loss of the rows of all ranks, and its gradient by the rows of this rank.

    No value is checked: a rank that raised would leave the others waiting.  The loss of a bad label is nan.
    """
    loss = SoftmaxCrossEntropy(labels, ignore_index=ignore_index, check_values=False)
    added = torch.stack(loss.total_and_weight(logits))
    dist.all_reduce(added, ReduceOp.SUM, group)
    total, weight = added
    mean = torch.where(weight > 0, total / weight, total)
    return mean, replace(loss, normalizer=weight).grad(logits)


def compare(rank: int, ranks: int, store: str, rows: int = 64, classes: int = 1000) -> None:
    """Evaluate shards of the same logits on every rank, and say how far the first is from one process."""
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=ranks)
    torch.manual_seed(0)
    logits, labels = 4 * torch.randn(rows, classes, dtype=torch.float64), torch.randint(classes, (rows,))
    value, gradient = SoftmaxCrossEntropy(labels).value_and_grad(logits)
    columns, lines = (torch.arange(size).tensor_split(ranks)[rank] for size in (classes, rows))
    found = {
        "classes": (sharded_by_classes(logits[:, columns], labels, int(columns[0])), gradient[:, columns]),
        "rows": (sharded_by_rows(logits[lines], labels[lines]), gradient[lines]),
    }
    for name, ((loss, own), expected) in found.items():
        said = (
            f"by {name}: loss {loss:.15f}, of one process {value:.15f}; gradient {(own - expected).abs().max():.0e} off"
        )
        if rank == 0:
            print(said)  # noqa: T201  # what the script is run for
    dist.destroy_process_group()


def main() -> None:
    """Start the ranks on this machine."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ranks", type=int, default=4, help="default: %(default)s")
    ranks = parser.parse_args().ranks
    with tempfile.TemporaryDirectory() as directory:
        multiprocessing.spawn(compare, (ranks, (Path(directory) / "store").as_uri()), ranks)


if __name__ == "__main__":
    main()
