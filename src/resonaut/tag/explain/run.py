"""What a tagger looks at: one question (`what`) of one tagger, JSON and a table.

The file has `name`, `what`, `tagger`, `task`, `classes`, `target` (name of the class whose log odds are
explained), `n` (test rows by class), `provenance`, and what the module `resonaut.tag.explain.<what>` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.files import atomic, write_json
from resonaut.nn.device import deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate
from resonaut.tag import networks
from resonaut.tag.explain import attributions, capsules, information, latent, observables, surrogate, tables
from resonaut.tag.explain.rows import Rows, read
from resonaut.tag.explain.settings import ExplainSlice
from resonaut.tag.rows import prepare
from resonaut.tag.rows.prepare import Prepared

PACKAGES = ("captum", "h5py", "numpy", "safetensors", "scikit-learn", "scipy", "torch")
OF_TEST_ROWS = {
    "attributions": attributions.measure,
    "observables": observables.measure,
    "surrogate": surrogate.measure,
    "capsules": capsules.measure,
}
"""Measurements that need no training rows."""


def run(
    settings: Mapping[str, Any],
    weights: Path,
    inputs: Mapping[str, Path],
    beside: Mapping[str, Path],
    output: Path,
    table: Path,
    threads: int = 2,
) -> None:
    """Explain a trained tagger.

    Args:
        settings: name, seed, `ExplainSettings` under `explain`, and under `tag` the slice of the tagger where
            it is trained again.
        weights: of `tag train`.
        inputs: manifest of each dataset, of what the tagger reads.
        beside: manifest of the features of each dataset, where observables are wanted.
        output: JSON to write, see the module.
        table: Markdown to write.
        threads: of the CPU; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = validate(ExplainSlice, settings, "--settings")
    own, where = slice_.explain, f"explain.{slice_.name}"
    trained = networks.load(weights)
    with deterministic(threads):
        rows = read(trained, inputs, beside, own, where, slice_.seed, weights)
        if own.what in OF_TEST_ROWS:
            found = OF_TEST_ROWS[own.what](rows, own)
        elif own.what == "latent":
            training = _training(slice_, rows, inputs, threads) if own.autoencoder is not None else None
            found = latent.measure(rows, own, training)
        else:
            found = information.measure(rows, own, _training(slice_, rows, inputs, threads))
    files = [weights, *inputs.values(), *beside.values()]
    result = {
        "schema_version": 1,
        "name": slice_.name,
        "what": own.what,
        "tagger": trained.description["method"],
        "task": trained.task.name,
        "classes": list(rows.classes),
        "target": None if rows.target is None else rows.classes[rows.target],
        "n": {name: int((rows.group == number).sum()) for number, name in enumerate(rows.classes)},
        **found,
        "provenance": {**describe(dict(settings), files, PACKAGES), "threads": threads},
    }
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(tables.written(result), encoding="utf-8")
    write_run_record(output, threads=threads)


def _training(slice_: ExplainSlice, rows: Rows, inputs: Mapping[str, Path], threads: int) -> Prepared:
    """Training and validation rows of the tagger, at most `n_training` of each class."""
    if slice_.tag is None:
        raise ConfigError(
            f"--settings: the key 'tag' is required for explain.{slice_.name} (`resonaut config` "
            "prints the slice)."
        )
    settings, tagger, where = registry.from_slice("tag", slice_.tag)
    limit = min(settings.n_jets_max, slice_.explain.n_training)
    fewer = settings.model_copy(update={"n_jets_max": limit})
    return prepare.prepare(slice_.tag, fewer, tagger, where, inputs, threads)
