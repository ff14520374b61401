"""What a detector is: `detect/methods/<name>.py` holds `Settings` and `build(settings)`.

A detector is fitted to the events of a mixture and then scores events. It declares what it needs, and nothing
else is handed to it: the truth of the mixture, other datasets, images and constituents are absent unless
`Needs` names them. No event may be scored by a network that was trained, stopped or chosen with that event:
`folds` says how.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Protocol, Self

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
        constituents: so many leading constituents of each of the leading jets; 0 for none.
        samples: datasets that are read besides the mixture: a simulated background, events with labels.
        labels: the truth of the mixture's simulated events; no search may use it.
        side_bands: events outside the signal regions.
    """

    features: tuple[str, ...] = ()
    images: bool = False
    constituents: int = 0
    samples: tuple[str, ...] = ()
    labels: bool = False
    side_bands: bool = True


@dataclass(frozen=True)
class Events:
    """Events with what a detector reads of them.

    Attributes:
        mass: (n,) GeV.
        regions: (n_windows, n) int8: 1 signal region, 0 side band, -1 neither.
        split_hash: (n,) uint64 hash of dataset, event and the study's seed; an event has the same one
            wherever it is read.
        features: columns (n,) that the detector needs.
        images: (n, n_jets, P, P) if the detector needs them.
        constituents: (n, n_jets, n_constituents, 3) float32 if the detector needs them: pt (GeV), delta eta,
            delta phi to the jet's axis, largest pt first; zeros where a jet has fewer.
    """

    mass: np.ndarray
    regions: np.ndarray
    split_hash: np.ndarray
    features: dict[str, np.ndarray] = field(default_factory=dict)
    images: np.ndarray | None = None
    constituents: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.mass)

    def take(self, rows: np.ndarray) -> Self:
        """Some of the events, in the order of `rows` (indices); what holds no row per event is kept."""
        chosen = {
            "regions": self.regions[:, rows],
            "features": {k: v[rows] for k, v in self.features.items()},
        }
        for name in (entry.name for entry in fields(self) if entry.name not in chosen):
            value = getattr(self, name)
            chosen[name] = value[rows] if isinstance(value, np.ndarray) else value
        return replace(self, **chosen)


@dataclass(frozen=True)
class Sample(Events):
    """All selected events of a dataset that a detector reads besides the mixture.

    Attributes:
        in_mixture: (n,) boolean: the mixture holds the event too.
        label: the dataset's truth class; empty for data.
    """

    in_mixture: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    label: str = ""


@dataclass(frozen=True)
class Data(Events):
    """The events of a mixture, in its order.

    Attributes:
        is_signal: (n,) boolean, the truth, if the detector needs labels.
        samples: the datasets of `Needs.samples`, by name.
    """

    is_signal: np.ndarray | None = None
    samples: Mapping[str, Sample] = field(default_factory=dict)


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
    """Scores of events.

    Attributes:
        score: (n_windows, n) float32; larger is more like signal. Scales may differ between folds. NaN for
            an event that is not scored.
        fold: (n,) int32; an event was scored by the networks of its fold; -1 for one that is not scored.
    """

    score: np.ndarray
    fold: np.ndarray


class Fitted(Protocol):
    """A detector after its training."""

    @property
    def history(self) -> History:
        """Losses, epoch by epoch."""
        ...

    @property
    def n_networks(self) -> int:
        """How many were trained."""
        ...

    @property
    def n_parameters(self) -> int:
        """Parameters of one of them."""
        ...

    def score(self, events: Events) -> Scores:
        """Score events, each by networks that did not see the event of its `split_hash`.

        Args:
            events: events of the mixture, some of them, or with other values of their features.
        """
        ...


class Detector(Protocol):
    """Scores events by how unlike the background they are.

    A detector may offer `fit_many(datas, contexts)`, a list of what `fit` gives, to train several mixtures
    (pseudo-experiments) at once.
    """

    needs: Needs

    def fit(self, data: Data, context: Context) -> Fitted:
        """Train out of fold, for all windows, folds and restarts.

        Raises:
            EmptyWindowError: a window has too few events.
            BadValueError: an input is not finite or constant.
            TrainingError: a loss is not finite.
        """
        ...


def fit_each(
    detector: Detector, datas: Iterable[Data], contexts: Sequence[Context]
) -> Iterator[tuple[Data, Fitted]]:
    """Fit a detector to several mixtures, at once where it can, otherwise one after the other as they come.

    Args:
        detector: it is fitted anew for each.
        datas, contexts: of each mixture.

    Yields:
        Each mixture with the detector that was fitted to it.
    """
    if hasattr(detector, "fit_many") and contexts:
        kept = list(datas)
        yield from zip(kept, detector.fit_many(kept, contexts), strict=True)
        return
    for data, context in zip(datas, contexts, strict=True):
        yield data, detector.fit(data, context)
