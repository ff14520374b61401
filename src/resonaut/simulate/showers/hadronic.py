"""Showers of charged pions in sampling calorimeters, parametrised.

A pion passes as a minimum ionising particle until it interacts; its paths are exponential in the interaction
length of pions. Behind that point the longitudinal profile has two components, Bock et al., Nucl. Instrum.
Meth. 186 (1981) 533: an electromagnetic one in radiation lengths t and a hadronic one in interaction lengths
l, E in GeV,

    t^(a - 1) exp(-b t) and l^(a - 1) exp(-d l),
    a = 0.6165 + 0.3183 ln E, b = 0.2198, d = 0.9099 - 0.0237 ln E.

Their shares f and 1 - f are not the fixed ones of that paper: f fluctuates from shower to shower about
1 - (E / E_0)^(m - 1), Gabriel et al., Nucl. Instrum. Meth. A338 (1994) 336, with m = 0.83 and E_0 = 1 GeV
(their iron and pions; both scatter by some hundredths, tenths of GeV), as a Beta distribution. Its rms, 0.5 f
(1 - f), is a choice. The hadronic part is seen with the response h/e and fluctuates, all layers together.

Lateral profiles are r exp(-r / R), with R of a core or of a halo: the form of the CALICE decomposition,
arXiv:1602.08578. The electromagnetic part and half of the hadronic one are core. Radii and that half are
choices for steel that give an energy-weighted radius of some 80 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.simulate.showers import tracks
from resonaut.simulate.showers.conditions import Conditions
from resonaut.simulate.showers.electromagnetic import fluctuated, shares
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.spots import LIGHT, Spots, spread, together

EXPONENT, SCALE = 0.83, 1.0
"""m and E_0 (GeV) of the mean electromagnetic fraction."""
FRACTION_SPREAD = 0.5
"""rms of the electromagnetic fraction f over f (1 - f): a choice."""
CORE, HALO = 27.0, 80.0
"""R of the lateral profiles in steel, mm."""
HALO_SHARE = 0.5
"""Share of the hadronic part in the halo."""
STEEL_INTERACTION_LENGTH = 167.8
"""mm; the lateral profile of another calorimeter is scaled with its interaction length."""
DELAYED = ((0.08, 8.0), (0.02, 80.0))
"""Shares of the hadronic part that are seen late, and their mean delays, ns: rounded from what the T3B
experiment saw behind steel (arXiv:1404.6454)."""
_MEV_PER_GEV = 1e3


@dataclass(frozen=True)
class Response:
    """How hadrons are seen.

    Attributes:
        h_over_e: response to the hadronic part over that to the electromagnetic one.
        fluctuation: c of the resolution c / sqrt(E / GeV) of the hadronic part alone.
    """

    h_over_e: float
    fluctuation: float


def mean_em_fraction(energy: np.ndarray) -> np.ndarray:
    """Mean share of the electromagnetic part, (n,), of pions of some energies, (n,) GeV."""
    return 1.0 - (np.maximum(energy, SCALE) / SCALE) ** (EXPONENT - 1)


def em_fractions(energy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw electromagnetic fractions, (n,): Beta distributions of the mean above."""
    mean = np.clip(mean_em_fraction(energy), 0.01, 0.99)
    # Variance f (1 - f) / (1 + a + b), to be (FRACTION_SPREAD f (1 - f))^2.
    total = 1.0 / (FRACTION_SPREAD**2 * mean * (1 - mean)) - 1.0
    return rng.beta(mean * total, (1 - mean) * total)


