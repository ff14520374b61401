"""R-ANODE, residual anomaly detection with density estimation (arXiv:2312.11629).

The density of the background, p_B(x | m), is learnt in the side bands as in ANODE (arXiv:2001.04990) and held
fixed. In the signal region a second flow p_S and a fraction w are then fitted by maximum likelihood to

    p(x | m) = w p_S(x | m) + (1 - w) p_B(x | m),

so that p_S needs to describe the signal alone. The score is log p_S - log p_B, which has the order of the
likelihood ratio of p to p_B for every w. The fraction is learnt with the flow, one parameter per flow: a scan
over fractions costs a training for each, and the paper finds that either works equally well. Densities here
are of x at a given m, so that the score cannot select by the mass itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from resonaut.detect.flow_regions import FittedRatio, FlowDetectorSettings, RegionFlows, fit_region
from resonaut.detect.interface import Context, Data, Needs


class Settings(FlowDetectorSettings):
    """R-ANODE."""

    fraction_start: float = Field(
        0.01, gt=0, lt=1, description="Fraction of signal in the signal region at which its fit begins."
    )


@dataclass(frozen=True)
class ResidualAnode:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> FittedRatio:
        """See `Detector.fit`."""
        from resonaut.detect import folds

        settings = self.settings
        folds.check_windows(data, context, settings.min_events)
        values = folds.feature_matrix(data, settings.features, context)
        names = [window.name for window in context.windows]
        background = fit_region(values, data, data.regions == 0, names, "side-band", settings, context)
        signal = fit_region(
            *(values, data, data.regions == 1, names, "signal", settings, context),
            known=_known(background, values, data, folds.folds(data, context, settings.n_folds)),
            fraction=settings.fraction_start,
        )
        return FittedRatio(signal, background, settings, context)


def _known(background: RegionFlows, values: np.ndarray, data: Data, folds: np.ndarray) -> np.ndarray:
    """log p_B of the events that the flows of each fold may see, (n_windows, n_folds, n); 0 elsewhere."""
    n_windows, n_folds, _ = background.numbers.shape
    known = np.zeros((n_windows, n_folds, len(values)), np.float32)
    for window in range(n_windows):
        for fold in range(n_folds):
            rows = np.flatnonzero((data.regions[window] == 1) & (folds != fold))
            known[window, fold, rows] = background.log_density(window, fold, values[rows], data.mass[rows])
    return known


def build(settings: Settings) -> ResidualAnode:
    """The detector of these settings."""
    return ResidualAnode(settings, Needs(features=settings.features))
