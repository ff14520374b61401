"""True distributions of known quantiles, and their fits: the camel back and the ring of arXiv:2008.06545."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.special import ndtr

_MEAN = 4.0
_ITERATIONS = 500
_TOLERANCE = 1e-9
_NARROWEST = 1e-3


class Distribution(Protocol):
    """A density whose quantiles are known.

    Attributes:
        n_dimensions: of a point.
        fitted: names of the parameters of `fit`, in their order.
    """

    n_dimensions: int
    fitted: tuple[str, ...]

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Points, (count, n_dimensions)."""

    def uniform(self, points: np.ndarray) -> np.ndarray:
        """(..., n_dimensions) points to the unit cube, on which true points are uniform."""

    def fit(self, points: np.ndarray) -> np.ndarray:
        """Maximum-likelihood parameters of (n, n_dimensions) points."""

    def shares(self, parameters: np.ndarray, n_quantiles: int) -> np.ndarray:
        """Probability of each quantile by the fitted function, (n_quantiles ** n_dimensions,)."""


class CamelBack:
    """(N(-4, 1) + N(4, 1)) / 2; five parameters are fitted: the share of the left, means and widths."""

    n_dimensions = 1
    fitted = ("share", "left_mean", "left_width", "right_mean", "right_width")

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """See `Distribution`."""
        side = np.where(random.random((count, 1)) < 0.5, -_MEAN, _MEAN)
        return side + random.standard_normal((count, 1))

    def uniform(self, points: np.ndarray) -> np.ndarray:
        """See `Distribution`."""
        return 0.5 * (ndtr(points + _MEAN) + ndtr(points - _MEAN))

    def fit(self, points: np.ndarray) -> np.ndarray:
        """See `Distribution`; by expectation maximisation (doi:10.1111/j.2517-6161.1977.tb01600.x)."""
        values, right = points[:, 0], (points[:, 0] > 0).astype(float)
        parameters = np.full(5, np.inf)
        for _ in range(_ITERATIONS):
            before = parameters
            parameters = _mixture(values, right)
            if np.abs(parameters - before).max() < _TOLERANCE:
                break
            right = _share_of_right(values, parameters)
        return parameters

    def shares(self, parameters: np.ndarray, n_quantiles: int) -> np.ndarray:
        """See `Distribution`."""
        edges = _inverse(self.uniform, np.arange(1, n_quantiles) / n_quantiles)
        share, left, left_width, right, right_width = parameters
        below = share * ndtr((edges - left) / left_width) + (1 - share) * ndtr((edges - right) / right_width)
        return np.diff(np.concatenate([[0], below, [1]]))


def _mixture(values: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Parameters of two Gaussians, given each point's probability to be of the right one."""
    found = []
    for weight in (1 - right, right):
        total = max(weight.sum(), _NARROWEST)
        mean = (weight * values).sum() / total
        found += [mean, max(np.sqrt((weight * (values - mean) ** 2).sum() / total), _NARROWEST)]
    return np.array([1 - right.mean(), *found])


def _share_of_right(values: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    share, left, left_width, right, right_width = parameters
    odds = [
        weight / width * np.exp(-0.5 * ((values - mean) / width) ** 2)
        for weight, mean, width in ((share, left, left_width), (1 - share, right, right_width))
    ]
    # Far from both, where the densities vanish in double precision, the sign decides.
    return np.divide(odds[1], odds[0] + odds[1], out=(values > 0) * 1.0, where=odds[0] + odds[1] > 0)


def _inverse(function: object, levels: np.ndarray) -> np.ndarray:
    """Points at which a rising function of one number has these levels, by bisection."""
    low, high = np.full(len(levels), -20.0), np.full(len(levels), 20.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        below = function(middle) < levels
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


class Ring:
    """Radius N(4, 1) above zero, angle uniform; the mean and the width of the radius are fitted.

    Quantiles are those of the radius times those of the angle.
    """

    n_dimensions = 2
    fitted = ("radius", "width")

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """See `Distribution`."""
        # The radius by its quantile, so that none is negative.
        below = ndtr(-_MEAN)
        radius = _inverse_normal(below + (1 - below) * random.random(count)) + _MEAN
        angle = 2 * np.pi * random.random(count)
        return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def uniform(self, points: np.ndarray) -> np.ndarray:
        """See `Distribution`."""
        radius = np.hypot(points[..., 0], points[..., 1])
        angle = np.arctan2(points[..., 1], points[..., 0]) / (2 * np.pi) + 0.5
        return np.stack([_above_zero(radius, _MEAN, 1.0), np.clip(angle, 0, 1)], axis=-1)

    def fit(self, points: np.ndarray) -> np.ndarray:
        """See `Distribution`; the radius far from zero: its mean and deviation."""
        radius = np.hypot(points[:, 0], points[:, 1])
        return np.array([radius.mean(), radius.std()])

    def shares(self, parameters: np.ndarray, n_quantiles: int) -> np.ndarray:
        """See `Distribution`."""
        below = ndtr(-_MEAN)
        levels = np.arange(1, n_quantiles) / n_quantiles
        edges = _inverse_normal(below + (1 - below) * levels) + _MEAN
        inside = np.diff(np.concatenate([[0], _above_zero(edges, *parameters), [1]]))
        return np.repeat(inside / n_quantiles, n_quantiles)


def _above_zero(radius: np.ndarray, mean: float, width: float) -> np.ndarray:
    """Distribution function of a Gaussian that is cut at zero."""
    below = ndtr(-mean / width)
    return (ndtr((radius - mean) / width) - below) / (1 - below)


def _inverse_normal(levels: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(levels)


DISTRIBUTIONS: dict[str, Distribution] = {"camel_back": CamelBack(), "ring": Ring()}
