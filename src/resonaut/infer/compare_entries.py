"""Entries of a comparison: medians and bands over the draws of one mixture with one method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from resonaut.infer.draws import BAND, Draw, Interval, Range, combined, median, over_draws

_MAXIMA = ("max_improvement", "max_median_improvement")


@dataclass(frozen=True)
class Group:
    """The draws of one mixture, searched with one method."""

    name: str
    injected: int | None
    method: str
    draws: tuple[Draw, ...]

    def most_signal(self) -> tuple[float, Range | None]:
        """Largest number of signal events in a draw's truth window, and that window."""
        return max((draw.most_signal() for draw in self.draws), key=lambda found: found[0])


def groups(draws: Sequence[Draw]) -> list[Group]:
    """Draws by (name, injected, method)."""

    def key(draw: Draw) -> tuple[str, int, str]:
        return draw.name, -1 if draw.injected is None else draw.injected, draw.method

    found = []
    for (name, _, method), members in groupby(sorted(draws, key=key), key):
        own = tuple(members)
        found.append(Group(name, own[0].injected, method, own))
    return found


def entry(group: Group, of_name: Range | None) -> dict[str, Any]:
    """The entry of a group, as `infer.compare` describes it.

    Args:
        group: the draws.
        of_name: truth window of the mixtures of this name, taken where the group has no signal.
    """
    window = group.most_signal()[1] or of_name
    chosen = [draw.window(window) for draw in group.draws]
    truths = [part["truth"] for part in chosen if part["truth"] is not None]
    curve = _curve([truth["curve"] for truth in truths])
    efficiencies = group.draws[0].evaluation["efficiencies"]
    return {
        "name": group.name,
        "injected": group.injected,
        "method": group.method,
        "draws": [draw.mixture for draw in group.draws],
        "labelled": all(draw.evaluation["labelled"] for draw in group.draws),
        "truth_window": _limits(window),
        "n_events": median([draw.evaluation["n_events"] for draw in group.draws]),
        "n_signal": None if window is None else median([part["n_signal"] for part in chosen]),
        "n_background": None if window is None else median([part["n_background"] for part in chosen]),
        "false_positive_cut": _cut(truths),
        "auc": combined([truth["auc"] for truth in truths]),
        **_maxima(truths, curve),
        "at": _at(truths),
        "curve": curve,
        "sculpting": [_sculpting(chosen, number) for number in range(len(efficiencies))],
        "significance": [_significance(group, efficiency, window) for efficiency in efficiencies],
    }


def _limits(window: Range | None) -> dict[str, float] | None:
    return None if window is None else {"low": window[0], "high": window[1]}


def _cut(truths: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """The cut that holds for all draws."""
    if not truths:
        return None
    cuts = [truth["false_positive_cut"] for truth in truths]
    return max(cuts, key=lambda cut: cut["background_efficiency"])


def _curve(curves: Sequence[Mapping[str, Any]]) -> dict[str, list[float]] | None:
    """Median of the curves where all are known, and their band; of a single one its bootstrap band."""
    if not curves:
        return None
    n_points = min(len(curve["improvement"]) for curve in curves)
    # All end at 1 and have the same steps.
    values = {
        name: np.array([curve[name][-n_points:] for curve in curves], float)
        for name in ("background_efficiency", "signal_efficiency", "improvement")
    }
    found = {name: np.median(rows, axis=0).tolist() for name, rows in values.items()}
    if len(curves) == 1:
        ends = [curves[0][f"improvement_{end}"][-n_points:] for end in ("low", "high")]
    else:
        ends = np.percentile(values["improvement"], BAND, axis=0).tolist()
    return {**found, "low": ends[0], "high": ends[1]}


def _maxima(
    truths: Sequence[Mapping[str, Any]], curve: Mapping[str, list[float]] | None
) -> dict[str, Interval | None]:
    """The largest improvements: each draw's own, and that of the median curve."""
    if curve is None:
        return dict.fromkeys(_MAXIMA)
    found = {}
    for name in _MAXIMA:
        parts = [truth[name] for truth in truths]
        place = median([part["background_efficiency"] for part in parts])
        found[name] = {**combined(parts), "background_efficiency": place}
    if len(truths) > 1:
        point = int(np.argmax(curve["improvement"]))
        found["max_median_improvement"] = {
            "value": curve["improvement"][point],
            "low": curve["low"][point],
            "high": curve["high"][point],
            "source": "draws",
            "background_efficiency": curve["background_efficiency"][point],
        }
    return found


def _at(truths: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Gains at fixed background efficiencies, where all draws know them."""
    found: dict[str, Any] = {}
    for name in truths[0]["at"] if truths else ():
        parts = [truth["at"][name] for truth in truths]
        found[name] = None
        if all(part is not None for part in parts):
            keys = ("improvement", "signal_efficiency")
            found[name] = {key: combined([part[key] for part in parts]) for key in keys}
    return found


def _sculpting(chosen: Sequence[Mapping[str, Any]], number: int) -> dict[str, Any] | None:
    """Medians over the draws that were tested."""
    parts = [window["sculpting"][number] for window in chosen]
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return {
        "efficiency": known[0]["efficiency"],
        "kolmogorov_smirnov": median([part["kolmogorov_smirnov"]["p_value"] for part in known]),
        "chi2": median([part["chi2"]["p_value"] for part in known]),
        "jensen_shannon": median([part["jensen_shannon"]["value"] for part in known]),
    }


def _significance(group: Group, efficiency: float, window: Range | None) -> dict[str, Any]:
    """Local significances at one efficiency; unknown or blind ones are None."""
    largest, here = [], []
    for draw in group.draws:
        tests = draw.tests(efficiency)
        known = [test for test in tests if test["z_signed"] is not None]
        if known:
            largest.append(max(known, key=lambda test: test["z_signed"]))
        here += [test for test in tests if (test["low"], test["high"]) == window]
    best = over_draws([test["z_signed"] for test in largest])
    if best is not None:
        places = Counter((test["low"], test["high"]) for test in largest)
        # Of equally frequent windows the one of the lower mass.
        best["window"] = _limits(min(places, key=lambda place: (-places[place], place)))
    return {
        "efficiency": efficiency,
        "n_windows": len(group.draws[0].tests(efficiency)),
        "largest": best,
        "truth_window": over_draws([test["z_signed"] for test in here]),
        "observed": median([test["observed"] for test in here]),
        "expected_background": median([test["expected_background"] for test in here]),
    }


def injections(entries: Sequence[Mapping[str, Any]], efficiencies: Sequence[float]) -> list[dict[str, Any]]:
    """Significance against injected events, from the entries of one name and method."""

    def key(item: Mapping[str, Any]) -> tuple[str, str]:
        return item["name"], item["method"]

    injected = sorted((item for item in entries if item["injected"] is not None), key=key)
    found = []
    for (name, method), members in groupby(injected, key):
        rows = sorted(members, key=lambda item: item["injected"])
        window = rows[-1]["truth_window"] or {"low": None, "high": None}
        for number, efficiency in enumerate(efficiencies):
            tests = [row["significance"][number] for row in rows]
            found.append(
                {
                    "name": name,
                    "method": method,
                    "efficiency": efficiency,
                    **window,
                    "injected": [row["injected"] for row in rows],
                    "n_draws": [len(row["draws"]) for row in rows],
                    "n_signal": [row["n_signal"] for row in rows],
                    "z": [test["truth_window"] for test in tests],
                    "largest": [test["largest"] for test in tests],
                }
            )
    return found
