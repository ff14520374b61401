"""CWoLa hunting, 5 folds x 10 restarts x 9 windows (450 networks): one batched training against one by one.

    python tests/bench/bench_hunt.py [--events 20000] [--epochs 2] [--threads 2] [--peer-networks 4]
        [--device cuda] [--trees]

Ours is the detector itself, `detect/methods/cwola.py`, from the events to the trained networks. The peers
train the same networks (sizes, rows, batches, epochs, weights of classes) in plain PyTorch, one by one:
(a) `torch.utils.data.DataLoader` and `torch.optim.Adam`, the loop of the tutorials;
(b) sliced tensors and fused Adam.
On the CPU the peers run with one thread in as many processes as ours has threads, on a GPU in one process.
They train `--peer-networks` of the 450 each, and their time is scaled; making their rows is not counted.
Rates are of time; on the CPU the ratios of processor times follow, in which a busy machine shows less. With
`--trees`: one fit of boosted trees whose losses are watched as it grows, against a fit anew for each number
of iterations.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from resonaut import registry
from resonaut.detect.interface import Context, Data
from resonaut.detect.methods import cwola
from resonaut.nn.trees import BoostingSettings, fit
from resonaut.scan import ScanSettings
from resonaut.seeds import event_hash

FEATURES = ("mj1", "dmj", "tau21_1", "tau21_2")
N_FOLDS, N_RESTARTS, HIDDEN = 5, 10, (64, 64, 64)
N_NETWORKS = 9 * N_FOLDS * N_RESTARTS
GOALS = {"cpu": {"loader": 10.0, "slices": 2.0}, "cuda": {"loader": 100.0}}
SCAN = ScanSettings(
    mass_min=2500,
    mass_max=7500,
    sideband_width=500,
    windows=tuple({"low": low, "high": low + 400} for low in range(3100, 4900, 200)),
)


def events(count: int) -> Data:
    """A falling spectrum with four features."""
    random = np.random.default_rng(0)
    mass = 2500 + random.exponential(900, count)
    zero = np.zeros(count, np.int64)
    return Data(
        mass=mass,
        regions=SCAN.regions(mass),
        split_hash=event_hash("bench", zero, zero, np.arange(count), 1),
        features={name: random.normal(size=count) for name in FEATURES},
    )


def settings(epochs: int, batch: int, device: str) -> dict:
    """Of the detector."""
    training = {"epochs": epochs, "batch_size": batch, "learning_rate": 1e-3, "device": device}
    sizes = {"n_folds": N_FOLDS, "n_restarts": N_RESTARTS, "hidden": list(HIDDEN)}
    return {"features": list(FEATURES), **sizes, "networks_per_batch": 512, "training": training}


def now(device: str) -> np.ndarray:
    """Time, and processor time of this process, after what was given to the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return np.array([time.perf_counter(), time.process_time()])


def ours(count: int, epochs: int, batch: int, device: str) -> np.ndarray:
    """Seconds and processor seconds of all 450 networks."""
    data = events(count)
    detector = registry.build("detect", "cwola", settings(epochs, batch, device))
    start = now(device)
    fitted = detector.fit(data, Context(1, "cwola", "data", SCAN.windows))
    assert fitted.n_networks == N_NETWORKS
    return now(device) - start


