"""A parametrised detector: from generated particles to particle-flow candidates, a batch of events at once.

The order is that of Delphes 3 (arXiv:1307.6346): propagation in the field, track efficiency and resolution,
cells of the electromagnetic and then of the hadronic calorimeter, energy flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.simulate.calorimeter import Calorimeter, Deposits, Flow, log_normal
from resonaut.simulate.cards import CARDS, DetectorCard, TrackCard
from resonaut.simulate.order import stable_order
from resonaut.simulate.propagation import propagate

# Positions in resonaut.events.PDG_CLASSES.
CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = 1, 2, 3, 4, 5
MASSES = {CHARGED_HADRON: 0.13957039, ELECTRON: 0.51099895e-3, MUON: 0.1056583755}
"""Masses given to tracks, GeV (Particle Data Group); a hadron is taken for a pion. Neutral candidates: 0."""


@dataclass
class Candidates:
    """Particle-flow candidates, sorted by decreasing pt inside each event.

    Attributes:
        columns: pt, eta, phi, mass, charge, pdg_class, and d0, dz (mm), which are NaN for neutral candidates:
            a calorimeter measures neither.
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
        impact = propagate(pt, eta, phi, particles["charge"], card.field, card.radius, card.half_length)

        track = self._tracks(pt, eta, species, rng)
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
        vertex = {axis: particles[axis][track.row] for axis in ("x", "y", "z")}
        charged = {
            "event": event[track.row],
            "pt": track.pt * scale[track.row],
            "eta": eta[track.row],
            "phi": phi[track.row],
            "mass": mass,
            "charge": particles["charge"][track.row],
            "pdg_class": species[track.row],
            **impact_parameters(vertex, eta[track.row], phi[track.row]),
        }
        neutral = [_neutral(flow, name) for flow, name in zip(flows, (PHOTON, NEUTRAL_HADRON), strict=True)]
        return _sorted_by_pt([charged, *neutral], len(offsets) - 1)

    def _tracks(
        self, pt: np.ndarray, eta: np.ndarray, species: np.ndarray, rng: np.random.Generator
    ) -> _Tracks:
        """Efficiency and resolution of the tracks of all charged particles."""
        rows, momenta, resolutions = [], [], []
        for name, tracks in (
            (CHARGED_HADRON, self.card.hadron_tracks),
            (ELECTRON, self.card.electron_tracks),
            (MUON, self.card.muon_tracks),
        ):
            row = np.flatnonzero(species == name)
            row = row[rng.random(len(row)) < track_efficiency(tracks, pt[row], eta[row])]
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


def impact_parameters(
    vertex: dict[str, np.ndarray], eta: np.ndarray, phi: np.ndarray
) -> dict[str, np.ndarray]:
    """Impact parameters with respect to the origin, mm, of tracks taken as straight near it.

    d0 = y cos(phi) - x sin(phi), dz = z - (x cos(phi) + y sin(phi)) sinh(eta): the transverse distance at the
    point of closest approach and z there.
    """
    cosine, sine = np.cos(phi), np.sin(phi)
    x, y, z = vertex["x"], vertex["y"], vertex["z"]
    return {"d0": y * cosine - x * sine, "dz": z - (x * cosine + y * sine) * np.sinh(eta)}


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
