"""Train a generator: its weights, and how it went.

`training.json`: `method`, `kind`, `learn`, `datasets`; `n_rows` of each part and `held_out` of the training
and validation parts; `n_parameters` of one network; `conditions`: name, least and largest trained value;
`members`: `best_epoch` and `history` of each restart; `best_epoch` and `history` of the first; `provenance`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from resonaut import registry
from resonaut.errors import ConfigError, TrainingError
from resonaut.files import write_json
from resonaut.generate import learnt, networks
from resonaut.generate.interface import Generator, Job, Shape
from resonaut.generate.learnt import Learnt
from resonaut.logs import log
from resonaut.nn import resume
from resonaut.nn.device import choose, deterministic, seeded
from resonaut.nn.samples import Subset
from resonaut.nn.splits import PARTS
from resonaut.nn.training import History, n_parameters
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import integer_seed

PACKAGES = ("numpy", "torch", "h5py", "safetensors")


def rows_of_parts(rows: Learnt, where: str) -> list[np.ndarray]:
    """Rows of training and validation without those that are held out, and of the test part.

    Raises:
        TrainingError: a part is empty.
    """
    found = [np.flatnonzero((rows.part == number) & ~(rows.held & (number < 2))) for number in range(3)]
    for part, name in zip(found, PARTS, strict=True):
        if not len(part):
            name = "training" if name == "train" else name
            held = f", {int(rows.held.sum())} are held out" if rows.held.any() else ""
            raise TrainingError(
                f"{where}: the {name} part holds no rows ({len(rows)} in all parts{held}). Make more events, "
                f"loosen represent.selection or raise {where}.n_rows_max."
            )
    return found


def trained_ranges(rows: Learnt, training: np.ndarray, where: str) -> np.ndarray:
    """Least and largest value of each condition in the training rows, (k, 2) float64.

    Raises:
        ConfigError: a condition is the same in all rows.
    """
    trained = rows.conditions[training].astype(np.float64)
    ranges = np.stack([trained.min(axis=0), trained.max(axis=0)], axis=1)
    for name, (low, high) in zip(rows.condition_names, ranges, strict=True):
        if low == high:
            raise ConfigError(
                f"{where}.conditions: '{name}' is {low:g} in all {len(trained)} training rows; a condition "
                "must vary for a network to learn what it does. Leave it out, or take other datasets."
            )
    return ranges


def run(
    slice_: Mapping[str, Any],
    manifests: Mapping[str, Path],
    weights: Path,
    training: Path,
    threads: int = 2,
    epochs: Path | None = None,
) -> None:
    """Train a generator; write its weights and how it went.

    The state after each epoch is kept beside the weights until all is written: a killed training goes on.

    Args:
        slice_: the slice `generate` of the configuration: method, kind, settings, seed.
        manifests: of the representation that is learnt, by dataset.
        weights: safetensors to write, with what is needed to draw.
        training: JSON to write, see the module.
        threads: CPU threads; another number may change last digits.
        epochs: JSONL with a line per epoch, written while it trains; `<name>.1.jsonl` of the second restart.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    settings, generator, where = registry.from_slice("generate", slice_)
    seed = int(slice_["seed"])
    rows = learnt.read(manifests, settings, seed, where)
    parts = rows_of_parts(rows, where)
    ranges = trained_ranges(rows, parts[0], where)
    log.info("%s: %d rows of %s", where, len(rows), ", ".join(settings.datasets))
    log.info("%s: %d to learn from", where, len(parts[0]))
    provenance = describe(dict(slice_), [manifests[name] for name in settings.datasets], PACKAGES)
    provenance["threads"] = threads
    kept = resume.folder_of(weights)
    samples = rows.samples()
    fitted = []
    with deterministic(threads):
        device = choose(settings.training.device)
        for restart in range(settings.restarts):
            more = (restart,) if restart else ()
            job = Job(
                seed=integer_seed(seed, where, "training", *more),
                where=where,
                checkpoint_folder=kept / str(restart),
                inputs=resume.inputs_of(provenance),
                records=_records(epochs, restart),
            )
            initial = integer_seed(seed, where, "weights", *more)
            subsets = [Subset(samples, part) for part in parts[:2]]
            fitted.append(_fit(generator, rows.shape(), subsets, job, initial))
    n_rows = int(rows.ids["index"].max()) + 1
    found = [network for network, _ in fitted]
    networks.save(weights, found, dict(slice_), rows.shape(), ranges, n_rows, rows.places)
    counts = {name: len(part) for name, part in zip(PARTS, parts, strict=True)}
    counts["held_out"] = int((rows.held & (rows.part < 2)).sum())
    histories = [
        {"best_epoch": history.best_epoch, "history": [asdict(epoch) for epoch in history.epochs]}
        for _, history in fitted
    ]
    conditions = [
        {"name": name, "low": low, "high": high}
        for name, (low, high) in zip(rows.condition_names, ranges.tolist(), strict=True)
    ]
    write_json(
        training,
        {
            "schema_version": 1,
            "method": slice_["method"],
            "kind": slice_["kind"],
            "learn": rows.kind,
            "datasets": list(settings.datasets),
            "n_rows": counts,
            "n_parameters": n_parameters(found[0]),
            "conditions": conditions,
            "members": histories,
            **histories[0],
            "provenance": provenance,
        },
    )
    write_run_record(training, device=str(device), threads=threads)
    # Methods keep several trainings there, each in a folder of its own.
    shutil.rmtree(kept, ignore_errors=True)


def _fit(
    generator: Generator, shape: Shape, subsets: list[Subset], job: Job, initial: int
) -> tuple[nn.Module, History]:
    with seeded(initial):
        network = generator.network(shape)
    history = generator.fit(network, *subsets, job)
    return network.to("cpu").eval(), history


def _records(epochs: Path | None, restart: int) -> Path | None:
    if epochs is None or not restart:
        return epochs
    return epochs.with_suffix(f".{restart}{epochs.suffix}")
