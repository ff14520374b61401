"""Scoring by the transformer: batches of jets of similar length against padding, measured in one run.

    OMP_NUM_THREADS=1 python tests/bench/bench_transformer.py [--jets 4096] [--batch 256] [--pairs]

Peers, the same network on the same jets:
(a) each jet padded to the longest of the data set, as data sets of one fixed shape are;
(b) jets in the order of the file, each batch padded to its own longest.
On the CPU, times are processor times, so that a busy machine does not show in them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from resonaut import ragged
from resonaut.nn.networks.transformer import ParticleTransformer
from resonaut.nn.samples import RaggedSamples, batches_of_rows
from resonaut.nn.training import n_parameters

INPUTS = (
    *("delta_eta", "delta_phi", "log_pt", "log_energy"),
    *("log_pt_fraction", "log_energy_fraction", "delta_r"),
)
LONGEST = 128
GOAL = 2.0


def toy(n_jets: int) -> RaggedSamples:
    """Jets of 49 constituents on average, as in the top-tagging set of arXiv:1902.09914, at most 128."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.gamma(6.5, 49 / 6.5, n_jets).astype(int), 1, LONGEST)
    flat = random.normal(size=(lengths.sum(), len(INPUTS))).astype(np.float32)
    return RaggedSamples(flat, ragged.offsets_of(lengths))


def seconds(device: torch.device) -> float:
    """Seconds, after what was given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def score(
    network: torch.nn.Module, samples: RaggedSamples, batches: list[Tensor], padding: int
) -> tuple[Tensor, float]:
    """Log odds of each jet, and the seconds of the whole pass; batches are padded to `padding` at least."""
    device = samples.flat.device
    out = torch.empty(len(samples), device=device)
    start = seconds(device)
    with torch.inference_mode():
        for rows in batches:
            values, mask = samples.take(rows).values
            more = max(0, padding - mask.shape[1])
            values = torch.nn.functional.pad(values, (0, 0, 0, more))
            mask = torch.nn.functional.pad(mask, (0, more))
            out[rows.to(device)] = network(values, mask).to(out.dtype)
    return out, seconds(device) - start


def main() -> None:
    """Print jets per second and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jets", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--pairs", action="store_true", help="with pair features")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    network = ParticleTransformer(INPUTS, pair_hidden=(64, 64, 64) if arguments.pairs else None)
    network.eval().to(arguments.device)
    samples = toy(arguments.jets).to(torch.device(arguments.device))
    order = np.arange(arguments.jets)
    in_file = [torch.from_numpy(part) for part in np.split(order, order[arguments.batch :: arguments.batch])]
    sorted_ = batches_of_rows(order, samples.lengths, arguments.batch)
    ways: dict[str, Callable[[], tuple[Tensor, float]]] = {
        "maximum": lambda: score(network, samples, in_file, int(samples.lengths.max())),
        "batch": lambda: score(network, samples, in_file, 1),
        "buckets": lambda: score(network, samples, sorted_, 1),
    }
    best = dict.fromkeys(ways, float("inf"))
    scores = {}
    for _ in range(arguments.repeats):
        for name, way in ways.items():
            scores[name], taken = way()
            best[name] = min(best[name], taken)
    apart = max(float((scores[name] - scores["buckets"]).abs().max()) for name in ways)
    lengths = samples.lengths.float()
    print(
        f"{n_parameters(network)} parameters, {arguments.jets} jets of {lengths.mean():.1f} constituents "
        f"(at most {int(lengths.max())}), batches of {arguments.batch}, {arguments.device}, "
        f"{torch.get_num_threads()} threads; scores agree to {apart:.1e}"
    )
    print("jets/s: " + ", ".join(f"{name} {arguments.jets / taken:.0f}" for name, taken in best.items()))
    print(
        f"buckets are {best['maximum'] / best['buckets']:.2f} times padding to the maximum (goal {GOAL:g}) "
        f"and {best['batch'] / best['buckets']:.2f} times padding to each batch's longest"
    )


if __name__ == "__main__":
    main()
