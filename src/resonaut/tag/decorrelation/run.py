"""How much the background that taggers select follows a variable, and how robust their rejections are.

The divergence is that of Jensen and Shannon between the binned distributions of all background and of the
background that passes (arXiv:2001.05310, section 4), in bits: 0 for equal ones, 1 at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import InputError, MissingBranchError
from resonaut.files import atomic, read_json, write_json
from resonaut.logs import log, progress
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate
from resonaut.store import open_h5
from resonaut.tag.decorrelation.measure import Rows, edges_of, measure
from resonaut.tag.decorrelation.robustness import robustness
from resonaut.tag.decorrelation.settings import DecorrelationSlice
from resonaut.tag.decorrelation.table import markdown

SCHEMA_VERSION = 1
PACKAGES = ("h5py", "numpy")


def run(
    slice_: Mapping[str, Any],
    scores: Mapping[str, Path],
    output: Path,
    table: Path,
    response: Path | None = None,
) -> None:
    """Measure taggers against a variable.

    Args:
        slice_: of `DecorrelationSlice`.
        scores: `scores.h5` of each tagger; their test rows are used.
        output: JSON to write: `edges` of the variable; of each tagger what `measure` says, and `robustness`
            where there is a response.
        table: Markdown to write.
        response: JSON of `tag response`.

    Raises:
        InputError: a file is missing, or is not what it should be.
        MissingBranchError: the rows do not hold the variable.
    """
    task = validate(DecorrelationSlice, slice_, "--settings")
    settings = task.decorrelation
    rows = {name: _read(path, settings.variable) for name, path in sorted(scores.items())}
    background = np.concatenate([one.variable[~one.is_signal] for one in rows.values()])
    edges = edges_of(background, settings.n_bins, settings.range)
    told = read_json(response) if response is not None else {}
    taggers = {}
    for name, own in progress(rows.items(), f"decorrelation.{task.name}: taggers", len(rows)):
        found = measure(own, edges, settings.efficiencies, settings.n_bootstrap, task.seed)
        found["robustness"] = robustness(told, name) if told else None
        taggers[name] = found
    used = sorted({*scores.values(), *([response] if response is not None else [])})
    result = {
        "schema_version": SCHEMA_VERSION,
        "name": task.name,
        "variable": settings.variable,
        "edges": edges.tolist(),
        "efficiencies": list(settings.efficiencies),
        "response": settings.response,
        "taggers": taggers,
        "provenance": describe(dict(slice_), used, PACKAGES),
    }
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result))
    log.info("decorrelation.%s: %d taggers", task.name, len(taggers))
    write_run_record(output)


def _read(path: Path, variable: str) -> Rows:
    with open_h5(path) as file:
        if file.attrs.get("task") != "binary":
            raise InputError(f"{path}: scores of a tagger of signal and background are expected.")
        jets = file["jets"]
        if variable not in jets:
            raise MissingBranchError(
                f"{path}: the rows have no column '{variable}'; decorrelation needs taggers of jets, not of "
                "events."
            )
        label = jets["label"][:]
        return Rows(jets["score"][:].astype(float), jets[variable][:].astype(float), label == 1)
