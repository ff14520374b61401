"""Train a detector on a mixture, out of fold, and write the score of every event in every window."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import mixtures, registry
from resonaut.detect import data
from resonaut.detect import metrics as records
from resonaut.detect.data import Sources
from resonaut.detect.importance import importance
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

SCHEMA_VERSION = 2
PACKAGES = ("numpy", "torch", "h5py", "scikit-learn", "scipy", "zuko")


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
    sources: Sources,
    output: Path,
    metrics: Path,
    threads: int = 2,
) -> None:
    """Train a detector and write its scores and how the training went.

    Args:
        slice_: the slice `detect` of the configuration: method, kind, settings, seed, mixture, scan.
        mixture_path: the mixture.
        sources: manifests of the datasets that the detector reads, of the kinds that it needs.
        output: HDF5 to write. The leading axis is pseudo-experiments (1): `events/mass` (1, n) float64 GeV,
            `events/fold` (1, n) int32, `score` (1, n_windows, n) float32, larger is more like signal. The
            attribute `labelled` says whether all events have a truth label.
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
    shift = getattr(settings, "mass_shift", {})
    inputs = data.read(mixture, detector.needs, sources, scan, context, shift)
    log.info("%s: %d events, %d windows", context.where, len(inputs), len(scan.windows))
    device = choose(settings.training.device)
    with deterministic(threads):
        fitted = detector.fit(inputs, context)
        scores = fitted.score(inputs)
        important = importance(fitted, inputs, context, getattr(settings, "importance_events", 0))
    used = sources.used((*mixture.datasets, *detector.needs.samples))
    provenance = describe(dict(slice_), [mixture_path, *used], PACKAGES)
    provenance["threads"] = threads
    write_scores(output, inputs.mass, scores, context, all(mixture.labels), provenance)
    content = {
        "schema_version": SCHEMA_VERSION,
        "method": context.method,
        "mixture": context.mixture,
        "n_events": len(scores.fold),
        **records.of_training(fitted),
        "importance": important,
        "provenance": provenance,
    }
    write_json(metrics, content)
    write_run_record(output, device=str(device), threads=threads)


def write_scores(
    path: Path, mass: np.ndarray, scores: Scores, context: Context, labelled: bool, provenance: dict[str, Any]
) -> None:
    """Write the file of scores (see `run`)."""
    columns = {"events/mass": mass, "events/fold": scores.fold, "score": scores.score}
    with creating(path, {}) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["kind"] = "scores"
        file.attrs["method"] = context.method
        file.attrs["mixture"] = context.mixture
        file.attrs["labelled"] = labelled
        file.attrs["windows"] = canonical_json([window.model_dump() for window in context.windows])
        file.attrs["provenance"] = canonical_json(provenance)
        for name, values in columns.items():
            file.create_dataset(name, data=values[None], compression="gzip", shuffle=True)
