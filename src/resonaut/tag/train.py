"""Train a tagger and measure it on test jets (or events) that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.files import canonical_json, write_json
from resonaut.nn import distributed, resume
from resonaut.nn.device import choose, deterministic
from resonaut.nn.splits import PARTS
from resonaut.nn.training import n_parameters
from resonaut.provenance import write_run_record
from resonaut.store import creating
from resonaut.tag import networks
from resonaut.tag.fitting import Fitted, fit_once
from resonaut.tag.rows import held_out
from resonaut.tag.rows.data import KINEMATICS, Jets
from resonaut.tag.rows.prepare import Prepared, prepare
from resonaut.tag.rows.representations import REPRESENTATIONS
from resonaut.tag.search.overlay import overlay
from resonaut.tag.settings import TaggerSettings

N_TRAINING_ROWS = 50_000
"""Training rows at most that are scored, for the comparison with the test rows."""
_JET_COLUMNS = ("dataset", "index", "run", "lumi", "event")


@dataclass(frozen=True)
class More:
    """What some taggers read besides.

    Attributes:
        scored: files of `tag score`, by `tagger/dataset`, where scores of taggers are among the inputs.
        tuned: JSON of `tag tune`, whose best parameters replace those of the settings.
        transfer: weights of the tagger that the training starts from.
        varied: manifests of varied jets, by `variation/dataset`, for `robust.variations`.
    """

    scored: Mapping[str, Path] = field(default_factory=dict)
    tuned: Path | None = None
    transfer: Path | None = None
    varied: Mapping[str, Path] = field(default_factory=dict)


def run(
    slice_: Mapping[str, Any],
    inputs: Mapping[str, Path],
    weights: Path,
    scores: Path,
    training: Path,
    threads: int = 2,
    epochs: Path | None = None,
    more: More = More(),
) -> None:
    """Train a tagger; write its weights, the scores of the test jets and how it went.

    The state after each epoch is kept beside the weights until all is written: a killed training goes on.
    Under torchrun the first process writes.

    Args:
        slice_: the slice `tag` of the configuration: method, kind, settings, seed.
        inputs: manifest of each dataset, of the representation that the tagger reads.
        weights: safetensors to write, with what is needed to score other jets.
        scores: HDF5 to write: test rows in `jets/`, some training rows in `training/` (docs/taggers.md).
        training: JSON to write: number of rows and parameters, losses and metrics of each epoch.
        threads: CPU threads; another number may change last digits.
        epochs: JSONL with a line per epoch, written while it trains; `<name>.1.jsonl` of the second restart.
        more: further files.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = _tuned(slice_, more.tuned)
    settings, tagger, where = registry.from_slice("tag", slice_)
    also = [path for path in (more.tuned, more.transfer) if path is not None]
    rows = prepare(slice_, settings, tagger, where, inputs, threads, more.scored, also, more.varied)
    kept = resume.folder_of(weights)
    with deterministic(threads):
        # One group of processes for all restarts: another one could not begin before the first has ended.
        with distributed.world(choose(settings.training.device)):
            fitted = [
                fit_once(
                    *(settings, tagger, rows, int(slice_["seed"]), where),
                    restart=restart,
                    folder=kept / str(restart),
                    records=_records(epochs, restart),
                    transfer=more.transfer,
                )
                for restart in range(settings.restarts)
            ]
        if not distributed.is_first():
            return
        trained = [one.network for one in fitted]
        samples = rows.samples()
        seen = rows.parts[0][:: -(-len(rows.parts[0]) // N_TRAINING_ROWS)]
        device = settings.training.device
        of_test, of_seen = (
            networks.outputs(trained, rows.task, samples, rows.place[part], device)
            for part in (rows.parts[2], seen)
        )
    _write(
        slice_,
        settings,
        rows,
        fitted,
        {"weights": weights, "scores": scores, "training": training},
        {"jets": (rows.parts[2], of_test), "training": (seen, of_seen)},
    )
    write_run_record(training, device=device, threads=threads)
    for restart in range(settings.restarts):
        resume.forget(kept / str(restart))
    resume.forget(kept)


def _tuned(slice_: Mapping[str, Any], best: Path | None) -> Mapping[str, Any]:
    """The slice with the best parameters of a search.

    Raises:
        ConfigError: the settings name a search whose result is not given.
    """
    settings, _, where = registry.from_slice("tag", slice_)
    if best is None:
        if settings.tuned is not None:
            raise ConfigError(
                f"{where}.tuned: the result of '{settings.tuned}' is not given; add --tuned FILE."
            )
        return slice_
    complete = settings.model_dump(mode="json")
    return {**slice_, "settings": overlay(complete, best, slice_["kind"])}


def _records(epochs: Path | None, restart: int) -> Path | None:
    if epochs is None or not restart:
        return epochs
    return epochs.with_suffix(f".{restart}{epochs.suffix}")


def _write(
    slice_: Mapping[str, Any],
    settings: TaggerSettings,
    rows: Prepared,
    fitted: list[Fitted],
    files: Mapping[str, Path],
    outputs: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    """Write weights, scores and the training; `outputs` are rows and what networks say of them, by group."""
    task, history = rows.task, fitted[0].history
    head = {"method": slice_["method"], "task": task.name, "classes": list(task.classes)}
    columns = {group: task.scored(values, rows.jets, part) for group, (part, values) in outputs.items()}
    made_with = {"inputs": list(rows.tagger.inputs), "representation": rows.made_with}
    description = {**{key: slice_[key] for key in ("kind", "settings", "seed")}, **head, **made_with}
    networks.save(files["weights"], [one.network for one in fitted], description)
    what = REPRESENTATIONS[rows.kind].rows(rows.tagger.inputs)
    attributes = {**head, "kind": "tag_scores", "part": "test", "rows": what, "datasets": rows.names}
    attributes["provenance"] = rows.provenance
    identity = _identity(rows.jets, rows.parts[2])
    columns["jets"] |= held_out.flags(rows.jets.columns, rows.parts[2], settings.hold_out)
    if task.classes:
        for group, (part, _) in outputs.items():
            columns[group]["label"] = rows.group[part].astype(np.int8)
    _write_scores(files["scores"], {**columns, "jets": {**identity, **columns["jets"]}}, attributes)
    write_json(
        files["training"],
        {
            "schema_version": 1,
            **head,
            "rows": what,
            "n_jets": {name: len(part) for name, part in zip(PARTS, rows.parts, strict=True)},
            "n_parameters": n_parameters(fitted[0].network),
            "best_epoch": history.best_epoch,
            "history": [asdict(epoch) for epoch in history.epochs],
            "held_out": held_out.describe(rows.jets.columns, rows.parts[0], settings.hold_out),
            "provenance": rows.provenance,
        },
    )


def _identity(jets: Jets, part: np.ndarray) -> dict[str, np.ndarray]:
    columns = {name: getattr(jets, name)[part] for name in _JET_COLUMNS}
    return columns | {name: jets.columns[name][part] for name in KINEMATICS if name in jets.columns}


def _write_scores(
    path: Path, groups: Mapping[str, Mapping[str, np.ndarray]], attributes: dict[str, Any]
) -> None:
    with creating(path, {}) as file:
        for name, value in sorted(attributes.items()):
            file.attrs[name] = canonical_json(value) if isinstance(value, dict | list) else value
        for group, columns in sorted(groups.items()):
            for name, column in sorted(columns.items()):
                file.create_dataset(f"{group}/{name}", data=column, compression="gzip", shuffle=True)
