"""What is done against pile-up before jets are clustered: nothing, charged subtraction, PUPPI, SoftKiller."""

from __future__ import annotations

import numpy as np

from resonaut import ragged
from resonaut.errors import MissingBranchError
from resonaut.ingest import mitigation_puppi, mitigation_softkiller
from resonaut.ingest.batch import Ragged
from resonaut.ingest.mitigation_puppi import LEADING, NEUTRAL, OTHER
from resonaut.variations.pileup import Settings


def mitigated(
    particles: Ragged, from_pileup: np.ndarray, n_pu: np.ndarray, settings: Settings, path: str
) -> Ragged:
    """The particles that jets are clustered from.

    Args:
        particles: of each event, pile-up among them.
        from_pileup: (n_particles,) mask: the truth, used where `association` says so.
        n_pu: (n_events,) number of pile-up interactions.
        settings: of the variation.
        path: of the events' file, for messages.

    Raises:
        MissingBranchError: the mitigation needs charges or vertices that the events lack.
    """
    method = settings.mitigation
    if method == "none":
        return particles
    if method == "softkiller" and not settings.softkiller.charged_subtraction:
        return _above_thresholds(particles, np.zeros(len(from_pileup), bool), settings)
    vertex = vertices(particles, from_pileup, settings, path)
    if method == "puppi":
        weight = mitigation_puppi.weights(particles, vertex, n_pu, settings.puppi)
        scaled = {name: particles.columns[name] * weight for name in ("pt", "mass")}
        return Ragged({**particles.columns, **scaled}, particles.offsets).keep(weight > 0)
    kept = vertex != OTHER
    rest = particles.keep(kept)
    if method == "softkiller":
        return _above_thresholds(rest, vertex[kept] == LEADING, settings)
    return rest


def vertices(particles: Ragged, from_pileup: np.ndarray, settings: Settings, path: str) -> np.ndarray:
    """(n_particles,) `NEUTRAL`, `LEADING` or `OTHER`.

    Raises:
        MissingBranchError: there are no charges, or no dz where it decides.
    """
    needed = ("charge", "dz") if settings.association == "dz" else ("charge",)
    for name in needed:
        if name not in particles.columns:
            raise MissingBranchError(
                f"{path}: the candidates have no '{name}', which the mitigation '{settings.mitigation}' "
                "needs to tell charged particles of the leading vertex from pile-up. Take a format that has "
                "it, or the mitigation none or softkiller."
            )
    other = from_pileup
    if settings.association == "dz":
        # Without a measurement a track counts to the leading vertex.
        other = np.abs(particles.columns["dz"]) > settings.dz_max
    neutral = particles.columns["charge"] == 0
    return np.where(neutral, NEUTRAL, np.where(other, OTHER, LEADING)).astype(np.int8)


def _above_thresholds(particles: Ragged, spared: np.ndarray, settings: Settings) -> Ragged:
    """Without what SoftKiller takes away; `spared` particles neither count for its cut nor fall to it."""
    columns, offsets = particles.columns, ragged.keep(particles.offsets, ~spared)
    pt, eta, phi = (columns[name][~spared] for name in ("pt", "eta", "phi"))
    cell, eta_max = settings.softkiller.cell, settings.softkiller.eta_max
    cut = mitigation_softkiller.thresholds(pt, eta, phi, offsets, cell, eta_max)
    return particles.keep(spared | (columns["pt"] >= cut[ragged.row_of(particles.offsets)]))
