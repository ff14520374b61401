"""Rows of numbers that autoencoders learn: one per jet (images, constituents) or per event (features)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from resonaut.detect.folds import feature_matrix
from resonaut.detect.interface import Context, Events
from resonaut.errors import BadValueError

Kind = Literal["images", "features", "constituents"]

_SLICE = 4096


@dataclass(frozen=True)
class Jets:
    """Inputs of events, jet after jet.

    Attributes:
        kind: what they are.
        values: (n_events, n_jets, ...) as they were read.
    """

    kind: Kind
    values: np.ndarray

    @property
    def n_jets(self) -> int:
        """Rows of an event."""
        return self.values.shape[1]

    def rows(self, events: np.ndarray) -> np.ndarray:
        """Rows of some events, (len(events) * n_jets, d) float32, the jets of an event side by side.

        Pixels as they are; features as they are; of each constituent its share of the pt of those that were
        read, delta eta and delta phi (radian). A jet without constituents is a row of zeros.
        """
        values = self.values[events].astype(np.float32, copy=False)
        if self.kind == "constituents":
            total = values[..., :1].sum(axis=2, keepdims=True)
            share = values[..., :1] / np.where(total > 0, total, 1)
            values = np.concatenate([share, values[..., 1:]], axis=3)
        return np.ascontiguousarray(values.reshape(len(events) * self.n_jets, -1))


def of_events(events: Events, kind: Kind, features: tuple[str, ...], context: Context) -> Jets:
    """The inputs of events.

    Args:
        events: with the inputs that are asked for.
        kind: which.
        features: their names, for the kind "features".
        context: for the messages.

    Raises:
        BadValueError: a value is not finite, or a feature is constant.
    """
    if kind == "features":
        return Jets(kind, feature_matrix(events, features, context)[:, None, :])
    values = events.images if kind == "images" else events.constituents
    axes = tuple(range(1, values.ndim))
    bad = sum(
        int((~np.isfinite(values[start : start + _SLICE])).any(axis=axes).sum())
        for start in range(0, len(values), _SLICE)
    )
    if bad:
        what = "pixels" if kind == "images" else "constituents"
        made = "images" if kind == "images" else "clouds"
        raise BadValueError(
            f"{context.where}: {bad} of {len(events)} events of mixture '{context.mixture}' have {what} "
            f"that are not finite; make the {made} again."
        )
    return Jets(kind, values)
