"""Join what the jobs of a split scan wrote: the scores of all windows in one file, as one job writes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.detect import metrics as records
from resonaut.detect import varied as varying
from resonaut.detect.train import PACKAGES, SCHEMA_VERSION, parse, write_scores
from resonaut.errors import InputError, MismatchError
from resonaut.files import write_json
from resonaut.provenance import describe, write_run_record
from resonaut.store import open_h5


@dataclasses.dataclass(frozen=True)
class Part:
    """What one job wrote: masses and folds (P, n), scores (P, n) by the name of the window."""

    mass: np.ndarray
    fold: np.ndarray
    score: dict[str, np.ndarray]
    labelled: bool
    first: int | None


def read_part(path: Path) -> Part:
    """Read a file of scores.

    Raises:
        MissingFileError, InputError: absent, broken or of another kind.
    """
    with open_h5(path) as file:
        if file.attrs.get("kind") != "scores":
            raise InputError(f"{path}: a file of kind 'scores' is expected, got '{file.attrs.get('kind')}'.")
        names = [f"{window['low']:g}-{window['high']:g}" for window in json.loads(file.attrs["windows"])]
        return Part(
            file["events/mass"][:],
            file["events/fold"][:],
            dict(zip(names, file["score"][:].swapaxes(0, 1), strict=True)),
            bool(file.attrs["labelled"]),
            int(file.attrs["first_experiment"]) if "first_experiment" in file.attrs else None,
        )


def join(
    slice_: Mapping[str, Any],
    scores: Sequence[Path],
    metrics: Sequence[Path],
    output: Path,
    summary: Path,
    varied: tuple[Sequence[Path], Path] | None = None,
) -> None:
    """Write the scores of all windows of a scan and the losses of all networks.

    Args:
        slice_: the slice `detect` with all windows of the scan; the jobs had some of them each.
        scores, metrics: what `detect train` wrote for parts of the scan, job by job.
        output, summary: files to write, as `detect train` writes them for the whole scan.
        varied: scores of varied events of each job, and the file to write, where there are any.

    Raises:
        InputError: a part is not usable, or a window of the scan is in none.
        MismatchError: the parts are not of the same events.
    """
    _, _, scan, context = parse(slice_)
    parts = [read_part(path) for path in scores]
    for part, path in zip(parts, scores, strict=True):
        alike = np.array_equal(part.mass, parts[0].mass, equal_nan=True)
        if not (alike and np.array_equal(part.fold, parts[0].fold)):
            raise MismatchError(
                f"{path}: its events or folds are not those of {scores[0]}; run both jobs again on one "
                "mixture."
            )
    found = {name: values for part in parts for name, values in part.score.items()}
    missing = [window.name for window in scan.windows if window.name not in found]
    if missing:
        raise InputError(
            f"no part holds the window {missing[0]} GeV of the scan; they hold {', '.join(sorted(found))}."
        )
    each = [json.loads(path.read_text(encoding="utf-8")) for path in metrics]
    provenance = describe(dict(slice_), [*scores, *metrics], PACKAGES)
    score = np.stack([found[window.name] for window in scan.windows], axis=1)
    columns = {"events/mass": parts[0].mass, "events/fold": parts[0].fold, "score": score}
    write_scores(output, columns, context, parts[0].labelled, provenance, parts[0].first)
    content = {
        "schema_version": SCHEMA_VERSION,
        "method": context.method,
        "mixture": context.mixture,
        "n_events": int(np.isfinite(parts[0].mass).sum()),
        **records.joined(each),
        "importance": {name: values for entry in each for name, values in entry["importance"].items()},
        "provenance": provenance,
    }
    write_json(summary, content)
    if varied is not None:
        varying.join(varied[0], varied[1], context, describe(dict(slice_), varied[0], PACKAGES))
    write_run_record(output)
