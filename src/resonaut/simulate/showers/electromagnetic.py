"""Electromagnetic showers in sampling calorimeters: Grindhammer and Peters, hep-ex/0001020.

Depths t in radiation lengths, energies in GeV, y = E / E_c, Z the effective charge, F_S layers per radiation
length, e = e/mip. The longitudinal profile is f(t) = (beta t)^(alpha - 1) beta exp(-beta t) / Gamma(alpha),
its maximum T = (alpha - 1) / beta; ln T and ln alpha of a shower are correlated Gaussians. With the numbers
of its appendix:

A.1.2   <ln T_hom> = ln(ln y - 0.812), <ln alpha_hom> = ln(0.81 + (0.458 + 2.26 / Z) ln y)
A.2.2   <ln T> = ln(T_hom - 0.55 / F_S - 0.69 (1 - e)), <ln alpha> = ln(alpha_hom - 0.476 / F_S)
        sigma(ln T) = 1 / (-2.5 + 1.25 ln y), sigma(ln alpha) = 1 / (-0.82 + 0.79 ln y)
        correlation 0.784 - 0.023 ln y
A.1.3   f(r) = p 2 r R_C^2 / (r^2 + R_C^2)^2 + (1 - p) 2 r R_T^2 / (r^2 + R_T^2)^2, r in Moliere radii
        R_C = 0.0251 + 0.00319 ln E + (0.1162 - 0.000381 Z) tau
        R_T = k1 (exp(-2.59 (tau - 0.645)) + exp(k4 (tau - 0.645)))
        with k1 = 0.659 - 0.00309 Z, k4 = 0.3585 + 0.0421 ln E
        p = p1 exp(x - exp(x)), x = (p2 - tau) / p3
        with p1 = 2.632 - 0.00094 Z, p2 = 0.401 + 0.00187 Z, p3 = 1.313 - 0.0686 ln E
A.2.3   R_C + -0.0203 (1 - e) + 0.0397 / F_S exp(-tau), R_T - 0.14 (1 - e) - 0.495 / F_S exp(-tau)
        p + (1 - e) (0.348 - 0.642 / F_S exp(-(tau - 1)^2))
A.1.4   tau = t / <t> exp<ln alpha> / (exp<ln alpha> - 1), <t> of the shower
A.2.4   10.3 / c E^0.959 spots, their profile that of T_spot = T (0.813 + 0.0019 Z),
        alpha_spot = alpha (0.844 + 0.0026 Z)

Visible energies of layers fluctuate as Gamma distributions of variance c^2 E GeV. A photon travels an
exponential path of mean 9/7 radiation lengths and becomes a pair, that shares its energy uniformly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc

from resonaut.simulate.showers.conditions import Conditions
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.spots import LIGHT, Spots, spread

CONVERSION = 9.0 / 7.0
"""Mean path of a photon of high energy before it makes a pair, radiation lengths."""
LOWEST_ENERGY = 1.0
"""Fluctuations below are those at this energy, GeV: the formulas were fitted above, and diverge far below."""
_LEAST_MAXIMUM, _LEAST_SHAPE = 0.2, 1.1
_MEV_PER_GEV = 1e3


@dataclass(frozen=True)
class Profiles:
    """Longitudinal profiles of showers, (n,) each.

    Attributes:
        shape, slope: alpha, and beta per radiation length.
        mean_shape: exp<ln alpha>, of all showers of this energy.
        spot_shape, spot_slope: of the spots.
    """

    shape: np.ndarray
    slope: np.ndarray
    mean_shape: np.ndarray
    spot_shape: np.ndarray
    spot_slope: np.ndarray


def means(energy: np.ndarray, calorimeter: Calorimeter) -> tuple[np.ndarray, np.ndarray]:
    """exp<ln T> (radiation lengths) and exp<ln alpha> of showers of some energies, (n,) each (A.2.2)."""
    medium = calorimeter.medium
    log_y = np.log(energy * _MEV_PER_GEV / medium.critical_energy)
    maximum = log_y - 0.812 - 0.55 / medium.sampling_frequency - 0.69 * (1 - medium.e_over_mip)
    shape = 0.81 + (0.458 + 2.26 / medium.charge) * log_y - 0.476 / medium.sampling_frequency
    return np.maximum(maximum, _LEAST_MAXIMUM), np.maximum(shape, _LEAST_SHAPE)


def profiles(energy: np.ndarray, calorimeter: Calorimeter, rng: np.random.Generator) -> Profiles:
    """Draw the longitudinal profiles of electrons, (n,) GeV (A.2.2, A.2.4)."""
    medium = calorimeter.medium
    maximum, shape = means(energy, calorimeter)
    log_y = np.log(np.maximum(energy, LOWEST_ENERGY) * _MEV_PER_GEV / medium.critical_energy)
    correlation = np.clip(0.784 - 0.023 * log_y, 0, 1)
    first, second = rng.standard_normal((2, len(energy)))
    second = correlation * first + np.sqrt(1 - correlation**2) * second
    drawn_maximum = maximum * np.exp(first / (-2.5 + 1.25 * log_y))
    drawn_shape = np.maximum(shape * np.exp(second / (-0.82 + 0.79 * log_y)), _LEAST_SHAPE)
    spot_maximum = drawn_maximum * (0.813 + 0.0019 * medium.charge)
    spot_shape = np.maximum(drawn_shape * (0.844 + 0.0026 * medium.charge), _LEAST_SHAPE)
    return Profiles(
        drawn_shape, (drawn_shape - 1) / drawn_maximum, shape, spot_shape, (spot_shape - 1) / spot_maximum
    )


def shares(depth: np.ndarray, shape: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Share of the energy in each layer, (n, n_layers).

    Args:
        depth: (n, n_layers + 1) of the layers' borders behind the start of the shower; 0 before it.
        shape, slope: (n,) alpha and beta of the profile, in the units of `depth`.
    """
    return np.diff(gammainc(shape[:, None], slope[:, None] * depth), axis=1)


