"""Several processes, one per GPU or CPU, that train one network: each computes a share of every batch.

`torchrun --nproc-per-node 2 -m resonaut.cli tag train ...` sets the environment that is read here. Gradients
are summed after each backward pass rather than by wrapping the network, so that a loss may call any method of
the network, and a process that ran out of memory may cut its share into pieces without the others' knowing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from resonaut.errors import ConfigError


def is_first() -> bool:
    """Whether this process writes the results: the only one, or the first of those that torchrun started."""
    return int(os.environ.get("RANK", "0")) == 0


@dataclass(frozen=True)
class World:
    """The processes of a training.

    Attributes:
        rank: number of this process.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This process's rows of a batch; with bucketed rows all shares are alike."""
        return rows if self.size == 1 else rows[self.rank :: self.size]

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, in one exchange per type."""
        if self.size == 1:
            return
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            distributed.all_reduce(flat)
            sizes = [tensor.numel() for tensor in same]
            for tensor, total in zip(same, flat.split(sizes), strict=True):
                tensor.copy_(total.view_as(tensor))

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sum the gradients over the processes; a parameter without one counts as 0."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.add([parameter.grad for parameter in parameters])

    def same_state(self, network: nn.Module) -> None:
        """Give all processes the weights and buffers of the first."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)

    def mean_buffers(self, network: nn.Module) -> None:
        """Replace floating buffers (means and variances of batches) by their mean over the processes."""
        buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        self.add(buffers)
        if self.size > 1 and buffers:
            torch._foreach_div_(buffers, self.size)


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    if not text.isdigit():
        raise ConfigError(
            f"environment: WORLD_SIZE is set but {name} is '{text}'; a whole number is expected. Start the "
            "processes with torchrun, or unset WORLD_SIZE."
        )
    return int(text)


@contextlib.contextmanager
def world(device: torch.device) -> Iterator[World]:
    """The processes that torchrun started, or this one alone, while the block runs.

    Args:
        device: where they train: NCCL on cuda, where each process takes the GPU of its local rank; else gloo.

    Raises:
        ConfigError: the environment of torchrun is incomplete.
    """
    if not os.environ.get("WORLD_SIZE") or _number("WORLD_SIZE") == 1:
        yield World()
        return
    rank, size = _number("RANK"), _number("WORLD_SIZE")
    if device.type == "cuda":
        torch.cuda.set_device(_number("LOCAL_RANK"))
    begun = not distributed.is_initialized()
    if begun:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(rank, size)
    finally:
        if begun:
            distributed.destroy_process_group()
