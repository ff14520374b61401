"""The response of taggers as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resonaut.tag.evaluation.comparison_table import number

_PER_CENT = 100.0


def markdown(result: Mapping[str, Any]) -> str:
    """A table per tagger: a row per variation, and the quadrature sum of all sources."""
    parts = [f"# Systematic response: {result['name']}\n"]
    for name, entry in result["taggers"].items():
        parts.append(_of_tagger(name, entry, result))
    parts.append(
        "Changes are varied less nominal; those of rejections and efficiencies are relative. The rejection "
        "is that at the same signal efficiency; signal and background are efficiencies at the nominal "
        "threshold. Errors are of a bootstrap of the events, which are the same before and after. JSD: "
        "divergence of the score less its bias, 10^-3 bits. Total: one standard "
        "deviation of every source, in quadrature.\n"
    )
    return "\n".join(parts)


def _of_tagger(name: str, entry: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    nominal = entry["nominal"]
    rejections = [
        f"rejection {number(at['rejection']['value'], 1, at['rejection']['error'])} at {at['efficiency']:g}"
        for at in nominal["at"]
    ]
    rows = entry["n_rows"]
    text = (
        f"## {name}\n\nNominal: AUC {number(nominal['auc']['value'], 4, nominal['auc']['error'])}, "
        f"{', '.join(rejections)} ({rows['signal']} rows of signal, {rows['background']} of background).\n\n"
    )
    head = ["variation", "sigma", "AUC [10^-3]"]
    for efficiency in result["efficiencies"]:
        head += [f"{what} at {efficiency:g} [%]" for what in ("rejection", "signal", "background")]
    head += ["JSD signal", "JSD background"]
    lines = [_of_variation(key, entry["varied"][key], result) for key in sorted(entry["varied"])]
    lines += [_total(side, entry["total"], len(head)) for side in ("up", "down")]
    return text + _table(head, lines)


def _of_variation(name: str, varied: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    cells = [name, f"{result['variations'][name]['sigma']:+g}", _scaled(varied["auc_change"], 1000, 2)]
    for at in varied["at"]:
        fixed = at["fixed_threshold"]
        cells.append(_scaled(at["rejection_change"]))
        cells += [_scaled(fixed[f"{what}_efficiency_change"]) for what in ("signal", "background")]
    for what in ("signal", "background"):
        divergence = varied["shape"][what]["jensen_shannon"]
        less = {"value": divergence["value"] - divergence["bias"], "error": divergence["error"]}
        cells.append(_scaled(less, 1000, 2))
    return cells


def _total(side: str, total: Mapping[str, Any], n_cells: int) -> list[str]:
    cells = [f"total {side}", "", _scaled(total["auc"][side], 1000, 2)]
    for number_ in range(len(total["rejection"])):
        keys = ("rejection", "signal_efficiency", "background_efficiency")
        cells += [_scaled(total[key][number_][side]) for key in keys]
    return cells + [""] * (n_cells - len(cells))


def _scaled(entry: Mapping[str, float | None], factor: float = _PER_CENT, digits: int = 1) -> str:
    value, error = (None if x is None else factor * x for x in (entry["value"], entry["error"]))
    return number(value, digits, error)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
