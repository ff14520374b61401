"""The CMS and ATLAS detectors as numbers: the parametrisations of the Delphes 3 cards (arXiv:1307.6346).

Energies in GeV, lengths in m, the field in T. Tracks: efficiency and resolution per species and bin of |eta|.
Calorimeters: cells and sigma(E) per bin of |eta|, electromagnetic and hadronic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrackCard:
    """Tracks of one species, in the bins of |eta| given by `eta_edges`.

    Attributes:
        eta_edges: (n,) upper edges; no tracks beyond the last.
        efficiency_soft: (n,) for `PT_MIN` < pt <= 1 GeV.
        efficiency: (n,) for 1 < pt <= 100 GeV.
        efficiency_hard: (n,) for pt > 100 GeV.
        constant, linear: (n,) sigma(pt) / pt = sqrt(constant^2 + (linear pt)^2).
    """

    eta_edges: tuple[float, ...]
    efficiency_soft: tuple[float, ...]
    efficiency: tuple[float, ...]
    efficiency_hard: tuple[float, ...]
    constant: tuple[float, ...]
    linear: tuple[float, ...]

    PT_MIN = 0.1


@dataclass(frozen=True)
class ImpactParameterCard:
    """Impact parameters of tracks, in the bins of |eta| given by `eta_edges`.

    Attributes:
        eta_edges: (n,) upper edges; the last bin holds for all beyond.
        d0, dz: (n,) pairs of a constant, mm, and a scattering term, mm GeV:
            sigma = sqrt(constant^2 + (scattering / pt)^2).
        origin_radius: distance from the beam up to which a particle must start to leave a track, m.
    """

    eta_edges: tuple[float, ...]
    d0: tuple[tuple[float, float], ...]
    dz: tuple[tuple[float, float], ...]
    origin_radius: float


@dataclass(frozen=True)
class EnergyResolution:
    """sigma(E) = shape(|eta|) sqrt((constant E)^2 + stochastic^2 E + noise^2) below `eta_max`.

    `shape` is a polynomial in |eta| - `centre`, lowest power first.
    """

    eta_max: float
    constant: float
    stochastic: float
    noise: float = 0.0
    shape: tuple[float, ...] = (1.0,)
    centre: float = 0.0


@dataclass(frozen=True)
class CalorimeterCard:
    """One calorimeter.

    Attributes:
        eta_edges: (n + 1,) edges of the rings of cells.
        n_phi: (n,) cells in each ring.
        resolutions: in increasing `eta_max`.
        energy_min: cells below are dropped, GeV.
        significance_min: cells below this many sigma are dropped.
        share_k0_lambda: fraction of a K0s or Lambda that this calorimeter takes.
    """

    eta_edges: np.ndarray
    n_phi: np.ndarray
    resolutions: tuple[EnergyResolution, ...]
    energy_min: float
    significance_min: float
    share_k0_lambda: float


@dataclass(frozen=True)
class DetectorCard:
    """A detector.

    Attributes:
        field: solenoid field along z, T.
        radius, half_length: of the cylinder that carries the field, m.
    """

    field: float
    radius: float
    half_length: float
    hadron_tracks: TrackCard
    electron_tracks: TrackCard
    muon_tracks: TrackCard
    impact_parameters: ImpactParameterCard
    ecal: CalorimeterCard
    hcal: CalorimeterCard


def _rings(steps: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Edges and cells per ring, both signs of eta, from (upper |eta|, cells) going outwards from 0."""
    upper = np.array([edge for edge, _ in steps])
    cells = np.array([number for _, number in steps])
    return np.concatenate([-upper[::-1], [0.0], upper]), np.concatenate([cells[::-1], cells])


_FORWARD_CMS = (3.125, 3.3, 3.475, 3.65, 3.825, 4.0, 4.175, 4.35, 4.525, 4.7, 5.0)
_ECAL_EDGES, _ECAL_CELLS = _rings(
    [(0.0174 * i, 360) for i in range(1, 171)] + [(edge, 36) for edge in _FORWARD_CMS]
)
_ENDCAP_CMS = (1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 2.95)
_HCAL_CMS_EDGES, _HCAL_CMS_CELLS = _rings(
    [(0.087 * i, 72) for i in range(1, 20)]
    + [(edge, 36) for edge in (*_ENDCAP_CMS, *_FORWARD_CMS[:-2])]
    + [(edge, 18) for edge in _FORWARD_CMS[-2:]]
)
_HCAL_ATLAS_EDGES, _HCAL_ATLAS_CELLS = _rings(
    [(0.1 * i, 36) for i in range(1, 27)]
    + [(2.8, 18), (3.0, 18), (3.2, 18), (3.3, 36)]
    + [(edge, 18) for edge in (3.5, 3.7, 3.9, 4.1, 4.3, 4.5, 4.7, 4.9)]
)

