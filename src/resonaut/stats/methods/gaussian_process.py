"""A Gaussian process for the logarithm of the spectrum, around a running power law that is free.

ln f(m) = p1 - (p2 + p3 ln x) ln x + g(m), x = m / sqrt(s), with g of mean zero and the kernel of Gibbs, whose
length grows with the mass as the resolution does (Frate, Cranmer, Kalia, Vandenberg-Rodes, Whiteson,
arXiv:1709.05681):

    k(m, m') = a^2 sqrt(2 l l' / (l^2 + l'^2)) exp(-(m - m')^2 / (l^2 + l'^2)),   l(m) = slope m + offset.

They model the density with an envelope a(m) that falls as the spectrum does; of its logarithm the amplitude a
is the same everywhere, and the spectrum stays positive (their section III). As the mean is free, what of g
looks like it is taken out: the same model, with parameters that can be told apart. g is written in
eigenfunctions (Rasmussen and Williams, Gaussian Processes for Machine Learning, section 4.3), g = sum_k z_k
phi_k(m), and the prior z_k ~ N(0, 1) is a penalty of the fit: the fitted spectrum is the most probable one,
and the covariance is that of the posterior in the Laplace approximation. What adds less than a millionth of
the variance is left out, so that what is much narrower than l(m), a resonance, is hardly described. Measured
between 2.5 and 5 TeV: a peak of 2 % relative width and five standard deviations in 10^5 events keeps 0.52 of
its size in a fit without signal (0.62 with the dijet function of 4 parameters, 0.44 with 5), and 0.99 where a
signal is fitted too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from resonaut.settings import Settings as Base

if TYPE_CHECKING:
    import numpy as np

    from resonaut.stats.loglinear import LogLinear


class Settings(Base):
    """Mean and kernel."""

    n_parameters: int = Field(3, ge=1, le=6, description="Free parameters of the mean, p1 included.")
    sqrt_s: float = Field(13_000.0, gt=0, description="Centre-of-mass energy, GeV.")
    amplitude: float = Field(
        0.3, gt=0, description="Standard deviation of the logarithm of the spectrum around its mean."
    )
    length_slope: float = Field(
        0.5,
        ge=0,
        description="Length of the kernel over the mass: many times the relative width (one standard "
        "deviation) of the resonances that are searched for.",
    )
    length_offset: float = Field(0.0, ge=0, description="Length of the kernel at mass zero, GeV.")

    @model_validator(mode="after")
    def _some_length(self) -> Settings:
        if self.length_slope == self.length_offset == 0:
            raise ValueError("length_slope and length_offset are both 0; the kernel needs a length")
        return self


_N_GRID = 200
_LEAST_VARIANCE = 1e-6
_LARGEST_PANEL = 0.25
"""Of the kernel's length: 4 points integrate it to 1e-6."""


def build(settings: Settings) -> Callable[[np.ndarray], LogLinear]:
    """The function of bin edges (GeV) that returns the binned spectrum.

    Its parameters are those of the mean (p1, p2, ...), exp(p1) in events per GeV, then z_1, z_2, ... of
    falling eigenvalues; how many these are depends on the range of the edges over the length of the kernel.
    The returned function raises ConfigError where an edge is not between 0 and sqrt(s).
    """
    import numpy as np

    from resonaut.stats.families import of_scaled_mass

    def length(mass: np.ndarray) -> np.ndarray:
        return settings.length_slope * mass + settings.length_offset

    def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        one, two = length(left)[:, None], length(right)[None, :]
        squares = one**2 + two**2
        distance = left[:, None] - right[None, :]
        return settings.amplitude**2 * np.sqrt(2 * one * two / squares) * np.exp(-(distance**2) / squares)

    def mean(mass: np.ndarray) -> np.ndarray:
        log_x = np.log(mass / settings.sqrt_s)
        powers = [-(log_x**power) for power in range(1, settings.n_parameters)]
        return np.stack([np.ones_like(mass), *powers], axis=-1)

    def spectrum(edges: np.ndarray) -> LogLinear:
        grid = np.linspace(edges[0], edges[-1], _N_GRID)
        to_mean, whole = np.linalg.pinv(mean(grid)), kernel(grid, grid)

        def beside_mean(mass: np.ndarray) -> np.ndarray:
            """Covariance (n, n_grid) of the process without its projection onto the mean."""
            rest = kernel(mass, grid) - mean(mass) @ to_mean @ whole
            return rest - rest @ to_mean.T @ mean(grid).T

        values, vectors = np.linalg.eigh(beside_mean(grid))
        kept = np.flatnonzero(values > _LEAST_VARIANCE * np.trace(whole))[::-1]
        # The sign of an eigenvector is the library's choice; parameters must not depend on it.
        projection = vectors[:, kept] * np.sign(vectors[-1, kept]) / np.sqrt(values[kept])

        def features(x: np.ndarray) -> np.ndarray:
            mass = x * settings.sqrt_s
            return np.concatenate([mean(mass), beside_mean(mass) @ projection], axis=1)

        fine, groups = _panels(edges, length(np.asarray(edges[:-1])))
        made = of_scaled_mass(features, settings.sqrt_s, "Gaussian process")(fine).regrouped(groups)
        free = np.arange(made.n_parameters) < settings.n_parameters
        return replace(made, penalty=np.diag(np.where(free, 0.0, 1.0)))

    return spectrum


def _panels(edges: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide bins that are not narrow against the kernel's length, for the quadrature.

    Args:
        edges: (B + 1,) GeV.
        length: (B,) GeV, of the kernel in each bin.

    Returns:
        The edges of the panels, and (B, n_panels) which panels make each bin.
    """
    import numpy as np

    n_panels = np.ceil(np.diff(edges) / (_LARGEST_PANEL * length)).astype(int)
    bin_of = np.repeat(np.arange(len(n_panels)), n_panels)
    place = np.arange(len(bin_of)) - np.repeat(np.cumsum(n_panels) - n_panels, n_panels)
    low = edges[:-1][bin_of] + place * (np.diff(edges) / n_panels)[bin_of]
    return np.append(low, edges[-1]), bin_of == np.arange(len(n_panels))[:, None]
