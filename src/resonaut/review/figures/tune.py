"""A search of a tagger's parameters: its trials in order, and against each parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError, InputError
from resonaut.files import canonical_json
from resonaut.plot.search import Trials, draw_slice, draw_trials
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

METRICS = {
    "validation_loss": "Validation loss",
    "auc": "AUC, validation",
    "accuracy": "Accuracy, validation",
    "mean_absolute_error": "Mean absolute error, validation",
}
"""Words for the metrics of `tag.tune_settings`."""
N_BESIDE = 3


def trials_of(result: Mapping[str, Any], path: Path) -> Trials:
    """Trials of a search, from its JSON.

    Raises:
        EmptyFileError: none was completed.
    """
    entries = result["trials"]
    completed = np.array([entry["state"] == "completed" for entry in entries], bool)
    if not completed.any():
        raise EmptyFileError(f"{path}: no completed trial to draw. Run `tag tune` again.")
    return Trials(
        np.array([entry["number"] for entry in entries]),
        np.array([entry["value"] for entry in entries], float),
        completed,
        result["direction"] == "minimize",
    )


def places(result: Mapping[str, Any], parameter: str, path: Path) -> np.ndarray:
    """Values of a parameter in each trial, (n,); of choices, their numbers.

    Raises:
        InputError: a trial has a value that is none of the choices.
    """
    values = [entry["parameters"][parameter] for entry in result["trials"]]
    choices = result["parameters"][parameter]["choices"]
    if choices is None:
        return np.array(values, float)
    known = [canonical_json(choice) for choice in choices]
    numbers = [known.index(text) if text in known else -1 for text in map(canonical_json, values)]
    if -1 in numbers:
        raise InputError(
            f"{path}: {parameter} is {values[numbers.index(-1)]!r} in a trial; one of {', '.join(known)} is "
            "expected. Run `tag tune` again."
        )
    return np.array(numbers, float)


def _rows(n_parameters: int) -> list[int]:
    """Panels in each row, at most three and as even as can be."""
    n_rows = -(-n_parameters // N_BESIDE)
    return [len(part) for part in np.array_split(np.arange(n_parameters), n_rows)]


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the values of all trials with the best so far, and below against each parameter."""
    path = inputs["trials"]
    keys = ("tune", "tagger", "metric", "direction", "parameters", "trials")
    result = json_with(path, *keys)
    trials = trials_of(result, path)
    space = result["parameters"]
    counts = _rows(len(space))
    figure, (top, *others) = panels([Row((False,)), *(Row((False,) * count) for count in counts)], width=5.2)
    label = METRICS.get(result["metric"], result["metric"])
    draw_trials(top[0].main, trials, label)
    add_label(top[0].main, look)
    add_title(top[0].main, f"{result['tune']}: parameters of {result['tagger']}")
    below: Sequence[Panel] = [panel for row in others for panel in row]
    for panel, (name, searched) in zip(below, space.items(), strict=True):
        choices = [] if searched["choices"] is None else [_name(choice) for choice in searched["choices"]]
        draw_slice(
            *(panel.main, trials, places(result, name, path), name, label),
            log=searched["log"],
            choices=choices,
        )
    return figure


def _name(choice: Any) -> str:
    """A choice as it is written under an axis: lists without brackets."""
    if isinstance(choice, list):
        nested = any(isinstance(member, list) for member in choice)
        return (" | " if nested else ", ").join(map(_name, choice))
    return str(choice)
