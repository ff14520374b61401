"""What a detector is: `detect/methods/<name>.py` holds `Settings` and `build(settings)`.

A detector sees masses, regions and its inputs; the truth is not handed to it. No event may be scored by a
network that was trained, stopped or chosen with that event: `folds` says how.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from resonaut.scan import Window

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History


@dataclass(frozen=True)
class Needs:
    """What a detector reads and may see.

    Attributes:
        features: names of columns of the features files.
        images: the images of the leading jets.
        labels: the truth of simulated events; no search may use it.
        side_bands: events outside the signal regions.
    """

    features: tuple[str, ...] = ()
    images: bool = False
    labels: bool = False
    side_bands: bool = True


@dataclass(frozen=True)
class Data:
    """The events of a mixture, in its order.

    Attributes:
        mass: (n,) GeV.
        regions: (n_windows, n) int8: 1 signal region, 0 side band, -1 neither.
        split_hash: (n,) uint64.
        features: columns (n,) that the detector needs.
        images: (n, n_jets, P, P) if the detector needs them.
    """

    mass: np.ndarray
    regions: np.ndarray
    split_hash: np.ndarray
    features: dict[str, np.ndarray] = field(default_factory=dict)
    images: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.mass)


@dataclass(frozen=True)
class Context:
    """Names that seeds are made of, and the windows.

    Attributes:
        seed: the study's seed.
        method: the detector's name in the configuration.
        mixture: the mixture's name.
        windows: signal regions.
    """

    seed: int
    method: str
    mixture: str
    windows: tuple[Window, ...]

    @property
    def where(self) -> str:
        """The detector's key in the configuration, for messages."""
        return f"detect.{self.method}"


@dataclass(frozen=True)
class Scores:
    """What a detector returns.

    Attributes:
        score: (n_windows, n) float32; larger is more like signal. Scales may differ between folds.
        fold: (n,) int32; an event was scored by the networks of its fold.
        history: losses of all networks.
        n_networks: networks that were trained.
        n_parameters: parameters of one of them.
    """

    score: np.ndarray
    fold: np.ndarray
    history: History
    n_networks: int
    n_parameters: int


class Detector(Protocol):
    """Scores events by how unlike the background they are."""

    needs: Needs

    def score(self, data: Data, context: Context) -> Scores:
        """Train out of fold and score every event.

        Raises:
            EmptyWindowError: a window has too few events.
            BadValueError: an input is not finite or constant.
            TrainingError: a loss is not finite.
        """
