"""Train a detector on a mixture, out of fold, and write the score of every event in every window.

Pseudo-experiments are trained on one by one, or together where the detector can. Seeds come from the index of
a pseudo-experiment, not from its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import mixtures, registry
from resonaut.detect import data
from resonaut.detect import metrics as records
from resonaut.detect import varied as varying
from resonaut.detect.data import Sources
from resonaut.detect.importance import importance
from resonaut.detect.interface import Context, Data, Detector, Scores, fit_each
from resonaut.detect.settings import DetectorSettings
from resonaut.errors import ConfigError
from resonaut.files import canonical_json, write_json
from resonaut.logs import log, progress
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
    varied: tuple[varying.Paths, Path] | None = None,
) -> None:
    """Train a detector and write its scores and how the training went.

    Args:
        slice_: the slice `detect` of the configuration: method, kind, settings, seed, mixture, scan.
        mixture_path: the mixture.
        sources: manifests of the datasets that the detector reads, of the kinds that it needs.
        output: HDF5 to write. The leading axis is pseudo-experiments (1 for data): `events/mass` (P, n)
            float64 GeV, `events/fold` (P, n) int32, `score` (P, n_windows, n) float32, larger is more like
            signal; rows of shorter ones are padded: mass and score NaN, fold -1. The fold of an event that is
            not scored is -1 too. The attribute `labelled` says whether all events have a truth label,
            `first_experiment` the index of the first pseudo-experiment (absent for data).
        metrics: JSON to write.
        threads: CPU threads; another number may change last digits.
        varied: manifests of varied events by `kind/variation/dataset`, and HDF5 to write (`detect.varied`);
            which holds none where the slice asks for none.

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
    device = choose(settings.training.device)
    of_signal = _varied(slice_, varied, detector, scan, context, shift)
    experiments = list(mixture.experiments())
    contexts = [replace(context, mixture=experiment.name) for experiment in experiments]
    log.info("%s: %d events, %d windows", context.where, len(mixture), len(scan.windows))
    shift = getattr(settings, "mass_shift", {})

    def read() -> Iterator[Data]:
        needs = detector.needs
        if len(experiments) > 1 and not (needs.images or needs.constituents or needs.samples):
            # Features are small: one pass over the files for all.
            together = data.read(mixture, needs, sources, scan, context, shift)
            for start, stop in zip(mixture.offsets[:-1], mixture.offsets[1:], strict=True):
                yield together.take(np.arange(start, stop))
            return
        for experiment, own in zip(experiments, contexts, strict=True):
            yield data.read(experiment, needs, sources, scan, own, shift)

    masses, scores, trained, important = [], [], [], {}
    with deterministic(threads):
        fits = fit_each(detector, read(), contexts)
        if mixture.offsets is not None:
            fits = progress(fits, f"{context.where}: pseudo-experiments", len(contexts))
        for inputs, fitted in fits:
            masses.append(inputs.mass)
            scores.append(fitted.score(inputs))
            trained.append(records.of_training(fitted))
            if mixture.offsets is None:
                n_events = getattr(settings, "importance_events", 0)
                important = importance(fitted, inputs, context, n_events)
                if of_signal is not None:
                    of_signal.write(varied[1], fitted, describe(dict(slice_), varied[0].values(), PACKAGES))
    if varied is not None and of_signal is None:
        varying.write_none(varied[1], context)
    used = sources.used((*mixture.datasets, *detector.needs.samples))
    provenance = describe(dict(slice_), [mixture_path, *used], PACKAGES)
    provenance["threads"] = threads
    columns = padded(masses, scores, len(scan.windows))
    first = None if mixture.offsets is None else mixture.first
    write_scores(output, columns, context, all(mixture.labels), provenance, first)
    content = {
        "schema_version": SCHEMA_VERSION,
        "method": context.method,
        "mixture": context.mixture,
        "n_events": len(mixture),
        **(trained[0] if mixture.offsets is None else records.joined(trained)),
        "importance": important,
        "provenance": provenance,
    }
    write_json(metrics, content)
    write_run_record(output, device=str(device), threads=threads)


def _varied(
    slice_: Mapping[str, Any],
    given: tuple[varying.Paths, Path] | None,
    detector: Detector,
    scan: ScanSettings,
    context: Context,
    shift: Mapping[str, float],
) -> varying.Varied | None:
    """The varied events that the slice asks for.

    Raises:
        ConfigError: the slice asks for them and no files are given, or the other way round.
    """
    wanted = varying.parse(slice_)
    paths = {} if given is None else given[0]
    if (wanted is None) == bool(paths) or (wanted is not None and given is None):
        raise ConfigError(
            f"{context.where}: --varied, --varied-output and the key 'varied' of --settings belong together."
        )
    if wanted is None or given is None:
        return None
    return varying.Varied(wanted, paths, detector.needs, scan, context, shift)


def padded(masses: Sequence[np.ndarray], scores: Sequence[Scores], n_windows: int) -> dict[str, np.ndarray]:
    """Arrays of the file of scores (see `run`), from those of each pseudo-experiment."""
    shape = (len(masses), max(map(len, masses), default=0))
    mass, fold = np.full(shape, np.nan), np.full(shape, -1, np.int32)
    score = np.full((shape[0], n_windows, shape[1]), np.nan, np.float32)
    for index, (own, given) in enumerate(zip(masses, scores, strict=True)):
        mass[index, : len(own)] = own
        fold[index, : len(own)] = given.fold
        score[index, :, : len(own)] = given.score
    return {"events/mass": mass, "events/fold": fold, "score": score}


def write_scores(
    path: Path,
    columns: Mapping[str, np.ndarray],
    context: Context,
    labelled: bool,
    provenance: dict[str, Any],
    first: int | None,
) -> None:
    """Write the file of scores (see `run`).

    Args:
        path: HDF5 to write.
        columns: its arrays.
        context: names and windows.
        labelled: whether all events have a truth label.
        provenance: what it was made from.
        first: index of the first pseudo-experiment, None for data.
    """
    with creating(path, {}) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["kind"] = "scores"
        file.attrs["method"] = context.method
        file.attrs["mixture"] = context.mixture
        file.attrs["labelled"] = labelled
        if first is not None:
            file.attrs["first_experiment"] = first
        file.attrs["windows"] = canonical_json([window.model_dump() for window in context.windows])
        file.attrs["provenance"] = canonical_json(provenance)
        for name, values in columns.items():
            packed = {"compression": "gzip", "shuffle": True} if values.size else {}
            file.create_dataset(name, data=values, **packed)
