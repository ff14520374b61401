"""What variations change in the scores of taggers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.files import atomic, write_json
from resonaut.logs import log, progress
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate
from resonaut.stats import response_summary as summary
from resonaut.stats.response import bin_edges, measure
from resonaut.tag.response import rows
from resonaut.tag.response.settings import ResponseSlice, TaggerOf
from resonaut.tag.response.table import markdown

SCHEMA_VERSION = 1
PACKAGES = ("h5py", "numpy")


def run(
    slice_: Mapping[str, Any],
    scores: Mapping[str, Path],
    manifests: Mapping[str, Path],
    output: Path,
    table: Path,
) -> None:
    """Write the response of taggers to variations.

    Args:
        slice_: of `ResponseSlice`.
        scores: files of `tag score` by `tagger/variation/dataset`, those of `nominal` among them.
        manifests: of what was scored, by the same, where weights or matched jets are needed.
        output: JSON to write: of each tagger `nominal`, `varied` by variation, `total` and `histograms`.
        table: Markdown to write.

    Raises:
        InputError: a file is missing, or is not what it should be.
    """
    task = validate(ResponseSlice, slice_, "--settings")
    files = rows.Files(scores, manifests)
    taggers = {
        name: _of_tagger(task, files, name, of)
        for name, of in progress(task.taggers.items(), f"response.{task.name}: taggers", len(task.taggers))
    }
    result = {
        "schema_version": SCHEMA_VERSION,
        "name": task.name,
        "efficiencies": list(task.response.efficiencies),
        "n_bootstrap": task.response.n_bootstrap,
        "variations": {name: change.model_dump(mode="json") for name, change in task.variations.items()},
        "sources": _sources(task),
        "taggers": taggers,
        "provenance": describe(dict(slice_), sorted({*scores.values(), *manifests.values()}), PACKAGES),
    }
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result))
    log.info("response.%s: %d taggers, %d variations", task.name, len(taggers), len(task.variations))
    write_run_record(output)


def _sources(task: ResponseSlice) -> dict[str, list[str]]:
    """Variations of each source, as `variation_settings.pairs` named it."""
    found: dict[str, list[str]] = {}
    for name, change in sorted(task.variations.items(), key=lambda item: (item[1].source, -item[1].sigma)):
        found.setdefault(change.source, []).append(name)
    return found


def _of_tagger(task: ResponseSlice, files: rows.Files, tagger: str, of: TaggerOf) -> dict[str, Any]:
    nominal = rows.read(files, tagger, of, rows.NOMINAL, None)
    varied = {
        name: rows.read(files, tagger, of, name, change) for name, change in sorted(task.variations.items())
    }
    wanted = task.response.efficiencies
    edges = bin_edges(nominal, task.response.n_bins)
    measured = measure(nominal, varied, wanted, task.response.n_bootstrap, task.seed, edges)
    sigma = {name: change.sigma for name, change in task.variations.items()}
    reference = measured[rows.NOMINAL]
    entries = {}
    for name, classes in varied.items():
        n_rows = {"signal": len(classes.signal.score), "background": len(classes.background.score)}
        entries[name] = {"n_rows": n_rows, **summary.of_variation(reference, measured[name], wanted)}
    n_background = len(nominal.background.score)
    return {
        "n_rows": {"signal": len(nominal.signal.score), "background": n_background},
        "nominal": summary.of_nominal(reference, wanted, n_background),
        "varied": entries,
        "total": summary.total(measured, _sources(task), sigma, wanted),
        "histograms": {
            "edges": edges.tolist(),
            "share": {name: shape[0].tolist() for name, shape in reference.shape.items()},
        },
    }
