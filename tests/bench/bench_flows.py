"""ANODE's two flows for every window of a scan: one batched training against plain zuko one by one.

    python tests/bench/bench_flows.py [--windows 9] [--rows 8000] [--threads 1] [--device cuda]

The peer trains a `zuko.flows.MAF` of the same size with `torch.optim.Adam` (as it comes, and fused) on as
many rows, in batches of the same size; it trains one flow per round, and the best round is taken. Ours
includes a validation on an eighth as many rows, which the peer does not do. `--vectorised` adds zuko itself
under `torch.func.vmap`. Seconds are of processor time on a CPU, in which a busy machine shows less.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch
import zuko

from resonaut.nn.flow_program import FlowProgram
from resonaut.nn.flow_scaling import constants
from resonaut.nn.flow_zuko import Zuko
from resonaut.nn.flows import FlowSettings, fit_flows
from resonaut.nn.lists import Member, Sample
from resonaut.nn.many import train_program
from resonaut.nn.settings import TrainingSettings

GOAL = 3.0


def _now(device: str) -> float:
    """Processor seconds of this process, or seconds on a GPU after what it was given is done."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _data(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(rows, features)).astype(np.float32)
    return values, generator.uniform(2, 5, (rows, 1)).astype(np.float32)


def one_by_one(settings: FlowSettings, rows: int, features: int, fused: bool, device: str) -> float:
    """Seconds of one epoch of one flow."""
    values, condition = (torch.from_numpy(part).to(device) for part in _data(rows, features))
    flow = zuko.flows.MAF(features, 1, transforms=settings.transforms, hidden_features=settings.hidden).to(
        device
    )
    optimiser = torch.optim.Adam(flow.parameters(), settings.training.learning_rate, fused=fused)
    start = _now(device)
    for part in torch.randperm(rows, device=device).split(settings.training.batch_size):
        optimiser.zero_grad()
        (-flow(condition[part]).log_prob(values[part]).mean()).backward()
        optimiser.step()
    return _now(device) - start


def batched(settings: FlowSettings, rows: int, features: int, flows: int, vectorised: bool) -> float:
    """Seconds per flow of one epoch of all flows."""
    values, condition = _data(rows + rows // 8, features)
    everything = np.arange(len(values))
    parts = everything[:rows], everything[rows:]
    samples = [Sample(part, np.ones(len(part))) for part in parts]
    members = [Member(seed, 0, 1) for seed in range(flows)]
    device = settings.training.device
    start = _now(device)
    if vectorised:
        table = torch.from_numpy(np.concatenate([values, condition], axis=1)).to(device)

        def make() -> zuko.lazy.Flow:
            return zuko.flows.MAF(
                features, 1, transforms=settings.transforms, hidden_features=settings.hidden
            )

        program = FlowProgram(Zuko(make, table), features, None)
        own = constants(table, features, samples, members)
        train_program(program, table, samples, members, settings.training, own)
    else:
        fit_flows(values, condition, samples, members, settings)
    return (_now(device) - start) / flows


def main() -> None:
    """Print rows per second, the ratios, and the largest memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--windows", type=int, default=9)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--features", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--vectorised", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    flows, rows, features = 2 * arguments.windows, arguments.rows, arguments.features
    print(f"{flows} flows, {rows} rows, {features} features, {arguments.device}, {arguments.threads} threads")
    for size in arguments.batches:
        training = TrainingSettings(epochs=1, batch_size=size, device=arguments.device)
        settings = FlowSettings(training=training)
        best: dict[str, float] = {}
        for _ in range(arguments.repeats):
            found = {
                name: one_by_one(settings, rows, features, fused, arguments.device)
                for name, fused in (("zuko", False), ("zuko, fused Adam", True))
            }
            if arguments.vectorised:
                found["zuko under vmap"] = batched(settings, rows, features, flows, vectorised=True)
            found["ours"] = batched(settings, rows, features, flows, vectorised=False)
            best = {name: min(best.get(name, np.inf), value) for name, value in found.items()}
        print(f"batch {size}:")
        for name, seconds in best.items():
            ratio = f", {seconds / best['ours']:.1f} times ours (goal {GOAL:g})" if name != "ours" else ""
            print(f"  {name}: {seconds:.3f} s per flow and epoch, {rows / seconds / 1e3:.0f}k rows/s{ratio}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest memory of the process: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
