"""Resolution and scale of a response against a variable, before and after a correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resonaut.plot.efficiency import draw_binned
from resonaut.plot.style import PALETTE_6, Panel, add_legend

COLOURS = (PALETTE_6[4], PALETTE_6[2])
"""Of what was before and of what is after."""


def _columns(responses: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[float | None]]:
    values = [entry[name] for entry in responses]
    errors = [entry[f"{name}_error"] for entry in responses]
    missing = [value is None or error is None for value, error in zip(values, errors, strict=True)]

    def shifted(sign: int) -> list[float | None]:
        return [
            None if absent else value + sign * error
            for absent, value, error in zip(missing, values, errors, strict=True)
        ]

    return {"value": shifted(0), "lower": shifted(-1), "upper": shifted(1)}


def draw_response(
    panel: Panel,
    edges: Sequence[float],
    responses: Mapping[str, Sequence[Mapping[str, Any]]],
    x_label: str,
) -> None:
    """Draw the resolution in the main axes and the median in the lower ones.

    Args:
        edges: (n_bins + 1,).
        responses: by name, in each bin resolution, resolution_error, median, median_error; None where a bin
            holds too little. The last one is that after the correction.
    """
    for axes, name in ((panel.main, "resolution"), (panel.lower, "median")):
        for number, (label, entries) in enumerate(responses.items()):
            colour = COLOURS[number - len(responses)]
            marker = "so"[number - len(responses)]
            columns = _columns(entries, name)
            draw_binned(
                axes, edges, columns, ("value", "lower", "upper"), color=colour, marker=marker, label=label
            )
    panel.main.set_xlim(edges[0], edges[-1])
    panel.main.set_ylim(0, 1.1 * panel.main.get_ylim()[1])
    panel.main.set_ylabel("Resolution")
    add_legend(panel.main)
    panel.lower.axhline(1, color="0.4", lw=1)
    panel.lower.margins(y=0.15)
    panel.lower.set_ylabel("Median", loc="center")
    panel.bottom.set_xlabel(x_label)
