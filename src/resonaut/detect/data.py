"""Read what a detector needs of the events of a mixture, and of datasets besides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import encoded, manifest, mixtures
from resonaut.detect import constituents, encoders
from resonaut.detect.interface import Context, Data, Needs, Sample
from resonaut.errors import BadValueError, ConfigError, EmptyFileError, InputError, nearest
from resonaut.manifest import Manifest
from resonaut.mixtures import Mixture
from resonaut.representation import read_settings, require_one_channel
from resonaut.scan import ScanSettings
from resonaut.store import open_h5
from resonaut.truth import truth


@dataclass(frozen=True)
class Sources:
    """Manifest of each dataset, by kind of representation; of encoders by `tagger/dataset`."""

    features: Mapping[str, Path] = field(default_factory=dict)
    images: Mapping[str, Path] = field(default_factory=dict)
    clouds: Mapping[str, Path] = field(default_factory=dict)
    encoded: Mapping[str, Path] = field(default_factory=dict)

    def used(self, datasets: tuple[str, ...]) -> list[Path]:
        """The manifests of these datasets."""
        kinds = (self.features, self.images, self.clouds, self.encoded)
        return [path for kind in kinds for name, path in kind.items() if name.split("/")[-1] in datasets]


Manifests = dict[str, dict[str, Manifest]]
_ID = ("run", "lumi", "event")


@dataclass(frozen=True)
class ReadFrom:
    """Manifest of each dataset that is read, by kind of representation, and by tagger."""

    kinds: Manifests
    encoders: Manifests


def read_manifests(
    paths: Mapping[str, Path], kind: str, datasets: tuple[str, ...], context: Context
) -> dict[str, Manifest]:
    """Manifests of datasets.

    Raises:
        ConfigError: a dataset has none.
        InputError: a manifest is of another kind or of another dataset.
    """
    found = {}
    for name in datasets:
        if name not in paths:
            raise ConfigError(
                f"--{kind}: {context.where} needs the {kind} of dataset '{name}' for mixture "
                f"'{context.mixture}'; give --{kind} {name}=MANIFEST. "
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


def _manifests(needs: Needs, sources: Sources, datasets: tuple[str, ...], context: Context) -> Manifests:
    """Manifests of each kind that is read; what is read together must have been made alike."""
    kinds: Manifests = {}
    if needs.images:
        kinds["images"] = read_manifests(sources.images, "images", datasets, context)
        made_with = read_settings(*kinds["images"].values())
        require_one_channel(made_with, next(iter(kinds["images"].values())).path, context.where)
    if needs.constituents:
        kinds["clouds"] = read_manifests(sources.clouds, "clouds", datasets, context)
        read_settings(*kinds["clouds"].values())
    if needs.features or not kinds:
        kinds["features"] = read_manifests(sources.features, "features", datasets, context)
        read_settings(*kinds["features"].values())
        plain = tuple(name for name in needs.features if encoded.parse(name) is None)
        _check_features(plain, kinds["features"], context)
    return kinds


def _read(
    mixture: Mixture, needs: Needs, read_from: ReadFrom, scan: ScanSettings, shift: Mapping[str, float]
) -> dict[str, Any]:
    """The attributes of `Events` for the events of a mixture."""
    kinds = read_from.kinds
    columns: dict[str, np.ndarray] = {}
    if "images" in kinds:
        columns |= mixtures.gather(mixture, kinds["images"], ["events/mass", "images"])
    if "clouds" in kinds:
        columns |= mixtures.gather(mixture, kinds["clouds"], ["events/mass"])
        columns["constituents"] = constituents.gather(mixture, kinds["clouds"], needs.constituents)
    if "features" in kinds:
        plain = [name for name in needs.features if encoded.parse(name) is None]
        names = [*(_ID if read_from.encoders else ()), "mass", *plain]
        columns |= mixtures.gather(
            mixture, kinds["features"], list(dict.fromkeys(f"events/{name}" for name in names))
        )
        if read_from.encoders:
            ids = np.stack([columns[f"events/{name}"] for name in _ID])
            made = encoders.gather(needs.features, read_from.encoders, mixture, ids)
            columns |= {f"events/{name}": values for name, values in made.items()}
    mass = columns["events/mass"].astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(mass))
    if len(bad):
        raise BadValueError(
            f"mixture '{mixture.name}': the mass of {len(bad)} of {len(mass)} events is not finite "
            f"({mass[bad[0]]}); finite values in GeV are expected."
        )
    features = {name: columns[f"events/{name}"] for name in needs.features}
    for name, factor in shift.items():
        features[name] = features[name].astype(np.float64) + factor * mass
    return {
        "mass": mass,
        "regions": scan.regions(mass),
        "split_hash": mixture.split_hash,
        "features": features,
        "images": columns.get("images"),
        "constituents": columns.get("constituents"),
    }


def read_columns(
    mixture: Mixture, needs: Needs, kinds: Manifests, scan: ScanSettings, shift: Mapping[str, float]
) -> dict[str, Any]:
    """The attributes of `Events` for the events of a mixture, without features of taggers.

    Args:
        mixture: which events.
        needs: what is read of them.
        kinds: manifest of each dataset, by kind of representation.
        scan: windows and side bands.
        shift: features to which the mass is added, times a factor.

    Raises:
        InputError: a column is absent.
        BadValueError: a mass is not finite.
    """
    return _read(mixture, needs, ReadFrom(kinds, {}), scan, shift)


def read(
    mixture: Mixture,
    needs: Needs,
    sources: Sources,
    scan: ScanSettings,
    context: Context,
    shift: Mapping[str, float] | None = None,
) -> Data:
    """Masses, regions, hashes and inputs of a mixture's events, and of the datasets that are read besides it.

    Args:
        mixture: which events.
        needs: what the detector reads; nothing else is read.
        sources: manifests; only the kinds that are needed are read.
        scan: windows and side bands.
        context: for the messages.
        shift: features to which the mass is added, times a factor.

    Raises:
        ConfigError: a manifest is not given, or a feature does not exist; the nearest is named. Labels are
            needed and the mixture has none.
        EmptyFileError: the mixture or a sample holds no events.
        MismatchError: the datasets were represented with different settings.
        InputError: images of several channels.
        BadValueError: a mass is not finite.
    """
    if not len(mixture):
        raise EmptyFileError(f"mixture '{mixture.name}' holds no events; loosen represent.selection.")
    datasets = tuple(sorted({*mixture.datasets, *needs.samples}))
    read_from = ReadFrom(
        _manifests(needs, sources, datasets, context),
        encoders.read_manifests(needs.features, sources.encoded, datasets, mixture.datasets, context),
    )
    is_signal = truth(mixture) if needs.labels else None
    if needs.labels and is_signal is None:
        raise ConfigError(
            f"{context.where}: it learns from the truth, and not all of the datasets "
            f"{', '.join(mixture.datasets)} of mixture '{mixture.name}' have labels. Use it on simulated "
            "mixtures."
        )
    return Data(
        **_read(mixture, needs, read_from, scan, shift or {}),
        is_signal=is_signal,
        samples={
            name: _sample(name, mixture, needs, read_from, scan, context, shift) for name in needs.samples
        },
    )


def _sample(
    name: str,
    mixture: Mixture,
    needs: Needs,
    read_from: ReadFrom,
    scan: ScanSettings,
    context: Context,
    shift: Mapping[str, float] | None,
) -> Sample:
    """All events of a dataset; the mixture's own ones among them are marked."""
    manifests = {name: next(iter(read_from.kinds.values()))[name]}
    whole = mixtures.draw(name, manifests, {name: "all"}, context.seed, 0)
    held = np.zeros(len(whole), bool)
    if name in mixture.datasets:
        ours = mixture.dataset == mixture.datasets.index(name)
        held = np.isin(_places(whole), _places(mixture)[ours])
    return Sample(
        **_read(whole, needs, read_from, scan, shift or {}), in_mixture=held, label=manifests[name].label
    )


def _places(mixture: Mixture) -> np.ndarray:
    """Chunk and row of each event in one number."""
    return (mixture.chunk.astype(np.int64) << 40) | mixture.row.astype(np.int64)
