"""Panels that the figures of all taggers have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.plot.curves import draw_losses, draw_watched
from resonaut.plot.style import Panel, add_title
from resonaut.review.reading import json_with

_WATCHED = {"auc": "AUC", "accuracy": "Accuracy", "mean_absolute_error": "Mean error"}


def metrics_of(path: Path, *keys: str) -> dict[str, Any]:
    """Metrics of a tagger with what every figure needs, and some more keys.

    Raises:
        InputError: missing, not JSON, or without one of the keys.
    """
    return json_with(path, "method", "n_jets", "history", "best_epoch", *keys)


def grouped(number: int) -> str:
    """A whole number in groups of three digits."""
    return f"{number:,}".replace(",", " ")


def draw_history(panel: Panel, metrics: Mapping[str, Any], y_label: str) -> None:
    """Losses over epochs, and under them a metric of the validation rows, where there is one.

    Args:
        panel: with lower axes.
        y_label: of the losses.
    """
    history = metrics["history"]
    what = metrics.get("rows", "jets")
    add_title(panel.main, f"{grouped(metrics['n_jets']['train'])} training {what}")
    if not history:
        for axes in (panel.main, panel.lower):
            axes.set_axis_off()
        panel.main.text(0.5, 0.5, "No epochs", transform=panel.main.transAxes, ha="center")
        return
    losses = {
        name: np.array([epoch[key] for epoch in history])
        for name, key in (("Training", "train_loss"), ("Validation", "validation_loss"))
    }
    best = metrics["best_epoch"]
    draw_losses(panel.main, losses, best=best, best_label="Weights kept", y_label=y_label)
    for key, label in _WATCHED.items():
        if all(key in (epoch.get("metrics") or {}) for epoch in history):
            panel.main.set_xlabel("")
            panel.lower.set_xlabel("Epoch")
            draw_watched(panel.lower, np.array([epoch["metrics"][key] for epoch in history]), label)
            panel.lower.axvline(best, color="0.5", ls=":", lw=1.5)
            return
    # Trees have losses only.
    panel.main.tick_params(labelbottom=True)
    panel.lower.set_visible(False)
