"""Train a detector on a mixture, out of fold, and write the score of every event in every window."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import mixtures, registry
from resonaut.detect import data
from resonaut.detect.interface import Context, Detector, Scores
from resonaut.detect.settings import DetectorSettings
from resonaut.errors import ConfigError
from resonaut.files import canonical_json, write_json
from resonaut.logs import log
from resonaut.nn.device import choose, deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.scan import ScanSettings
from resonaut.settings import validate
from resonaut.store import creating

SCHEMA_VERSION = 1
PACKAGES = ("numpy", "torch", "h5py")


def parse(slice_: Mapping[str, Any]) -> tuple[DetectorSettings, Detector, ScanSettings, Context]:
    """Settings, detector, scan and names of a slice `detect`.

    Raises:
        ConfigError: a key is missing, unknown or wrong.
    """
    settings, detector, _ = registry.from_slice("detect", slice_, "mixture", "scan")
    scan = validate(ScanSettings, slice_["scan"], "scan")
    context = Context(int(slice_["seed"]), slice_["method"], slice_["mixture"], scan.windows)
    return settings, detector, scan, context


def run(
    slice_: Mapping[str, Any],
    mixture_path: Path,
    features: Mapping[str, Path],
    images: Mapping[str, Path],
    output: Path,
    metrics: Path,
    threads: int = 2,
) -> None:
    """Train a detector and write its scores and how the training went.

    Args:
        slice_: the slice `detect` of the configuration: method, kind, settings, seed, mixture, scan.
        mixture_path: the mixture.
        features, images: manifest of each dataset of the mixture, of the kinds that the detector needs.
        output: HDF5 to write. The leading axis is pseudo-experiments (1): `events/mass` (1, n) float64 GeV,
            `events/fold` (1, n) int32, `score` (1, n_windows, n) float32, larger is more like signal.
        metrics: JSON to write.
        threads: CPU threads; another number may change last digits.

    Raises:
        ConfigError, InputError, EmptyWindowError, TrainingError: see the messages.
    """
    settings, detector, scan, context = parse(slice_)
    mixture = mixtures.read(mixture_path)
    if mixture.name != context.mixture:
        raise ConfigError(
            f"--mixture: {mixture_path} is mixture '{mixture.name}', the settings are for "
            f"'{context.mixture}'."
        )
    inputs = data.read(mixture, detector.needs, features, images, scan, context)
    log.info("%s: %d events, %d windows", context.where, len(inputs), len(scan.windows))
    device = choose(settings.training.device)
    with deterministic(threads):
        scores = detector.score(inputs, context)
    used = [path for name, path in {**features, **images}.items() if name in mixture.datasets]
    provenance = describe(dict(slice_), [mixture_path, *used], PACKAGES)
    provenance["threads"] = threads
    _write_scores(output, inputs.mass, scores, context, provenance)
    write_json(metrics, _metrics(scores, context, provenance))
    write_run_record(output, device=str(device), threads=threads)


def _write_scores(
    path: Path, mass: np.ndarray, scores: Scores, context: Context, provenance: dict[str, Any]
) -> None:
    columns = {"events/mass": mass, "events/fold": scores.fold, "score": scores.score}
    with creating(path, {}) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["kind"] = "scores"
        file.attrs["method"] = context.method
        file.attrs["mixture"] = context.mixture
        file.attrs["windows"] = canonical_json([window.model_dump() for window in context.windows])
        file.attrs["provenance"] = canonical_json(provenance)
        for name, values in columns.items():
            file.create_dataset(name, data=values[None], compression="gzip", shuffle=True)


def _curve(losses: np.ndarray) -> dict[str, list[float] | list[int]]:
    """Mean, least and largest loss of the networks that were still training, epoch by epoch."""
    if not len(losses):
        return {"mean": [], "min": [], "max": [], "n_networks": []}
    trained = np.isfinite(losses)
    losses = losses[:, : int(trained.any(0).sum())].astype(np.float64)
    rounded = {
        name: [round(float(value), 7) for value in function(losses, axis=0)]
        for name, function in (("mean", np.nanmean), ("min", np.nanmin), ("max", np.nanmax))
    }
    return {**rounded, "n_networks": [int(value) for value in np.isfinite(losses).sum(0)]}


def _best_epoch(best: np.ndarray) -> dict[str, Any]:
    """Epochs whose weights are kept, counted from 1 as in every result."""
    each = best + 1
    if not len(each):
        return {"median": None, "min": None, "max": None, "each": []}
    return {
        "median": float(np.median(each)),
        "min": int(each.min()),
        "max": int(each.max()),
        "each": each.tolist(),
    }


def _metrics(scores: Scores, context: Context, provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "method": context.method,
        "mixture": context.mixture,
        "n_events": len(scores.fold),
        "n_networks": scores.n_networks,
        "n_parameters": scores.n_parameters,
        "train_loss": _curve(scores.history.train_loss),
        "validation_loss": _curve(scores.history.validation_loss),
        "best_epoch": _best_epoch(scores.history.best_epoch),
        "provenance": provenance,
    }
