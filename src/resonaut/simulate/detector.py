"""A parametrised detector: from generated particles to particle-flow candidates, a batch of events at once.

The order is that of Delphes 3 (arXiv:1307.6346): propagation in the field, track efficiency and resolution,
cells of the electromagnetic and then of the hadronic calorimeter, energy flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.simulate.calorimeter import Calorimeter, Deposits, Flow, log_normal
from resonaut.simulate.cards import CARDS, DetectorCard, ImpactParameterCard, TrackCard
from resonaut.simulate.displaced import MM_PER_M, impact_parameters, propagate_from
from resonaut.simulate.order import stable_order
from resonaut.simulate.propagation import Impact, propagate

# Positions in resonaut.events.PDG_CLASSES.
CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = 1, 2, 3, 4, 5
MASSES = {CHARGED_HADRON: 0.13957039, ELECTRON: 0.51099895e-3, MUON: 0.1056583755}
"""Masses given to tracks, GeV (Particle Data Group); a hadron is taken for a pion. Neutral candidates: 0."""
DISPLACED_MIN = 1.0
"""Particles that start closer to the origin are propagated from there, mm: a cell is 20 times as wide."""


@dataclass
class Candidates:
    """Particle-flow candidates, sorted by decreasing pt inside each event.

    Attributes:
        columns: pt, eta, phi, mass, charge, pdg_class, and d0, dz (mm), which are NaN for neutral candidates:
            a calorimeter measures neither. phi and eta of tracks are those at the particle's origin.
        offsets: (n_events + 1,) first candidate of each event.
    """

    columns: dict[str, np.ndarray]
    offsets: np.ndarray


class Detector:
    """A detector's response.

    Args:
        card: a name in `resonaut.simulate.cards.CARDS`, or a card.
    """

    def __init__(self, card: str | DetectorCard) -> None:
        self.card = CARDS[card] if isinstance(card, str) else card
        self._ecal = Calorimeter(self.card.ecal)
        self._hcal = Calorimeter(self.card.hcal)

    def observe(
        self, particles: dict[str, np.ndarray], offsets: np.ndarray, rng: np.random.Generator
    ) -> Candidates:
        """What the detector sees of visible stable particles.

        Args:
            particles: px, py, pz, e (GeV), pdg_id, charge (e), x, y, z of the production vertex (mm);
                (n_particles,) each.
            offsets: (n_events + 1,) first particle of each event.
            rng: of this chunk.
        """
        event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        species = classify(particles["pdg_id"], particles["charge"])
        pt = np.hypot(particles["px"], particles["py"])
        eta = np.arcsinh(particles["pz"] / pt)
        phi = np.arctan2(particles["py"], particles["px"])
        card = self.card
        impact = self._impact(particles, pt, eta, phi)

        track = self._tracks(pt, eta, species, np.hypot(particles["x"], particles["y"]), rng)
        mass = _mass_of(species[track.row])
        momentum = track.pt * np.cosh(eta[track.row])
        track_energy = np.zeros(len(pt))
        track_variance = np.zeros(len(pt))
        track_energy[track.row] = np.hypot(momentum, mass)
        track_variance[track.row] = (track.resolution * track_energy[track.row]) ** 2

        share = _electromagnetic_share(particles["pdg_id"], species, card.ecal.share_k0_lambda)
        share_hadronic = _hadronic_share(particles["pdg_id"], species, card.hcal.share_k0_lambda)
        scale = np.ones(len(pt))
        flows = []
        for calorimeter, part in ((self._ecal, share), (self._hcal, share_hadronic)):
            rows = np.flatnonzero(impact.reached & (part > 0))
            flow = calorimeter.flow(
                Deposits(
                    event[rows],
                    impact.eta[rows],
                    impact.phi[rows],
                    (particles["e"] * part)[rows],
                    track_energy[rows],
                    track_variance[rows],
                ),
                rng,
            )
            scale[rows] *= flow.track_scale
            flows.append(flow)
        charged = {
            "event": event[track.row],
            "pt": track.pt * scale[track.row],
            "eta": eta[track.row],
            "phi": phi[track.row],
            "mass": mass,
            "charge": particles["charge"][track.row],
            "pdg_class": species[track.row],
            **self._impact_parameters(particles, pt, eta, phi, track.row, rng),
        }
        neutral = [_neutral(flow, name) for flow, name in zip(flows, (PHOTON, NEUTRAL_HADRON), strict=True)]
        return _sorted_by_pt([charged, *neutral], len(offsets) - 1)

    def _impact(
        self, particles: dict[str, np.ndarray], pt: np.ndarray, eta: np.ndarray, phi: np.ndarray
    ) -> Impact:
        """Where the particles meet the calorimeters."""
        card, charge = self.card, particles["charge"]
        cylinder = (card.field, card.radius, card.half_length)
        impact = propagate(pt, eta, phi, charge, *cylinder)
        vertex = {axis: particles[axis] for axis in ("x", "y", "z")}
        away = np.flatnonzero(vertex["x"] ** 2 + vertex["y"] ** 2 + vertex["z"] ** 2 > DISPLACED_MIN**2)
        if len(away):
            there = {axis: values[away] for axis, values in vertex.items()}
            displaced = propagate_from(there, pt[away], eta[away], phi[away], charge[away], *cylinder)
            impact.eta[away], impact.phi[away] = displaced.eta, displaced.phi
            impact.reached[away] = displaced.reached
        return impact

    def _impact_parameters(
        self,
        particles: dict[str, np.ndarray],
        pt: np.ndarray,
        eta: np.ndarray,
        phi: np.ndarray,
        row: np.ndarray,
        rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        """Measured d0 and dz of the tracks of the particles in `row`, mm."""
        vertex = {axis: particles[axis][row] for axis in ("x", "y", "z")}
        pt, eta, phi, charge = pt[row], eta[row], phi[row], particles["charge"][row]
        values = impact_parameters(vertex, pt, eta, phi, charge, self.card.field)
        sigmas = impact_resolution(self.card.impact_parameters, pt, eta)
        for name, sigma in zip(("d0", "dz"), sigmas, strict=True):
            values[name] += sigma * rng.standard_normal(len(row))
        return values

    def _tracks(
        self,
        pt: np.ndarray,
        eta: np.ndarray,
        species: np.ndarray,
        distance: np.ndarray,
        rng: np.random.Generator,
    ) -> _Tracks:
        """Efficiency and resolution of the tracks of all charged particles.

        `distance` is that of their origin from the beam, mm.
        """
        inside = distance < self.card.impact_parameters.origin_radius * MM_PER_M
        rows, momenta, resolutions = [], [], []
        for name, tracks in (
            (CHARGED_HADRON, self.card.hadron_tracks),
            (ELECTRON, self.card.electron_tracks),
            (MUON, self.card.muon_tracks),
        ):
            row = np.flatnonzero(species == name)
            found = rng.random(len(row)) < track_efficiency(tracks, pt[row], eta[row])
            row = row[found & inside[row]]
            resolution = track_resolution(tracks, pt[row], eta[row])
            rows.append(row)
            momenta.append(log_normal(pt[row], resolution * pt[row], rng))
            resolutions.append(resolution)
        return _Tracks(np.concatenate(rows), np.concatenate(momenta), np.concatenate(resolutions))


@dataclass
class _Tracks:
    row: np.ndarray
    pt: np.ndarray
    resolution: np.ndarray


def classify(pdg_id: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """Class of each particle, (n,) int8, as numbered in `resonaut.events.PDG_CLASSES`."""
    magnitude = np.abs(pdg_id)
    species = np.where(charge != 0, CHARGED_HADRON, NEUTRAL_HADRON).astype(np.int8)
    for code, name in ((22, PHOTON), (11, ELECTRON), (13, MUON)):
        species[magnitude == code] = name
    return species


def track_efficiency(card: TrackCard, pt: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Probability that a track is found, (n,); 0 beyond the acceptance."""
    table = np.zeros((4, len(card.eta_edges) + 1))
    table[1:, :-1] = card.efficiency_soft, card.efficiency, card.efficiency_hard
    return table[np.searchsorted((card.PT_MIN, 1.0, 100.0), pt), np.searchsorted(card.eta_edges, np.abs(eta))]


