"""What each rank of test_torch_ranks.py runs: it evaluates its shards, and leaves what it has found in a file."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch_ranks
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.experimental import implicit_replication
from torch.utils._python_dispatch import TorchDispatchMode

import xent_arrayapi as xent
from tests.sharded import IGNORED, PATIENCE

RANKS = 4
PLACES = {"rows": [Shard(0)], "classes": [Shard(1)], "both": [Shard(0), Shard(1)]}
"""Where DTensors are sharded: along the one axis of the mesh, or along both."""


class Sent(TorchDispatchMode):
    """Lists the collectives that are called, each with how many numbers a rank gives to it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if DTensor in types:
            return NotImplemented  # it calls its collectives on tensors, which come by here
        name = operator.__name__.partition(".")[0].strip("_")
        if "c10d" in operator.namespace and not name.startswith(("wait", "wrap")):
            tensors = args[0] if isinstance(args[0], list) else [args[0]]
            self.calls.append((name, sum(x.numel() for x in tensors)))
        return operator(*args, **(kwargs or {}))


def start(rank: int, directory: str) -> None:
    """Join the other ranks, evaluate, and save."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    store, timeout = (Path(directory) / "store").as_uri(), timedelta(seconds=PATIENCE)
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=RANKS, timeout=timeout)
    given = torch.load(Path(directory) / "given.pt")
    found = {name: by_hand(rank, *inputs) for name, inputs in given.items() if name != "mesh"}
    for name, placements in PLACES.items():
        found |= {(name, what): x for what, x in on_mesh(placements, *given["mesh"]).items()}
    torch.save(found, Path(directory) / f"{rank}.pt")
    dist.destroy_process_group()


def by_hand(rank: int, logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Evaluate the recipes on the columns and on the rows of a rank."""
    columns, rows = (torch.arange(size).tensor_split(RANKS)[rank] for size in reversed(logits.shape))
    leaf = logits[:, columns].clone().requires_grad_()
    shard, first = 1 * leaf, int(columns[0]) if len(columns) else 0
    found: dict[str, Any] = {"columns": columns, "rows": rows}
    with Sent() as sent:
        found["loss"], found["gradient"] = torch_ranks.sharded_by_classes(shard, labels, first, ignore_index=IGNORED)
    shard.backward(found["gradient"])
    found |= {"sent": sent.calls, "pulled back": leaf.grad}
    found["losses"], found["gradients"] = torch_ranks.sharded_by_classes(
        shard, labels, first, ignore_index=IGNORED, reduction="none"
    )
    part = torch_ranks.log_partition(shard)
    found |= {"max": part.max, "tail": part.tail, "logsumexp": part.logsumexp}
    found["softmax"] = part.softmax(shard.detach())
    with Sent() as sent:
        found["of rows"] = torch_ranks.sharded_by_rows(logits[rows], labels[rows], ignore_index=IGNORED)
    found["sent of rows"] = sent.calls
    return found


def on_mesh(placements: list[Any], logits: Tensor, labels: Tensor, tangent: Tensor) -> dict[str, Any]:
    """Evaluate the library on DTensors, and list what each function sends."""
    mesh = init_device_mesh("cpu", (RANKS,) if len(placements) == 1 else (2, 2))
    of_labels = [place if place == Shard(0) else Replicate() for place in placements]
    u, v, y = (
        distribute_tensor(x, mesh, p) for x, p in ((logits, placements), (tangent, placements), (labels, of_labels))
    )
    loss = xent.SoftmaxCrossEntropy(y, ignore_index=IGNORED)

    def backward() -> Tensor:
        x = u.detach().requires_grad_()
        loss(x).backward()
        return x.grad

    def recipe(what: int) -> Tensor:
        first = mesh.get_local_rank() * u.to_local().shape[-1]
        got = torch_ranks.sharded_by_classes(u.to_local(), labels, first, ignore_index=IGNORED, group=mesh.get_group())
        return DTensor.from_local(got[what], mesh, placements if what else [Replicate()])

    functions = {
        "softmax": lambda: xent.softmax(u),
        "log_softmax": lambda: xent.log_softmax(u),
        "logsumexp": lambda: xent.logsumexp(u),
        "LogPartition": lambda: xent.LogPartition.of(u).softmax(u),
        "loss": lambda: loss(u),
        "gradient": lambda: loss.grad(u),
        "hvp": lambda: loss.hvp(u, v),
        "backward": backward,
    }
    if placements == [Shard(1)]:
        functions |= {"loss by recipe": partial(recipe, 0), "gradient by recipe": partial(recipe, 1)}
    return {name: communicated(function) for name, function in functions.items()}


def communicated(function: Any) -> tuple[Tensor, list[str], list[tuple[str, int]]]:
    """Return a result made whole, its placement, and what was sent for it."""
    with Sent() as sent, implicit_replication():
        got = function()
    return got.full_tensor().detach(), [str(place) for place in got.placements], sent.calls
