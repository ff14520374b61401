"""Training on showers against plain PyTorch: the same network, optimiser, batches and threads, in one run.

    python tests/bench/bench_showers.py [--showers N] [--batch N] [--threads N] [--workers N]

The peer is what people write: a dense float32 array, a Dataset that gives one shower at a time, a DataLoader
with a shuffle, the hurdle likelihood over all cells, a Python loop with Adam. Ours is the engine on sparse
showers. Each runs in a process of its own, after the other, for its peak memory; times are processor times,
workers included, so that a busy machine does not show in them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from resonaut.nn.networks.hurdle import LOG_SCALE_RANGE, hurdle_nll
from resonaut.nn.networks.shower_vae import ShowerVAE
from resonaut.nn.networks.vae import LOG_VARIANCE_RANGE, kl_divergence
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.shower_samples import SparseShowers
from resonaut.nn.training import train

SHAPE = (30, 30, 30)
N_HITS = 540
CELLS = 27_000


def toy(n: int) -> SparseShowers:
    """As many hits as photons of 10-100 GeV leave, around the axis; made sparse, never dense as a whole."""
    random = np.random.default_rng(1)
    place = random.normal([14.0, 14.5, 14.5], [5.0, 3.0, 3.0], (n, 2 * N_HITS, 3)).round().astype(np.int64)
    cell = np.ravel_multi_index(np.moveaxis(place.clip(0, 29), 2, 0), SHAPE)
    cell.sort(axis=1)
    first = np.concatenate([np.ones((n, 1), bool), np.diff(cell, axis=1) > 0], axis=1)
    first &= first.cumsum(1) <= N_HITS
    energy = (1e-4 + random.exponential(5e-4, int(first.sum()))).astype(np.float32)
    offsets = np.concatenate([[0], first.sum(1).cumsum()])
    given = random.uniform(10, 100, (n, 1)).astype(np.float32)
    return SparseShowers(cell[first].astype(np.int32), energy, offsets, SHAPE, given)


def network_for(showers: SparseShowers) -> ShowerVAE:
    """The small network, measured on the first showers."""
    torch.manual_seed(1)
    network = ShowerVAE(SHAPE, ("incident_energy",))
    network.measure([showers.take(torch.arange(min(512, len(showers)))).values])
    return network


def plain_loss(network: ShowerVAE, showers: Tensor, conditions: Tensor) -> Tensor:
    """The same loss over all cells, as one writes it first."""
    hit = showers > 0
    score = torch.where(hit, network.scores(torch.where(hit, showers, torch.ones_like(showers))), 0.0)
    sums = network.sums.scaled(showers.flatten(1).sum(1), hit.flatten(1).sum(1).float())
    given = torch.cat([network.sums.conditions(conditions), sums], dim=1)
    seen = network.seen(hit.float(), score)
    mean, log_variance = network.encoder(torch.cat([seen, given], dim=1)).chunk(2, dim=1)
    log_variance = log_variance.clamp(*LOG_VARIANCE_RANGE)
    latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    logit, location, log_scale = network.decoder(network.start(torch.cat([latent, given], dim=1))).unbind(1)
    cells = hurdle_nll(hit, score, logit, location, log_scale.clamp(*LOG_SCALE_RANGE)).flatten(1).sum(1)
    return cells + network.sums.nll(sums, conditions) + kl_divergence(mean, log_variance)


def ours(showers: SparseShowers, batch: int, epochs: int) -> None:
    """Train by the engine."""
    network = network_for(showers)
    settings = ScheduledTraining(epochs=epochs, batch_size=batch, patience=1000, device="cpu")
    few = SparseShowers(showers.cell[:10], showers.energy[:10], [0, 10], SHAPE, showers.columns[0][:1])

    def loss(vae: ShowerVAE, values: tuple[Tensor, ...]) -> Tensor:
        return vae.loss(*values, kl_weight=1.0)

    train(network, showers, few, loss, settings, seed=1, where="bench")


def plain(
    showers: SparseShowers, batch: int, epochs: int, *, workers: int = 0, sparse_loss: bool = False
) -> None:
    """Train by a loop over a DataLoader of dense showers."""
    network = network_for(showers)
    dense = showers.take(torch.arange(len(showers))).values
    loader = DataLoader(TensorDataset(*dense), batch_size=batch, shuffle=True, num_workers=workers)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(epochs):
        total = 0.0
        for cells, conditions in loader:
            optimiser.zero_grad()
            found = (
                network.loss(cells, conditions, 1.0)
                if sparse_loss
                else plain_loss(network, cells, conditions)
            ).mean()
            found.backward()
            optimiser.step()
            total += found.item()


def processor_time() -> float:
    """Seconds of this process and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(run: Callable[[SparseShowers, int, int], None], n: int, batch: int) -> None:
    """Print rate and peak memory as JSON: the time of five epochs less that of one, so no start counts."""
    showers = toy(n)
    # What is loaded and compiled at the first step would make one epoch dear, and the difference too small.
    run(showers, batch, 1)
    spent = []
    for epochs in (1, 5):
        before, wall = processor_time(), time.monotonic()
        run(showers, batch, epochs)
        spent.append((processor_time() - before, time.monotonic() - wall))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rates = [4 * n / (three - one) for one, three in zip(*spent, strict=True)]
    print(json.dumps({"rate": rates[0], "wall_rate": rates[1], "peak": peak}))


def main() -> None:
    """Print rates, ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--showers", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="of the peer's DataLoader")
    parser.add_argument("--only", choices=("ours", "plain", "plain_sparse_loss"), help="what a child runs")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    peer = partial(plain, workers=arguments.workers)
    runs = {"plain": peer, "plain_sparse_loss": partial(peer, sparse_loss=True), "ours": ours}
    if arguments.only:
        measured(runs[arguments.only], arguments.showers, arguments.batch)
        return
    found = {}
    for name in runs:
        words = [sys.executable, __file__, *sys.argv[1:], "--only", name]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    labels = {
        "plain": "plain PyTorch (dense, DataLoader)",
        "plain_sparse_loss": "the same with the loss on hits only",
        "ours": "the engine on sparse showers",
    }
    for name, numbers in found.items():
        ratio = numbers["rate"] / found["plain"]["rate"]
        print(
            f"{labels[name]:<38} {numbers['rate']:8.0f} showers per CPU second, {numbers['wall_rate']:6.0f} "
            f"per second; peak {numbers['peak']:6.0f} MB; ratio {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
