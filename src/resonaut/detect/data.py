"""Read what a detector needs of the events of a mixture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resonaut import manifest, mixtures
from resonaut.detect.interface import Context, Data, Needs
from resonaut.errors import BadValueError, ConfigError, EmptyFileError, InputError, nearest
from resonaut.manifest import Manifest
from resonaut.mixtures import Mixture
from resonaut.representation import read_settings, require_one_channel
from resonaut.scan import ScanSettings
from resonaut.store import open_h5


def read_manifests(
    paths: Mapping[str, Path], kind: str, mixture: Mixture, context: Context
) -> dict[str, Manifest]:
    """Manifests of the mixture's datasets.

    Raises:
        ConfigError: a dataset of the mixture has none.
        InputError: a manifest is of another kind or of another dataset.
    """
    found = {}
    for name in mixture.datasets:
        if name not in paths:
            raise ConfigError(
                f"--{kind}: {context.where} needs the {kind} of dataset '{name}' of mixture "
                f"'{mixture.name}'; give --{kind} {name}=MANIFEST. "
                f"Given: {', '.join(sorted(paths)) or 'none'}."
            )
        found[name] = manifest.read(paths[name], kind)
        if found[name].dataset != name:
            raise InputError(
                f"{paths[name]}: the manifest of dataset '{found[name].dataset}', '{name}' is expected."
            )
    return found


def _check_features(names: tuple[str, ...], manifests: Mapping[str, Manifest], context: Context) -> None:
    for entry in manifests.values():
        path = entry.chunks[int(np.argmax(entry.n_events))]
        with open_h5(path) as file:
            known = sorted(file["events"])
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"{context.where}.features: no feature '{name}' in {path}. "
                    f"{nearest(name, known)} It holds {', '.join(known)}."
                )


def read(
    mixture: Mixture,
    needs: Needs,
    features: Mapping[str, Path],
    images: Mapping[str, Path],
    scan: ScanSettings,
    context: Context,
) -> Data:
    """Masses, regions, hashes and inputs of a mixture's events.

    Args:
        mixture: which events.
        needs: what the detector reads.
        features, images: manifest of each dataset; only the kinds that are needed are read.
        scan: windows and side bands.
        context: for the messages.

    Raises:
        ConfigError: a manifest is not given, or a feature does not exist; the nearest is named.
        EmptyFileError: the mixture holds no events.
        MismatchError: the datasets were represented with different settings.
        InputError: images of several channels.
        BadValueError: a mass is not finite.
    """
    if not len(mixture):
        raise EmptyFileError(f"mixture '{mixture.name}' holds no events; loosen represent.selection.")
    columns: dict[str, np.ndarray] = {}
    if needs.images:
        manifests = read_manifests(images, "images", mixture, context)
        made_with = read_settings(*manifests.values())
        require_one_channel(made_with, next(iter(manifests.values())).path, context.where)
        columns |= mixtures.gather(mixture, manifests, ["events/mass", "images"])
    if needs.features or not needs.images:
        manifests = read_manifests(features, "features", mixture, context)
        read_settings(*manifests.values())
        _check_features(needs.features, manifests, context)
        paths = ["events/mass", *(f"events/{name}" for name in needs.features)]
        columns |= mixtures.gather(mixture, manifests, list(dict.fromkeys(paths)))
    mass = columns["events/mass"].astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(mass))
    if len(bad):
        raise BadValueError(
            f"mixture '{mixture.name}': the mass of {len(bad)} of {len(mass)} events is not finite "
            f"({mass[bad[0]]}); finite values in GeV are expected."
        )
    return Data(
        mass=mass,
        regions=scan.regions(mass),
        split_hash=mixture.split_hash,
        features={name: columns[f"events/{name}"] for name in needs.features},
        images=columns.get("images"),
    )
