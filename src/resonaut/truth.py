"""Which events of a mixture are signal, from the truth labels of its datasets."""

from __future__ import annotations

import numpy as np

from resonaut.mixtures import Mixture


def signal_datasets(mixture: Mixture) -> tuple[bool, ...] | None:
    """Whether each dataset is signal: its label is not that of the dataset with most events of the mixture.

    Returns:
        One entry per dataset, all False where the labels are all the same; None where a label is absent
        (data), for then nothing is known.
    """
    if not all(mixture.labels):
        return None
    counts = np.bincount(mixture.dataset, minlength=len(mixture.datasets))
    background = mixture.labels[int(counts.argmax())]
    return tuple(label != background for label in mixture.labels)


def truth(mixture: Mixture) -> np.ndarray | None:
    """Whether each event is signal, (n_events,) boolean; None where a dataset has no label (data)."""
    signal = signal_datasets(mixture)
    return None if signal is None else np.array(signal)[mixture.dataset]