def develop(
    conditions: Conditions,
    calorimeter: Calorimeter,
    response: Response,
    spots: float,
    rng: np.random.Generator,
) -> tuple[Spots, dict[str, np.ndarray]]:
    """Spots of a slice of pions.

    Args:
        conditions: of n pions.
        calorimeter: that they enter.
        response: to the hadronic part.
        spots: per energy of a minimum ionising particle.
        rng: random numbers.

    Returns:
        The spots; and of each shower `start`, the path to the interaction in interaction lengths of pions
        (also where it lies behind the calorimeter), and `em_fraction`.
    """
    energy, stretch = conditions.energy, conditions.stretch[:, None]
    start = rng.exponential(1.0, len(energy))
    fraction = em_fractions(energy, rng)
    path = {unit: stretch * edges for unit, edges in calorimeter.edges.items()}
    # Behind the calorimeter the depth goes on at the pace of the last layer, so that nothing is deposited.
    behind = start / stretch[:, 0] - calorimeter.edges["pion"][-1]
    inside = np.minimum(start / stretch[:, 0], calorimeter.edges["pion"][-1])
    depth = {}
    for unit in ("radiation", "interaction"):
        edges = calorimeter.edges[unit]
        at = np.interp(inside, calorimeter.edges["pion"], edges) * stretch[:, 0]
        depth[unit] = np.where(behind[:, None] > 0, 0.0, np.maximum(path[unit] - at[:, None], 0.0))
    log_e = np.log(energy)
    shape = 0.6165 + 0.3183 * log_e
    early = shares(depth["radiation"], shape, np.full_like(energy, 0.2198))
    late = shares(depth["interaction"], shape, 0.9099 - 0.0237 * log_e)
    seen = calorimeter.sampling_fraction * calorimeter.e_over_mip * _MEV_PER_GEV
    hadronic = fluctuated(energy * (1 - fraction), response.fluctuation, rng)
    sampling = calorimeter.sampling_fluctuation
    parts = [
        _component(
            fluctuated((energy * fraction)[:, None] * early, sampling, rng) * seen,
            *(0.0, (), calorimeter, spots, rng),
        ),
        _component(
            fluctuated(hadronic[:, None] * late, sampling, rng) * seen * response.h_over_e,
            *(HALO_SHARE, DELAYED, calorimeter, spots, rng),
        ),
        _track(path["pion"], start, conditions, calorimeter, rng),
    ]
    return together(parts), {"start": start, "em_fraction": fraction}


def _component(
    visible: np.ndarray,
    halo_share: float,
    delayed: tuple[tuple[float, float], ...],
    calorimeter: Calorimeter,
    spots: float,
    rng: np.random.Generator,
) -> Spots:
    """Spots of one component.

    Args:
        visible: (n, n_layers) MeV.
        halo_share: share of the spots in the halo.
        delayed: shares of the spots that come late, and their mean delays, ns.
        calorimeter, spots, rng: as in `develop`.
    """
    counts = np.maximum(rng.poisson(spots * visible / calorimeter.mip), visible > 0)
    _, owner, layer, energy = spread(visible, counts, np.arange(len(visible)), rng)
    scale = calorimeter.depth / calorimeter.edges["interaction"][-1] / STEEL_INTERACTION_LENGTH
    radius = np.where(rng.random(len(owner)) < halo_share, HALO, CORE) * scale
    distance = (rng.standard_gamma(2.0, len(owner)) * radius).astype(np.float32)
    delay = distance / np.float32(LIGHT)
    chosen, low = rng.random(len(owner)), 0.0
    for share, mean in delayed:
        late = np.flatnonzero((chosen >= low) & (chosen < low + share))
        delay[late] += rng.exponential(mean, len(late)).astype(np.float32)
        low += share
    return Spots(owner, layer, distance, energy, delay)


def _track(
    path: np.ndarray,
    start: np.ndarray,
    conditions: Conditions,
    calorimeter: Calorimeter,
    rng: np.random.Generator,
) -> Spots:
    """The pion before it interacts: one spot on the axis in every active plate that it passes."""
    owner, layer = np.nonzero(path[:, 1:] <= start[:, None])
    energy = tracks.deposits(layer, conditions.stretch[owner], calorimeter, rng)
    zero = np.zeros(len(owner), np.float32)
    return Spots(owner, layer, zero, energy.astype(np.float32), zero)
