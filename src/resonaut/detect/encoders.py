"""Read features that taggers' encoders made of the events of a mixture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resonaut import encoded, manifest, mixtures
from resonaut.detect.interface import Context
from resonaut.errors import ConfigError, InputError, MismatchError, nearest
from resonaut.manifest import Manifest
from resonaut.mixtures import Mixture
from resonaut.representation import read_settings
from resonaut.store import open_h5

Encoders = dict[str, dict[str, Manifest]]
"""Manifest of each dataset, by tagger."""
_ID = ("run", "lumi", "event")


def read_manifests(
    features: tuple[str, ...],
    paths: Mapping[str, Path],
    datasets: tuple[str, ...],
    searched: tuple[str, ...],
    context: Context,
) -> Encoders:
    """Manifests of the encoders among the features.

    Args:
        features: all features of a detector.
        paths: by `tagger/dataset`.
        datasets: whose events are read.
        searched: datasets of the mixture.
        context: for the messages.

    Raises:
        ConfigError: a manifest is not given or has no such column; the encoder learnt from events that are
            searched.
        MismatchError: two manifests of a tagger were made with different weights.
    """
    found: Encoders = {}
    for feature in encoded.among(features).values():
        if feature.tagger not in found:
            found[feature.tagger] = {
                name: _of_dataset(f"{feature.tagger}/{name}", paths, context) for name in datasets
            }
            read_settings(*found[feature.tagger].values())
        for entry in found[feature.tagger].values():
            _check(entry, feature, searched, context)
    return found


def _of_dataset(key: str, paths: Mapping[str, Path], context: Context) -> Manifest:
    if key not in paths:
        raise ConfigError(
            f"--encoded: {context.where} needs '{key}' for mixture '{context.mixture}'; give --encoded "
            f"{key}=MANIFEST of files of `resonaut tag encode`. {nearest(key, paths)}"
        )
    entry = manifest.read(paths[key], "features")
    if entry.dataset != key.split("/")[1]:
        raise InputError(f"{paths[key]}: the manifest of dataset '{entry.dataset}', '{key}' is expected.")
    return entry


def _check(entry: Manifest, feature: encoded.Encoded, searched: tuple[str, ...], context: Context) -> None:
    path = entry.chunks[int(np.argmax(entry.n_events))]
    with open_h5(path) as file:
        known, learnt_from = sorted(file["events"]), json.loads(file.attrs.get("learnt_from", "[]"))
    if feature.column not in known:
        raise ConfigError(
            f"{context.where}.features: no column '{feature.column}' in {path}. "
            f"{nearest(feature.column, known)}"
        )
    both = sorted(set(learnt_from) & set(searched))
    if both:
        raise ConfigError(
            f"{context.where}.features: the tagger '{feature.tagger}' learnt from '{both[0]}' with labels, "
            f"and mixture '{context.mixture}' holds its events. Train it on other simulated events."
        )


def gather(
    features: tuple[str, ...], encoders: Encoders, mixture: Mixture, ids: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the mixture's events, by the name of the feature.

    Args:
        ids: (3, n) run, lumi and event of the mixture's events.

    Raises:
        MismatchError: an encoder's files hold other events.
    """
    found: dict[str, np.ndarray] = {}
    for tagger, manifests in encoders.items():
        named = {n: e for n, e in encoded.among(features).items() if e.tagger == tagger}
        paths = [f"events/{name}" for name in (*_ID, *(e.column for e in named.values()))]
        columns = mixtures.gather(mixture, manifests, paths)
        if not np.array_equal(np.stack([columns[path] for path in paths[:3]]), ids):
            where = ", ".join(str(entry.path) for entry in manifests.values())
            raise MismatchError(
                f"{where}: other events than those of mixture '{mixture.name}'. Run `tag encode` again, on a "
                "representation with the same represent.selection."
            )
        found |= {name: columns[f"events/{e.column}"] for name, e in named.items()}
    return found
