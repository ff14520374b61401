"""Folds and the checks that stand before a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from resonaut.detect.interface import Context, Data, Events
from resonaut.errors import BadValueError, EmptyWindowError
from resonaut.seeds import fold_of, integer_seed, mix64


def folds(data: Events, context: Context, n_folds: int, purpose: str = "fold") -> np.ndarray:
    """Fold of each event, from a hash of the event, the method and the study's seed.

    Args:
        data: the events.
        context: whose method and seed key the hash.
        n_folds: how many.
        purpose: two purposes are independent of each other.

    Returns:
        (n,) int64, 0 to `n_folds` - 1.
    """
    key = np.uint64(integer_seed(context.seed, "detect", context.method, purpose, bits=64))
    return fold_of(mix64(data.split_hash ^ key), n_folds)


def feature_matrix(data: Events, names: Sequence[str], context: Context) -> np.ndarray:
    """The features as one table (n, n_features) float32.

    Raises:
        BadValueError: a feature is not finite, or the same in all events.
    """
    columns: Mapping[str, np.ndarray] = data.features
    for name in names:
        values = _single(columns[name])
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise BadValueError(
                f"{context.where}.features: '{name}' is {values[bad[0]]} in {len(bad)} of {len(values)} "
                f"events of mixture '{context.mixture}'; finite values are expected. Choose another feature "
                "or select events where it is defined."
            )
        if len(values) and values.min() == values.max():
            raise BadValueError(
                f"{context.where}.features: '{name}' is {values[0]:g} in all {len(values)} events of mixture "
                f"'{context.mixture}'; a constant tells nothing. Remove it from the list."
            )
    return np.stack([_single(columns[name]) for name in names], axis=1)


def _single(values: np.ndarray) -> np.ndarray:
    """In single precision; what it does not hold is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def check_windows(data: Data, context: Context, minimum: int) -> None:
    """Each window and its two side bands together must hold enough events.

    Raises:
        EmptyWindowError: with the count, the minimum and the key of the window.
    """
    for number, (window, region) in enumerate(zip(context.windows, data.regions, strict=True)):
        for value, name in ((1, "signal region"), (0, "side bands")):
            count = int((region == value).sum())
            if count < minimum:
                raise EmptyWindowError(
                    f"scan.windows[{number}] ({window.name} GeV): its {name} "
                    f"{'holds' if value else 'hold'} {count} events of mixture '{context.mixture}', at "
                    f"least {minimum} are needed ({context.where}.min_events). Move or widen the window, or "
                    "add events."
                )
