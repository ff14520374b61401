"""Generated rows whose conditions were held out of the training, beside real ones with such conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from resonaut.generate.evaluation import observed, response
from resonaut.generate.evaluation.distances import wasserstein1
from resonaut.generate.evaluation.histograms import moments
from resonaut.generate.evaluation.separation import counts, equal_edges, expected, separation
from resonaut.generate.learnt import Learnt

MIN_ROWS = 20
_N_BINS = 15


def _observable(real: np.ndarray, generated: np.ndarray) -> dict[str, Any]:
    edges = equal_edges(real, _N_BINS)
    found = [counts(values, edges) for values in (real, generated)]
    means = [moments(values)["mean"] for values in (real, generated)]
    width = real.std()
    size = min(len(real), len(generated))
    return {
        "real_mean": means[0],
        "generated_mean": means[1],
        "shift": float((means[1]["value"] - means[0]["value"]) / width) if width > 0 else None,
        "wasserstein1": wasserstein1(real[:size], generated[:size]),
        "separation": float(separation(*found)),
        "separation_expected": expected(
            max(1, int(((found[0] + found[1]) > 0).sum())), len(real), len(generated)
        ),
    }


def compared(real: Learnt, generated: Learnt, real_rows: np.ndarray, made: np.ndarray) -> dict[str, Any]:
    """A short comparison of some rows: for each observable mean, shift in widths, distances; the response.

    Args:
        real, generated: rows.
        real_rows, made: masks (n,) of the rows that count.

    Returns:
        n (real, generated); observables; of showers `response` (`response.compared`). Without observables
        where either has fewer than `MIN_ROWS`.
    """
    found: dict[str, Any] = {"n": {"real": int(real_rows.sum()), "generated": int(made.sum())}}
    if min(found["n"].values()) < MIN_ROWS:
        return found
    parts = real.select(real_rows), generated.select(made)
    values = [observed.of_rows(part) for part in parts]
    found["observables"] = {name: _observable(values[0][name], values[1][name]) for name in values[0]}
    if real.kind == "showers":
        energies = [
            (own["visible_energy"], observed.incident_energy(part))
            for own, part in zip(values, parts, strict=True)
        ]
        if all(incident is not None for _, incident in energies):
            found["response"] = response.compared(*energies, 0.0, np.inf)
            del found["response"]["low"], found["response"]["high"]
    return found


def evaluate(
    real: Learnt, generated: Learnt, hold_out: Mapping[str, tuple[float, float]], trained: np.ndarray
) -> list[dict[str, Any]]:
    """One entry per range that was held out.

    Args:
        real: rows of the test part, all conditions.
        generated: rows, all conditions.
        hold_out: range of each condition that was left out.
        trained: (n, k) conditions of the training rows.

    Returns:
        condition, low, high; kind: interpolation if it was trained on both sides, else extrapolation; and
        what `compared` returns.
    """
    found = []
    for name, (low, high) in hold_out.items():
        masks = []
        for rows in (real, generated):
            column = rows.conditions[:, rows.condition_names.index(name)]
            masks.append((column >= low) & (column <= high))
        learnt = trained[:, real.condition_names.index(name)]
        between = learnt.min() < low and learnt.max() > high
        found.append(
            {
                "condition": name,
                "low": low,
                "high": high,
                "kind": "interpolation" if between else "extrapolation",
                **compared(real, generated, *masks),
            }
        )
    return found
