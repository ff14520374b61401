"""Learning rates over the steps of a training, in closed form: a position, never a history."""

from __future__ import annotations

import math

from resonaut.nn.settings import ScheduledTraining

_RISE = 25.0
_FALL = 1e4
_ONE_CYCLE_WARM_UP = 0.3


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * progress))


def learning_rate(settings: ScheduledTraining, progress: float) -> float:
    """Learning rate at a fraction `progress` of all steps.

    After a linear rise over the fraction `warm_up`, cosine is one period of arXiv:1608.03983, eq. 5. One
    cycle (arXiv:1708.07120) rises from 1/25 of the rate to it and falls to 1e-4 of its start, both as half a
    cosine: the form and the numbers of torch's OneCycleLR.

    Args:
        settings: learning rate, schedule and warm-up.
        progress: in [0, 1].
    """
    peak = settings.learning_rate
    if settings.schedule == "one_cycle":
        rise = _ONE_CYCLE_WARM_UP if settings.warm_up is None else settings.warm_up
        start = peak / _RISE
        if progress < rise:
            return _half_cosine(start, peak, progress / rise)
        return _half_cosine(peak, start / _FALL, (progress - rise) / (1 - rise))
    rise = settings.warm_up or 0.0
    if progress < rise:
        return peak * progress / rise
    if settings.schedule == "constant":
        return peak
    return 0.5 * peak * (1 + math.cos(math.pi * ((progress - rise) / (1 - rise))))
