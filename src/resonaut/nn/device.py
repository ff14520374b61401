"""Where networks run, and the switches that make a run repeat itself bit for bit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from resonaut import gpu_slots
from resonaut.errors import ConfigError


def choose(device: str = "auto") -> torch.device:
    """The device to train on: the one that is named, or the first of cuda, mps, cpu that is there.

    Where jobs of one machine share its GPUs, this one takes a GPU of its own (`gpu_slots`), or waits for one.

    Raises:
        ConfigError: the named device is not available on this machine.
    """
    # CUDA reads which GPUs it may see when it starts.
    if device in ("auto", "cuda") and torch.version.cuda is not None and not torch.cuda.is_initialized():
        gpu_slots.take()
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, available in there.items() if available))
    if not there.get(device, False):
        found = ", ".join(name for name, available in there.items() if available)
        raise ConfigError(
            f"training.device: '{device}' is wanted, this machine has {found}. Use 'auto' or one of these."
        )
    return torch.device(device)


def fits(n_bytes: int, device: torch.device, fraction: float) -> bool:
    """Whether so many bytes take at most a fraction of the free memory of a GPU; elsewhere always true."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= fraction * free


@contextlib.contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Deterministic algorithms and a fixed number of threads while the block runs.

    Two runs on one machine give equal bytes for an equal number of threads; another number may change the
    order of sums, and so the last digits.

    Args:
        threads: CPU threads inside an operation.
    """
    # cuBLAS reads this once, when its first handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    fill = torch.utils.deterministic.fill_uninitialized_memory
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before it is written; filling it costs time at every operation.
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.utils.deterministic.fill_uninitialized_memory = fill


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Run a block with torch's random state set by `seed`; the state outside is left as it was."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
