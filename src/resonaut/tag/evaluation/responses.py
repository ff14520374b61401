"""How well a value is predicted: scale and resolution, before and after, against variables of the jets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from resonaut.calibration_curve import Curve
from resonaut.plot.intervals import ONE_SIGMA
from resonaut.tag.evaluation.binning import bin_of, edges_of

_SHARES = np.array([(1 - ONE_SIGMA) / 2, 0.5, (1 + ONE_SIGMA) / 2])
_ODDS = _SHARES / (1 - _SHARES)
# Of the quantiles of one large sample, whatever its distribution: sqrt(p (1 - q) / (q (1 - p))) for p < q.
_CORRELATION = np.sqrt(np.minimum.outer(_ODDS, _ODDS) / np.maximum.outer(_ODDS, _ODDS))
VARIABLES = ("pt",)
"""Columns of jets, GeV, that responses are binned in, beside target and reference."""


def quantile_error(values: np.ndarray, share: float) -> float:
    """Standard error of a quantile, from the quantiles one binomial deviation below and above.

    Woodruff 1952, doi:10.1080/01621459.1952.10483443; nothing is assumed of the distribution.

    Args:
        values: (n,).
        share: of the quantile, in (0, 1).
    """
    step = math.sqrt(share * (1 - share) / len(values))
    low, high = np.quantile(values, np.clip([share - step, share + step], 0, 1))
    return float(high - low) / 2


def response(ratio: np.ndarray) -> dict[str, Any]:
    """Centre and width of a response, from its quantiles: tails weigh nothing.

    Args:
        ratio: (n,) value / target.

    Returns:
        n, mean, median, median_error; resolution: half of the width that holds the central 68.3 % over the
        median, with resolution_error. All but n None below two values.
    """
    names = ("mean", "median", "median_error", "resolution", "resolution_error")
    if len(ratio) < 2:
        return {"n": len(ratio), **dict.fromkeys(names)}
    low, median, high = np.quantile(ratio, _SHARES)
    errors = np.array([quantile_error(ratio, share) for share in _SHARES])
    values = [float(ratio.mean()), float(median), float(errors[1]), None, None]
    if median > 0:
        resolution = (high - low) / (2 * median)
        gradient = np.array([-0.5, -resolution, 0.5]) / median * errors
        values[3:] = float(resolution), float(np.sqrt(max(0.0, gradient @ _CORRELATION @ gradient)))
    return {"n": len(ratio), **dict(zip(names, values, strict=True))}


def summary(value: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """The numbers of one prediction.

    Args:
        value, target: (n,), GeV; rows whose target is not positive have no response.

    Returns:
        `response`; mean_absolute_error (GeV); rmse_log, the root of the mean squared ln(value / target),
        None where a value is not positive.
    """
    value, target = value.astype(float), target.astype(float)
    known = target > 0
    ratio = value[known] / target[known]
    usable = len(ratio) and (ratio > 0).all()
    return {
        **response(ratio),
        "mean_absolute_error": float(np.abs(value - target).mean()),
        "rmse_log": float(np.sqrt((np.log(ratio) ** 2).mean())) if usable else None,
    }


def gain(after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, float | None]:
    """Uncorrected over corrected resolution, mean absolute error and rmse_log: above 1 is better.

    The error of the first takes both resolutions as independent; they share their jets, so it is too large.
    """
    found: dict[str, float | None] = {}
    for name in ("resolution", "mean_absolute_error", "rmse_log"):
        usable = after[name] and before[name] is not None
        found[name] = before[name] / after[name] if usable else None
    found["resolution_error"] = None
    if found["resolution"]:
        relative = [side["resolution_error"] / side["resolution"] for side in (after, before)]
        found["resolution_error"] = found["resolution"] * math.hypot(*relative)
    return found


def in_bins(values: np.ndarray, predictions: Mapping[str, np.ndarray], target: np.ndarray) -> dict[str, Any]:
    """Responses in bins of a variable.

    Args:
        values: (n,) variable.
        predictions: (n,) by name.
        target: (n,).

    Returns:
        edges, and by name a list of `response`.
    """
    known = (target > 0) & np.isfinite(values)
    edges = edges_of(values[known].astype(float))
    of_bin = bin_of(values.astype(float), edges)
    of_bin[~known] = -1
    found: dict[str, Any] = {"edges": edges.tolist()}
    for name, value in predictions.items():
        ratio = np.divide(value, target, out=np.zeros(len(target)), where=known)
        found[name] = [response(ratio[of_bin == number]) for number in range(len(edges) - 1)]
    return found


def evaluate(
    prediction: np.ndarray,
    target: np.ndarray,
    reference: np.ndarray | None,
    jets: Mapping[str, np.ndarray],
    curve: Curve | None = None,
) -> dict[str, Any]:
    """All numbers of one sample.

    Args:
        prediction, target: (n,) GeV.
        reference: (n,) the value before the correction, if there is one.
        jets: columns (n,); those of `VARIABLES` are used.
        curve: that calibrates the reference, fitted to training rows.

    Returns:
        `summary`; uncorrected (the same of the reference) and gain, where there is a reference; calibration
        (knots of the curve), calibrated (the same of the reference after it) and gain_over_calibrated, where
        there is a curve; bins: by variable (target, reference, pt) as `in_bins`,
        with corrected, uncorrected and calibrated.
    """
    found = summary(prediction, target)
    predictions = {"corrected": prediction}
    variables = {"target": target}
    if reference is not None:
        found["uncorrected"] = summary(reference, target)
        found["gain"] = gain(found, found["uncorrected"])
        predictions["uncorrected"] = reference
        variables["reference"] = reference
        if curve is not None:
            predictions["calibrated"] = curve.calibrated(reference)
            found["calibration"] = asdict(curve)
            found["calibrated"] = summary(predictions["calibrated"], target)
            found["gain_over_calibrated"] = gain(found, found["calibrated"])
    variables |= {name: np.asarray(jets[name]) for name in VARIABLES if name in jets}
    found["bins"] = {
        name: in_bins(values, predictions, target)
        for name, values in variables.items()
        if ((target > 0) & np.isfinite(values)).any()
    }
    return found
