"""What detectors share that learn nothing: plain scores, against which the others are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from resonaut import settings as base
from resonaut.detect.interface import Context, Events, Scores
from resonaut.nn.settings import TrainingSettings
from resonaut.settings import Count

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History


class UntrainedSettings(base.Settings):
    """A score that is not learnt."""

    importance_events: Count = Field(
        2000,
        ge=0,
        description="Events whose features are shuffled one by one to see how much the scores depend on each "
        "of them; 0: not done.",
    )

    @property
    def training(self) -> TrainingSettings:
        """Nothing is trained, and no device is needed."""
        return TrainingSettings(device="cpu")

    @property
    def windows_per_job(self) -> None:
        """All windows are one job."""
        return

    def representations(self) -> list[str]:
        """Kinds of representation that this detector reads."""
        return ["features"]

    def samples_used(self) -> list[str]:
        """Datasets that this detector reads besides the mixture."""
        return []


@dataclass(frozen=True)
class Untrained:
    """A score that is a function of the event alone; see `interface.Fitted`.

    All events are in one fold, for no network saw any of them, so one threshold holds for all.

    Attributes:
        function: (n,) or (n_windows, n) scores of events.
        context: the windows.
    """

    function: Callable[[Events], np.ndarray]
    context: Context
    n_networks: int = 0
    n_parameters: int = 0

    @property
    def history(self) -> History:
        """No losses."""
        from resonaut.nn.ensemble import History

        none = np.zeros((0, 0), np.float32)
        return History(none, none, np.zeros(0, np.int64))

    def score(self, events: Events) -> Scores:
        """See `interface.Fitted.score`."""
        shape = (len(self.context.windows), len(events))
        score = np.broadcast_to(self.function(events).astype(np.float32), shape)
        return Scores(score, np.zeros(len(events), np.int32))
