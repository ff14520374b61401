"""Score jets (or events) with a trained tagger, row by row like the representation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.files import canonical_json
from resonaut.logs import log
from resonaut.nn import checkpoint
from resonaut.nn.device import deterministic
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.representation import read_settings, require_same
from resonaut.store import creating
from resonaut.tag import data
from resonaut.tag.representations import REPRESENTATIONS
from resonaut.tag.train import PACKAGES, parse, parts_of_jets, score


def run(weights: Path, inputs: Path, output: Path, threads: int = 2) -> None:
    """Score all jets of one dataset.

    Args:
        weights: file of `resonaut tag train`.
        inputs: manifest of the representation, made with the settings that the network was trained on.
        output: HDF5 to write: `jets/score` (n_events, n_jets), where n_jets is 1 if the network tells
            events apart; `events/{run,lumi,event}`, and `events/part` (index into the attribute `parts`),
            which means something for datasets of the training only.

    Raises:
        MismatchError: the representation was made with other settings.
        EmptyFileError: the dataset holds no events.
    """
    tensors, description = checkpoint.read(weights)
    settings, tagger, where = parse(description)
    kind = settings.representation()
    entry = data.manifest.read(inputs, kind)
    if not any(entry.n_events):
        raise EmptyFileError(f"{inputs}: no events to score. Loosen represent.selection.")
    require_same(read_settings(entry), inputs, description["representation"], weights, kind, trained=True)
    network = tagger.network()
    checkpoint.load_into(network, tensors, weights)
    columns: dict[str, list[np.ndarray]] = {}
    with deterministic(threads):
        for path, n_events in zip(entry.chunks, entry.n_events, strict=True):
            if not n_events:
                continue
            jets, n_jets = data.read_chunk(path, tagger.inputs, 0, kind=kind)
            samples = REPRESENTATIONS[kind].samples(jets.flat, jets.offsets)
            values = score(network, samples, np.arange(len(jets)))
            part = parts_of_jets(jets, [entry.dataset], int(description["seed"]))
            columns.setdefault("jets/score", []).append(values.reshape(-1, n_jets))
            for name, column in (("part", part), *((key, getattr(jets, key)) for key in data.ID)):
                columns.setdefault(f"events/{name}", []).append(column[::n_jets])
            log.info("%s: scored %d jets of %s", where, len(jets), path)
    provenance = describe({"weights": str(weights)}, [weights, inputs], PACKAGES)
    with creating(output, {}) as file:
        file.attrs["kind"] = "tag_scores"
        file.attrs["method"] = description["method"]
        file.attrs["dataset"] = entry.dataset
        file.attrs["parts"] = canonical_json(list(PARTS))
        file.attrs["provenance"] = canonical_json({**provenance, "threads": threads})
        for name, pieces in sorted(columns.items()):
            file.create_dataset(name, data=np.concatenate(pieces), compression="gzip", shuffle=True)
    write_run_record(output, threads=threads)
