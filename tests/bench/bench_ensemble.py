"""Training of many small classifiers: one batched program against one by one in plain PyTorch.

    python tests/bench/bench_ensemble.py [--networks 50] [--rows 12000] [--threads 2] [--device cuda]

Peers, measured in turn with ours; on the CPU each trains its networks one by one with one thread in as many
processes as ours has threads, on a GPU in one process:
(a) `torch.utils.data.DataLoader` and `torch.optim.Adam`, the loop of the tutorials;
(b) sliced tensors and fused Adam.
Rates are of time; on the CPU the ratios of processor times follow, in which a busy machine shows less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from resonaut.nn.ensemble import Member, Sample, train
from resonaut.nn.settings import TrainingSettings

HIDDEN = (64, 64, 64)
GOALS = {"loader": 8.0, "slices": 2.0}


def data(rows: int, device: str) -> tuple[torch.Tensor, np.ndarray]:
    """Inputs (rows, 4) and labels."""
    generator = np.random.default_rng(0)
    x = torch.from_numpy(generator.normal(size=(rows, 4)).astype(np.float32)).to(device)
    return x, (generator.random(rows) < 0.5).astype(np.float32)


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


def _now(device: str) -> tuple[float, float]:
    """Time, and processor time of this process, after what was given to the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def one_by_one(peer: str, networks: int, rows: int, batch: int, device: str) -> float:
    """Processor seconds of one epoch each of some networks."""
    x, label = data(rows, device)
    target = torch.from_numpy(label).to(device)
    loss = torch.nn.BCEWithLogitsLoss()
    start = _now(device)[1]
    for _ in range(networks):
        network = _network(x.shape[1]).to(device)
        if peer == "loader":
            loader = DataLoader(TensorDataset(x, target), batch_size=batch, shuffle=True)
            _loop(iter(loader), network, torch.optim.Adam(network.parameters()), loss)
        else:
            order = torch.randperm(rows, device=device).split(batch)
            batches = ((x[part], target[part]) for part in order)
            _loop(batches, network, torch.optim.Adam(network.parameters(), fused=True), loss)
    return _now(device)[1] - start


def batched(networks: int, rows: int, batch: int, device: str) -> tuple[float, float]:
    """Seconds and processor seconds per network and epoch; validation on 100 rows included."""
    x, label = data(rows, device)
    samples = [
        Sample(np.arange(rows), np.ones(rows), label),
        Sample(np.arange(100), np.ones(100), label[:100]),
    ]
    members = [Member(seed, 0, 1) for seed in range(networks)]
    settings = TrainingSettings(epochs=1, batch_size=batch, patience=1)
    start = _now(device)
    train(x, samples, members, HIDDEN, "cross_entropy", settings)
    return tuple((after - before) / networks for after, before in zip(_now(device), start, strict=True))


def in_processes(
    pool: ProcessPoolExecutor | None, threads: int, peer: str, *given: int | str
) -> tuple[float, float]:
    """Seconds and processor seconds per network and epoch of a peer, two networks in each process."""
    start = time.perf_counter()
    if pool is None:
        spent, networks = [one_by_one(peer, 2, *given)], 2
    else:
        running = [pool.submit(one_by_one, peer, 2, *given) for _ in range(threads)]
        spent, networks = [job.result() for job in running], 2 * threads
    return (time.perf_counter() - start) / networks, sum(spent) / networks


def main() -> None:
    """Print events per second and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--batches", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pool = None
    if arguments.device == "cpu":
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(arguments.threads, context, torch.set_num_threads, (1,))
    print(
        f"{arguments.networks} networks {HIDDEN}, {arguments.rows} rows, {arguments.device}, "
        f"{arguments.threads} threads or processes"
    )
    for batch in arguments.batches:
        given = arguments.rows, batch, arguments.device
        best = {name: np.full(2, np.inf) for name in ("loader", "slices", "batched")}
        # The first round starts the processes.
        for repeat in range(arguments.repeats + 1):
            found = {name: in_processes(pool, arguments.threads, name, *given) for name in GOALS}
            found["batched"] = batched(arguments.networks, *given)
            if repeat:
                best = {name: np.minimum(best[name], found[name]) for name in best}
        rates = ", ".join(f"{name} {arguments.rows / times[0] / 1e3:.0f}k" for name, times in best.items())
        print(f"batch {batch}: events/s {rates}")
        for name, goal in GOALS.items():
            of_time, of_processor = best[name] / best["batched"]
            print(f"  {of_time:.1f} times {name} (goal {goal:g}); of processor time {of_processor:.1f}")
    if pool is not None:
        pool.shutdown()


if __name__ == "__main__":
    main()
