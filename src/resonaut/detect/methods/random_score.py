"""A random score: what a method gains by learning nothing. Uniform in [0, 1), a hash of the event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.detect.interface import Context, Data, Events, Needs
from resonaut.detect.untrained import Untrained, UntrainedSettings
from resonaut.seeds import integer_seed, mix64


class Settings(UntrainedSettings):
    """A random score."""


@dataclass(frozen=True)
class RandomScore:
    """The detector."""

    needs: Needs

    def fit(self, data: Data, context: Context) -> Untrained:
        """See `Detector.fit`."""

        def score(events: Events) -> np.ndarray:
            keys = [
                integer_seed(context.seed, "detect", context.method, "random score", window.name, bits=64)
                for window in context.windows
            ]
            mixed = mix64(events.split_hash ^ np.array(keys, np.uint64)[:, None])
            # 24 bits, the digits of single precision: rounding up to 1 cannot happen.
            return (mixed >> np.uint64(40)).astype(np.float64) * 2.0**-24

        return Untrained(score, context)


def build(settings: Settings) -> RandomScore:
    """The detector of these settings."""
    return RandomScore(Needs(side_bands=False))
