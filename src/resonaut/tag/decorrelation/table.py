"""Decorrelation and robustness of taggers as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resonaut.tag.evaluation.comparison_table import number

_PER_CENT, _MILLI = 100.0, 1000.0


def markdown(result: Mapping[str, Any]) -> str:
    """A row per tagger and signal efficiency."""
    head = ["tagger", "signal eff.", "rejection", "JSD [10^-3 bits]", "random cut [10^-3 bits]"]
    told = result["response"] is not None
    if told:
        head += ["largest change, same threshold [%]", "largest change, same efficiency [%]"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name, entry in result["taggers"].items():
        for place, at in enumerate(entry["at"]):
            cells = [name, f"{at['efficiency']:g}", _scaled(at["rejection"], 1, 1)]
            cells += [_scaled(at["jensen_shannon"], _MILLI, 1), _scaled(at["floor"], _MILLI, 2)]
            lines.append([*cells, *(_changes(entry["robustness"], place, at["efficiency"]) if told else ())])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return (
        f"# Decorrelation from the {result['variable']}: {result['name']}\n\n{table}\n"
        "JSD: divergence of the background that passes from all background, in bins; a random cut that keeps "
        "as many jets has the divergence of the last column but the changes. Errors are of a bootstrap.\n"
    )


def _changes(robustness: list[dict[str, Any]] | None, place: int, efficiency: float) -> list[str]:
    for at in robustness or ():
        if at["efficiency"] == efficiency:
            return [_change(at[key]) for key in ("fixed", "same")]
    return ["", ""]


def _change(change: Mapping[str, Any] | None) -> str:
    return "" if change is None else f"{_scaled(change, _PER_CENT, 1)} ({change['variation']})"


def _scaled(entry: Mapping[str, float | None], factor: float, digits: int) -> str:
    value, error = (None if x is None else factor * x for x in (entry["value"], entry["error"]))
    return number(value, digits, error)
