"""Compare the taggers of a study: one table, differences on the same jets, an ensemble of all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.errors import InputError
from resonaut.files import atomic, read_json, write_json
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.tag.evaluation import shared_rows
from resonaut.tag.evaluation.comparison import ENSEMBLE, ensemble, of_tagger, paired
from resonaut.tag.evaluation.comparison_table import markdown

PACKAGES = ("numpy", "scipy", "h5py")
SCHEMA_VERSION = 1
TASKS = ("binary", "classes", "regression")


def read_metrics(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Metrics of each tagger.

    Raises:
        InputError: a file is not one of `tag train`.
    """
    found = {}
    for name, path in paths.items():
        value = read_json(path)
        if not isinstance(value, dict) or value.get("task", "binary") not in TASKS or "n_jets" not in value:
            raise InputError(f"{path}: metrics of `tag train` are expected. Give the file of that tagger.")
        found[name] = value
    return found


def costs(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a tagger is made of and what its training took: of restart 0 where they differ."""
    history = metrics.get("history") or []
    return {
        "method": metrics.get("method"),
        "n_parameters": metrics.get("n_parameters"),
        "n_jets": metrics["n_jets"],
        "n_restarts": len(metrics.get("restarts") or [None]),
        "epochs": len(history),
        "best_epoch": metrics.get("best_epoch"),
    }


def _others(metrics: Mapping[str, dict[str, Any]], task: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"name": name, **costs(value), **{key: value.get(key) for key in keys}}
        for name, value in metrics.items()
        if value.get("task", "binary") == task
    ]


def run(scores: Mapping[str, Path], metrics: Mapping[str, Path], output: Path, table: Path) -> None:
    """Compare taggers on the test rows that all of them have.

    Args:
        scores: `scores.h5` of each tagger; those of binary ones are read.
        metrics: `metrics.json` of each tagger, under the same names.
        output: JSON to write: n_common; taggers, sorted by AUC, with the ensemble of all of them among them;
            differences of all pairs; and, listed apart, taggers of several classes and regressions.
        table: Markdown to write.

    Raises:
        InputError: the names differ, or a file is not what it should be.
        MismatchError: binary taggers of other datasets, other rows or another split.
    """
    if set(scores) != set(metrics) or not scores:
        odd = sorted(set(scores) ^ set(metrics))
        raise InputError(
            f"--scores and --metrics: the same names are expected; {odd} are in one of them only."
        )
    if ENSEMBLE in scores:
        raise InputError(f"--scores: the name '{ENSEMBLE}' is that of all together. Rename the tagger.")
    found = read_metrics(metrics)
    binary = {name: scores[name] for name in scores if found[name].get("task", "binary") == "binary"}
    result: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    if binary:
        rows = shared_rows.read({name: Path(path) for name, path in binary.items()})
        log.info("comparison of %d taggers on %d common test %s", len(binary), len(rows.label), rows.rows)
        entries = [
            of_tagger(name, rows.score[number], rows.label, found[name], costs(found[name]))
            for number, name in enumerate(rows.names)
        ]
        values = {name: rows.score[number] for number, name in enumerate(rows.names)}
        if len(binary) > 1:
            entries.append(ensemble(rows.score, rows.label))
            values[entries[-1]["name"]] = entries[-1].pop("score")
        entries.sort(key=lambda entry: (-entry["auc"], entry["name"]))
        seeds = {entry["name"]: entry["spread"] for entry in entries}
        result |= {
            "rows": rows.rows,
            "datasets": rows.datasets,
            "n_common": len(rows.label),
            "n_signal": int(rows.label.sum()),
            "n_background": int((rows.label == 0).sum()),
            "taggers": entries,
            "differences": paired(
                {entry["name"]: values[entry["name"]] for entry in entries}, rows.label, seeds
            ),
        }
    keys = ("classes", "accuracy", "accuracy_error", "auc", "cross_entropy", "spread")
    result["classes"] = sorted(_others(found, "classes", keys), key=lambda entry: -(entry["auc"] or 0))
    keys = ("median", "resolution", "resolution_error", "mean_absolute_error", "rmse_log", "gain", "spread")
    result["regression"] = sorted(
        _others(found, "regression", keys), key=lambda entry: entry["resolution"] or float("inf")
    )
    inputs = [*binary.values(), *metrics.values()]
    write_json(output, {**result, "provenance": describe({}, inputs, PACKAGES)})
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output)
