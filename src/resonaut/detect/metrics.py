"""How a detector's training went, as JSON: curves of losses, and the same over the jobs of a split scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resonaut.detect.interface import Fitted

Curve = dict[str, list[Any]]
_NOTHING: Curve = {"mean": [], "min": [], "max": [], "n_networks": []}


def of_training(fitted: Fitted) -> dict[str, Any]:
    """Losses and numbers of the networks."""
    return {
        "n_networks": fitted.n_networks,
        "n_parameters": fitted.n_parameters,
        "train_loss": _curve(fitted.history.train_loss),
        "validation_loss": _curve(fitted.history.validation_loss),
        "best_epoch": _best_epoch(fitted.history.best_epoch + 1),
    }


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `of_training` gives for all networks of several jobs or pseudo-experiments."""
    epochs = [number for part in parts for number in part["best_epoch"]["each"]]
    return {
        "n_networks": sum(part["n_networks"] for part in parts),
        "n_parameters": max((part["n_parameters"] for part in parts), default=0),
        "train_loss": _merged([part["train_loss"] for part in parts]),
        "validation_loss": _merged([part["validation_loss"] for part in parts]),
        "best_epoch": _best_epoch(np.array(epochs, np.int64)),
    }


def _curve(losses: np.ndarray) -> Curve:
    """Mean, least and largest loss of the networks that were still training, epoch by epoch."""
    if not len(losses):
        return dict(_NOTHING)
    trained = np.isfinite(losses)
    losses = losses[:, : int(trained.any(0).sum())].astype(np.float64)
    rounded = {
        name: [round(float(value), 7) for value in function(losses, axis=0)]
        for name, function in (("mean", np.nanmean), ("min", np.nanmin), ("max", np.nanmax))
    }
    return {**rounded, "n_networks": [int(value) for value in np.isfinite(losses).sum(0)]}


def _merged(curves: Sequence[Curve]) -> Curve:
    merged: Curve = {name: [] for name in _NOTHING}
    for epoch in range(max((len(curve["mean"]) for curve in curves), default=0)):
        here = [
            {name: curve[name][epoch] for name in _NOTHING} for curve in curves if epoch < len(curve["mean"])
        ]
        count = sum(entry["n_networks"] for entry in here)
        mean = sum(entry["n_networks"] * entry["mean"] for entry in here) / count
        merged["mean"].append(round(mean, 7))
        merged["min"].append(min(entry["min"] for entry in here))
        merged["max"].append(max(entry["max"] for entry in here))
        merged["n_networks"].append(count)
    return merged


def _best_epoch(each: np.ndarray) -> dict[str, Any]:
    """Epochs whose weights are kept, counted from 1 as in every result."""
    if not len(each):
        return {"median": None, "min": None, "max": None, "each": []}
    return {
        "median": float(np.median(each)),
        "min": int(each.min()),
        "max": int(each.max()),
        "each": each.tolist(),
    }
