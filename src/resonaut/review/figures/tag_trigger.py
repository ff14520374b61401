"""A network in fixed point: AUC against bits, scores against scores, efficiency against rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels, series_colour
from resonaut.plot.trigger import Change, Kept, Pairs, draw_changes, draw_kept, draw_pairs
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

TARGET = -1.0
"""Change of the AUC that 8 bits should not pass, %."""
_LINEAR = 0.1
_MARKERS = ("o", "s", "^", "D", "v", "P")
_QUANTITY = {"classifier": "Score", "autoencoder": "ln of the squared error"}
_WORDS = {"post": "rounded after", "aware": "rounding-aware"}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw what bits and pruning change, the exported network against the float one, and rates."""
    names = ("name", "network", "variants", "exported", "rates", "scatter", "n_rows", "float")
    result = json_with(inputs["trigger"], *names)
    figure, [[first, second, third]] = panels([Row((False, True, False), height=5.0)], 6.0)
    _changes(result, first)
    _pairs(result, second)
    _kept(result, third)
    exported, steady = result["exported"], result["rates"]["stability"]
    add_label(first.main, look)
    tools = ", ".join(exported["backends"]) or "not exported"
    pruned = f", {100 * exported['pruning']:g} % pruned" if exported["pruning"] else ""
    add_title(second.main, f"{exported['bits']} bits{pruned} ({tools})")
    if steady["rate_ratio"] is not None:
        ratio = f"{steady['rate_ratio']:.2f} ± {steady['rate_ratio_standard']:.2f}"
        add_title(third.main, f"Rate fixed / float, same threshold: {ratio}")
    return figure


def _changes(result: dict[str, Any], panel: Panel) -> None:
    groups: dict[tuple[float, str], list[dict[str, Any]]] = {}
    for entry in result["variants"]:
        groups.setdefault((entry["pruning"], entry["training"]), []).append(entry)
    prunings = sorted({pruning for pruning, _ in groups})
    entries = []
    for (pruning, training), variants in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0])):
        number = prunings.index(pruning)
        ordered = sorted(variants, key=lambda entry: -entry["bits"])
        entries.append(
            Change(
                f"{100 * pruning:g} %, {_WORDS[training]}",
                series_colour(number, len(prunings)),
                _MARKERS[number % len(_MARKERS)],
                training == "aware",
                [entry["bits"] for entry in ordered],
                [100 * entry["auc_change"] for entry in ordered],
                [100 * entry["auc_change_standard"] for entry in ordered],
            )
        )
    draw_changes(panel.main, entries, "Change of the AUC [%]", TARGET, _LINEAR, "Pruned weights, training")
    floats = result["float"]
    add_title(panel.main, f"Float AUC {floats['auc']:.4f} ± {floats['auc_standard']:.4f}")


def _pairs(result: dict[str, Any], panel: Panel) -> None:
    scatter = result["scatter"]
    signal = np.array(scatter["signal"], bool)
    columns = [np.array(scatter[name], float) for name in ("float", "fixed")]
    entries = [
        Pairs(label, series_colour(number), marker, *(column[rows] for column in columns))
        for number, (label, marker, rows) in enumerate(
            (("Background", "o", ~signal), ("Signal", "^", signal))
        )
    ]
    draw_pairs(panel.main, panel.bottom, entries, _QUANTITY[result["network"]])


def _kept(result: dict[str, Any], panel: Panel) -> None:
    rates = result["rates"]
    entries = []
    for number, (name, marker) in enumerate((("float", "o"), ("fixed", "s"))):
        at = rates[name]
        columns = ("rate_khz", "efficiency", "efficiency_standard", "rate_khz_standard")
        kept = at["efficiency"]
        label = (
            f"{'Float' if name == 'float' else 'Fixed point'}: {kept['value']:.3f} ± {kept['standard']:.3f}"
        )
        label += f"\nat {at['rate_khz']:.3g} ± {at['rate_khz_standard']:.2g} kHz"
        curve = [np.array(at["curve"][column], float) for column in columns]
        entries.append(Kept(label, series_colour(2 * number), marker, *curve))
    draw_kept(panel.main, entries, rates["bandwidth_khz"])
