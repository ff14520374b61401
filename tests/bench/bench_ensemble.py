"""Training of many small classifiers: one batched program against one by one in plain PyTorch.

    OMP_NUM_THREADS=2 python tests/bench/bench_ensemble.py [--networks 50] [--rows 12000] [--device cuda]

Peers, measured in the same run on a few networks each and given per network and epoch:
(a) `torch.utils.data.DataLoader` and `torch.optim.Adam`, the loop of the tutorials;
(b) sliced tensors and fused Adam.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from resonaut.nn.ensemble import Member, Sample, train
from resonaut.nn.settings import TrainingSettings

HIDDEN = (64, 64, 64)


def _network(n_inputs: int) -> torch.nn.Sequential:
    modules: list[torch.nn.Module] = []
    for before, after in zip((n_inputs, *HIDDEN[:-1]), HIDDEN, strict=True):
        modules += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules, torch.nn.Linear(HIDDEN[-1], 1))


def _loop(
    batches: Iterator, network: torch.nn.Module, optimiser: torch.optim.Optimizer, loss: torch.nn.Module
) -> None:
    for inputs, target in batches:
        optimiser.zero_grad()
        loss(network(inputs)[:, 0], target).backward()
        optimiser.step()


def _now(device: torch.device) -> float:
    """Seconds, after what was given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def with_loader(x: torch.Tensor, target: torch.Tensor, batch: int) -> float:
    """Seconds of one epoch of one network with a DataLoader."""
    network = _network(x.shape[1]).to(x.device)
    loader = DataLoader(TensorDataset(x, target), batch_size=batch, shuffle=True)
    start = _now(x.device)
    _loop(iter(loader), network, torch.optim.Adam(network.parameters()), torch.nn.BCEWithLogitsLoss())
    return _now(x.device) - start


def with_slices(x: torch.Tensor, target: torch.Tensor, batch: int) -> float:
    """Seconds of one epoch of one network with sliced tensors and fused Adam."""
    network = _network(x.shape[1]).to(x.device)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    start = _now(x.device)
    order = torch.randperm(len(x), device=x.device).split(batch)
    _loop(((x[rows], target[rows]) for rows in order), network, optimiser, torch.nn.BCEWithLogitsLoss())
    return _now(x.device) - start


def batched(x: torch.Tensor, target: np.ndarray, batch: int, networks: int, epochs: int) -> float:
    """Seconds per network and epoch of the batched ensemble; validation on 100 rows included."""
    samples = [
        Sample(np.arange(len(x)), np.ones(len(x)), target),
        Sample(np.arange(100), np.ones(100), target[:100]),
    ]
    members = [Member(seed, 0, 1) for seed in range(networks)]
    settings = TrainingSettings(epochs=epochs, batch_size=batch, patience=epochs)
    start = _now(x.device)
    train(x, samples, members, HIDDEN, "cross_entropy", settings)
    return (_now(x.device) - start) / networks / epochs


def main() -> None:
    """Print events per second and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    x = torch.from_numpy(generator.normal(size=(arguments.rows, 4)).astype(np.float32)).to(arguments.device)
    label = (generator.random(arguments.rows) < 0.5).astype(np.float32)
    target = torch.from_numpy(label).to(arguments.device)
    where = f"{x.device}, {torch.get_num_threads()} threads"
    print(f"{arguments.networks} networks {HIDDEN}, {arguments.rows} rows, {where}")
    for batch in (128, 256, 512):
        times: dict[str, list[float]] = {"loader": [], "slices": [], "batched": []}
        for _ in range(arguments.repeats):
            times["loader"].append(with_loader(x, target, batch))
            times["slices"].append(with_slices(x, target, batch))
            times["batched"].append(batched(x, label, batch, arguments.networks, 2))
        best = {name: min(values) for name, values in times.items()}
        rates = ", ".join(f"{name} {arguments.rows / value / 1e3:.0f}k" for name, value in best.items())
        print(
            f"batch {batch}: events/s {rates}; batched is {best['loader'] / best['batched']:.1f} times the "
            f"DataLoader loop and {best['slices'] / best['batched']:.1f} times slices with fused Adam"
        )


if __name__ == "__main__":
    main()
