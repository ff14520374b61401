"""A column of the features as the score: nothing is trained.

The score was made elsewhere (a study then starts at `hunt` with it), or the column is a plain cut, such as
one on the N-subjettiness ratio tau21 (arXiv:1011.2268), against which what is learnt can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from resonaut.detect.folds import feature_matrix
from resonaut.detect.interface import Context, Data, Events, Needs
from resonaut.detect.untrained import Untrained, UntrainedSettings
from resonaut.errors import BadValueError, ConfigError


class Settings(UntrainedSettings):
    """A column as the score."""

    features: tuple[str, ...] = Field(
        min_length=1,
        description="Column of the features files that is the score; or one for each window, in the order of "
        "scan.windows.",
    )
    signal: Literal["large", "small"] = Field(
        "large", description="Which values are more like signal; the sign of the score is turned for 'small'."
    )


@dataclass(frozen=True)
class Column:
    """The detector."""

    settings: Settings
    needs: Needs

    def fit(self, data: Data, context: Context) -> Untrained:
        """See `Detector.fit`.

        Raises:
            ConfigError: neither one column nor one for each window.
            BadValueError: a value is not finite or too large for a score, or the same in all events.
        """
        names, n_windows = self.settings.features, len(context.windows)
        if len(names) not in (1, n_windows):
            raise ConfigError(
                f"{context.where}.features: {len(names)} columns for {n_windows} windows of the scan; one "
                f"for all windows, or {n_windows}, are expected."
            )
        for name in names:
            _require_single_precision(data.features[name], name, context)
        feature_matrix(data, names, context)
        sign = 1.0 if self.settings.signal == "large" else -1.0

        def score(events: Events) -> np.ndarray:
            return sign * np.stack([events.features[name] for name in names])

        return Untrained(score, context)


def _require_single_precision(values: np.ndarray, name: str, context: Context) -> None:
    """Refuse what would be infinite as a score: likelihood ratios of e^100 lose their order there."""
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if largest > np.finfo(np.float32).max:
        raise BadValueError(
            f"{context.where}.features: '{name}' reaches {largest:.3g} in mixture '{context.mixture}'; "
            "scores hold 3.4e38 at most. Give a growing function of it, such as its logarithm."
        )


def build(settings: Settings) -> Column:
    """The detector of these settings."""
    return Column(settings, Needs(features=settings.features, side_bands=False))
