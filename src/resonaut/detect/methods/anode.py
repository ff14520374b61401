"""ANODE: anomaly detection with density estimation (arXiv:2001.04990).

For each window two conditional densities are learnt by normalising flows: that of the side bands, p_B(x | m),
which the flow interpolates into the signal region, and that of the signal region, p(x | m). The score is the
log of their ratio (arXiv:2001.04990, section II), by flows that saw nothing of the event's fold. Features may
follow the mass. `flow_regions.FittedRatio` says how side-band events, from which the thresholds come, are
scored.
"""

from __future__ import annotations

from dataclasses import dataclass

from resonaut.detect.flow_regions import FittedRatio, FlowDetectorSettings, fit_region
from resonaut.detect.interface import Context, Data, Needs


class Settings(FlowDetectorSettings):
    """ANODE."""


@dataclass(frozen=True)
class Anode:
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
        background, region = (
            fit_region(values, data, data.regions == value, names, role, settings, context)
            for value, role in ((0, "side-band"), (1, "signal-region"))
        )
        return FittedRatio(region, background, settings, context)


def build(settings: Settings) -> Anode:
    """The detector of these settings."""
    return Anode(settings, Needs(features=settings.features))
