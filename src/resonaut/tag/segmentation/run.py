"""Train a network to share out the hits of two overlapping showers, and measure it: JSON and weights.

The file holds `name`, `dataset`, `n_pairs` (by part), `n_hits` (mean of a test pair), `n_parameters`,
`best_epoch`, `history`, `provenance`, and `methods`: for `gravnet`, `nearest_axis` (which is told the true
axes) and `k_means` the bins of `measure.separation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut import manifest
from resonaut.errors import EmptyFileError
from resonaut.files import write_json
from resonaut.logs import log
from resonaut.nn import checkpoint
from resonaut.nn.device import deterministic, seeded
from resonaut.nn.networks.gravnet import GravNet, share_loss
from resonaut.nn.samples import RaggedSamples, batches_of_rows
from resonaut.nn.splits import PARTS, part_of
from resonaut.nn.training import n_parameters, train
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import event_hash, generator, integer_seed
from resonaut.settings import validate
from resonaut.shower_files import read_showers
from resonaut.showers import Showers, concatenate
from resonaut.tag.segmentation import clusters
from resonaut.tag.segmentation.measure import separation
from resonaut.tag.segmentation.overlap import INPUTS, Pairs, draw, overlap
from resonaut.tag.segmentation.settings import ClusterSettings, ClusterSlice

PACKAGES = ("numpy", "torch", "h5py", "safetensors")
_GEV_PER_MEV = 1e-3
_BATCH = 16


def run(settings: Mapping[str, Any], showers: Path, weights: Path, output: Path, threads: int = 2) -> None:
    """Train and measure.

    Args:
        settings: name, seed and `ClusterSettings` under `cluster`.
        showers: manifest of `represent showers`.
        weights: safetensors to write.
        output: JSON to write, see the module.
        threads: of the CPU; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = validate(ClusterSlice, settings, "--settings")
    own, where = slice_.cluster, f"cluster.{slice_.name}"
    found = manifest.read(showers, "showers")
    pairs = pairs_of_parts(found, own, slice_.seed, where)
    training, validation = (samples_of(part) for part in pairs[:2])
    with deterministic(threads):
        with seeded(integer_seed(slice_.seed, where, "weights")):
            network = GravNet(len(INPUTS), **own.network.model_dump())
        network.standardise.measure(training.flat[:, : len(INPUTS)])
        seed = integer_seed(slice_.seed, where, "training")
        history = train(network, training, validation, _loss, own.training, seed=seed, where=where)
        network.cpu().eval()
        shares = {
            "gravnet": predict(network, pairs[2]),
            "nearest_axis": clusters.nearest_axis(pairs[2]),
            "k_means": clusters.k_means(pairs[2]),
        }
    checkpoint.save(weights, network, {"method": "gravnet", "inputs": list(INPUTS), **dict(settings)})
    result = {
        "name": slice_.name,
        "dataset": found.dataset,
        "n_pairs": dict(zip(PARTS, map(len, pairs), strict=True)),
        "n_hits": float(np.diff(pairs[2].offsets).mean()),
        "n_parameters": n_parameters(network),
        "best_epoch": history.best_epoch,
        "history": [asdict(epoch) for epoch in history.epochs],
        "methods": {name: separation(pairs[2], values, own.edges) for name, values in shares.items()},
        "provenance": {**describe(dict(settings), [showers], PACKAGES), "threads": threads},
    }
    write_json(output, result)
    write_run_record(output, threads=threads)


def pairs_of_parts(
    found: manifest.Manifest, settings: ClusterSettings, seed: int, where: str
) -> tuple[Pairs, ...]:
    """Pairs of training, validation and test; a shower is in one part only.

    Raises:
        EmptyFileError: a part has fewer than two showers.
    """
    chunks, left = [], settings.n_showers_max
    for path, n_events in zip(found.chunks, found.n_events, strict=True):
        if left and n_events:
            chunks.append(read_showers(path, slice(0, min(left, n_events))))
            left -= len(chunks[-1])
    showers = concatenate(chunks) if chunks else None
    part = None if showers is None else _part(showers, found.dataset, seed)
    pairs = []
    for number, name in enumerate(PARTS):
        rows = np.flatnonzero(part == number) if part is not None else np.zeros(0, np.int64)
        if len(rows) < 2:
            raise EmptyFileError(
                f"{found.path}: {len(rows)} showers in the {name} part of {where}, two or more are expected. "
                f"Make more showers, or raise {where}.n_showers_max."
            )
        chosen = showers.select(rows)
        chosen = chosen.keep(chosen.energy >= settings.threshold * _GEV_PER_MEV)
        count = settings.n_pairs if number == 0 else settings.n_test
        random = generator(seed, where, "pairs", name)
        pairs.append(overlap(chosen, *draw(len(chosen), count, settings.distance_max, random)))
        log.info("%s: %d pairs of %d showers (%s)", where, count, len(rows), name)
    return tuple(pairs)


def _part(showers: Showers, dataset: str, seed: int) -> np.ndarray:
    ids = [np.asarray(showers.columns[name]) for name in ("run", "lumi", "event")]
    return part_of(event_hash(dataset, *ids, seed, "cluster split"))


def samples_of(pairs: Pairs) -> RaggedSamples:
    """Hits of pairs: inputs, then the energies of both showers, GeV."""
    flat = np.concatenate([pairs.inputs(), pairs.energies], axis=1)
    return RaggedSamples(flat, pairs.offsets)


def _loss(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    padded, mask = values
    return share_loss(network(padded[..., : len(INPUTS)], mask), padded[..., len(INPUTS) :])


@torch.no_grad()
def predict(network: nn.Module, pairs: Pairs) -> np.ndarray:
    """Shares of each hit, (n_hits, 2) float64, sum 1."""
    samples = samples_of(pairs)
    shares = np.empty((len(pairs.cell), 2))
    for rows in batches_of_rows(np.arange(len(pairs)), samples.lengths, _BATCH):
        padded, mask = samples.take(rows).values
        hits, lengths = samples.offsets[rows], samples.lengths[rows]
        step = torch.arange(mask.shape[1])
        places = (hits[:, None] + step)[step < lengths[:, None]]
        shares[places.numpy()] = network(padded[..., : len(INPUTS)], mask)[mask].double().numpy()
    return shares
