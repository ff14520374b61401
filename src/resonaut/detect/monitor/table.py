"""The numbers of an entry of `monitor` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = {
    "autoencoder": "autoencoder",
    "chi2": "chi2",
    "largest_pull": "largest pull",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov",
}
FAULTS = {
    "dead_region": "dead region, side [rad]",
    "hot_cell": "noisy cell, hits per event",
    "scale": "energy scale, shift",
}


def _share(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} [{value['lower']:.3f}, {value['upper']:.3f}]"


def markdown(result: Mapping[str, Any]) -> str:
    """The tables of an entry."""
    names = list(result["tests"])
    head = ["fault", "size", *(WORDS[name] for name in names)]
    rows = [["none", "", *(_share(result["tests"][name]["false_alarms"]) for name in names)]]
    for fault, entry in result["faults"].items():
        for number, size in enumerate(entry["sizes"]):
            shares = (_share(entry["tests"][name]["efficiency"][number]) for name in names)
            rows.append([FAULTS[fault], f"{size:g}", *shares])
        found = (entry["tests"][name]["half"] for name in names)
        rows.append(
            [FAULTS[fault], "half found at", *("-" if one is None else f"{one:.3g}" for one in found)]
        )
    lines = [" | ".join(head), " | ".join(["---"] * len(head)), *(" | ".join(row) for row in rows)]
    counts = ", ".join(f"{count} of {name}" for name, count in result["n_events"].items())
    best = ", ".join(
        f"{FAULTS[fault].partition(',')[0]}: {WORDS[name]}" for fault, name in result["best"].items()
    )
    return "\n".join(
        [
            f"# Monitor: {result['name']}",
            "",
            f"Runs of {result['events_per_run']} events, drawn from {counts}; "
            f"{sum(result['n_bins'].values())} bins. Share of runs that raise an alarm, with 68 % intervals:",
            "",
            *(f"| {line} |" for line in lines),
            "",
            f"Best on average: {best}.",
            "",
        ]
    )
