"""The latent space of a trained tagger as features of events, which stand beside all others.

    events/<tagger>_<k>_j1, <tagger>_<k>_j2           the lighter and the heavier of the two leading jets
    events/<tagger>_<k>_j1                            where an event has one jet
    events/<tagger>_<k>                               where the rows of the tagger are events

J1 and J2 are those of the features of `represent` (arXiv:2109.00546, section 2), so that columns match. k
counts from 0. The values are the inputs of the last linear layer. Networks of other restarts have latent
spaces of their own, whose mean means nothing: the first network is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.errors import ConfigError, InputError, MissingBranchError
from resonaut.files import sha256
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.nn.latent import PrincipalComponents, latent
from resonaut.provenance import describe, write_run_record
from resonaut.representation import read_settings, require_same
from resonaut.store import SCHEMA_VERSION, creating, open_h5, write_attributes
from resonaut.tag import networks
from resonaut.tag.networks import Trained
from resonaut.tag.rows import data
from resonaut.tag.rows.data import Wanted
from resonaut.tag.rows.prepare import PACKAGES
from resonaut.tag.rows.representations import REPRESENTATIONS

_CARRIED = (
    *("dataset", "label", "label_names", "n_generated", "sum_weights", "cross_section"),
    *("n_events", "cut_flow"),
)
_EVENTS = (*data.ID, "gen_weight", "label", "n_pu", "mass")
_ROWS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def run(
    weights: Path,
    chunk: Path,
    output: Path,
    n_components: int | None = None,
    reference: Path | None = None,
    threads: int = 2,
    device: str = "auto",
) -> None:
    """Write the latent space of the events of a chunk, row by row as a chunk of features.

    Args:
        weights: file of `resonaut tag train`.
        chunk: a chunk of the representation that the tagger reads, made with the same settings.
        output: HDF5 to write, of the kind features: the columns of the module and those of every chunk. The
            attribute `learnt_from` names the datasets that the columns were made with, whose events a search
            must not hold.
        n_components: so many principal components instead of all columns, in units of their widths.
        reference: the chunk that they are found in: simulated events, for example those of the training. The
            searched events are none: each would change the features of the others.
        threads: CPU threads.
        device: auto, cuda, mps or cpu.

    Raises:
        ConfigError: components without a reference, a reference without components, or too many of them.
        InputError: the tagger has no latent space, or reads other taggers; a chunk is of another kind.
        MismatchError: a representation was made with other settings than the tagger's.
        MissingBranchError: two jets without masses.
    """
    if (n_components is None) != (reference is None):
        raise ConfigError(
            "--n-components, --reference: principal components are found in simulated events; give both, "
            "or none for all latent columns."
        )
    trained = networks.load(weights)
    if trained.settings.taggers_used():
        raise InputError(
            f"{weights}: the inputs of '{trained.description['method']}' are scores of "
            f"{', '.join(trained.settings.taggers_used())}; an encoder reads a representation alone."
        )
    encoder = _Encoder(trained, weights, device)
    learnt_from, components = set(trained.settings.datasets_used()), None
    made: dict[str, Any] = {"tagger": trained.description["method"], "weights": sha256(weights)}
    with deterministic(threads):
        if reference is not None and n_components is not None:
            components = PrincipalComponents.of(_flat(encoder.read(reference)), n_components, str(weights))
            made |= {"n_components": n_components, "reference": sha256(reference)}
            with open_h5(reference) as file:
                learnt_from.add(str(file.attrs["dataset"]))
        values = encoder.read(chunk)
        if components is not None and len(values):
            values = components.project(values)
    columns = _named(values, encoder.group, str(trained.description["method"]))
    inputs = [weights, chunk, *([reference] if reference else [])]
    provenance = {**describe({"weights": str(weights)}, inputs, PACKAGES), "threads": threads}
    with open_h5(chunk) as source, creating(output, {}) as file:
        attributes = {name: source.attrs[name] for name in _CARRIED if name in source.attrs}
        attributes |= {"kind": "features", "schema_version": SCHEMA_VERSION, "settings": {"features": made}}
        write_attributes(file, {**attributes, "learnt_from": sorted(learnt_from), "provenance": provenance})
        for name, column in {**_carried(source), **columns}.items():
            file.create_dataset(f"events/{name}", data=column, **_ROWS)
    log.info("%s: encoded %d events of %s in %d columns", encoder.where, len(values), chunk, len(columns))
    write_run_record(output, threads=threads)


@dataclass(frozen=True)
class _Encoder:
    trained: Trained
    weights: Path
    device: str

    @property
    def where(self) -> str:
        return self.trained.where

    @property
    def kind(self) -> str:
        return self.trained.settings.representation()

    @property
    def group(self) -> str:
        """What a row is: 'jets' or 'events'."""
        return REPRESENTATIONS[self.kind].rows(self.trained.tagger.inputs)

    def read(self, chunk: Path) -> np.ndarray:
        """Latent values (n_events, n_jets, width) of one or two jets, the lighter one first; or of events."""
        with open_h5(chunk) as file:
            found, n_events = file.attrs.get("kind"), int(file.attrs.get("n_events", 0))
        if found != self.kind:
            raise InputError(f"{chunk}: a chunk of {self.kind} is expected, got '{found}'.")
        expected = self.trained.description["representation"]
        require_same(read_settings(chunk), chunk, expected, self.weights, self.kind, trained=True)
        if not n_events:
            return np.zeros((0, 1, 0), np.float32)
        inputs = self.trained.tagger.inputs
        rows, n_jets = data.read_chunk(chunk, inputs, 0, None, self.kind, Wanted())
        samples = REPRESENTATIONS[self.kind].samples(rows.flat, rows.offsets)
        values = latent(self.trained.networks[0], samples, str(self.weights), self.device)
        values = values.reshape(n_events, n_jets, -1)[:, :2]
        if n_jets == 1:
            return values
        if "mass" not in rows.columns:
            raise MissingBranchError(
                f"{chunk}: no jets/mass, by which the lighter and the heavier jet are told apart. Run "
                f"`represent {self.kind}` again."
            )
        mass = rows.columns["mass"].reshape(n_events, n_jets)[:, :2].astype(np.float64)
        by_mass = np.argsort(mass, axis=1, kind="stable")
        return np.take_along_axis(values, by_mass[..., None], axis=1)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _named(values: np.ndarray, group: str, tagger: str) -> dict[str, np.ndarray]:
    _, n_jets, width = values.shape
    return {
        f"{tagger}_{number}" + (f"_j{jet + 1}" if group == "jets" else ""): values[:, jet, number]
        for jet in range(n_jets)
        for number in range(width)
    }


def _carried(source: h5py.File) -> dict[str, np.ndarray]:
    """Columns of events that every representation has."""
    events = source["events"]
    found = {name: events[name][:] for name in _EVENTS if name in events}
    return found | {f"weights/{name}": column[:] for name, column in events.get("weights", {}).items()}
