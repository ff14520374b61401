"""What several answers say together: the mean, and how much of its uncertainty more training would remove.

With the probabilities q of a draw, and means over draws,

    total = H[mean q],  aleatoric = mean H[q],  epistemic = total - aleatoric >= 0

is the mutual information of the class and the weights (arXiv:1112.5745; as uncertainties arXiv:1710.07283),
in nats: epistemic falls with more events, aleatoric is the overlap of the classes. With n members of an
ensemble epistemic is too small by about a factor 1 - 1 / n. Of a Gaussian with mean m and variance v per draw
the parts are variances: var(m) and mean(v) (arXiv:1612.01474 section 2.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from resonaut.nn.laplace import probabilities


@dataclass(frozen=True)
class Predictive:
    """Classification of rows.

    Attributes:
        mean: (n,) probability of signal, or (n, n_classes).
        total, aleatoric: (n,) nats.
        deviation: (n,) standard deviation of the probability over the draws, of signal or of the predicted
            class.
        spread: (n,) standard deviation of the log odds over the draws; of several classes the root of the
            mean variance of their logits, less their mean in each draw. Unlike the others it does not vanish
            where all draws are certain.
    """

    mean: np.ndarray
    total: np.ndarray
    aleatoric: np.ndarray
    deviation: np.ndarray
    spread: np.ndarray

    @property
    def epistemic(self) -> np.ndarray:
        """(n,) nats."""
        return np.maximum(self.total - self.aleatoric, 0)


def entropy(values: np.ndarray) -> np.ndarray:
    """Entropy of a probability (n, 1) of two classes, or of (n, n_classes), in nats, (n,)."""
    from scipy.special import entr

    both = np.concatenate([values, 1 - values], axis=1) if values.shape[1] == 1 else values
    return entr(both).sum(axis=1)


def classification(draws: Iterable[np.ndarray]) -> Predictive:
    """The mean of draws of logits (n, 1) or (n, n_classes), one at a time in memory."""
    first = second = aleatoric = logit = square = np.zeros(1)
    count = 0
    for logits in draws:
        found = probabilities(logits)
        first, second, aleatoric = first + found, second + found**2, aleatoric + entropy(found)
        centred = logits if logits.shape[1] == 1 else logits - logits.mean(axis=1, keepdims=True)
        logit, square = logit + centred, square + centred**2
        count += 1
    mean = first / count
    variance = np.maximum(second / count - mean**2, 0)
    total, single = entropy(mean), mean.shape[1] == 1
    chosen = np.zeros(len(mean), int) if single else mean.argmax(axis=1)
    deviation = np.sqrt(variance[np.arange(len(mean)), chosen])
    spread = np.sqrt(np.maximum(square / count - (logit / count) ** 2, 0).mean(axis=1))
    return Predictive(mean[:, 0] if single else mean, total, aleatoric / count, deviation, spread)


@dataclass(frozen=True)
class GaussianPredictive:
    """Regression of rows.

    Attributes:
        mean: (n,) of what is learnt.
        aleatoric, epistemic: (n,) variances.
    """

    mean: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """(n,) standard deviation."""
        return np.sqrt(self.aleatoric + self.epistemic)


def regression(draws: Iterable[np.ndarray]) -> GaussianPredictive:
    """The Gaussian with mean and variance of the mixture of draws of (mean, ln variance), (n, 2) each."""
    first = second = variance = np.zeros(1)
    count = 0
    for values in draws:
        first, second = first + values[:, 0], second + values[:, 0] ** 2
        variance = variance + np.exp(values[:, 1])
        count += 1
    mean = first / count
    return GaussianPredictive(mean, variance / count, np.maximum(second / count - mean**2, 0))
