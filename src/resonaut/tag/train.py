"""Train a tagger and measure it on test jets (or events) that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resonaut import registry
from resonaut.errors import TrainingError
from resonaut.files import canonical_json, write_json
from resonaut.logs import log
from resonaut.nn import checkpoint, resume
from resonaut.nn.device import choose, deterministic, seeded
from resonaut.nn.samples import Samples, Subset, batches_of_rows
from resonaut.nn.splits import PARTS, part_of
from resonaut.nn.training import n_parameters, train
from resonaut.provenance import describe, write_run_record
from resonaut.representation import read_settings
from resonaut.seeds import event_hash, integer_seed
from resonaut.store import creating
from resonaut.tag import data
from resonaut.tag.data import Jets
from resonaut.tag.interface import Tagger
from resonaut.tag.metrics import evaluate
from resonaut.tag.representations import REPRESENTATIONS
from resonaut.tag.settings import TaggerSettings

SCORE_BATCH = 1024
PACKAGES = ("numpy", "torch", "h5py", "safetensors")
_JET_COLUMNS = ("dataset", "index", "run", "lumi", "event")


def parse(slice_: Mapping[str, Any]) -> tuple[TaggerSettings, Tagger, str]:
    """Settings, tagger and configuration key of a slice `tag`.

    Raises:
        ConfigError: a key is missing or wrong.
    """
    return registry.from_slice("tag", slice_)


def binary_cross_entropy(network: torch.nn.Module, values: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Loss of each jet from (arguments of the network..., label)."""
    *inputs, label = values
    return torch.nn.functional.binary_cross_entropy_with_logits(network(*inputs), label, reduction="none")


def class_weights(label: np.ndarray) -> np.ndarray:
    """Weights with mean 1 that give both classes the same sum; (n,) float32."""
    counts = np.bincount(label.astype(np.int64), minlength=2)
    return (len(label) / (2.0 * counts))[label.astype(np.int64)].astype(np.float32)


def score(network: torch.nn.Module, samples: Samples, rows: np.ndarray) -> np.ndarray:
    """Probability of signal of some jets, (n,) float32, in the order of `rows`.

    Args:
        samples: their batches are the arguments of the network, and nothing more.
    """
    out = torch.empty(len(samples))
    with torch.no_grad():
        for batch in batches_of_rows(rows, samples.lengths, SCORE_BATCH):
            out[batch] = torch.sigmoid(network(*samples.take(batch).values)).cpu()
    return out.numpy()[rows]


def parts_of_jets(jets: Jets, names: list[str], seed: int) -> np.ndarray:
    """Part of each jet, (n_jets,) int8; all jets of an event are in the same."""
    part = np.empty(len(jets), np.int8)
    for number, name in enumerate(names):
        own = jets.dataset == number
        hashes = event_hash(name, jets.run[own], jets.lumi[own], jets.event[own], seed, "tag split")
        part[own] = part_of(hashes)
    return part


def _rows_of_parts(part: np.ndarray, label: np.ndarray, where: str) -> list[np.ndarray]:
    rows = []
    for number, name in enumerate(PARTS):
        rows.append(np.flatnonzero(part == number))
        for value, kind in ((1, "signal"), (0, "background")):
            if not (label[rows[-1]] == value).any():
                raise TrainingError(
                    f"{where}: the {name} part holds no {kind} jets ({int((label == value).sum())} in all "
                    "parts). Make more events or loosen represent.selection."
                )
    return rows


def _read(
    settings: TaggerSettings, tagger: Tagger, manifests: Mapping[str, Any], seed: int, where: str
) -> tuple[Jets, np.ndarray]:
    """Jets of both classes and their labels, (n_jets,) float32."""
    names = settings.datasets_used()
    classes = [
        data.read_class(
            *(manifests, sorted(datasets), names, tagger.inputs, settings.n_jets_max, seed),
            *(f"{where}.{key}", settings.representation()),
        )
        for key, datasets in (("background", settings.background), ("signal", settings.signal))
    ]
    return data.join(classes), np.repeat(np.float32([0, 1]), [len(jets) for jets in classes])


