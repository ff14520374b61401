"""Scores of the signal's simulated events as variations have them, by networks of the nominal mixture.

`varied.h5` holds, in one group per variation and in `nominal`, what `detect` says of all events of a dataset:

    mass      (n,) float64 GeV
    weight    (n,) float64, normalised so that all events that were produced weigh 1
    event     (n,) uint64: the same event has the same number in all groups
    fold      (n,) int32; -1 where an event is not scored
    score     (n_windows, n) float32

Events that the mixture holds are scored by networks that did not see them, as they are when nothing varies:
the fold is a hash of the event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pydantic import Field

from resonaut import manifest, mixtures
from resonaut.detect import data
from resonaut.detect.interface import Context, Events, Fitted, Needs
from resonaut.errors import BadValueError, ConfigError, EmptyFileError, InputError, MismatchError, nearest
from resonaut.files import canonical_json
from resonaut.logs import log
from resonaut.manifest import Manifest
from resonaut.scan import ScanSettings
from resonaut.settings import Settings, validate
from resonaut.store import creating, open_h5
from resonaut.variation_settings import NOMINAL

SCHEMA_VERSION = 1
KIND = "varied_scores"
COLUMNS = ("mass", "weight", "event", "fold")
_BLOCK = 100_000


class Weight(Settings):
    """By what a variation multiplies the weights of events; nothing where it changes the events."""

    column: str | None = Field(None, description="Column `events/weights/<column>`.")
    largest: float = Field(100.0, description="Largest |weight| over the mean that is believed.")


class VariedSlice(Settings):
    """The part of the slice that asks for variations."""

    dataset: str
    variations: dict[str, Weight]


Paths = Mapping[str, Path]
"""Manifests by `kind/variation/dataset`."""


def parse(slice_: Mapping[str, Any]) -> VariedSlice | None:
    """What the slice asks for; None for nothing."""
    return validate(VariedSlice, slice_["varied"], "varied") if "varied" in slice_ else None


class Varied:
    """The varied events, read group by group.

    Args:
        wanted: dataset and variations.
        paths: manifests.
        needs: of the detector.
        scan: windows.
        context: names.
        shift: features to which the mass is added, times a factor.

    Raises:
        ConfigError: a manifest is not given.
        InputError: it is not usable.
    """

    def __init__(
        self,
        wanted: VariedSlice,
        paths: Paths,
        needs: Needs,
        scan: ScanSettings,
        context: Context,
        shift: Mapping[str, float],
    ) -> None:
        self.wanted, self.needs, self.scan, self.context, self.shift = wanted, needs, scan, context, shift
        self.kinds = [
            kind for kind, read in (("images", needs.images), ("clouds", needs.constituents)) if read
        ]
        if needs.features or not self.kinds:
            self.kinds.append("features")
        self.manifests = {name: self._manifests(name, paths) for name in wanted.variations}

    def _manifests(self, variation: str, paths: Paths) -> dict[str, Manifest]:
        found = {}
        for kind in self.kinds:
            key = f"{kind}/{variation}/{self.wanted.dataset}"
            if key not in paths:
                raise ConfigError(f"--varied: {key}=MANIFEST is not given. {nearest(key, paths)}")
            found[kind] = manifest.read(paths[key], kind)
        return found

    def write(self, path: Path, fitted: Fitted, provenance: Mapping[str, Any]) -> None:
        """Score the events of all variations.

        Raises:
            EmptyFileError: a variation leaves no event.
            BadValueError: a weight is not finite, or too large.
        """
        with creating(path, {}) as file:
            attributes(file, self.context, self.wanted.dataset, provenance)
            for name, weight in self.wanted.variations.items():
                columns = self._columns(name, weight, fitted)
                log.info("%s: %d events of %s scored", self.context.where, len(columns["mass"]), name)
                _write(file.create_group(name), columns)

    def _columns(self, name: str, weight: Weight, fitted: Fitted) -> dict[str, np.ndarray]:
        kinds = self.manifests[name]
        first = kinds[self.kinds[0]]
        whole = mixtures.draw(
            first.dataset, {first.dataset: first}, {first.dataset: "all"}, self.context.seed, 0
        )
        own = {kind: {found.dataset: found} for kind, found in kinds.items()}
        scores, masses = [], []
        for start in range(0, len(whole), _BLOCK):
            part = whole.take(np.arange(start, min(start + _BLOCK, len(whole))))
            events = Events(**data.read_columns(part, self.needs, own, self.scan, self.shift))
            masses.append(events.mass)
            scores.append(fitted.score(events))
        weights = _weights(whole, first, weight, f"variations.{name}")
        return {
            "mass": np.concatenate(masses),
            "weight": weights / first.sum_weights,
            "event": whole.split_hash,
            "fold": np.concatenate([part.fold for part in scores]).astype(np.int32),
            "score": np.concatenate([part.score for part in scores], axis=1),
        }


def _weights(whole: mixtures.Mixture, found: Manifest, weight: Weight, where: str) -> np.ndarray:
    """(n,) weights of events."""
    if not found.sum_weights > 0:
        raise EmptyFileError(f"{found.path}: the weights of '{found.dataset}' sum to {found.sum_weights:g}.")
    names = ["events/gen_weight"] + ([f"events/weights/{weight.column}"] if weight.column else [])
    columns = mixtures.gather(whole, {found.dataset: found}, names)
    factor = columns[names[-1]] if weight.column else np.ones(len(whole))
    bad = ~np.isfinite(factor) | (np.abs(factor) > weight.largest * max(abs(factor.mean()), 1e-300))
    if bad.any():
        raise BadValueError(
            f"{found.path}: {names[-1]} is {factor[bad][0]:g} in {bad.sum()} of {len(factor)} events; finite "
            f"values up to {weight.largest:g} times the mean are expected ({where}.largest)."
        )
    return columns["events/gen_weight"] * factor


def write_none(path: Path, context: Context) -> None:
    """Write the file of a mixture whose search takes no variations: one of pseudo-experiments."""
    with creating(path, {}) as file:
        attributes(file, context, "", {})


def attributes(file: h5py.File, context: Context, dataset: str, provenance: Mapping[str, Any]) -> None:
    """Write the attributes of the file."""
    windows = [window.model_dump() for window in context.windows]
    file.attrs.update(
        {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "mixture": context.mixture,
            "method": context.method,
            "dataset": dataset,
            "windows": canonical_json(windows),
            "provenance": canonical_json(provenance),
        }
    )


def _write(group: h5py.Group, columns: Mapping[str, np.ndarray]) -> None:
    for name, values in columns.items():
        group.create_dataset(name, data=values, compression="gzip", compression_opts=1, shuffle=True)


def join(paths: Sequence[Path], output: Path, context: Context, provenance: Mapping[str, Any]) -> None:
    """Write what jobs of some windows each wrote, as one job writes it for all windows.

    Raises:
        InputError: a part is of another kind.
        MismatchError: the parts are of other events.
    """
    with creating(output, {}) as file:
        groups: list[str] = []
        for path in paths:
            with open_h5(path) as part:
                if part.attrs.get("kind") != KIND:
                    raise InputError(
                        f"{path}: a file of kind '{KIND}' is expected, got '{part.attrs.get('kind')}'."
                    )
                if path == paths[0]:
                    groups = sorted(part, key=lambda name: (name != NOMINAL, name))
                    attributes(file, context, str(part.attrs["dataset"]), provenance)
                    for name in groups:
                        _write(file.create_group(name), {key: part[name][key][:] for key in COLUMNS})
                for name in groups:
                    if name not in part or not np.array_equal(part[name]["event"][:], file[name]["event"][:]):
                        raise MismatchError(
                            f"{path}: its events of '{name}' are not those of {paths[0]}; run both again."
                        )
        for name in groups:
            scores = []
            for path in paths:
                with open_h5(path) as part:
                    scores.append(part[name]["score"][:])
            _write(file[name], {"score": np.concatenate(scores)})
