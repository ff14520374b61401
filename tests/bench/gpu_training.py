"""Training of ParticleNet and of the transformer on a GPU: jets per second, and which limit binds.

    python tests/bench/gpu_training.py [--device cuda] [--compile] [--tiny]

Batches of jets of 49 constituents on average, similar lengths together, in bf16; a step is forward, backward
and fused Adam. Limits are of one H100 (SXM): arithmetic of matrix products, counted by
torch.utils.flop_counter, against 989 TFLOP/s in bf16; bytes that the operations read and write, one by one
as they are without compilation, against 3.35 TB/s. Then the time of a forward pass of 1 and of 1000 jets.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from resonaut import ragged
from resonaut.nn.networks.particlenet import ParticleNet
from resonaut.nn.networks.transformer import ParticleTransformer
from resonaut.nn.samples import RaggedSamples, batches_of_rows

FLOPS, BYTES = 989e12, 3.35e12
GOALS = {"ParticleNet": 30e3, "transformer": 60e3}
INPUTS = (
    *("delta_eta", "delta_phi", "log_pt", "log_energy"),
    *("log_pt_fraction", "log_energy_fraction", "delta_r"),
)


class ByteCounter(TorchDispatchMode):
    """Bytes of all tensors that go into operations and come out, views apart."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        if not function.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            self.total += sum(tensor.nbytes for tensor in tensors)
        return out


def toy(n_jets: int) -> RaggedSamples:
    """Jets of 49 constituents on average, as in the top-tagging set of arXiv:1902.09914, with labels."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.gamma(6.5, 49 / 6.5, n_jets).astype(int), 1, 128)
    flat = random.normal(size=(lengths.sum(), len(INPUTS))).astype(np.float32)
    return RaggedSamples(flat, ragged.offsets_of(lengths), random.integers(0, 2, n_jets).astype(np.float32))


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def step(network: nn.Module, optimiser: torch.optim.Optimizer, values: tuple[Tensor, ...]) -> None:
    *inputs, label = values
    optimiser.zero_grad(set_to_none=True)
    with torch.autocast(label.device.type, torch.bfloat16):
        logits = network(*inputs)
    nn.functional.binary_cross_entropy_with_logits(logits.float(), label).backward()
    optimiser.step()


def training(name: str, network: nn.Module, jets: RaggedSamples, batch: int, compiled: bool) -> None:
    """Print jets per second and limits."""
    device = jets.flat.device
    network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    batches = batches_of_rows(np.arange(len(jets)), jets.lengths, batch)
    values = jets.take(batches[len(batches) // 2]).values
    with FlopCounterMode(display=False) as arithmetic:
        step(network, optimiser, values)
    with ByteCounter() as traffic:
        step(network, optimiser, values)
    n_rows = len(values[-1])
    program = torch.compile(network, dynamic=True) if compiled else network
    best = float("inf")
    # The first two rounds compile.
    for _ in range(5 if compiled else 3):
        start = now(device)
        for rows in batches:
            step(program, optimiser, jets.take(rows).values)
        best = min(best, now(device) - start)
    rate = len(jets) / best
    flops, moved = arithmetic.get_total_flops() / n_rows, traffic.total / n_rows
    limits = {"arithmetic": FLOPS / flops, "bytes": BYTES / moved}
    binds = min(limits, key=limits.__getitem__)
    print(
        f"{name}: {rate:.0f} jets/s in training (goal {GOALS[name]:.0f}); {flops / 1e9:.2f} GFLOP and "
        f"{moved / 1e6:.1f} MB per jet; H100: {limits['arithmetic']:.0f} jets/s at most by arithmetic, "
        f"{limits['bytes']:.0f} by bytes without fusion: {binds} bind, reached {rate / limits[binds]:.2%}"
    )


def latency(name: str, network: nn.Module, jets: RaggedSamples, sizes: tuple[int, ...]) -> None:
    """Print the time of a forward pass."""
    network.eval()
    for size in sizes:
        *inputs, _ = jets.take(torch.arange(size)).values
        times = []
        with torch.inference_mode(), torch.autocast(jets.flat.device.type, torch.bfloat16):
            for _ in range(12):
                start = now(jets.flat.device)
                network(*inputs)
                times.append(now(jets.flat.device) - start)
        print(f"{name}: {np.median(times[2:]) * 1e3:.2f} ms for a batch of {size}")


def main() -> None:
    """Train and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--jets", type=int, default=32_768)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to see that it works")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.batch, arguments.jets = 8, 32
    torch.manual_seed(0)
    jets = toy(arguments.jets).to(torch.device(arguments.device))
    small = {"channels": ((4, 4),), "k": 3, "f": (4,)} if arguments.tiny else {}
    networks = {
        "ParticleNet": ParticleNet(len(INPUTS), **small),
        "transformer": ParticleTransformer(INPUTS, n_blocks=1 if arguments.tiny else 8),
    }
    print(f"{arguments.device}, {len(jets)} jets, batches of {arguments.batch}, compile: {arguments.compile}")
    for name, network in networks.items():
        training(name, network, jets, arguments.batch, arguments.compile)
        latency(name, network, jets, (1, 16) if arguments.tiny else (1, 1000))


if __name__ == "__main__":
    main()