@dataclass(frozen=True)
class Rows:
    """Inputs, targets and weights of what one network trains or validates on."""

    values: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor

    def part(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Some of the rows."""
        return self.values[rows], self.target[rows], self.weight[rows]


def rows_of(number: int, count: int, device: str) -> tuple[Rows, Rows]:
    """Training and validation rows of one of the 450 networks, as the detector has them."""
    data = events(count)
    fold = np.arange(count) % N_FOLDS
    window, scored, restart = np.unravel_index(number, (9, N_FOLDS, N_RESTARTS))
    context = Context(1, "cwola", "data", SCAN.windows)
    model = registry.load("detect", "cwola").Settings
    task = cwola.tasks(data, fold, model.model_validate(settings(1, 1, device)), context)[
        window * N_FOLDS + scored
    ]
    table = np.stack([data.features[name] for name in FEATURES], axis=1).astype(np.float32)
    found = []
    for chosen in (task.part != restart % (N_FOLDS - 1), task.part == restart % (N_FOLDS - 1)):
        rows, target = task.rows[chosen], task.target[chosen]
        weight = len(rows) / (2 * np.bincount(target)[target])
        arrays = (table[rows], target.astype(np.float32), weight.astype(np.float32))
        found.append(Rows(*(torch.from_numpy(array).to(device) for array in arrays)))
    return found[0], found[1]


def network() -> torch.nn.Sequential:
    """A dense network."""
    modules: list[torch.nn.Module] = []
    for before, after in zip((len(FEATURES), *HIDDEN[:-1]), HIDDEN, strict=True):
        modules += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules, torch.nn.Linear(HIDDEN[-1], 1))


def batches_of(peer: str, rows: Rows, batch: int, shuffled: bool) -> Iterator:
    """Batches, as the peer makes them."""
    if peer == "loader":
        dataset = TensorDataset(rows.values, rows.target, rows.weight)
        return iter(DataLoader(dataset, batch_size=batch, shuffle=shuffled))
    count, device = len(rows.values), rows.values.device
    order = (torch.randperm if shuffled else torch.arange)(count, device=device)
    return (rows.part(part) for part in order.split(batch))


def one_by_one(peer: str, numbers: list[int], count: int, epochs: int, batch: int, device: str) -> np.ndarray:
    """Seconds and processor seconds of some of the networks, the making of their rows not counted."""
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    spent = np.zeros(2)
    for number in numbers:
        training, validation = rows_of(number, count, device)
        start = now(device)
        model = network().to(device)
        fused = {"fused": True} if peer == "slices" else {}
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, **fused)
        for _ in range(epochs):
            for values, target, weight in batches_of(peer, training, batch, True):
                optimiser.zero_grad()
                loss(model(values)[:, 0], target, weight).backward()
                optimiser.step()
            with torch.no_grad():
                for values, target, weight in batches_of(peer, validation, batch, False):
                    loss(model(values)[:, 0], target, weight)
        spent += now(device) - start
    return spent


def of_peer(
    pool: ProcessPoolExecutor | None, threads: int, peer: str, trained: int, *given: int | str
) -> np.ndarray:
    """Seconds and processor seconds of all 450 networks, scaled from `trained` ones per process."""
    processes = 1 if pool is None else threads
    numbers = np.linspace(0, N_NETWORKS - 1, trained * processes).astype(int)
    shares = [numbers[first::processes].tolist() for first in range(processes)]
    if pool is None:
        spent = [one_by_one(peer, shares[0], *given)]
    else:
        running = [pool.submit(one_by_one, peer, share, *given) for share in shares]
        spent = [job.result() for job in running]
    seconds, of_processor = np.array(spent).T
    return np.array([seconds.max(), of_processor.sum()]) * N_NETWORKS / len(numbers)


def memory(device: str) -> str:
    """The most memory that was in use."""
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    text = f"{host:.1f} GiB of this process"
    return text + (
        f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of the GPU" if device == "cuda" else ""
    )


def trees(count: int) -> None:
    """One fit that is watched, against a fit anew for each number of iterations."""
    random = np.random.default_rng(1)
    values = random.normal(size=(2 * count, 4)).astype(np.float32)
    target = (values[:, 0] + 2 * random.normal(size=2 * count) > 0).astype(np.int64)

    @dataclass(frozen=True)
    class Given:
        values: np.ndarray
        target: np.ndarray
        weight: np.ndarray

    parts = [Given(values[start::2], target[start::2], np.ones(count)) for start in (0, 1)]
    fit(*parts, "binary", 1, BoostingSettings(n_iterations=2), seed=1)
    start = time.process_time()
    _, history = fit(*parts, "binary", 1, BoostingSettings(n_iterations=100), seed=1)
    once, tried = time.process_time() - start, len(history.epochs)
    start = time.process_time()
    for iterations in range(1, tried + 1):
        # What a wrapper does that asks for the loss after each iteration from outside: it starts again.
        fit(*parts, "binary", 1, BoostingSettings(n_iterations=iterations, patience=1000), seed=1)
    again = time.process_time() - start
    print(f"trees, {tried} iterations of {count} rows: one fit {once:.2f} s, a fit for each {again:.2f} s")
    print(f"  {again / once:.0f} times (processor time)")


def main() -> None:
    """Print seconds, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--peer-networks", type=int, default=4, help="networks that a process of a peer trains"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--trees", action="store_true", help="measure trees only")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.trees:
        trees(arguments.events)
        return
    device, threads = arguments.device, arguments.threads
    pool = None
    if device == "cpu":
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(threads, context, torch.set_num_threads, (1,))
    print(f"{N_NETWORKS} networks {HIDDEN}, {arguments.events} events, {arguments.epochs} epochs, {device}")
    print(
        f"ours: {threads} threads; peers: {arguments.peer_networks} networks in each process, scaled to 450"
    )
    for batch in arguments.batches:
        given = (arguments.events, arguments.epochs, batch, device)
        best = {name: np.full(2, np.inf) for name in ("loader", "slices", "ours")}
        # The first round starts the processes.
        for peer in ("loader", "slices"):
            of_peer(pool, threads, peer, 1, arguments.events, 1, batch, device)
        for _ in range(arguments.repeats):
            for peer in ("loader", "slices"):
                found = of_peer(pool, threads, peer, arguments.peer_networks, *given)
                best[peer] = np.minimum(best[peer], found)
            best["ours"] = np.minimum(best["ours"], ours(*given))
        print(
            f"batch {batch}: seconds " + ", ".join(f"{name} {times[0]:.1f}" for name, times in best.items())
        )
        for peer in ("loader", "slices"):
            of_time, of_processor = best[peer] / best["ours"]
            goal = GOALS[device].get(peer)
            print(
                f"  {of_time:.1f} times {peer}{f' (goal {goal:g})' if goal else ''}; "
                f"of processor time {of_processor:.1f}"
            )
    print(f"memory: {memory(device)}")
    if pool is not None:
        pool.shutdown()


if __name__ == "__main__":
    main()
