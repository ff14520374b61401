"""Events of a mixture and of datasets besides it, in one table for classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.detect.folds import feature_matrix, folds
from resonaut.detect.interface import Context, Data, Events
from resonaut.errors import EmptyWindowError


@dataclass(frozen=True)
class Pool:
    """Events of several sources, one after the other.

    Attributes:
        table: (n, n_features) float32.
        mass: (n,) GeV.
        regions: (n_windows, n): 1 signal region, 0 side band, -1 neither.
        fold: (n,); an event is in the same fold wherever it is read.
        source: (n,) number of the source.
    """

    table: np.ndarray
    mass: np.ndarray
    regions: np.ndarray
    fold: np.ndarray
    source: np.ndarray

    def require(
        self, chosen: np.ndarray, what: str, context: Context, minimum: int, region: int | None = None
    ) -> None:
        """Each window must hold enough of the chosen events.

        Args:
            chosen: (n,) boolean.
            what: what they are, for the message.
            context: windows and names.
            minimum: `min_events` of the detector.
            region: 1 for the signal region, 0 for the side bands, None for any mass.

        Raises:
            EmptyWindowError: with the count, the minimum and the key of the window.
        """
        for number, (window, regions) in enumerate(zip(context.windows, self.regions, strict=True)):
            count = int((chosen if region is None else chosen & (regions == region)).sum())
            if count < minimum:
                place = {1: "its signal region holds", 0: "its side bands hold", None: "there are"}[region]
                raise EmptyWindowError(
                    f"scan.windows[{number}] ({window.name} GeV): {place} {count} events of {what}, at least "
                    f"{minimum} are needed ({context.where}.min_events). Add events, or move or widen the "
                    "window."
                )

    def part(self, rows: np.ndarray, scored: int, n_folds: int) -> np.ndarray:
        """Which part of a task each row is (see `classify.Task`): its fold, counted from the scored one."""
        return (self.fold[rows] - scored - 1) % n_folds


def pool(sources: Sequence[Events], names: Sequence[str], context: Context, n_folds: int) -> Pool:
    """Join sources of events.

    Raises:
        BadValueError: a feature is not finite or constant.
    """
    return Pool(
        table=np.concatenate([feature_matrix(events, names, context) for events in sources]),
        mass=np.concatenate([events.mass for events in sources]),
        regions=np.concatenate([events.regions for events in sources], axis=1),
        fold=np.concatenate([folds(events, context, n_folds) for events in sources]),
        source=np.repeat(np.arange(len(sources)), [len(events) for events in sources]),
    )


def outside_the_mixture(data: Data, names: Sequence[str]) -> list[Events]:
    """The events of some of the samples that the mixture does not hold."""
    samples = [data.samples[name] for name in names]
    return [sample.take(np.flatnonzero(~sample.in_mixture)) for sample in samples]
