"""What a calibration curve makes of a measured value: the calibrated sum that a network is compared with."""

from __future__ import annotations

import numpy as np

from resonaut.calibration_curve import Curve
from resonaut.tag.evaluation.binning import bin_of, edges_of


def fit(value: np.ndarray, target: np.ndarray) -> Curve | None:
    """The curve through the means in bins of the target: at each of few energies, else in ten equal parts.

    The value is averaged as a function of the target and not the other way round, so that the calibrated
    values of one target have its mean, whatever the spectrum of targets. Neighbouring bins are taken together
    until the means rise.

    Args:
        value, target: (n,); rows whose target is not positive are left out.

    Returns:
        None where fewer than two knots rise.
    """
    known = target > 0
    value, target = value[known].astype(float), target[known].astype(float)
    if not len(target):
        return None
    edges = edges_of(target)
    number = bin_of(target, edges)
    inside = number >= 0
    sums = [
        np.bincount(number[inside], weights, len(edges) - 1)
        for weights in (np.ones(int(inside.sum())), target[inside], value[inside])
    ]
    count, targets, values = (column[sums[0] > 0] for column in sums)
    while len(count) > 1 and (np.diff(values / count) <= 0).any():
        falls = int(np.argmax(np.diff(values / count) <= 0))
        first = np.delete(np.arange(len(count)), falls + 1)
        count, targets, values = (np.add.reduceat(column, first) for column in (count, targets, values))
    if len(count) < 2:
        return None
    return Curve(tuple((targets / count).tolist()), tuple((values / count).tolist()))