def run(
    slice_: Mapping[str, Any],
    inputs: Mapping[str, Path],
    weights: Path,
    scores: Path,
    metrics: Path,
    threads: int = 2,
) -> None:
    """Train a tagger; write its weights, the scores of the test jets and their metrics.

    The state after each epoch is kept beside the weights until all is written: a killed training goes on.

    Args:
        slice_: the slice `tag` of the configuration: method, kind, settings, seed.
        inputs: manifest of each dataset, of the representation that the tagger reads.
        weights: safetensors to write, with what is needed to score other jets.
        scores: HDF5 to write: `jets/{score,label,dataset,index,run,lumi,event}`, (n_test_jets,).
        metrics: JSON to write.
        threads: CPU threads; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    settings, tagger, where = parse(slice_)
    seed, names = int(slice_["seed"]), settings.datasets_used()
    kind = settings.representation()
    manifests = data.read_manifests(inputs, names, where, kind)
    made_with = read_settings(*manifests.values())
    jets, label = _read(settings, tagger, manifests, seed, where)
    rows = _rows_of_parts(parts_of_jets(jets, names, seed), label, where)
    log.info("%s: %d jets of which %d signal", where, len(jets), int(label.sum()))
    provenance = describe(dict(slice_), [manifests[name].path for name in names], PACKAGES)
    provenance["threads"] = threads
    kept = resume.folder_of(weights)
    with deterministic(threads):
        with seeded(integer_seed(seed, where, "weights")):
            network = tagger.network()
        of_training = np.repeat(np.isin(np.arange(len(jets)), rows[0]), np.diff(jets.offsets))
        network.standardise.measure(torch.from_numpy(jets.flat[of_training]))
        device = choose(settings.training.device)
        on_device = REPRESENTATIONS[kind].samples(jets.flat, jets.offsets, label).to(device)
        training, validation = (
            Subset(on_device, part, class_weights(label[part])) for part in (rows[0], rows[1])
        )
        history = train(
            *(network, training, validation, binary_cross_entropy, settings.training),
            seed=integer_seed(seed, where, "training"),
            where=where,
            checkpoint_folder=kept,
            inputs=resume.inputs_of(provenance),
        )
        test_scores = score(network, REPRESENTATIONS[kind].samples(jets.flat, jets.offsets), rows[2])
    result = evaluate(test_scores, label[rows[2]])
    description = {
        **{key: slice_[key] for key in ("method", "kind", "settings", "seed")},
        "inputs": list(tagger.inputs),
        "representation": made_with,
    }
    checkpoint.save(weights, network, description)
    attributes = {"kind": "tag_scores", "method": slice_["method"], "part": "test", "provenance": provenance}
    _write_scores(scores, jets, label, rows[2], test_scores, {**attributes, "datasets": names})
    write_json(
        metrics,
        {
            "schema_version": 1,
            "method": slice_["method"],
            **result.as_json(),
            "rows": REPRESENTATIONS[kind].rows(tagger.inputs),
            "n_jets": {name: len(part) for name, part in zip(PARTS, rows, strict=True)},
            "n_parameters": n_parameters(network),
            "best_epoch": history.best_epoch,
            "history": [asdict(epoch) for epoch in history.epochs],
            "provenance": provenance,
        },
    )
    write_run_record(metrics, device=str(device), threads=threads)
    resume.forget(kept)


def _write_scores(
    path: Path,
    jets: Jets,
    label: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    attributes: dict[str, Any],
) -> None:
    columns = {name: getattr(jets, name)[rows] for name in _JET_COLUMNS}
    columns |= {"score": values, "label": label[rows].astype(np.int8)}
    with creating(path, {}) as file:
        for name, value in sorted(attributes.items()):
            file.attrs[name] = canonical_json(value) if isinstance(value, dict | list) else value
        for name, column in sorted(columns.items()):
            file.create_dataset(f"jets/{name}", data=column, compression="gzip", shuffle=True)
