"""Rates of a trigger: the threshold that a bandwidth allows, what signals keep there, and how stable it is.

A threshold is found on validation rows and its rate measured on test rows, so that both have errors of their
own. With e the accepted fraction of the weights w of the background, the rate is R e for an input rate R, and
its error R sqrt((1 - e)^2 sum_accepted w^2 + e^2 sum_refused w^2) / sum w, binomial for equal weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.errors import ConfigError

N_LEAST = 10
"""Validation rows of the background above a threshold that is worth the name."""
_N_CURVE = 13


@dataclass(frozen=True)
class Sample:
    """Rows whose rate is asked for.

    Attributes:
        label: (n,) 1 signal, 0 background.
        dataset: (n,) index into `names`.
        weight: (n,) of each row among those of its class.
        names: of the datasets.
    """

    label: np.ndarray
    dataset: np.ndarray
    weight: np.ndarray
    names: Sequence[str]


def accepted(passed: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Accepted fraction and its error, see the module."""
    total = float(weight.sum())
    fraction = float(weight[passed].sum()) / total
    variance = (1 - fraction) ** 2 * float(np.square(weight[passed]).sum())
    variance += fraction**2 * float(np.square(weight[~passed]).sum())
    return fraction, math.sqrt(variance) / total


def threshold(score: np.ndarray, weight: np.ndarray, fraction: float) -> float:
    """The lowest score at or above which no more than this fraction of the weights lies.

    Rows of equal scores pass together, so a coarse score may use less than is allowed; if even the highest
    score is too frequent, nothing passes, and the threshold is the next number above it.
    """
    values, place = np.unique(score, return_inverse=True)
    above = np.cumsum(np.bincount(place, weight)[::-1])[::-1] / weight.sum()
    allowed = np.flatnonzero(above <= fraction * (1 + 1e-12))
    return float(values[allowed[0]] if len(allowed) else np.nextafter(values[-1], np.inf))


def require_rows(label: np.ndarray, weight: np.ndarray, own: Any, where: str) -> None:
    """Refuse a bandwidth that too few background rows can measure.

    Raises:
        ConfigError: what can be measured is named.
    """
    of_background = weight[label == 0]
    effective = float(of_background.sum() ** 2 / np.square(of_background).sum())
    least = N_LEAST / effective * own.input_rate_khz
    if own.bandwidth_khz < least:
        raise ConfigError(
            f"{where}.bandwidth_khz: {own.bandwidth_khz:g} kHz of {own.input_rate_khz:g} kHz are "
            f"{effective * own.bandwidth_khz / own.input_rate_khz:.1f} of {effective:.0f} validation rows of "
            f"background; {N_LEAST} or more are expected. Make more events, or ask for {least:.3g} kHz."
        )


def at_threshold(score: np.ndarray, sample: Sample, cut: float, input_rate_khz: float) -> dict[str, Any]:
    """Rate and efficiencies at a threshold, in all and by dataset."""
    passed, found = score >= cut, {"threshold": cut}
    background = sample.label == 0
    value, error = accepted(passed[background], sample.weight[background])
    found |= {
        "rate_khz": input_rate_khz * value,
        "rate_khz_standard": input_rate_khz * error,
        "n_background_passed": int(passed[background].sum()),
        "efficiency": _efficiency(passed, sample, ~background),
    }
    total = float(sample.weight[background].sum())
    found["datasets"] = {}
    for number, name in enumerate(sample.names):
        own = (sample.dataset == number) & background
        if own.any():
            value, error = accepted(passed[own], sample.weight[own])
            share = input_rate_khz * float(sample.weight[own].sum()) / total
            entry = {"rate_khz": share * value, "rate_khz_standard": share * error, "n": int(own.sum())}
            found["datasets"][name] = {"class": "background", **entry}
        own = (sample.dataset == number) & ~background
        if own.any():
            entry = {**_efficiency(passed, sample, own), "n": int(own.sum())}
            found["datasets"][name] = {"class": "signal", **entry}
    return found


def _efficiency(passed: np.ndarray, sample: Sample, rows: np.ndarray) -> dict[str, float]:
    value, error = accepted(passed[rows], sample.weight[rows])
    return {"value": value, "standard": error}


def curve(score: np.ndarray, sample: Sample, input_rate_khz: float) -> dict[str, list[float]]:
    """Efficiency of the signal against rates, from ten accepted background rows to half of the input rate."""
    background = sample.label == 0
    least = N_LEAST / max(int(background.sum()), 2 * N_LEAST + 1)
    columns: dict[str, list[float]] = {
        name: [] for name in ("rate_khz", "rate_khz_standard", "efficiency", "efficiency_standard")
    }
    for fraction in np.geomspace(least, 0.5, _N_CURVE):
        cut = threshold(score[background], sample.weight[background], float(fraction))
        found = at_threshold(score, sample, cut, input_rate_khz)
        columns["rate_khz"].append(found["rate_khz"])
        columns["rate_khz_standard"].append(found["rate_khz_standard"])
        columns["efficiency"].append(found["efficiency"]["value"])
        columns["efficiency_standard"].append(found["efficiency"]["standard"])
    return columns


def stability(scores: Mapping[str, np.ndarray], sample: Sample, cut: float) -> dict[str, float | None]:
    """Rate of the fixed network over that of the float one at the float one's threshold, on the same rows.

    The error counts only rows that one accepts and the other does not: those that both accept say nothing.
    """
    background = sample.label == 0
    weight = sample.weight[background]
    floats, fixed = (scores[name][background] >= cut for name in ("float", "fixed"))
    before = float(weight[floats].sum())
    if before == 0:
        return {"rate_ratio": None, "rate_ratio_standard": None}
    ratio = float(weight[fixed].sum()) / before
    spread = np.square(weight[fixed & ~floats]).sum() + np.square(weight[floats & ~fixed]).sum()
    return {"rate_ratio": ratio, "rate_ratio_standard": math.sqrt(float(spread)) / before}


def measure(
    validation: Mapping[str, np.ndarray],
    test: Mapping[str, np.ndarray],
    samples: tuple[Sample, Sample],
    input_rate_khz: float,
    bandwidth_khz: float,
) -> dict[str, Any]:
    """All rates of the float network and the fixed one.

    Args:
        validation, test: scores (n,) of both parts, by `float` and `fixed`.
        samples: of both parts.

    Returns:
        input_rate_khz, bandwidth_khz, then by network what `at_threshold` returns, with `curve` and
        `expected_standard_khz`: what the rate should scatter by around the bandwidth, as both parts are
        finite; and `stability`.
    """
    found: dict[str, Any] = {"input_rate_khz": input_rate_khz, "bandwidth_khz": bandwidth_khz}
    background, weight = samples[0].label == 0, samples[0].weight
    for name in ("float", "fixed"):
        score = validation[name][background]
        cut = threshold(score, weight[background], bandwidth_khz / input_rate_khz)
        _, set_by = accepted(score >= cut, weight[background])
        entry = at_threshold(test[name], samples[1], cut, input_rate_khz)
        entry["expected_standard_khz"] = math.hypot(input_rate_khz * set_by, entry["rate_khz_standard"])
        found[name] = {**entry, "curve": curve(test[name], samples[1], input_rate_khz)}
    found["stability"] = stability(test, samples[1], found["float"]["threshold"])
    return found
