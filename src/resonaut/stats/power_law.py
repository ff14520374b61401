"""A falling power law with a floor, fitted to measurements: how an error shrinks with the number of rows.

    L(n) = L_inf + a (n / n_0)^(-b)

(arXiv:1712.00409, eq. 1; n_0 is the geometric mean of the sizes). For a given exponent this is linear in
L_inf and a, so the exponent alone is searched, on a fine grid, and nothing depends on where a search starts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

EXPONENTS = np.geomspace(0.05, 3.0, 800)
"""Exponents that are tried; beyond them a curve cannot be told from a logarithm, or from a step."""
FEWEST_SIZES = 4


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its 68 % interval; an end is None where the data set none."""

    value: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class PowerLaw:
    """A fitted power law.

    Attributes:
        status: `converged`; `exponent not bounded`: its interval reaches an end of `EXPONENTS`; `no fall`:
            the amplitude is less than two standard errors from 0, so that there is nothing to extrapolate.
        limit, amplitude, exponent: L_inf, a and b.
        n_0: size that the amplitude belongs to.
        chi2, degrees_of_freedom: of the fit.
        scale: all errors are multiplied by this, sqrt(chi2 / degrees of freedom) where that exceeds 1 (Review
            of Particle Physics, section "Unconstrained averaging").
        points: (n_exponents, 6) chi2, L_inf, a, their variances and, last, covariance, for `at`.
    """

    status: str
    limit: Interval
    amplitude: float
    exponent: Interval
    n_0: float
    chi2: float
    degrees_of_freedom: int
    scale: float
    points: np.ndarray = field(repr=False)

    def at(self, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Value and ends of the 68 % interval at some sizes, (n_sizes,) each.

        The interval is that of the profile likelihood: for each exponent the prediction is a Gaussian, of
        which the part with chi2 below the minimum + 1 is taken.

        Args:
            size: (n_sizes,); infinity gives the limit.
        """
        chi2, limit, amplitude, v_limit, v_amplitude, covariance = self.points.T[:, :, None]
        best = int(chi2.argmin())
        with np.errstate(over="ignore"):
            power = (np.asarray(size, float) / self.n_0)[None] ** -EXPONENTS[:, None]
        value = limit + amplitude * power
        variance = v_limit + power**2 * v_amplitude + 2 * power * covariance
        left = self.scale**2 - (chi2 - chi2.min())
        reach = np.sqrt(np.maximum(variance * left, 0))
        outside = left < 0
        lower = np.where(outside, np.inf, value - reach).min(axis=0)
        upper = np.where(outside, -np.inf, value + reach).max(axis=0)
        return np.maximum(value[best], 0), np.maximum(lower, 0), upper

    def as_json(self) -> dict[str, Any]:
        """The numbers, without the grid."""
        found = {name: getattr(self, name) for name in ("status", "amplitude", "n_0", "chi2", "scale")}
        found["degrees_of_freedom"] = self.degrees_of_freedom
        return found | {name: asdict(getattr(self, name)) for name in ("limit", "exponent")}


def fit(size: np.ndarray, value: np.ndarray, standard: np.ndarray) -> PowerLaw | None:
    """Fit the power law by least squares.

    L_inf and a are at least 0: an error cannot be negative, and is not expected to grow.

    Args:
        size: (n,) numbers of rows.
        value: (n,) measured errors.
        standard: (n,) their standard errors, above 0.

    Returns:
        None where there are fewer than `FEWEST_SIZES` sizes: three parameters would have no test.
    """
    if len(size) < FEWEST_SIZES:
        return None
    n_0 = float(np.exp(np.log(size).mean()))
    powers = (size / n_0)[None] ** -EXPONENTS[:, None]
    weight = 1 / standard**2
    points = _linear(powers, value, weight)
    best = int(points[:, 0].argmin())
    chi2, limit, amplitude, _, v_amplitude, _ = points[best]
    freedom = len(size) - 3
    scale = max(1.0, float(np.sqrt(chi2 / freedom)))
    inside = np.flatnonzero(points[:, 0] - chi2 <= scale**2)
    ends: list[float | None] = [
        None if inside[0] == 0 else float(EXPONENTS[inside[0]]),
        None if inside[-1] == len(EXPONENTS) - 1 else float(EXPONENTS[inside[-1]]),
    ]
    status = "converged" if None not in ends else "exponent not bounded"
    if amplitude < 2 * scale * np.sqrt(v_amplitude):
        status = "no fall"
    exponent = Interval(float(EXPONENTS[best]), *ends)
    unknown = Interval(float(limit), None, None)
    law = PowerLaw(
        *(status, unknown, float(amplitude), exponent, n_0, float(chi2), freedom, scale),
        points=points,
    )
    _, lower, upper = law.at(np.array([np.inf]))
    found = Interval(float(limit), float(lower[0]), float(upper[0]))
    return PowerLaw(**{**law.__dict__, "limit": found})


def _linear(power: np.ndarray, value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Of each exponent the best line in (n / n_0)^-b, neither L_inf nor a being below 0.

    Args:
        power: (n_exponents, n).
        value, weight: (n,).

    Returns:
        (n_exponents, 6) as `PowerLaw.points`.
    """
    sums = weight.sum(), power @ weight, power**2 @ weight
    right = weight @ value, power @ (weight * value)
    determinant = sums[0] * sums[2] - sums[1] ** 2
    limit = (sums[2] * right[0] - sums[1] * right[1]) / determinant
    amplitude = (sums[0] * right[1] - sums[1] * right[0]) / determinant
    # At a limit of 0 the errors stay those of a free one: the interval reaches up from 0 as far as it may.
    amplitude = np.where(limit < 0, right[1] / sums[2], amplitude)
    limit = np.maximum(limit, 0.0)
    limit = np.where(amplitude < 0, right[0] / sums[0], limit)
    amplitude = np.maximum(amplitude, 0.0)
    chi2 = (value - limit[:, None] - amplitude[:, None] * power) ** 2 @ weight
    errors = sums[2] / determinant, sums[0] / determinant, -sums[1] / determinant
    return np.stack([chi2, limit, amplitude, *errors], axis=1)
