"""Smooth spectra whose logarithm is linear in their parameters, integrated over bins.

A bin is a sum of exponentials, mu_b = sum_q w_bq exp(x_q . theta): the composite link of generalised linear
models (Thompson and Baker, doi:10.2307/2346381). The nodes q are quadrature points inside the bins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

N_POINTS = 4
"""Gauss-Legendre points per bin: exact for polynomials of degree 7, far below 1e-9 for 100 GeV bins."""


@dataclass(frozen=True)
class LogLinear:
    """A binned log-linear spectrum.

    Attributes:
        nodes: (n_nodes, n_parameters) what multiplies the parameters at each node.
        weights: (n_bins, n_nodes) quadrature weights, GeV.
        penalty: (n_parameters, n_parameters) symmetric and not negative, or None. A fit adds
            theta' penalty theta to its deviance: the precision of a Gaussian prior (of a Gaussian process).
        masses: (n_nodes,) GeV, where the nodes stand, for what multiplies the spectrum (`stats.transfer`);
            or None.
    """

    nodes: np.ndarray
    weights: np.ndarray
    penalty: np.ndarray | None = None
    masses: np.ndarray | None = None

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.nodes.shape[1]

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return self.weights.shape[0]

    def expected(self, parameters: np.ndarray) -> np.ndarray:
        """Expected events per bin.

        Args:
            parameters: (..., n_parameters).

        Returns:
            (..., n_bins).
        """
        return np.exp(parameters @ self.nodes.T) @ self.weights.T

    def jacobian(self, parameters: np.ndarray) -> np.ndarray:
        """Derivatives of `expected` with respect to the parameters, (..., n_bins, n_parameters)."""
        density = np.exp(parameters @ self.nodes.T)
        # One matrix product for the whole batch; a product per fit is several times slower.
        per_node = (self.weights.T[:, :, None] * self.nodes[:, None, :]).reshape(len(self.nodes), -1)
        return (density @ per_node).reshape(*density.shape[:-1], self.n_bins, self.n_parameters)

    def log_error(self, parameters: np.ndarray, covariance: np.ndarray, bin_: int) -> np.ndarray:
        """Standard deviation of the logarithm of one bin's expectation, by linear propagation.

        Args:
            parameters: (..., n_parameters).
            covariance: (..., n_parameters, n_parameters).
            bin_: index of the bin.

        Returns:
            (...), dimensionless.
        """
        one = LogLinear(self.nodes, self.weights[[bin_]])
        with np.errstate(invalid="ignore"):
            gradient = (one.jacobian(parameters) / one.expected(parameters)[..., None])[..., 0, :]
        return np.sqrt(np.einsum("...i,...ij,...j->...", gradient, covariance, gradient))

    def orthonormal(self) -> tuple[LogLinear, np.ndarray]:
        """The same spectrum in parameters whose effects on the nodes are of size one and uncorrelated.

        Returns:
            The spectrum, and the (n_parameters, n_parameters) matrix that its parameters are of ours.
        """
        n_nodes, n = self.nodes.shape
        to_basis = np.eye(n)
        if n_nodes >= n:
            to_basis = np.linalg.qr(self.nodes)[1] / np.sqrt(n_nodes)
        diagonal = np.abs(np.diagonal(to_basis))
        if diagonal.min() <= 1e-14 * diagonal.max():
            # Fewer nodes than parameters: a penalty has to tell them apart.
            to_basis = np.eye(n)
        back = np.linalg.inv(to_basis)
        penalty = None if self.penalty is None else back.T @ self.penalty @ back
        return LogLinear(self.nodes @ back, self.weights, penalty), to_basis

    def regrouped(self, groups: np.ndarray) -> LogLinear:
        """The same spectrum in other bins.

        Args:
            groups: (n_new, n_bins) which of the bins each new bin adds up (boolean or 0 and 1).
        """
        weights = groups.astype(float) @ self.weights
        used = weights.any(axis=0)
        masses = None if self.masses is None else self.masses[used]
        return LogLinear(self.nodes[used], weights[:, used], self.penalty, masses)


def integrate(features: Callable[[np.ndarray], np.ndarray], edges: np.ndarray) -> LogLinear:
    """Bin a log-linear density by Gauss-Legendre quadrature in each bin.

    Args:
        features: of masses (n,), GeV, the (n, n_parameters) terms of the logarithm of the density per GeV.
        edges: (n_bins + 1,) increasing, GeV.
    """
    points, weights = np.polynomial.legendre.leggauss(N_POINTS)
    edges = np.asarray(edges, float)
    half = np.diff(edges) / 2
    mass = (edges[:-1] + half)[:, None] + half[:, None] * points
    n_bins = len(half)
    blocks = np.zeros((n_bins, n_bins, N_POINTS))
    blocks[np.arange(n_bins), np.arange(n_bins)] = half[:, None] * weights
    return LogLinear(features(mass.ravel()), blocks.reshape(n_bins, -1), masses=mass.ravel())
