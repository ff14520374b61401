"""Metrics of a trained tagger, from the scores of its test jets and of some training jets.

This stands apart from the training, so that another metric does not train again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.errors import InputError
from resonaut.files import read_json, write_json
from resonaut.provenance import describe, write_run_record
from resonaut.store import open_h5
from resonaut.tag.evaluation import held_out, summary
from resonaut.tag.evaluation.summary import Scored
from resonaut.tag.tasks import OUTPUTS

PACKAGES = ("numpy", "scipy", "h5py")
_KINEMATICS = ("pt", "eta", "mass")


def read(file: h5py.File, group: str, task: str) -> Scored:
    """Rows of a group of a file of scores.

    Args:
        group: `jets` (test) or `training`.
        task: binary, classes or regression.

    Raises:
        InputError: the group or a column is absent.
    """
    columns = {name: column[:] for name, column in file.get(group, {}).items()}
    ensemble, each = OUTPUTS[task]
    needed = (ensemble, each, "target" if task == "regression" else "label")
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputError(
            f"{file.filename}: no {group}/{missing[0]}; scores that `resonaut tag train` wrote are expected."
        )
    return Scored(
        outputs=columns[ensemble],
        restarts=np.moveaxis(columns[each], 1, 0),
        label=columns.get("label"),
        target=columns.get("target"),
        reference=columns.get("reference"),
        jets={name: values for name, values in columns.items() if name in _KINEMATICS or _flag(name)},
    )


def _flag(name: str) -> bool:
    return name.startswith("held_out_")


def run(scores: Path, training: Path, output: Path) -> None:
    """Write the metrics of a tagger.

    Args:
        scores, training: of `tag train`.
        output: JSON to write: what the training says of itself, and the metrics.

    Raises:
        InputError: the files are of another kind, or of two taggers.
    """
    trained = read_json(training)
    with open_h5(scores) as file:
        if file.attrs.get("kind") != "tag_scores" or file.attrs.get("part") != "test":
            raise InputError(f"{scores}: scores of test jets are expected; give what `tag train` wrote.")
        head: dict[str, Any] = {name: str(file.attrs[name]) for name in ("method", "task", "rows")}
        classes = json.loads(file.attrs["classes"])
        if not isinstance(trained, dict) or trained.get("method") != head["method"]:
            raise InputError(f"{training}: the training of '{head['method']}' is expected, as in {scores}.")
        test, seen = (read(file, group, head["task"]) for group in ("jets", "training"))
    if head["task"] == "classes":
        result = summary.classes(test, seen, classes)
    else:
        result = getattr(summary, head["task"])(test, seen)
    if trained.get("held_out"):
        result["held_out"] = held_out.evaluate(test, seen, trained["held_out"], head["task"])
    provenance = describe({"training": trained["provenance"]["settings"]}, [scores, training], PACKAGES)
    keys = ("n_jets", "n_parameters", "best_epoch", "history")
    write_json(
        output,
        {
            "schema_version": 2,
            **head,
            "classes": classes,
            **result,
            **{key: trained[key] for key in keys},
            "provenance": provenance,
        },
    )
    write_run_record(output)
