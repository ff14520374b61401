"""ParticleNet's training step against weaver-core's and a plain one, on the same jets in one run.

    tests/bench/weaver.sh                              once: the peer's own environment
    OMP_NUM_THREADS=1 python tests/bench/bench_particlenet.py [--batch 64] [--device cuda --compile --bf16]

Jets have the multiplicity of the top-tagging set of arXiv:1902.09914. A step is forward, backward and Adam.
Peers of equal hyper-parameters, measured in turn with ours:
(a) `weaver.nn.model.ParticleNet` of weaver-core on batches padded to the longest jet of the file, as its
    loader makes them; with the trimming of long jets that it has by default; and on our batches of jets of
    similar length;
(b) the network in plain PyTorch, 1x1 convolutions on the whole edge tensor, on our batches.
Times of loading are in none. On the CPU, ratios are of processor times, so that a busy machine does not show.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resonaut import ragged
from resonaut.nn.memory import keep_memory
from resonaut.nn.networks.particlenet import ParticleNet
from resonaut.nn.samples import RaggedSamples, batches_of_rows

SIZES = {
    "full": (((64,) * 3, (128,) * 3, (256,) * 3), 16, (256,)),
    "lite": (((32,) * 3, (64,) * 3), 7, (128,)),
}
N_FEATURES = 7
LONGEST = 100
GOAL = 2.0
PEER = Path(__file__).parents[2] / ".venv/weaver/bin/python"
Times = tuple[float, float]
"""Processor time and time, seconds."""


def toy(n_jets: int) -> RaggedSamples:
    """Jets of 49 constituents on average, at most 100, with labels."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.gamma(6.5, 49 / 6.5, n_jets).astype(int), 1, LONGEST)
    flat = random.normal(size=(lengths.sum(), N_FEATURES)).astype(np.float32)
    return RaggedSamples(flat, ragged.offsets_of(lengths), random.integers(0, 2, n_jets))


