"""Entry of the stage for showers: one chunk of a simulated dataset, from seeds to an HDF5 file.

    energy                          (n, 1) float32, GeV, of the incident particle
    offsets                         (n + 1,) int64, first hit of each shower
    cell                            (n_hits,) cell, rising inside a shower; see the attribute `geometry`
    deposit                         (n_hits,) float32, visible energy, MeV; calibrated where there is `adc`
    time                            (n_hits,) float32, ns after the particle passed the front; if asked for
    adc                             (n_hits,) int32 counts with pedestal; with `digitise`
    columns/theta, phi              (n,) float32, radian
    columns/impact_row, impact_column   (n,) float32, cells from the centre of the front (mm with `r_edges`)
    columns/energy_first, ...       (n,) float32, of pairs of showers: see `overlapping.OverlappingSource`
    truth/start, em_fraction        (n,) float32, of pions: path to the interaction, in their interaction
                                    lengths, and the electromagnetic share; no reader hands these on

Attributes: `geometry`, `calorimeter` (sizes, mm) and `settings` as JSON, `dataset`, `chunk`, `n_generated`,
`content_digest` and `provenance`. Deposits and times keep 12 bits of their mantissa, so that they compress.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from resonaut import logs, provenance, registry, seeds
from resonaut.files import canonical_json
from resonaut.hdf5 import creating, write_attributes
from resonaut.simulate.showers import conditions as incident
from resonaut.simulate.showers.digitisation import digitise, smear_times
from resonaut.simulate.showers.settings import ShowerDataset
from resonaut.simulate.showers.sources import ShowerSource
from resonaut.simulate.showers.spots import Hits

SLICE_CELLS = 2_700_000
"""Cells that are held at a time, 100 showers of 30 x 30 x 30: some 100 MB with their spots."""
MANTISSA_BITS = 12
_OPTIONS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_CHUNK_ROWS = 65_536


@dataclass(frozen=True)
class ShowerSummary:
    """What a chunk holds: showers, hits, and the SHA-256 of the arrays as written."""

    n_accepted: int
    n_hits: int
    content_digest: str


def simulate_showers(
    dataset: str, source: str, settings: ShowerDataset, chunk: int, output: str | os.PathLike
) -> ShowerSummary:
    """Make the showers of one chunk and write them.

    Random numbers follow from (seed, dataset, chunk), so chunks can be made in any order and on any machine.

    Args:
        dataset: name of the dataset.
        source: name of a file in `simulate/methods` whose `Settings` are of showers.
        settings: of that source, with the seed.
        chunk: number of the chunk, from 0.
        output: HDF5 file.

    Raises:
        ConfigError: there is no such chunk, or there is no seed.
        InputError: the source needs what is not installed.
        OutputError: the file cannot be written.
    """
    n_events = settings.events_of(chunk, dataset)
    generator: ShowerSource = registry.build("simulate", source, settings)
    rng = seeds.generator(settings.seed, "simulate", dataset, chunk)
    drawn = incident.draw(settings, n_events, rng)
    step = max(1, SLICE_CELLS // generator.calorimeter.n_cells)
    described = {"dataset": dataset, "source": source, "settings": settings.model_dump(mode="json")}
    attributes = {
        "geometry": generator.calorimeter.geometry,
        "calorimeter": generator.calorimeter.describe(),
        "settings": canonical_json(settings.model_dump(mode="json")),
        "dataset": dataset,
        "chunk": chunk,
        "n_generated": len(drawn),
        "provenance": canonical_json(provenance.describe(described, packages=generator.packages)),
    }
    with creating(output, attributes) as file:
        writer = _Writer(file, generator.calorimeter.n_cells)
        starts = range(0, len(drawn), step)
        for start in logs.progress(starts, f"{dataset} chunk {chunk}: slices of {step} showers"):
            part = drawn.rows(start, start + step)
            hits, truth = generator.generate(part, rng)
            known = {name: truth.pop(name) for name in getattr(generator, "handed_on", ())}
            writer.append(part, *_read_out(hits, settings, generator, rng), known, truth)
        digest = writer.finish()
        write_attributes(file, {"content_digest": digest})
    return ShowerSummary(len(drawn), writer.n_hits, digest)


def _read_out(
    hits: Hits, settings: ShowerDataset, generator: ShowerSource, rng: np.random.Generator
) -> tuple[Hits, dict[str, np.ndarray]]:
    """Hits as they are written, and their optional columns."""
    hits = hits.select(np.flatnonzero(hits.deposit > settings.minimum_deposit))
    columns: dict[str, np.ndarray] = {}
    if settings.time_resolution is not None:
        hits = smear_times(hits, settings.time_resolution, rng)
    if settings.digitise is not None:
        hits, counts = digitise(hits, generator.calorimeter, settings.digitise, rng)
        columns["adc"] = counts
    if settings.time_resolution is not None:
        columns["time"] = rounded(hits.time)
    return hits, columns


def rounded(values: np.ndarray) -> np.ndarray:
    """float32 with `MANTISSA_BITS` bits of mantissa, (n,)."""
    mantissa, exponent = np.frexp(values)
    scale = 2.0**MANTISSA_BITS
    return np.ldexp(np.rint(mantissa * scale) / scale, exponent).astype(np.float32)


class _Writer:
    """Append slices of showers to an open file."""

    def __init__(self, file: h5py.File, n_cells: int) -> None:
        self._file = file
        self._cell_kind = np.uint16 if n_cells <= 2**16 else np.uint32
        self._hashes: dict[str, Any] = {}
        self.n_hits = 0
        self._append("offsets", np.zeros(1, np.int64))

    def append(
        self,
        conditions: incident.Conditions,
        hits: Hits,
        columns: dict[str, np.ndarray],
        handed_on: dict[str, np.ndarray],
        truth: dict[str, np.ndarray],
    ) -> None:
        """Append one slice, its hits sorted by shower and cell."""
        of_showers = {**conditions.columns(), **handed_on}
        known = {name: values.astype(np.float32) for name, values in of_showers.items()}
        self._append("energy", known.pop("energy")[:, None])
        counts = np.bincount(hits.owner, minlength=len(conditions))
        self._append("offsets", self.n_hits + np.cumsum(counts, dtype=np.int64))
        self.n_hits += len(hits.cell)
        self._append("cell", hits.cell.astype(self._cell_kind))
        self._append("deposit", rounded(hits.deposit))
        for name, values in columns.items():
            self._append(name, values)
        for name, values in known.items():
            self._append(f"columns/{name}", values)
        for name, values in truth.items():
            self._append(f"truth/{name}", values.astype(np.float32))

    def finish(self) -> str:
        """The digest of all that was appended."""
        total = hashlib.sha256()
        for name in sorted(self._hashes):
            total.update(f"{name}:{self._hashes[name].hexdigest()}\n".encode())
        return total.hexdigest()

    def _append(self, name: str, values: np.ndarray) -> None:
        values = np.ascontiguousarray(values)
        if name not in self._file:
            shape = values.shape[1:]
            self._file.create_dataset(
                name,
                (0, *shape),
                values.dtype,
                maxshape=(None, *shape),
                chunks=(_CHUNK_ROWS, *shape),
                **_OPTIONS,
            )
            self._hashes[name] = hashlib.sha256(values.dtype.str.encode())
        self._hashes[name].update(values)
        item = self._file[name]
        first = len(item)
        item.resize(first + len(values), axis=0)
        item[first:] = values
