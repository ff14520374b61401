"""The comparison of generators as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_NONE = "-"


def count(value: int | None) -> str:
    """A whole number in groups of three digits."""
    return _NONE if value is None else f"{value:,}".replace(",", " ")


def area(entry: Mapping[str, Any] | None) -> str:
    """AUC ± error (floor)."""
    return _NONE if entry is None else f"{entry['auc']:.3f} ± {entry['error']:.3f} ({entry['floor']:.3f})"


def percent(entry: Mapping[str, Any] | None) -> str:
    """A relative difference ± its error, in per cent."""
    return _NONE if entry is None else f"{100 * entry['value']:+.1f} ± {100 * entry['error']:.1f}"


def seconds(value: float | None) -> str:
    """A time, in ms or s."""
    if value is None:
        return _NONE
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def measured(entry: Mapping[str, Any] | None) -> str:
    """A distance ± its error (floor)."""
    if entry is None or entry["value"] is None:
        return _NONE
    error = "" if entry["error"] is None else f" ± {entry['error']:.1g}"
    floor = "" if entry["floor"] is None else f" ({entry['floor']:.3g})"
    return f"{entry['value']:.3g}{error}{floor}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _quality(entries: Sequence[Mapping[str, Any]]) -> str:
    head = ["generator", "method", "parameters", "AUC observables", "AUC all values", "largest separation"]
    head += ["coverage", "memorisation", "copies", "different regions", "targets"]
    rows = []
    for entry in entries:
        own = entry["separation"]
        largest = _NONE
        if own is not None:
            largest = f"{own['value']:.2g} ± {own['error']:.1g} ({own['expected']:.2g}) {own['observable']}"
        ratio = entry["memorisation"]
        rows.append(
            [
                *(entry["name"], entry["kind"], count(entry["n_parameters"])),
                *(area(entry["high_level"]), area(entry["low_level"]), largest),
                f"{entry['coverage']:.3f} ({entry['coverage_floor']:.3f})",
                _NONE if ratio is None else f"{ratio:.2f}",
                f"{entry['copies']:.2%}".replace("%", " %"),
                f"{entry['different_bins']:.2f} ({entry['different_bins_floor']:.2f})",
                f"{entry['targets']['met']} of {entry['targets']['asked']}",
            ]
        )
    return _table(head, rows)


def _showers(group: Mapping[str, Any]) -> str:
    energies = [f"{energy:g}" for energy in group["energies"]]
    head = ["generator", *(f"{what}, {e} GeV" for e in energies for what in ("response", "resolution"))]
    head.append("hits")
    rows = []
    for entry in group["generators"]:
        words = [
            percent((entry[key] or {}).get(energy))
            for energy in energies
            for key in ("response", "resolution")
        ]
        hits = entry["observables"].get("n_hits", {}).get("shift")
        rows.append([entry["name"], *words, _NONE if hits is None else f"{hits:+.3f}"])
    text = (
        "\nDifferences to the simulated showers in per cent; response: mean visible over incident energy. "
        "Hits: shift of the mean in standard deviations.\n\n"
    )
    return text + _table(head, rows)


def _jets(entries: Sequence[Mapping[str, Any]]) -> str:
    names = ("w1m", "w1p", "w1efp", "fpd", "kpd")
    rows = [[entry["name"], *(measured(entry["jets"][name]) for name in names)] for entry in entries]
    return "\nDistances (floor in brackets).\n\n" + _table(["generator", *map(str.upper, names)], rows)


def _times(entries: Sequence[Mapping[str, Any]]) -> str:
    keys = sorted(
        {key for entry in entries for key in (entry["time"] or {}).get("seconds_per_row", {})},
        key=lambda key: (key.split()[0], int(key.split()[1])),
    )
    head = ["generator", "training", *(f"per row, {key.replace(' ', ' x ')}" for key in keys), "speed-up"]
    rows = []
    for entry in entries:
        found = entry["time"]
        if found is None:
            continue
        fastest = max((value for value in found["speed_up"].values() if value is not None), default=None)
        per_row = [seconds(found["seconds_per_row"].get(key)) for key in keys]
        rows.append(
            [
                *(entry["name"], seconds(found["training_seconds"]), *per_row),
                _NONE if fastest is None else f"{fastest:,.0f}".replace(",", " "),
            ]
        )
    text = "\nTimes; the speed-up is the largest one, over the simulation that is replaced.\n\n"
    return text + _table(head, rows) if rows else ""


def markdown(result: Mapping[str, Any]) -> str:
    """All groups of a comparison, see `compare`."""
    text = (
        "# Generators\n\nGenerated against held-out rows. The floor in brackets is that of held-out rows "
        "against other held-out rows, made in the same way: no generator can be better. Memorisation: "
        "distance to the nearest training row over that of held-out rows.\n"
    )
    for group in result["groups"]:
        entries = group["generators"]
        given = f", given {', '.join(group['conditions'])}" if group["conditions"] else ""
        text += f"\n## {group['learn']} of {', '.join(group['datasets'])}{given}\n\n" + _quality(entries)
        if group["energies"]:
            text += _showers(group)
        if entries[0]["jets"] is not None:
            text += _jets(entries)
        text += _times(entries)
    return text
