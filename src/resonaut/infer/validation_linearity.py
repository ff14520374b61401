"""Linearity of the whole chain: what is fitted of the signal that was injected into mixtures and selected.

The truth of the selected signal is what `hunt` selected in the window less the background that it selected,
by the labels of simulated events. Each mixture `name:<n>:seed<s>` is a point: network, selection and fit.

`linearity.json`:

    schema_version, kind ("linearity")
    entries      one per (name, method, efficiency) with injections whose truth is known:
        name, method, efficiency
        low, high        truth window (of the mixture with most signal), GeV
        points           by injected events, then mixture:
            mixture, injected
            selected_signal  signal events selected in the window, by truth
            fitted, error    events beyond the background that the side bands give (with infer.signal.shape:
                             window that is the fitted signal); the error is that of the truth: the root
                             of what is expected, and the error of the background
        linearity        straight line through the points {slope, slope_error, offset, offset_error, chi2,
                         degrees_of_freedom}; null with one number of injected events
    provenance
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.files import write_json
from resonaut.infer.compare import read
from resonaut.infer.compare_entries import Group, groups
from resonaut.infer.draws import Draw, Range
from resonaut.infer.validation_numbers import line
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record

SCHEMA_VERSION = 1
KIND = "linearity"


def run(evaluations: Mapping[str, Path], significances: Mapping[str, Path], output: Path) -> None:
    """Compare fitted with true signal over the mixtures of a study, and write what the module says.

    Args:
        evaluations: JSON of `hunt evaluate` by `mixture/method`.
        significances: JSON of `infer test`, of the same searches.
        output: JSON.

    Raises:
        ConfigError, InputError, MismatchError: as `infer.compare.read`.
    """
    draws = read(evaluations, significances)
    found = [group for group in groups(draws) if group.injected is not None]
    entries = []
    for _, members in groupby(found, lambda group: group.name):
        entries += _of_name(list(members))
    log.info("linearity: %d entries of %d searches", len(entries), len(draws))
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "entries": entries,
        "provenance": describe({}, [*evaluations.values(), *significances.values()], ["numpy"]),
    }
    write_json(output, result)
    write_run_record(output)


def _of_name(members: list[Group]) -> list[dict[str, Any]]:
    """Entries of the mixtures of one name, in the window of the one with most signal."""
    _, window = max((group.most_signal() for group in members), key=lambda found: found[0])
    if window is None:
        return []
    entries = []
    for method in sorted({group.method for group in members}):
        draws = [draw for group in members if group.method == method for draw in group.draws]
        draws.sort(key=lambda draw: (draw.injected, draw.mixture))
        for number, efficiency in enumerate(draws[0].evaluation["efficiencies"]):
            points = [_point(draw, window, number) for draw in draws]
            known = [point for point in points if point is not None]
            if known:
                entries.append(_entry(draws[0], window, efficiency, known))
    return entries


def _entry(draw: Draw, window: Range, efficiency: float, points: list[dict[str, Any]]) -> dict[str, Any]:
    columns = ([point[key] for point in points] for key in ("selected_signal", "fitted", "error"))
    # Draws of one number of events select nearly as many: they give no slope.
    fitted = line(*columns) if len({point["injected"] for point in points}) > 1 else None
    return {
        "name": draw.name,
        "method": draw.method,
        "efficiency": efficiency,
        "low": window[0],
        "high": window[1],
        "points": points,
        "linearity": None if fitted is None else asdict(fitted),
    }


def _point(draw: Draw, window: Range, number: int) -> dict[str, Any] | None:
    """One mixture; None where its truth or its observation is not known."""
    efficiency = draw.evaluation["efficiencies"][number]
    here = [test for test in draw.tests(efficiency) if (test["low"], test["high"]) == window]
    background = selected_background(draw, window, number)
    if background is None or not here or here[0]["observed"] is None:
        return None
    [test] = here
    expected, error = test["expected_background"], test["expected_background_error"]
    if expected is None:
        return None
    signal = test["observed"] - background
    return {
        "mixture": draw.mixture,
        "injected": draw.injected,
        "selected_signal": signal,
        "fitted": test["observed"] - expected,
        "error": float(np.sqrt(expected + signal + error**2)),
    }


def selected_background(draw: Draw, window: Range, number: int) -> int | None:
    """Background events selected in a window at the `number`-th efficiency, by truth; None if unknown."""
    if not draw.evaluation["labelled"]:
        return None
    found = draw.window(window)
    test = found["sculpting"][number]
    if test is None:
        # Of nothing or everything selected there is no test of its shape.
        return found["n_background"] if draw.evaluation["efficiencies"][number] == 1 else 0
    low = np.array(draw.evaluation["edges"][:-1])
    inside = (low >= window[0]) & (low < window[1])
    after = np.array([np.nan if count is None else count for count in test["after"]], float)
    return int(after[inside].sum())
