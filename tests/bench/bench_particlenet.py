"""ParticleNet's training step against a plain implementation of it, measured in one run.

    OMP_NUM_THREADS=1 python tests/bench/bench_particlenet.py [--batch 128] [--device cuda --compile]

The peer is what is usually written: 1x1 convolutions with batch normalisation of PyTorch on the edge tensor
(x_i, x_j - x_i) of 2C channels, padding and all. On the CPU, times are processor times, so that a busy
machine does not show in them.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor, nn

from resonaut.nn.networks.particlenet import ParticleNet

FULL = (((64,) * 3, (128,) * 3, (256,) * 3), 16, (256,))
LITE = (((32,) * 3, (64,) * 3), 7, (128,))
N_FEATURES = 7


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


def _now(device: torch.device) -> float:
    """Seconds, after what was given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def step(network: nn.Module, values: Tensor, mask: Tensor, precision: torch.dtype | None) -> float:
    """Seconds of one forward and backward pass."""
    start = _now(values.device)
    with torch.autocast(values.device.type, precision or torch.bfloat16, enabled=precision is not None):
        loss = nn.functional.softplus(network(values, mask).float()).mean()
    loss.backward()
    network.zero_grad(set_to_none=True)
    return _now(values.device) - start


def main() -> None:
    """Print jets per second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--constituents", type=int, default=50, help="of the longest jet of the batch")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="autocast for both")
    parser.add_argument("--compile", action="store_true", help="torch.compile for both")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    longest = arguments.constituents
    values = torch.randn(arguments.batch, longest, N_FEATURES, device=arguments.device)
    # Batches of jets of similar length, as `nn.samples` makes them.
    lengths = torch.randint(max(1, int(0.9 * longest)), longest + 1, (arguments.batch, 1))
    mask = (torch.arange(longest) < lengths).to(arguments.device)
    values = values * mask[..., None]
    precision = torch.bfloat16 if arguments.bf16 else None
    threads = torch.get_num_threads()
    print(f"{values.device}, {threads} threads, batch {arguments.batch} of {longest} constituents")
    for name, sizes in (("ParticleNet", FULL), ("ParticleNet-Lite", LITE)):
        networks = {"resonaut": ParticleNet(N_FEATURES, *sizes), "plain": PlainParticleNet(*sizes)}
        for key, network in networks.items():
            network.to(values.device).train()
            networks[key] = torch.compile(network) if arguments.compile else network
        times: dict[str, list[float]] = {key: [] for key in networks}
        for _ in range(arguments.repeats + 1):
            for key, network in networks.items():
                times[key].append(step(network, values, mask, precision))
        # The first step of each compiles, or fills the pools of memory.
        best = {key: min(found[1:]) for key, found in times.items()}
        rates = ", ".join(f"{key} {arguments.batch / seconds:.0f}" for key, seconds in best.items())
        print(f"{name}: jets/s {rates}; ratio {best['plain'] / best['resonaut']:.2f}")


if __name__ == "__main__":
    main()
