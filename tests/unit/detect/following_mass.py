"""Toys whose features follow the mass: plain CWoLa then learns the mass, and not the signal."""

from __future__ import annotations

import numpy as np
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from resonaut import registry
from resonaut.detect.interface import Context, Data, Scores
from resonaut.scan import ScanSettings
from resonaut.seeds import event_hash

SCAN = ScanSettings.model_validate(
    {
        "mass_min": 2500,
        "mass_max": 5000,
        "sideband_width": 500,
        "windows": [{"low": 3300, "high": 3700}],
    }
)
CONTEXT = Context(5, "toy", "data", SCAN.windows)
SLOPE = np.array([4.0, -2.0])
"""Change of the mean of the background's features per TeV."""
FLOW = {
    "transforms": 2,
    "hidden": [32],
    "training": {"epochs": 40, "batch_size": 256, "learning_rate": 5e-3, "patience": 10},
}
SETTINGS = {
    "features": ["first", "second"],
    "n_folds": 3,
    "n_restarts": 2,
    "hidden": [32, 32],
    "training": {"epochs": 20, "batch_size": 256, "learning_rate": 5e-3},
}


def mean_at(mass: np.ndarray) -> np.ndarray:
    """Mean of the background's features (n, 2) at masses (n,) GeV."""
    return (mass[:, None] - 3500) / 1000 * SLOPE


def covariance() -> np.ndarray:
    """Of the background's features at any mass."""
    return np.array([[1.0, 0.6], [0.6, 1.0]])


class Following:
    """A falling spectrum of background, and signal at 3.5 TeV that looks like background of 4 TeV."""

    def __init__(self, n_background: int, n_signal: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        n = n_background + n_signal
        self.truth = np.arange(n) >= n_background
        self.mass = 2500 + generator.exponential(700.0, n)
        self.mass[self.truth] = generator.normal(3500, 60, n_signal)
        noise = generator.multivariate_normal([0, 0], covariance(), n)
        self.features = mean_at(self.mass) + noise
        self.features[self.truth] = SLOPE / 2 + generator.normal(0, 0.3, (n_signal, 2))

    def data(self) -> Data:
        zero = np.zeros(len(self.mass), np.int64)
        return Data(
            mass=self.mass,
            regions=SCAN.regions(self.mass),
            split_hash=event_hash("toy", zero, zero, np.arange(len(self.mass)), 1),
            features=dict(zip(("first", "second"), self.features.T.copy(), strict=True)),
        )


def fitted_scores(name: str, data: Data, **more: object) -> Scores:
    """Scores of a method with the settings above."""
    known = {**SETTINGS, "flow": FLOW, **more}
    fields = registry.load("detect", name).Settings.model_fields
    detector = registry.build("detect", name, {key: known[key] for key in known if key in fields})
    return detector.fit(data, CONTEXT).score(data)


def separation(scores: Scores, made: Following) -> float:
    """Area under the curve of signal against background of the signal region."""
    inside = made.data().regions[0] == 1
    return float(roc_auc_score(made.truth[inside], scores.score[0, inside]))


def selected(scores: Scores, made: Following, efficiency: float) -> np.ndarray:
    """(n,) events above the quantile of the side bands' scores, fold by fold."""
    region = made.data().regions[0]
    passed = np.zeros(len(region), bool)
    for number in np.unique(scores.fold):
        own = scores.fold == number
        passed[own] = scores.score[0, own] > np.quantile(scores.score[0, own & (region == 0)], 1 - efficiency)
    return passed


def sculpting(scores: Scores, made: Following, efficiency: float = 0.2) -> float:
    """Kolmogorov-Smirnov distance of the masses of selected background from those of the rest of it."""
    near = (made.data().regions[0] >= 0) & ~made.truth
    passed = near & selected(scores, made, efficiency)
    return float(ks_2samp(made.mass[passed], made.mass[near & ~passed]).statistic)
