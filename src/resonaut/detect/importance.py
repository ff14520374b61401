"""How much a detector's scores depend on each feature: its values are shuffled among the events.

The importance of a feature in a window is 1 - r, with Spearman's rank correlation r between the scores
before and after; 0 is a feature that does nothing. It is permutation importance (doi:10.1023/A:1010933404324,
section 10) with the change of the score itself in place of a loss, so that it needs no truth and means the
same for every method.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from resonaut import seeds
from resonaut.detect.interface import Context, Data, Fitted


def importance(fitted: Fitted, data: Data, context: Context, n_events: int) -> dict[str, dict[str, float]]:
    """The importance of each feature, by window.

    Args:
        fitted: the trained detector.
        data: the mixture's events.
        context: names, for the seed.
        n_events: how many events are taken, from the windows and their side bands; 0 for none.

    Returns:
        Feature names and importances by the name of the window; empty if there are no features or no events
        are asked for. A window in which fewer than two events or equal scores stand is left out.
    """
    from scipy.stats import spearmanr

    order = np.argsort(seeds.mix64(data.split_hash), kind="stable")
    rows = np.sort(order[(data.regions[:, order] >= 0).any(0)][:n_events])
    if not data.features or len(rows) < 2:
        return {}
    events = data.take(rows)
    fold = fitted.score(events).fold
    before = fitted.score(events).score
    found: dict[str, dict[str, float]] = {window.name: {} for window in context.windows}
    for name in sorted(data.features):
        random = seeds.generator(context.seed, "detect", context.method, context.mixture, "importance", name)
        shuffled = {**events.features, name: random.permutation(events.features[name])}
        after = fitted.score(dataclasses.replace(events, features=shuffled)).score
        for number, window in enumerate(context.windows):
            values = [
                float(spearmanr(before[number, part], after[number, part]).statistic)
                for part in _parts(events.regions[number] >= 0, fold)
                if min(np.ptp(before[number, part]), np.ptp(after[number, part])) > 0
            ]
            if values:
                found[window.name][name] = round(1 - float(np.mean(values)), 6)
    return {window: values for window, values in found.items() if values}


def _parts(chosen: np.ndarray, fold: np.ndarray) -> list[np.ndarray]:
    """The chosen events of each fold: scores of two folds cannot be compared."""
    parts = [np.flatnonzero(chosen & (fold == number)) for number in np.unique(fold[fold >= 0])]
    return [part for part in parts if len(part) > 1]
