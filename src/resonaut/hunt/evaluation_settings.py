"""Settings of the evaluation of a search."""

from __future__ import annotations

from pydantic import Field

from resonaut.scan import ScanSettings
from resonaut.settings import Count, Settings


class EvaluateSettings(Settings):
    """How a search is measured: where the truth is known, and on the spectra of its background."""

    n_bootstrap: Count = Field(200, ge=20, description="Bootstrap replicas behind intervals.")
    background_events_min: Count = Field(
        25,
        ge=1,
        description="The false-positive cut: significance improvement is given where at least so many "
        "background events of the signal region pass.",
    )
    signal_events_min: Count = Field(
        10, ge=1, description="Fewest signal events in a window for which efficiencies are given."
    )
    n_toys: Count = Field(1000, ge=20, description="Toys behind the p-values of the sculpting tests.")
    confidence: float = Field(0.68, gt=0, lt=1, description="Probability content of the intervals.")


class Slice(Settings):
    """What the rule gives: `{"scan": ..., "evaluate": ..., "seed": ...}`."""

    scan: ScanSettings
    evaluate: EvaluateSettings = EvaluateSettings()
    seed: int