class PlainEdgeConvolution(nn.Module):
    """An edge convolution on the whole edge tensor, channels first."""

    def __init__(self, n_features: int, channels: tuple[int, ...], k: int) -> None:
        super().__init__()
        self.k = k
        layers: list[nn.Module] = []
        for before, after in zip((2 * n_features, *channels[:-1]), channels, strict=True):
            layers += [nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(
            nn.Conv1d(n_features, channels[-1], 1, bias=False), nn.BatchNorm1d(channels[-1])
        )

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        n, n_features, n_constituents = features.shape
        distance = torch.cdist(points.transpose(1, 2), points.transpose(1, 2))
        index = distance.topk(self.k + 1, largest=False).indices[..., 1:]
        index = index.reshape(n, 1, -1).expand(-1, n_features, -1)
        other = features.gather(2, index).view(n, n_features, n_constituents, self.k)
        itself = features[..., None].expand_as(other)
        edges = torch.cat([itself, other - itself], dim=1)
        return torch.relu(self.layers(edges).mean(dim=-1) + self.shortcut(features))


class PlainParticleNet(nn.Module):
    """The same network in plain PyTorch; padding is moved far away and set to 0 after each convolution."""

    def __init__(self, channels: tuple[tuple[int, ...], ...], k: int, f: tuple[int, ...]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(N_FEATURES)
        inputs = [N_FEATURES, *(sizes[-1] for sizes in channels)]
        self.convolutions = nn.ModuleList(
            PlainEdgeConvolution(before, sizes, k) for before, sizes in zip(inputs, channels, strict=False)
        )
        self.f = nn.Sequential(
            nn.Linear(inputs[-1], f[0]), nn.ReLU(), nn.Dropout(0.1), nn.Linear(f[0], 1), nn.Flatten(0)
        )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        real = mask[:, None].to(values.dtype)
        far = (1 - real) * 1e9
        features = self.norm(values.transpose(1, 2)) * real
        points = values[..., :2].transpose(1, 2)
        for convolution in self.convolutions:
            features = convolution(points + far, features) * real
            points = features
        return self.f(features.sum(dim=-1) / real.sum(dim=-1))


class Step:
    """Training steps of one network on batches of the sample."""

    def __init__(self, network: nn.Module, jets: RaggedSamples, precision: torch.dtype | None) -> None:
        self.jets, self.precision = jets, precision
        self.network = network.to(jets.flat.device).train()
        self.optimiser = torch.optim.AdamW(network.parameters(), fused=True)

    def compile(self) -> Step:
        self.network = torch.compile(self.network, dynamic=True)
        return self

    def __call__(self, rows: Tensor) -> Times:
        device = self.jets.flat.device
        values, mask, label = self.jets.take(rows).values
        start = _now(device)
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, self.precision, enabled=self.precision is not None):
            logits = self.network(values, mask)
        nn.functional.binary_cross_entropy_with_logits(logits.float(), label.float()).backward()
        self.optimiser.step()
        processor, wall = _now(device)
        return processor - start[0], wall - start[1]


def _now(device: torch.device) -> Times:
    """Processor time and time, after what was given to the device is done; on a GPU both are the time."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return (time.perf_counter(),) * 2
    return time.process_time(), time.perf_counter()


class Weaver:
    """The peer in its own process, which answers one batch after the other."""

    def __init__(self, python: Path, file: Path, size: str) -> None:
        words = [str(python), str(Path(__file__).with_name("peer_weaver.py")), str(file), size]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.n_parameters = int(self._line())

    def step(self, way: str, rows: Tensor) -> Times:
        print(json.dumps([way, rows.tolist()]), file=self.process.stdin, flush=True)
        processor, wall = self._line().split()
        return float(processor), float(wall)

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"peer_weaver.py ended with {self.process.wait()}")
        return line

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measured(
    ways: dict[str, tuple[Callable[[Tensor], Times], list[Tensor]]], repeats: int
) -> dict[str, tuple[float, float]]:
    """Jets per second of processor time and of time, per way: each batch's best of some repeats."""
    best: dict[str, np.ndarray] = {}
    for repeat in range(repeats + 1):
        for name, (step, batches) in ways.items():
            # The first round compiles, or fills the pools of memory.
            times = np.array([step(rows) for rows in (batches if repeat else batches[-1:])])
            if repeat:
                best[name] = np.minimum(best.get(name, np.inf), times)
    count = {name: sum(len(rows) for rows in batches) for name, (_, batches) in ways.items()}
    return {name: tuple(count[name] / times.sum(axis=0)) for name, times in best.items()}


def compare(size: str, jets: RaggedSamples, file: Path, arguments: argparse.Namespace) -> None:
    """Print jets per second of all ways, and ratios.

    Args:
        jets: on the device.
        file: the same jets for the peer.
    """
    order = np.random.default_rng(1).permutation(len(jets))
    similar = batches_of_rows(order, jets.lengths, arguments.batch)
    # Random batches are alike: two of them tell.
    mixed = batches_of_rows(order, None, arguments.batch)[:2]
    precision = torch.bfloat16 if arguments.bf16 else None
    ways = {}
    networks = {"resonaut": ParticleNet(N_FEATURES, *SIZES[size]), "plain": PlainParticleNet(*SIZES[size])}
    for name, network in networks.items():
        step = Step(network, jets, precision)
        ways[name] = step.compile() if arguments.compile else step, similar
    weaver = None
    if arguments.weaver.exists() and arguments.device == "cpu":
        weaver = Weaver(arguments.weaver, file, size)
        for way, batches in {"fixed": mixed[:1], "trimmed": mixed, "buckets": similar}.items():
            ways[f"weaver {way}"] = functools.partial(weaver.step, way), batches
    rates = measured(ways, arguments.repeats)
    print(f"ParticleNet {size}")
    for name, rate in rates.items():
        of_processor, of_time = (ours / its for ours, its in zip(rates["resonaut"], rate, strict=True))
        print(
            f"  {name:<16} {rate[0]:8.1f} jets/s of processor time, {rate[1]:8.1f} of time; ours is "
            f"{of_processor:.2f} and {of_time:.2f} times that"
        )
    if weaver is not None:
        print(f"  goal {GOAL:g} times weaver; its network has {weaver.n_parameters} parameters")
        weaver.close()


def main() -> None:
    """Print jets per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--jets", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--weaver", type=Path, default=PEER, help="Python that can import weaver")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="autocast for ours and the plain one")
    parser.add_argument("--compile", action="store_true", help="torch.compile for ours and the plain one")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    # For ours and the plain network; the peer's process has what its users have.
    keep_memory()
    jets = toy(arguments.jets)
    print(
        f"{arguments.device}, {torch.get_num_threads()} threads, {len(jets)} jets of "
        f"{jets.lengths.float().mean():.1f} constituents (at most {jets.lengths.max()}), batches of "
        f"{arguments.batch}{', bf16' if arguments.bf16 else ''}{', compiled' if arguments.compile else ''}"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jets.npz"
        np.savez(file, flat=jets.flat, offsets=jets.offsets, label=jets.columns[0])
        on_device = jets.to(torch.device(arguments.device))
        for size in arguments.sizes:
            compare(size, on_device, file, arguments)
    if not arguments.weaver.exists():
        print("weaver-core: not there; make its environment with tests/bench/weaver.sh")


if __name__ == "__main__":
    main()
