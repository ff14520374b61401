"""Local p-values and upper limits against the window, and what nuisance parameters do in the best of them.

Of a blind search expected limits only. Windows whose fits failed are hatched, numbers from toys have open
markers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError
from resonaut.plot.limits import Scan, draw_limits, draw_p_values
from resonaut.plot.nuisances import N_SHOWN, Ranked, draw_impacts, draw_pulls
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

BANDS = (
    "expected_minus_2sigma",
    "expected_minus_1sigma",
    "expected",
    "expected_plus_1sigma",
    "expected_plus_2sigma",
)


def scans(windows: Sequence[Mapping[str, Any]], limit: str = "upper_limit") -> list[Scan]:
    """One scan per selection efficiency, the loosest first, windows by their lower edge.

    Args:
        windows: entries of `significance.json`.
        limit: key of the limits, in events or in fb.
    """
    found = []
    for efficiency in sorted({entry["selection_efficiency"] for entry in windows}, reverse=True):
        own = sorted(
            (entry for entry in windows if entry["selection_efficiency"] == efficiency),
            key=lambda entry: entry["low"],
        )

        def numbers(*keys: str, own: list[Mapping[str, Any]] = own) -> np.ndarray:
            values: list[Any] = list(own)
            for key in keys:
                values = [None if value is None else value.get(key) for value in values]
            return np.array(values, float)

        found.append(
            Scan(
                f"{100 * efficiency:.3g} % of the side bands selected",
                *(numbers(key) for key in ("low", "high", "p_value", "z_local")),
                numbers(limit, "observed"),
                np.array([numbers(limit, band) for band in BANDS]),
                by_toys=np.array([entry.get("method") == "toys" for entry in own]),
                failed=np.array(["failed" in entry for entry in own]),
            )
        )
    return found


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the p-values of all efficiencies in one panel, and the limits of each in one of its own.

    Of a blind search there are no p-values.
    """
    path = inputs["significance"]
    result = json_with(path, "windows", "best", "method", "mixture", "confidence_level", "local_tests")
    if not result["windows"]:
        raise EmptyFileError(f"{path}: no windows. Run `infer` again.")
    cross_section = any("upper_limit_fb" in entry for entry in result["windows"])
    found = scans(result["windows"], "upper_limit_fb" if cross_section else "upper_limit")
    blind = bool(result.get("blind", False))
    n_panels = len(found) if blind else 1 + len(found)
    label = "Limit on selected signal events"
    if cross_section:
        given = result.get("provenance", {}).get("settings", {}).get("infer", {})
        label = (
            "Limit on the cross-section [fb]" if given.get("acceptance") else "Limit on selected signal [fb]"
        )
    best = result["best"] or {}
    rows = [Row((False,) * n_panels, height=5.4, right=0.85)]
    if "nuisances" in best:
        rows.append(
            Row((False, False), height=1.6 + 0.42 * min(len(best["nuisances"]["names"]), N_SHOWN), left=2.6)
        )
    figure, [drawn, *more] = panels(rows, width=5.8)
    others = drawn if blind else drawn[1:]
    if not blind:
        colours = [series_colour(number) for number in range(len(found))]
        count = result["local_tests"]["count"]
        draw_p_values(drawn[0].main, found, colours, f"Local: {count} tests, not corrected for")
    add_label(drawn[0].main, look)
    for panel, scan in zip(others, found, strict=True):
        note = f"{scan.label}\nBlind: expected limits only" if blind else scan.label
        draw_limits(panel.main, scan, result["confidence_level"], label, note)
        add_title(panel.main, f"{result['method']} in {result['mixture']}")
    for row in more:
        _draw_nuisances(row, best)
    return figure


def _draw_nuisances(drawn: Sequence[Panel], best: Mapping[str, Any]) -> None:
    """Pulls and impacts in the window of the smallest p-value."""
    found = best["nuisances"]
    columns = (found[name] for name in ("pulls", "errors", "impacts_up", "impacts_down"))
    ranked = Ranked.of(found["names"], *(np.array(column, float) for column in columns))
    draw_pulls(drawn[0].main, ranked)
    draw_impacts(drawn[1].main, ranked)
    where = f"{best['low']:g}-{best['high']:g} GeV, {100 * best['selection_efficiency']:.3g} %"
    add_title(drawn[0].main, f"Smallest p-value: {where}")
    signal = best["signal"]
    low, high = (signal[end] - signal["events"] for end in ("low", "high"))
    add_title(drawn[1].main, f"Fitted signal ${signal['events']:.3g}_{{{low:.2g}}}^{{+{high:.2g}}}$ events")
