"""Laplace's approximation for the last linear layer of a trained network (arXiv:2106.14806).

With f the inputs of that layer and a 1 for the bias, and w the weights of the rows, the posterior of its
parameters t is N(t*, (H + p)^-1) around what was trained: H is the generalised Gauss-Newton matrix

    H = sum_rows w (diag(q) - q q^T) (x) f f^T        (two classes: sum w q (1 - q) f f^T)

with the predicted probabilities q (full covariance; for this layer it is the Hessian itself), and p the
precision of the prior N(0, 1 / p), which maximises the marginal likelihood (arXiv:2106.14806 eq. 5; MacKay
1992, doi:10.1162/neco.1992.4.3.415)

    ln Z(p) = -sum w l - p |t*|^2 / 2 + (n_parameters ln p - sum ln(h + p)) / 2,   h the eigenvalues of H.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SLICE = 4096
_LOG_PRECISION = (-14.0, 14.0)


@dataclass(frozen=True)
class LastLayer:
    """A Gaussian posterior.

    Attributes:
        mean: (n_outputs, width + 1) parameters, the bias last.
        values: (n_parameters,) eigenvalues of H, of the parameters in the order of `mean.ravel()`.
        vectors: (n_parameters, n_parameters) its eigenvectors, in columns.
        precision: of the prior.
    """

    mean: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    precision: float

    def covariance(self) -> np.ndarray:
        """(n_parameters, n_parameters) of the posterior."""
        return (self.vectors / (self.values + self.precision)) @ self.vectors.T

    def drawn(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Parameters drawn from the posterior, (count, n_outputs, width + 1)."""
        normal = random.standard_normal((count, len(self.values)))
        steps = normal / np.sqrt(self.values + self.precision) @ self.vectors.T
        return self.mean + steps.reshape(count, *self.mean.shape)


def with_one(inputs: np.ndarray) -> np.ndarray:
    """Inputs of the layer with the 1 of its bias, (n, width + 1) float64."""
    return np.concatenate([inputs.astype(np.float64), np.ones((len(inputs), 1))], axis=1)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """(n, 1) logits as the probability of class 1, (n, n_classes) as those of all."""
    if logits.shape[1] == 1:
        return 1 / (1 + np.exp(-logits))
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def gauss_newton(inputs: np.ndarray, mean: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """H of the module's text, (n_parameters, n_parameters).

    Args:
        inputs: (n, width) of the layer.
        mean: (n_outputs, width + 1) its parameters.
        weight: (n,) of the rows.
    """
    n_outputs, width = mean.shape
    total = np.zeros((n_outputs, width, n_outputs, width))
    for start in range(0, len(inputs), _SLICE):
        rows = with_one(inputs[start : start + _SLICE])
        q = probabilities(rows @ mean.T)
        for a in range(n_outputs):
            for b in range(a + 1):
                curvature = (q[:, a] if a == b else 0.0) - q[:, a] * q[:, b]
                block = rows.T @ (rows * (weight[start : start + _SLICE] * curvature)[:, None])
                total[a, :, b, :] += block
                if a != b:
                    total[b, :, a, :] += block
    return total.reshape(mean.size, mean.size)


def log_evidence(log_precision: float, values: np.ndarray, square: float) -> float:
    """What of ln Z depends on the precision of the prior.

    Args:
        log_precision: ln p.
        values: eigenvalues of H.
        square: |t*|^2.
    """
    precision = np.exp(log_precision)
    return float(
        -0.5 * precision * square + 0.5 * (len(values) * log_precision - np.log(values + precision).sum())
    )


def fit(
    inputs: np.ndarray, mean: np.ndarray, weight: np.ndarray, precision: float | None = None
) -> LastLayer:
    """The posterior around the trained parameters.

    Args:
        inputs: (n, width) of the layer, training rows.
        mean: (n_outputs, width + 1).
        weight: (n,); their sum is how many rows they stand for.
        precision: of the prior; None maximises the marginal likelihood.
    """
    from scipy.optimize import minimize_scalar

    values, vectors = np.linalg.eigh(gauss_newton(inputs, mean, weight))
    values = np.maximum(values, 0)
    if precision is None:
        square = float((mean**2).sum())
        grid = np.linspace(*_LOG_PRECISION, 57)
        best = grid[np.argmax([log_evidence(x, values, square) for x in grid])]
        found = minimize_scalar(
            lambda x: -log_evidence(x, values, square), bounds=(best - 0.5, best + 0.5), method="bounded"
        )
        precision = float(np.exp(found.x))
    return LastLayer(mean.astype(np.float64), values, vectors, precision)
