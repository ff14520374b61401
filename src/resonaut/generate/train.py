"""Train a generator of jet images, draw samples and compare them with jets that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import manifest, registry
from resonaut.errors import ConfigError, InputError, TrainingError
from resonaut.files import canonical_json, write_json
from resonaut.generate import data
from resonaut.generate.evaluation import compare
from resonaut.generate.interface import Generator
from resonaut.generate.settings import GeneratorSettings
from resonaut.logs import log
from resonaut.nn import checkpoint, resume
from resonaut.nn.device import choose, deterministic, seeded
from resonaut.nn.samples import FixedSamples, Subset
from resonaut.nn.splits import PARTS
from resonaut.nn.training import n_parameters
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import integer_seed
from resonaut.store import creating

_SAMPLE_BATCH = 1024
PACKAGES = ("numpy", "torch", "h5py", "safetensors")


def parse(slice_: Mapping[str, Any]) -> tuple[GeneratorSettings, Generator, str]:
    """Settings, generator and configuration key of a slice `generate`.

    Raises:
        ConfigError: a key is missing or wrong.
    """
    return registry.from_slice("generate", slice_)


def draw(generator: Generator, network: Any, n_images: int, *, normalise: bool, seed: int) -> np.ndarray:
    """Draw images in batches; (n_images, P, P) float32.

    Each batch has its own seed, so that more images begin with the same ones.
    """
    parts = []
    for number, start in enumerate(range(0, n_images, _SAMPLE_BATCH)):
        with seeded(integer_seed(seed, "batch", number)):
            batch = generator.sample(network, _SAMPLE_BATCH, normalise=normalise)
        parts.append(batch[: n_images - start].cpu().numpy())
    return np.concatenate(parts).astype(np.float32, copy=False)


def write_samples(path: Path, images: np.ndarray, attributes: Mapping[str, Any]) -> None:
    """Write `images`, (n, P, P), with attributes; mappings as JSON text."""
    with creating(path, {}) as file:
        for name, value in sorted(attributes.items()):
            file.attrs[name] = canonical_json(value) if isinstance(value, dict | list) else value
        chunk = (min(256, len(images)), *images.shape[1:])
        file.create_dataset(
            "images", data=images, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True
        )


def _rows_of_parts(jets: data.JetImages, where: str) -> list[np.ndarray]:
    rows = [np.flatnonzero(jets.part == number) for number in range(len(PARTS))]
    halves = [rows[2][jets.half[rows[2]] == value] for value in (0, 1)]
    for found, name in zip([*rows[:2], *halves], ("training", "validation", "test", "test"), strict=True):
        if not len(found):
            raise TrainingError(
                f"{where}: the {name} part holds no jets ({len(jets.part)} in all parts). Make more events, "
                f"loosen represent.selection or raise {where}.n_jets_max."
            )
    return [*rows[:2], *halves]


def _read(
    settings: GeneratorSettings, images: Mapping[str, Path], seed: int, where: str
) -> tuple[manifest.Manifest, data.JetImages]:
    if settings.dataset not in images:
        raise ConfigError(
            f"{where}.dataset: no images of '{settings.dataset}' are given, only of {', '.join(images)}."
        )
    entry = manifest.read(images[settings.dataset], "images")
    if entry.dataset != settings.dataset:
        raise InputError(
            f"{entry.path}: the manifest of '{entry.dataset}' is given for the dataset '{settings.dataset}'."
        )
    return entry, data.read(entry, settings.n_jets_max, seed, where)


def run(
    slice_: Mapping[str, Any],
    images: Mapping[str, Path],
    weights: Path,
    samples: Path,
    metrics: Path,
    threads: int = 2,
    epochs: Path | None = None,
) -> None:
    """Train a generator; write its weights, samples and their distances from held-out jets.

    The state after each epoch is kept beside the weights until all is written: a killed training goes on.

    Args:
        slice_: the slice `generate` of the configuration: method, kind, settings, seed.
        images: manifest of the images of the dataset.
        weights: safetensors to write, with what is needed to draw again.
        samples: HDF5 to write: `images`, (n_samples, P, P).
        metrics: JSON to write.
        threads: CPU threads; another number may change last digits.
        epochs: JSONL with a line per epoch, written while it trains.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    settings, generator, where = parse(slice_)
    seed = int(slice_["seed"])
    entry, jets = _read(settings, images, seed, where)
    training, validation, half, other_half = _rows_of_parts(jets, where)
    normalise = jets.settings["normalise"] in (True, "sum")
    log.info("%s: %d jets of %s, %d to learn from", where, len(jets.part), entry.dataset, len(training))
    provenance = describe(dict(slice_), [entry.path], PACKAGES)
    provenance["threads"] = threads
    kept = resume.folder_of(weights)
    with deterministic(threads):
        device = choose(settings.training.device)
        with seeded(integer_seed(seed, where, "weights")):
            network = generator.network(jets.images.shape[-1])
        on_device = FixedSamples(jets.images).to(device)
        history = generator.fit(
            network.to(device),
            Subset(on_device, training),
            Subset(on_device, validation),
            seed=integer_seed(seed, where, "training"),
            where=where,
            checkpoint_folder=kept,
            inputs=resume.inputs_of(provenance),
            records=epochs,
        )
        drawn = draw(
            *(generator, network, settings.n_samples),
            normalise=normalise,
            seed=integer_seed(seed, where, "samples"),
        )
    half_width = float(jets.settings["half_width"])
    distances = compare(drawn, jets.images[half], jets.images[other_half], half_width)
    description = {
        **{key: slice_[key] for key in ("method", "kind", "settings", "seed")},
        "representation": jets.settings,
        "normalise": normalise,
        "n_pixels": int(jets.images.shape[-1]),
    }
    checkpoint.save(weights, network, description)
    attributes = {
        "kind": "generated_images",
        "method": slice_["method"],
        "dataset": entry.dataset,
        "settings": {"images": jets.settings},
        "provenance": provenance,
    }
    write_samples(samples, drawn, attributes)
    sizes = {"train": training, "validation": validation, "test_half": half, "test_other_half": other_half}
    write_json(
        metrics,
        {
            "schema_version": 1,
            "method": slice_["method"],
            "dataset": entry.dataset,
            "distances": {name: asdict(distance) for name, distance in distances.items()},
            "n_jets": {name: len(rows) for name, rows in sizes.items()} | {"generated": len(drawn)},
            "n_parameters": n_parameters(network),
            "best_epoch": history.best_epoch,
            "history": [asdict(epoch) for epoch in history.epochs],
            "provenance": provenance,
        },
    )
    write_run_record(metrics, device=str(device), threads=threads)
    resume.forget(kept)