def radial(
    tau: np.ndarray, energy: np.ndarray, calorimeter: Calorimeter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R_C and R_T (mm) and the share p of the core (A.1.3, A.2.3), of the shape of `tau`.

    Args:
        tau: (n, n_layers) depth in units of the centre of the shower.
        energy: (n,) GeV.
        calorimeter: with the effective medium.
    """
    medium = calorimeter.medium
    charge, response, layers = medium.charge, 1 - medium.e_over_mip, 1 / medium.sampling_frequency
    log_e = np.log(np.maximum(energy, LOWEST_ENERGY))[:, None]
    core = 0.0251 + 0.00319 * log_e + (0.1162 - 0.000381 * charge) * tau
    core += -0.0203 * response + 0.0397 * layers * np.exp(-tau)
    # Beyond four times the centre there is no energy, but the exponential would run away.
    late = np.minimum(tau, 4.0) - 0.645
    tail = (0.659 - 0.00309 * charge) * (np.exp(-2.59 * late) + np.exp((0.3585 + 0.0421 * log_e) * late))
    tail += -0.14 * response - 0.495 * layers * np.exp(-tau)
    x = (0.401 + 0.00187 * charge - tau) / (1.313 - 0.0686 * log_e)
    share = (2.632 - 0.00094 * charge) * np.exp(x - np.exp(x))
    share += response * (0.348 - 0.642 * layers * np.exp(-((tau - 1) ** 2)))
    radius = medium.moliere_radius * calorimeter.settings.radial_scale
    return np.maximum(core, 0.005) * radius, np.maximum(tail, 0.02) * radius, np.clip(share, 0, 1)


def develop(
    conditions: Conditions, particle: str, calorimeter: Calorimeter, spots: float, rng: np.random.Generator
) -> Spots:
    """Spots of a slice of showers.

    Args:
        conditions: of n particles.
        particle: photon or electron.
        calorimeter: that they enter.
        spots: number of spots, relative to the paper's.
        rng: random numbers.
    """
    energy, owner = conditions.energy, np.arange(len(conditions))
    start = np.zeros(len(energy))
    if particle == "photon":
        start = np.tile(rng.exponential(CONVERSION, len(energy)), 2)
        part = rng.random(len(energy))
        energy = np.concatenate([energy * part, energy * (1 - part)])
        owner = np.tile(owner, 2)
    path = conditions.stretch[owner][:, None] * calorimeter.edges["radiation"]
    depth = np.maximum(path - start[:, None], 0.0)
    drawn = profiles(energy, calorimeter, rng)
    fluctuation = calorimeter.settings.sampling_fluctuation
    deposited = energy[:, None] * shares(depth, drawn.shape, drawn.slope)
    visible = fluctuated(deposited, calorimeter.sampling_fluctuation, rng) * calorimeter.sampling_fraction
    visible *= calorimeter.e_over_mip * _MEV_PER_GEV
    expected = spots * 10.3 / fluctuation * energy[:, None] ** 0.959
    counts = rng.poisson(expected * shares(depth, drawn.spot_shape, drawn.spot_slope))
    counts = np.maximum(counts, visible > 0)
    tau = (depth[:, 1:] + depth[:, :-1]) / 2 * (drawn.slope / drawn.shape)[:, None]
    tau *= (drawn.mean_shape / (drawn.mean_shape - 1))[:, None]
    core, tail, share = (values.ravel().astype(np.float32) for values in radial(tau, energy, calorimeter))
    at, shower, layer, energies = spread(visible, counts, owner, rng)
    in_core = rng.random(len(at), np.float32) < share[at]
    quantile = rng.random(len(at), np.float32)
    radius = np.where(in_core, core[at], tail[at]) * np.sqrt(quantile / (1 - quantile))
    return Spots(shower, layer, radius, energies, radius / np.float32(LIGHT))


def fluctuated(
    deposited: np.ndarray, fluctuation: np.ndarray | float, rng: np.random.Generator
) -> np.ndarray:
    """Energies with Gamma distributions of the mean `deposited` and the variance `fluctuation`^2 E, GeV."""
    scale = fluctuation**2
    return rng.standard_gamma(deposited / scale) * scale