def track_resolution(card: TrackCard, pt: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """sigma(pt) / pt, (n,), inside the acceptance."""
    which = np.searchsorted(card.eta_edges, np.abs(eta))
    return np.hypot(np.asarray(card.constant)[which], np.asarray(card.linear)[which] * pt)


def impact_resolution(
    card: ImpactParameterCard, pt: np.ndarray, eta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """sigma(d0) and sigma(dz), (n,) each, mm."""
    which = np.minimum(np.searchsorted(card.eta_edges, np.abs(eta)), len(card.eta_edges) - 1)
    d0, dz = np.asarray(card.d0)[which].T, np.asarray(card.dz)[which].T
    return np.hypot(d0[0], d0[1] / pt), np.hypot(dz[0], dz[1] / pt)


def _mass_of(species: np.ndarray) -> np.ndarray:
    table = np.zeros(max(MASSES) + 1)
    table[list(MASSES)] = list(MASSES.values())
    return table[species]


def _is_k0_or_lambda(pdg_id: np.ndarray) -> np.ndarray:
    magnitude = np.abs(pdg_id)
    return (magnitude == 310) | (magnitude == 3122)


def _electromagnetic_share(pdg_id: np.ndarray, species: np.ndarray, k0_lambda: float) -> np.ndarray:
    share = ((species == PHOTON) | (species == ELECTRON)).astype(np.float64)
    share[_is_k0_or_lambda(pdg_id)] = k0_lambda
    return share


def _hadronic_share(pdg_id: np.ndarray, species: np.ndarray, k0_lambda: float) -> np.ndarray:
    share = ((species == CHARGED_HADRON) | (species == NEUTRAL_HADRON)).astype(np.float64)
    share[_is_k0_or_lambda(pdg_id)] = k0_lambda
    return share


def _neutral(flow: Flow, pdg_class: int) -> dict[str, np.ndarray]:
    number = len(flow.event)
    not_measured = np.full(number, np.nan)
    return {
        "event": flow.event,
        "pt": flow.energy / np.cosh(flow.eta),
        "eta": flow.eta,
        "phi": flow.phi,
        "mass": np.zeros(number),
        "charge": np.zeros(number),
        "pdg_class": np.full(number, pdg_class, dtype=np.int8),
        "d0": not_measured,
        "dz": not_measured,
    }


def _sorted_by_pt(parts: list[dict[str, np.ndarray]], n_events: int) -> Candidates:
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    event = columns.pop("event")
    integers = ("charge", "pdg_class")
    columns = {
        name: values.astype(np.int32 if name in integers else np.float32) for name, values in columns.items()
    }
    # Bits of positive floats, of which the first is 0, order as the numbers do.
    falling = 0x7FFFFFFF - columns["pt"].view(np.int32).astype(np.int64)
    order = stable_order((event << 31) | falling, 31 + n_events.bit_length())
    offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=n_events))])
    return Candidates({name: values[order] for name, values in columns.items()}, offsets)
