"""Score jets (or events) with a trained tagger, row by row like the representation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.files import canonical_json
from resonaut.logs import progress
from resonaut.nn.device import deterministic
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.representation import read_settings, require_same
from resonaut.store import creating
from resonaut.tag import networks
from resonaut.tag.rows import data
from resonaut.tag.rows.data import Wanted
from resonaut.tag.rows.prepare import PACKAGES, parts_of_jets
from resonaut.tag.rows.representations import REPRESENTATIONS
from resonaut.tag.rows.scored import ScoreFiles


def run(
    weights: Path,
    inputs: Path,
    output: Path,
    threads: int = 2,
    device: str = "auto",
    scored: Mapping[str, Path] | None = None,
) -> None:
    """Score all jets of one dataset: the mean over the networks of the restarts, and each of them.

    Args:
        weights: file of `resonaut tag train`.
        inputs: manifest of the representation, made with the settings that the network was trained on.
        output: HDF5 to write: `jets/score` (n_events, n_jets), where n_jets is 1 if rows are events, and
            `jets/restart_scores` (n_events, n_jets, n_restarts); of several classes `jets/scores`, with the
            axis of the classes last; of a regression `jets/prediction`. `events/{run,lumi,event}`, and
            `events/part` (index into the attribute `parts`), which means something for datasets of the
            training only.
        threads: CPU threads.
        device: auto, cuda, mps or cpu.
        scored: files of `tag score` by `tagger/dataset`, where scores of taggers are among the inputs.

    Raises:
        MismatchError: the representation was made with other settings.
        EmptyFileError: the dataset holds no events.
    """
    trained = networks.load(weights)
    tagger, description, where = trained.tagger, trained.description, trained.where
    kind = trained.settings.representation()
    entry = data.manifest.read(inputs, kind)
    if not any(entry.n_events):
        raise EmptyFileError(f"{inputs}: no events to score. Loosen represent.selection.")
    require_same(read_settings(entry), inputs, description["representation"], weights, kind, trained=True)
    beside = ScoreFiles(scored or {}, trained.settings.taggers_used(), f"{where}.inputs")
    columns: dict[str, list[np.ndarray]] = {}
    with deterministic(threads):
        starts = np.cumsum([0, *entry.n_events])
        chunks = zip(entry.chunks, entry.n_events, starts[:-1].tolist(), strict=True)
        for path, n_events, first in progress(chunks, f"{where}: chunks of {inputs}", len(entry.chunks)):
            if not n_events:
                continue
            wanted = Wanted(reference=trained.settings.reference)
            scores = beside.of_chunk(entry.dataset, first, path)
            jets, n_jets = data.read_chunk(path, tagger.inputs, 0, None, kind, wanted, scores)
            samples = REPRESENTATIONS[kind].samples(jets.flat, jets.offsets)
            every = np.arange(len(jets))
            found = networks.outputs(trained.networks, trained.task, samples, every, device)
            made = trained.task.scored(found, jets, every)
            part = parts_of_jets(jets, [entry.dataset], int(description["seed"]))
            for name, column in made.items():
                shaped = column.reshape(-1, n_jets, *column.shape[1:])
                columns.setdefault(f"jets/{name}", []).append(shaped)
            for name, column in (("part", part), *((key, getattr(jets, key)) for key in data.ID)):
                columns.setdefault(f"events/{name}", []).append(column[::n_jets])
    provenance = describe({"weights": str(weights)}, [weights, inputs, *(scored or {}).values()], PACKAGES)
    with creating(output, {}) as file:
        file.attrs["kind"] = "tag_scores"
        file.attrs["method"] = description["method"]
        file.attrs["task"] = trained.task.name
        file.attrs["classes"] = canonical_json(list(trained.task.classes))
        file.attrs["dataset"] = entry.dataset
        file.attrs["parts"] = canonical_json(list(PARTS))
        file.attrs["provenance"] = canonical_json({**provenance, "threads": threads})
        for name, pieces in sorted(columns.items()):
            file.create_dataset(name, data=np.concatenate(pieces), compression="gzip", shuffle=True)
    write_run_record(output, threads=threads)
