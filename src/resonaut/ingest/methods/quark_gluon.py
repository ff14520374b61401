"""Reader of EnergyFlow's quark and gluon jets (arXiv:1810.05165; Zenodo 3164691 and 3066475)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from resonaut import settings as base
from resonaut.errors import ConfigError, CorruptFileError
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import Contents
from resonaut.ingest.momenta import wrapped
from resonaut.ingest.padded import labels, numbered, one_jet_each, unpad
from resonaut.ingest.pdg import charge_of, mass_of, pdg_class
from resonaut.ingest.zipped import ZippedArray, arrays

KINDS = ("npz",)
LEVEL = "jets"
NUMBERED = False
_COLUMNS = ("pt", "rapidity", "phi", "pdg_id")


class Settings(base.Settings):
    """The format leaves nothing to choose."""


def matches(contents: Contents) -> bool:
    """Whether the file is of this format."""
    return contents.kind == "npz" and contents.has("", "X", "y")


def build(settings: Settings) -> QuarkGluon:
    """Build the reader."""
    return QuarkGluon()


class QuarkGluon:
    """`X` (n, m, 4), `y` 1 for quarks. A jet is the sum of its particles; there is no other collection."""

    def info(self, file: Any, path: str) -> SourceInfo:
        """The number of jets; all weigh the same."""
        with arrays(file, path, "X", "y") as (particles, label):
            n_jets = _check(path, particles, label)
        return SourceInfo(n_jets, float(n_jets), None, "", ("gluon", "quark"))

    def batches(self, file: Any, path: str, collection: str | None, step: int) -> Iterator[Batch]:
        """Read jets, particles and labels."""
        if collection is not None:
            raise ConfigError(
                f"{path}: no jet collection '{collection}': these files have one jet per row. Leave "
                "'ingest.collection' out."
            )
        with arrays(file, path, "X", "y") as (particles, label):
            n_jets = _check(path, particles, label)
            for start in range(0, n_jets, step):
                stop = min(start + step, n_jets)
                events = numbered(np.arange(start, stop))
                events["label"] = labels(label.rows(stop - start), 2, f"{path}: y", start)
                values = particles.rows(stop - start)
                columns = {name: values[:, :, i] for i, name in enumerate(_COLUMNS)}
                constituents = unpad(columns, columns["pt"] != 0)
                measured = _measured(constituents.columns)
                constituents.columns.clear()
                constituents.columns.update(measured)
                yield one_jet_each(events, start, constituents)


def _check(path: str, particles: ZippedArray, label: ZippedArray) -> int:
    shape, kind = particles.shape, particles.dtype.kind
    if len(shape) != 3 or shape[2] != len(_COLUMNS) or kind != "f":
        raise CorruptFileError(
            f"{path}: X has shape {shape} and type {particles.dtype}; (n_jets, n_particles, 4) floats are "
            "expected: pt, rapidity, phi, PDG id. Is '--reader' the right one?"
        )
    if label.shape != shape[:1] or label.dtype.kind not in "fiub":
        raise CorruptFileError(
            f"{path}: y has shape {label.shape} and type {label.dtype}; {shape[:1]} numbers are expected, "
            "one for each jet of X. Copy or make it again."
        )
    return shape[0]


def _measured(columns: Columns) -> Columns:
    """Columns of the store. Rapidity y is not pseudorapidity: sinh(eta) = mT / pt sinh(y).

    A particle of unknown PDG id has mass and eta NaN.
    """
    pt = columns["pt"].astype(np.float64)
    identity = columns["pdg_id"].astype(np.float64)
    pdg_id = np.rint(np.where(np.isfinite(identity), identity, 0)).clip(-(10**9), 10**9).astype(np.int64)
    mass = mass_of(pdg_id)
    with np.errstate(invalid="ignore", over="ignore"):
        longitudinal = np.hypot(pt, mass) * np.sinh(columns["rapidity"].astype(np.float64))
        eta = np.arcsinh(longitudinal / pt)
    charge = charge_of(pdg_id)
    return {
        "pt": pt,
        "eta": eta,
        "phi": wrapped(columns["phi"].astype(np.float64)),
        "mass": mass,
        "charge": charge,
        "pdg_class": np.where(np.isfinite(mass), pdg_class(pdg_id, charge), 0).astype(np.int32),
    }