_ETA = (0.5, 1.5, 2.5)
_ELECTRONS = TrackCard(
    _ETA,
    (0.73, 0.73, 0.50),
    (0.95, 0.95, 0.83),
    (0.99, 0.99, 0.90),
    (0.03, 0.05, 0.15),
    (1.3e-3, 1.7e-3, 3.1e-3),
)
_MUONS = TrackCard(
    _ETA,
    (0.75, 0.75, 0.70),
    (0.99, 0.99, 0.98),
    (0.99, 0.99, 0.98),
    (0.01, 0.015, 0.025),
    (1.0e-4, 1.5e-4, 3.5e-4),
)
_HADRON_EFFICIENCIES = ((0.70, 0.70, 0.60), (0.95, 0.95, 0.85), (0.95, 0.95, 0.85))

# Close to what arXiv:1405.6569, figure 15, shows for muons: within 25 % for 0.3 < pt < 100 GeV. The last of
# its iterations look for tracks that start up to 60 cm away from the beam.
_IMPACT_CMS = ImpactParameterCard(
    (0.9, 1.4, 2.5),
    d0=((0.013, 0.075), (0.0135, 0.092), (0.016, 0.150)),
    dz=((0.035, 0.105), (0.040, 0.190), (0.085, 0.660)),
    origin_radius=0.60,
)
# arXiv:0901.0512, at 0.25 < |eta| < 0.5 and 1.5 < |eta| < 1.75, sums in quadrature: d0
# 10 um (1 + 14 GeV / pt) and 12 um (1 + 20 GeV / pt), z0 sin(theta) 91 um (1 + 2.3 GeV / pt) and
# 71 um (1 + 3.7 GeV / pt). Tracks are looked for up to 30 cm away from the beam
# (ATL-PHYS-PUB-2017-014).
_IMPACT_ATLAS = ImpactParameterCard(
    (1.5, 2.5),
    d0=((0.010, 0.140), (0.012, 0.240)),
    dz=((0.097, 0.224), (0.187, 0.694)),
    origin_radius=0.30,
)

CMS = DetectorCard(
    field=3.8,
    radius=1.29,
    half_length=3.00,
    hadron_tracks=TrackCard(_ETA, *_HADRON_EFFICIENCIES, (0.01, 0.015, 0.025), (1.5e-4, 2.5e-4, 5.5e-4)),
    electron_tracks=_ELECTRONS,
    muon_tracks=_MUONS,
    impact_parameters=_IMPACT_CMS,
    ecal=CalorimeterCard(
        _ECAL_EDGES,
        _ECAL_CELLS,
        (
            EnergyResolution(1.5, 0.008, 0.11, 0.40, shape=(1.0, 0.0, 0.64)),
            EnergyResolution(2.5, 0.008, 0.11, 0.40, shape=(2.16, 0.0, 5.6), centre=2.0),
            EnergyResolution(5.0, 0.107, 2.08),
        ),
        energy_min=0.5,
        significance_min=2.0,
        share_k0_lambda=0.3,
    ),
    hcal=CalorimeterCard(
        _HCAL_CMS_EDGES,
        _HCAL_CMS_CELLS,
        (EnergyResolution(3.0, 0.050, 1.50), EnergyResolution(5.0, 0.130, 2.70)),
        energy_min=1.0,
        significance_min=1.0,
        share_k0_lambda=0.7,
    ),
)

ATLAS = DetectorCard(
    field=2.0,
    radius=1.15,
    half_length=3.51,
    hadron_tracks=TrackCard(_ETA, *_HADRON_EFFICIENCIES, (0.06, 0.10, 0.25), (1.3e-3, 1.7e-3, 3.1e-3)),
    electron_tracks=_ELECTRONS,
    muon_tracks=_MUONS,
    impact_parameters=_IMPACT_ATLAS,
    ecal=CalorimeterCard(
        _ECAL_EDGES,
        _ECAL_CELLS,
        (EnergyResolution(3.2, 0.0017, 0.101), EnergyResolution(4.9, 0.0350, 0.285)),
        energy_min=0.5,
        significance_min=2.0,
        share_k0_lambda=0.3,
    ),
    hcal=CalorimeterCard(
        _HCAL_ATLAS_EDGES,
        _HCAL_ATLAS_CELLS,
        (
            EnergyResolution(1.7, 0.0302, 0.5205, 1.59),
            EnergyResolution(3.2, 0.0500, 0.706),
            EnergyResolution(4.9, 0.0942, 1.00),
        ),
        energy_min=1.0,
        significance_min=1.0,
        share_k0_lambda=0.7,
    ),
)

CARDS = {"cms": CMS, "atlas": ATLAS}
