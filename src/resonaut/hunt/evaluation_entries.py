"""Entries of `evaluation.json`: what a window's cuts gain, and what its selections do to the background."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from resonaut.hunt import sculpting, sic
from resonaut.hunt.search import Search
from resonaut.stats.rates import sideband_efficiency

FIXED = {"0.01": 1e-2, "0.001": 1e-3}
"""Background efficiencies at which the gain is given besides."""


def window_entry(search: Search, number: int) -> dict[str, Any]:
    """The entry of one window, without features and importance (see `hunt.evaluate`)."""
    window = search.given.scan.windows[number]
    inside = search.regions[number] == 1
    signal = None if search.is_signal is None else search.is_signal[inside]
    n_signal = None if signal is None else int(signal.sum())
    return {
        "low": window.low,
        "high": window.high,
        "n_signal": n_signal,
        "n_background": None if signal is None else len(signal) - n_signal,
        "truth": None if signal is None else _truth(search, number, inside, signal),
        "sculpting": _sculpting(search, number),
        "selected": {},
    }


def _truth(search: Search, number: int, inside: np.ndarray, signal: np.ndarray) -> dict[str, Any] | None:
    given, experiment = search.given.evaluate, search.experiment
    efficiency = sideband_efficiency(experiment.score[number], experiment.fold, search.regions[number])
    gain = sic.measure(-efficiency[inside], signal, given, search.random(number, "bootstrap"))
    if gain is None:
        return None
    n_background = int((~signal).sum())
    improvement, signal_band = gain.band(gain.improvement_replicas), gain.band(gain.signal_replicas)
    curve = {
        "background_efficiency": gain.background_efficiency,
        "background_events": gain.background_efficiency * n_background,
        "signal_efficiency": gain.signal_efficiency,
        "signal_efficiency_low": signal_band[0],
        "signal_efficiency_high": signal_band[1],
        "improvement": gain.improvement,
        "improvement_median": np.median(gain.improvement_replicas, axis=0),
        "improvement_low": improvement[0],
        "improvement_high": improvement[1],
    }
    return {
        "false_positive_cut": {
            "background_events": given.background_events_min,
            "background_efficiency": _number(given.background_events_min / n_background),
        },
        "auc": _rounded(gain.auc_interval()),
        "max_improvement": _rounded(gain.maximum()),
        "max_median_improvement": _rounded(gain.median_maximum()),
        "at": {name: _at(gain, value, n_background) for name, value in FIXED.items()},
        "curve": {name: numbers(values) for name, values in curve.items()},
    }


def _at(gain: sic.Gain, efficiency: float, n_background: int) -> dict[str, Any] | None:
    found = gain.at(efficiency)
    if found is None:
        return None
    return {
        "background_events": _number(efficiency * n_background),
        "improvement": _rounded(found[0]),
        "signal_efficiency": _rounded(found[1]),
    }


def _sculpting(search: Search, number: int) -> list[dict[str, Any] | None]:
    events = search.events
    if search.is_signal is None:
        kind, rows, used = (
            "outside",
            search.open & (search.regions[number] != 1),
            events.fitted[number] & ~events.closed,
        )
    else:
        kind, rows = "background", ~search.is_signal
        used = events.fitted[number] | events.inside[number]
    random = search.random(number, "sculpting")
    found: list[dict[str, Any] | None] = []
    for efficiency, selected in zip(events.efficiencies, events.selected[number], strict=True):
        n_toys = search.given.evaluate.n_toys
        made = sculpting.compare(search.fine[rows], selected[rows], used, n_toys, random)
        found.append(None if made is None else {"efficiency": float(efficiency), **_shapes(made, kind)})
    return found


def _shapes(made: sculpting.Sculpting, kind: str) -> dict[str, Any]:
    return {
        "n_all": made.n_all,
        "n_selected": made.n_selected,
        "events": kind,
        "kolmogorov_smirnov": {"statistic": _number(made.ks), "p_value": _number(made.ks_p_value)},
        "chi2": {
            "value": _number(made.chi2),
            "degrees_of_freedom": made.degrees_of_freedom,
            "p_value": _number(made.chi2_p_value),
        },
        "jensen_shannon": {
            "value": _number(made.jensen_shannon),
            "expected": _number(made.jensen_shannon_expected),
            "p_value": _number(made.jensen_shannon_p_value),
        },
        "before": [None if np.isnan(count) else int(count) for count in made.before],
        "after": [None if np.isnan(count) else int(count) for count in made.after],
    }


def _number(value: float) -> float | None:
    """JSON has no NaN; seven figures are enough."""
    return float(f"{value:.7g}") if np.isfinite(value) else None


def numbers(values: np.ndarray) -> list[float | None]:
    """Numbers for JSON, NaN as null."""
    return [_number(value) for value in values]


def _rounded(interval: sic.Interval) -> dict[str, float | None]:
    return {name: _number(value) for name, value in asdict(interval).items()}
