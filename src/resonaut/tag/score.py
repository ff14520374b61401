"""Score jets with a trained tagger, row by row like the representation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import InputError
from resonaut.files import canonical_json
from resonaut.logs import log
from resonaut.nn import checkpoint
from resonaut.nn.device import deterministic
from resonaut.nn.samples import RaggedSamples
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.store import creating
from resonaut.tag import data
from resonaut.tag.train import PACKAGES, parse, parts_of_jets, score


def _check(description: dict[str, Any], made_with: Any, weights: Path, clouds: Path) -> None:
    if description["representation"] != made_with:
        raise InputError(
            f"{weights}: trained on clouds made with {description['representation']}, but {clouds} was made "
            f"with {made_with}. Run `represent clouds` with the same settings, or train again."
        )


def run(weights: Path, clouds: Path, output: Path, threads: int = 2) -> None:
    """Score all jets of one dataset.

    Args:
        weights: file of `resonaut tag train`.
        clouds: manifest of clouds made with the settings that the network was trained on.
        output: HDF5 to write: `jets/score` (n_events, n_jets), `events/{run,lumi,event}`, and `events/part`
            (index into the attribute `parts`), which means something for datasets of the training only.

    Raises:
        InputError: the clouds were made with other settings.
    """
    tensors, description = checkpoint.read(weights)
    _, tagger, where = parse(description)
    entry = data.manifest.read(clouds, "clouds")
    _check(description, data.representation({entry.dataset: entry}), weights, clouds)
    network = tagger.network()
    checkpoint.load_into(network, tensors, weights)
    columns: dict[str, list[np.ndarray]] = {}
    with deterministic(threads):
        for path in entry.chunks:
            jets, n_jets = data.read_chunk(path, tagger.inputs, 0)
            samples = RaggedSamples(jets.flat, jets.offsets)
            values = score(network, samples, np.arange(len(jets)))
            part = parts_of_jets(jets, [entry.dataset], int(description["seed"]))
            columns.setdefault("jets/score", []).append(values.reshape(-1, n_jets))
            for name, column in (("part", part), *((key, getattr(jets, key)) for key in data.ID)):
                columns.setdefault(f"events/{name}", []).append(column[::n_jets])
            log.info("%s: scored %d jets of %s", where, len(jets), path)
    provenance = describe({"weights": str(weights)}, [weights, clouds], PACKAGES)
    with creating(output, {}) as file:
        file.attrs["kind"] = "tag_scores"
        file.attrs["method"] = description["method"]
        file.attrs["dataset"] = entry.dataset
        file.attrs["parts"] = canonical_json(list(PARTS))
        file.attrs["provenance"] = canonical_json({**provenance, "threads": threads})
        for name, pieces in sorted(columns.items()):
            file.create_dataset(name, data=np.concatenate(pieces), compression="gzip", shuffle=True)
    write_run_record(output, threads=threads)
