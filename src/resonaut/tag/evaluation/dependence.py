"""How the efficiencies of a cut on the score depend on a variable of the jets, for example on pt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from resonaut.plot.intervals import clopper_pearson
from resonaut.tag.evaluation.binning import bin_of, equal_class_weights, round_edges

VARIABLES = ("pt", "mass")
"""Columns of jets, GeV, that efficiencies and responses are binned in."""


def fractions(passed: np.ndarray, of_bin: np.ndarray, n_bins: int) -> dict[str, list]:
    """Fraction that passes in each bin, with its Clopper-Pearson interval of one standard deviation.

    Args:
        passed: (n,) bool.
        of_bin: (n,) bin, negative for none.

    Returns:
        Lists (n_bins,) passed, total, efficiency, lower, upper; the last three None in an empty bin.
    """
    inside = of_bin >= 0
    total = np.bincount(of_bin[inside], minlength=n_bins)
    n_passed = np.bincount(of_bin[inside & passed], minlength=n_bins)
    lower, upper = clopper_pearson(n_passed, np.maximum(total, 1))
    values = {"efficiency": n_passed / np.maximum(total, 1), "lower": lower, "upper": upper}
    return {
        "passed": n_passed.tolist(),
        "total": total.tolist(),
        **{
            name: [float(value) if n else None for value, n in zip(column, total, strict=True)]
            for name, column in values.items()
        },
    }


def efficiencies(
    scores: np.ndarray,
    labels: np.ndarray,
    jets: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Efficiencies of signal and background against each variable that the jets have.

    Args:
        scores: (n,).
        labels: (n,) 1 signal, 0 background.
        jets: columns (n,); those of `VARIABLES` are used.
        thresholds: cut on the score, by the signal efficiency that it is for ("0.3").

    Returns:
        By variable: edges (GeV; quantiles for equally many jets of both classes), and by working point
        signal and background, as `fractions`. Jets beyond the edges, 0.2 % at most, are left out.
    """
    found: dict[str, Any] = {}
    for variable in VARIABLES:
        if variable not in jets:
            continue
        values = np.asarray(jets[variable], float)
        edges = round_edges(values, weights=equal_class_weights(labels))
        of_bin = bin_of(values, edges)
        found[variable] = {"edges": edges.tolist()}
        for name, threshold in thresholds.items():
            passed = scores >= threshold
            found[variable][name] = {
                kind: fractions(passed[labels == number], of_bin[labels == number], len(edges) - 1)
                for kind, number in (("signal", 1), ("background", 0))
            }
    return found
