"""Evaluation of a search: what a cut on its score gains, what it does to the background, what it selects.

Gains are those of detect's score, before `hunt.flatten`; sculpting and histograms are of what hunt selected.

`evaluation.json`, of the first pseudo-experiment:

    schema_version, kind ("evaluation"), mixture, method
    labelled                 all datasets have a truth label; else there are no numbers of truth
    blind                    nothing is said of events of any signal region (data, not unblinded)
    n_events, n_folds
    datasets                 {name: {label, n_events, signal}}; signal is null where not labelled
    edges                    (B + 1,) GeV, bins of the spectra; efficiencies (E,) of the selections
    confidence               of all intervals; n_bootstrap, n_toys
    truth_window             index of the window with the largest S / sqrt(B); null without signal
    features                 {name: bin edges of its histograms}; {} where no features are given
    windows                  one entry per window:
        low, high            GeV
        n_signal, n_background   events of the signal region; null where not labelled
        truth                null where not labelled, or fewer than hunt.evaluate.signal_events_min signal or
                             background_events_min background events; else
            false_positive_cut       {background_events, background_efficiency}: nothing is said below it
            auc                      {value, low, high}
            max_improvement          {value, low, high, background_efficiency, signal_efficiency}: largest
                                     significance improvement eps_S / sqrt(eps_B) (arXiv:1010.3698); low and
                                     high from the maxima of the replicas
            max_median_improvement   the same of the median curve of the replicas, and low, high at its place:
                                     to compare with published numbers, maxima of median curves
            at                       {"0.01": {background_events, improvement: {value, low, high},
                                     signal_efficiency: {value, low, high}}, "0.001": ...}; null below the cut
            curve                    lists from tight to loose cuts: background_efficiency (24 per decade,
                                     the last is 1), background_events, signal_efficiency,
                                     signal_efficiency_low, signal_efficiency_high, improvement,
                                     improvement_median, improvement_low, improvement_high
        sculpting            one entry per efficiency, null where nothing is or all is selected:
            efficiency, n_all, n_selected
            events                   "background" (by truth, signal region and fitted bins) or "outside" (all
                                     events of the fitted bins, which lie outside the signal region)
            kolmogorov_smirnov       {statistic, p_value}
            chi2                     {value, degrees_of_freedom, p_value}
            jensen_shannon           {value, expected, p_value}: divergence in bits; expected is the mean of
                                     toys whose selection knows nothing of the mass
            before, after            (B,) events, all and selected; null in bins that are not used
        selected             {feature: {signal_region: {all: [...], selected: [[...] per efficiency]},
                             side_bands: ...}}: events; what lies outside the edges is in the end bins;
                             signal_region is null where blind
        importance           {feature: value} of the detector's metrics; null where they have none
    provenance
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import truth
from resonaut.errors import InputError
from resonaut.files import read_json, write_json
from resonaut.hunt import selected_features
from resonaut.hunt.evaluation_entries import numbers, window_entry
from resonaut.hunt.evaluation_settings import Slice
from resonaut.hunt.search import Inputs, Search, read
from resonaut.logs import progress
from resonaut.mixtures import Mixture
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate

SCHEMA_VERSION = 1
KIND = "evaluation"


def evaluate(settings: dict[str, Any], inputs: Inputs, output: str | os.PathLike) -> None:
    """Evaluate a search and write what the module says.

    Args:
        settings: `{"scan": ..., "evaluate": ..., "seed": ...}`.
        inputs: files.
        output: JSON.

    Raises:
        ConfigError, InputError, MismatchError: files that cannot be used, or of different searches.
    """
    given = validate(Slice, settings)
    search = read(given, inputs)
    mixture = search.mixture
    importance = _importance(inputs.metrics)
    windows = [
        {**window_entry(search, number), "importance": importance.get(given.scan.windows[number].name)}
        for number in progress(range(len(given.scan.windows)), "windows")
    ]
    edges = {}
    if inputs.features:
        for name, bins, found in _features(search, inputs.features):
            edges[name] = numbers(bins)
            for window, histograms in zip(windows, found, strict=True):
                window["selected"][name] = histograms
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "mixture": search.events.mixture,
        "method": search.events.method,
        "labelled": search.is_signal is not None,
        "blind": search.blind,
        "n_events": len(mixture),
        "n_folds": len(np.unique(search.experiment.fold)),
        "datasets": _datasets(mixture),
        "edges": search.events.edges.tolist(),
        "efficiencies": search.events.efficiencies.tolist(),
        "confidence": given.evaluate.confidence,
        "n_bootstrap": given.evaluate.n_bootstrap,
        "n_toys": given.evaluate.n_toys,
        "truth_window": _truth_window(windows),
        "features": edges,
        "windows": windows,
        "provenance": describe(settings, inputs.paths(), ["h5py", "numpy"]),
    }
    write_json(output, result)
    write_run_record(output)


def _importance(metrics: Path | None) -> dict[str, dict[str, float]]:
    if metrics is None:
        return {}
    value = read_json(metrics)
    if not isinstance(value, dict) or "n_networks" not in value:
        raise InputError(f"{metrics}: metrics of `detect` are expected. Give the file of that detector.")
    return value.get("importance") or {}


def _datasets(mixture: Mixture) -> dict[str, dict[str, Any]]:
    counts = np.bincount(mixture.dataset, minlength=len(mixture.datasets)).tolist()
    signal = truth.signal_datasets(mixture) or (None,) * len(counts)
    rows = zip(mixture.datasets, mixture.labels, counts, signal, strict=True)
    return {name: {"label": label, "n_events": n, "signal": kind} for name, label, n, kind in rows}


def _truth_window(windows: list[dict[str, Any]]) -> int | None:
    """The window of the largest S / sqrt(B)."""
    if not any(window["n_signal"] for window in windows):
        return None
    ratios = [window["n_signal"] / max(window["n_background"], 1) ** 0.5 for window in windows]
    return int(np.argmax(ratios))


def _features(
    search: Search, paths: Mapping[str, Path]
) -> Iterator[tuple[str, np.ndarray, list[selected_features.Histograms]]]:
    """Name, edges, and histograms of each window."""
    manifests = selected_features.read_manifests(paths, search.mixture)
    for name in selected_features.feature_names(manifests, list(search.used)):
        values = selected_features.column(
            name, manifests, search.mixture, search.used.get(name, 0.0), search.experiment.mass
        )
        edges = selected_features.bin_edges(values[search.open])
        place = np.where(search.open, selected_features.bin_numbers(values, edges), -1)
        yield (
            name,
            edges,
            [
                selected_features.histograms(place, len(edges) - 1, region, selected, search.blind)
                for region, selected in zip(search.regions, search.events.selected, strict=True)
            ],
        )
