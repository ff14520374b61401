"""One number per row: histograms of real and generated rows and how far they are apart.

An entry of the JSON, by the name of the observable:

    title, unit       words for the axis
    edges             (n_bins + 1,)
    counts            real, other, generated: (n_bins,) rows in each bin
    outside           the same: rows below the first and from the last edge on
    mean, width       the same: value and error (of the mean; of the standard deviation)
    separation        see `separation.compare`; the two ends outside of the edges are bins of it
    wasserstein1      value, floor: mean distance of order statistics, in the unit

`other` are further real rows, which give the floors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from resonaut.generate.evaluation.distances import wasserstein1
from resonaut.generate.evaluation.numbers import rounded
from resonaut.generate.evaluation.separation import compare, counts, equal_edges

SAMPLES = ("real", "other", "generated")


def moments(values: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean and standard deviation with their errors.

    The error of the deviation follows from the fourth moment: sqrt((m4 - m2^2) / (4 n m2)).

    Args:
        values: (n,), two or more.
    """
    n, mean = len(values), float(values.mean())
    square = (values - mean) ** 2
    second, fourth = float(square.mean()), float((square**2).mean())
    spread = np.sqrt(max(fourth - second**2, 0.0) / (4 * n * second)) if second > 0 else 0.0
    return {
        "mean": {"value": mean, "error": float(np.sqrt(second / n))},
        "width": {"value": float(np.sqrt(second * n / (n - 1))), "error": float(spread)},
    }


def of_observable(
    title: str, unit: str, values: Mapping[str, np.ndarray], n_bins: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Compare one observable.

    Args:
        title, unit: words for the axis.
        values: (n,) of each of `SAMPLES`, equally many and finite.
        n_bins: bins.
    """
    edges = equal_edges(np.concatenate([values["real"], values["other"]]), n_bins)
    found = {name: counts(values[name], edges) for name in SAMPLES}
    of_each = {name: moments(values[name]) for name in SAMPLES}
    return {
        "title": title,
        "unit": unit,
        "edges": rounded(edges, 8),
        "counts": {name: found[name][1:-1].tolist() for name in SAMPLES},
        "outside": {name: [int(found[name][0]), int(found[name][-1])] for name in SAMPLES},
        **{key: {name: of_each[name][key] for name in SAMPLES} for key in ("mean", "width")},
        "separation": compare(*(values[name] for name in SAMPLES), edges, rng),
        "wasserstein1": {
            "value": wasserstein1(values["generated"], values["real"]),
            "floor": wasserstein1(values["other"], values["real"]),
        },
    }


def of_all(
    observables: Mapping[str, Mapping[str, np.ndarray]],
    titles: Mapping[str, tuple[str, str]],
    n_bins: int,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Compare all observables.

    Args:
        observables: by name of the sample, then of the observable, (n,).
        titles: title and unit of each; an observable without has its name for a title.
    """
    return {
        name: of_observable(
            *titles.get(name, (name, "")), {key: observables[key][name] for key in SAMPLES}, n_bins, rng
        )
        for name in observables["real"]
    }
