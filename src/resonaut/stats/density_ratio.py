"""How a score's distribution changes with the mass, from events of side bands: a log-linear density ratio.

The background's density of a score, here its normal score z, at a scaled mass t is taken to be

    p(z | t) = h(z) exp(sum_k sum_d theta_kd b_d(z) t^k) / Z(t),    b = (z, z^2 - 1),    k = 1 ... n_terms,

with any h: the semiparametric density ratio model (Qin, doi:10.1093/biomet/85.3.619), of which normal
distributions whose mean and width move with the mass are a member. With masses in classes c it is equivalent
to a multinomial regression of the class on the score, P(c | z) ~ exp(alpha_c + sum theta_kd b_d(z) t_c^k),
which is concave and holds h and Z no more. The background of the side bands as a whole has the density
h(z) sum_c exp(alpha_c + ...), so that its ratio to the density at any mass t, up to a factor, is

    w_t(z) = exp(sum theta_kd b_d(z) t^k) / sum_c exp(alpha_c + sum theta_kd b_d(z) t_c^k).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_GRID = np.linspace(-5.0, 5.0, 201)
"""Normal scores are counted in bins around these for the regression."""
_MAX_ITERATIONS = 50
_TOLERANCE = 1e-9
_RIDGE = 1e-9
N_FUNCTIONS = 2


def normal_scores(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Quantiles of the standard normal distribution at the ranks of scores among calibration scores.

    Args:
        calibration: (n,).
        scores: (...); equal scores share their mean rank, and none is infinite.
    """
    from scipy.special import ndtri

    ordered = np.sort(calibration)
    sides = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    return ndtri((sum(sides) + 1) / (2 * len(ordered) + 2))


def functions(z: np.ndarray) -> np.ndarray:
    """b(z), (..., 2)."""
    return np.stack([z, z**2 - 1], axis=-1)


@dataclass(frozen=True)
class DensityRatio:
    """A fitted ratio.

    Attributes:
        alpha: (n_classes,) the first is 0.
        theta: (n_terms, 2).
        mass: (n_classes,) mean scaled mass of each class.
        covariance: (n, n) of the parameters: alpha without the first, then theta row by row.
        converged: whether the regression did.
    """

    alpha: np.ndarray
    theta: np.ndarray
    mass: np.ndarray
    covariance: np.ndarray
    converged: bool

    def _exponent(self, z: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """sum theta_kd b_d(z) t^k, (..., len(mass))."""
        powers = np.asarray(mass)[None, :] ** np.arange(1, len(self.theta) + 1)[:, None]
        return functions(z) @ (self.theta.T @ powers)

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """P(c | z), (..., n_classes)."""
        return _softmax(self.alpha + self._exponent(z, self.mass))

    def weights(self, z: np.ndarray, mass: float) -> np.ndarray:
        """w_t(z) at one scaled mass; the shape of z, up to a factor, which is the same for all z."""
        exponent = self.alpha + self._exponent(z, self.mass)
        return np.exp(self._exponent(z, np.array([mass]))[..., 0] - _log_sum(exponent))

    def weight_gradient(self, z: np.ndarray, mass: float) -> np.ndarray:
        """Derivatives of ln w_t(z) by the parameters, (n_z, n)."""
        design = _design(z, self.mass, len(self.theta))
        slopes = _design(z, np.array([mass]), len(self.theta))[:, 0]
        here = np.concatenate([np.zeros((len(z), len(self.mass) - 1)), slopes], axis=-1)
        return here - np.einsum("zc,zcn->zn", self.probabilities(z), design)

    def influence(self, z: np.ndarray) -> np.ndarray:
        """Derivatives of ln P(c | z) by the parameters for each class c, (n_z, n_classes, n)."""
        design = _design(z, self.mass, len(self.theta))
        return design - np.einsum("zc,zcn->zn", self.probabilities(z), design)[:, None]


def _log_sum(values: np.ndarray) -> np.ndarray:
    top = values.max(axis=-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(values - top).sum(axis=-1))


def _softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values - _log_sum(values)[..., None])


def _design(z: np.ndarray, mass: np.ndarray, n_terms: int) -> np.ndarray:
    """What multiplies the parameters, (n_z, n_classes, n)."""
    powers = mass[:, None] ** np.arange(1, n_terms + 1)
    slopes = powers[None, :, :, None] * functions(z)[:, None, None, :]
    constants = np.eye(len(mass))[:, 1:]
    shape = (len(z), len(mass), len(mass) - 1)
    return np.concatenate([np.broadcast_to(constants, shape), slopes.reshape(len(z), len(mass), -1)], axis=-1)


def cells(z: np.ndarray) -> np.ndarray:
    """(...) index into `centres()` of the bin of each normal score."""
    step = _GRID[1] - _GRID[0]
    return np.clip(np.rint((z - _GRID[0]) / step).astype(int), 0, len(_GRID) - 1)


def centres() -> np.ndarray:
    """Centres of the bins of normal scores, (n_bins,)."""
    return _GRID


def fit(z: np.ndarray, classes: np.ndarray, mass: np.ndarray, n_terms: int) -> DensityRatio:
    """Fit the ratio by Newton's method.

    Args:
        z: (n_events,) normal scores.
        classes: (n_events,) class of the mass, 0 ... n_classes - 1.
        mass: (n_classes,) mean scaled mass of each class; of order 1.
        n_terms: powers of the mass.
    """
    size = len(mass)
    counts = (
        np.bincount(cells(z) * size + classes, minlength=len(_GRID) * size).reshape(-1, size).astype(float)
    )
    used = counts.sum(1) > 0
    counts = counts[used]
    design = _design(_GRID[used], mass, n_terms)
    values = np.zeros(design.shape[-1])
    values[: size - 1] = np.log((counts.sum(0)[1:] + 0.5) / (counts.sum(0)[0] + 0.5))
    converged = False
    for _ in range(_MAX_ITERATIONS):
        probability = _softmax(design @ values)
        expected = probability * counts.sum(1, keepdims=True)
        score = np.einsum("zc,zcn->n", counts - expected, design)
        mean = np.einsum("zc,zcn->zn", probability, design)
        second = np.einsum("zc,zcn,zcm->nm", expected, design, design, optimize=True)
        information = second - (mean * counts.sum(1)[:, None]).T @ mean
        information += _RIDGE * np.eye(len(values)) * np.trace(information)
        step = np.linalg.solve(information, score)
        # Far from the maximum a whole step may overshoot.
        values = values + step / max(1.0, float(np.abs(step).max()))
        if step @ score < _TOLERANCE:
            converged = True
            break
    return DensityRatio(
        np.append(0.0, values[: size - 1]),
        values[size - 1 :].reshape(n_terms, N_FUNCTIONS),
        mass,
        np.linalg.inv(information),
        converged,
    )
