"""The training engine on one network against plain PyTorch loops, measured in one run.

    python tests/bench/bench_engine.py [--jets 8000] [--batch 256]

The same network on the same jets in batches of equal size, one thread each: what a core gives where every
core has a process. Peers:
(a) `torch.utils.data.DataLoader` over single jets, padded batch by batch, `torch.optim.Adam`;
(b) jets padded to the longest of all, kept as one tensor that is sliced, fused Adam.
Ours includes the validation on 100 jets and all that the engine does besides. Times are processor times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, TensorDataset

from resonaut import ragged
from resonaut.nn.networks.dense import dense
from resonaut.nn.networks.pfn import ParticleFlowNetwork
from resonaut.nn.samples import FixedSamples, RaggedSamples, Samples, Subset
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train

N_FEATURES, LONGEST, N_VALIDATION = 7, 128, 100
GOAL = 2.0


class Dense(nn.Module):
    """Log odds from features, layers of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = dense([N_FEATURES, 64, 64, 64, 1], last_activation=False)

    def forward(self, values: Tensor) -> Tensor:
        return self.layers(values).squeeze(-1)


def pfn() -> nn.Module:
    """The sizes of arXiv:1810.05165, section 4.1."""
    return ParticleFlowNetwork(N_FEATURES, (100, 100, 256), (100, 100, 100))


def toy(n_jets: int) -> RaggedSamples:
    """Jets of 49 constituents on average, as in the top-tagging set of arXiv:1902.09914, with labels."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.gamma(6.5, 49 / 6.5, n_jets).astype(int), 1, LONGEST)
    flat = random.normal(size=(lengths.sum(), N_FEATURES)).astype(np.float32)
    return RaggedSamples(flat, ragged.offsets_of(lengths), random.integers(0, 2, n_jets).astype(np.float32))


def losses(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    *inputs, label = values
    return nn.functional.binary_cross_entropy_with_logits(network(*inputs), label, reduction="none")


def _loop(
    network: nn.Module, batches: Iterator[tuple[Tensor, ...]], optimiser: torch.optim.Optimizer
) -> None:
    for values in batches:
        optimiser.zero_grad()
        losses(network, values).mean().backward()
        optimiser.step()


def collated(jets: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """Single jets as a padded batch, its mask, and labels."""
    lengths = torch.tensor([len(jet) for jet, _ in jets])
    padded = pad_sequence([jet for jet, _ in jets], batch_first=True)
    return padded, torch.arange(padded.shape[1]) < lengths[:, None], torch.stack([label for _, label in jets])


def with_loader(network: nn.Module, samples: Samples, batch: int) -> None:
    """One epoch of peer (a)."""
    if samples.lengths is None:
        loader = DataLoader(TensorDataset(*samples.columns), batch_size=batch, shuffle=True)
    else:
        jets = list(zip(samples.flat.split(samples.lengths.tolist()), samples.columns[0], strict=True))
        loader = DataLoader(jets, batch_size=batch, shuffle=True, collate_fn=collated)
    _loop(network, iter(loader), torch.optim.Adam(network.parameters()))


def with_slices(network: nn.Module, columns: tuple[Tensor, ...], batch: int) -> None:
    """One epoch of peer (b)."""
    order = torch.randperm(len(columns[0])).split(batch)
    batches = (tuple(column[rows] for column in columns) for rows in order)
    _loop(network, batches, torch.optim.Adam(network.parameters(), fused=True))


def with_engine(network: nn.Module, samples: Samples, batch: int) -> None:
    """One epoch of ours."""
    settings = ScheduledTraining(epochs=1, batch_size=batch, device="cpu")
    validation = Subset(samples, np.arange(N_VALIDATION))
    train(network, samples, validation, losses, settings, seed=1, where="bench")


def compare(name: str, make: Callable[[], nn.Module], samples: Samples, batch: int, repeats: int) -> None:
    """Print jets per second and the ratios."""
    columns = samples.take(torch.arange(len(samples))).values
    ways: dict[str, Callable[[nn.Module], None]] = {
        "loader": lambda network: with_loader(network, samples, batch),
        "slices": lambda network: with_slices(network, columns, batch),
        "engine": lambda network: with_engine(network, samples, batch),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for way, run in ways.items():
            network = make().train()
            start = time.process_time()
            run(network)
            best[way] = min(best[way], time.process_time() - start)
    rates = ", ".join(f"{way} {len(samples) / seconds:.0f}" for way, seconds in best.items())
    print(
        f"{name}: jets/s {rates}; {best['loader'] / best['engine']:.2f} times the DataLoader loop "
        f"and {best['slices'] / best['engine']:.2f} times slices with fused Adam (goal {GOAL:g})"
    )


def main() -> None:
    """Compare a dense network and a particle flow network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jets", type=int, default=8_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    clouds = toy(arguments.jets)
    features = FixedSamples(torch.randn(10 * arguments.jets, N_FEATURES), clouds.columns[0].repeat(10))
    print(
        f"{arguments.jets} jets of {clouds.lengths.float().mean():.1f} constituents, batch {arguments.batch}"
    )
    compare("dense 7-64-64-64-1", Dense, features, arguments.batch, arguments.repeats)
    compare("particle flow network", pfn, clouds, arguments.batch, arguments.repeats)


if __name__ == "__main__":
    main()
