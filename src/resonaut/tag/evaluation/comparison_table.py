"""A comparison of taggers as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

_NONE = "-"


def number(value: float | None, digits: int, error: float | None = None) -> str:
    """A number with so many digits after the point, and its error behind it."""
    if value is None:
        return _NONE
    text = f"{value:.{digits}f}"
    return text if error is None else f"{text} ± {error:.{digits}f}"


def digits(error: float | None) -> int:
    """Digits after the point that show two figures of an error, four at least."""
    return 4 if not error else max(4, 1 - math.floor(math.log10(error)))


def rejection(entry: Mapping[str, Any], wanted: str) -> str:
    """Background rejection with its binomial error, and the deviation over seeds in brackets."""
    point = entry["rejection"][wanted]
    if point["rejection"] is None:
        return _NONE
    digits = 0 if point["error"] >= 2 else 1
    text = number(point["rejection"], digits, point["error"])
    deviation = ((entry.get("spread") or {}).get("rejection") or {}).get(wanted, {}).get("standard_deviation")
    return text if deviation is None else f"{text} ({deviation:.{digits}f})"


def count(value: int | None) -> str:
    """A whole number in groups of three digits."""
    return _NONE if value is None else f"{value:,}".replace(",", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _smirnov(entry: Mapping[str, Any]) -> str:
    found = entry.get("kolmogorov_smirnov")
    if not found or None in found.values():
        return _NONE
    return " / ".join(f"{part['statistic']:.3f} ({part['p_value']:.2g})" for part in found.values())


def _binary(result: Mapping[str, Any]) -> str:
    kinds = {
        kind: [name for name, own in result["datasets"].items() if own == kind]
        for kind in ("signal", "background")
    }
    text = (
        f"## {', '.join(kinds['signal'])} against {', '.join(kinds['background'])}\n\n"
        f"{count(result['n_common'])} common test {result['rows']}, {count(result['n_signal'])} of them "
        "signal. Errors are those of the test sample (DeLong, binomial); the standard deviation over seeds "
        "of single networks stands in brackets. KS: Kolmogorov-Smirnov distance of test and training scores "
        "(p value) of background / signal.\n\n"
    )
    wanted = list(result["taggers"][0]["rejection"])
    head = ["tagger", "parameters", f"training {result['rows']}", "networks", "AUC", "accuracy"]
    head += [f"1/eps_B at {float(name):.0%}".replace("%", " %") for name in wanted]
    head += ["KS", "epochs"]
    rows = []
    for entry in result["taggers"]:
        seed = (entry.get("spread") or {}).get("auc", {}).get("standard_deviation")
        places = digits(entry["auc_error"])
        area = number(entry["auc"], places, entry["auc_error"])
        rows.append(
            [
                entry["name"],
                count(entry.get("n_parameters")),
                count((entry.get("n_jets") or {}).get("train")),
                count(entry.get("n_restarts")),
                area if seed is None else f"{area} ({seed:.{places}f})",
                number(entry["accuracy"], digits(entry["accuracy_error"]), entry["accuracy_error"]),
                *(rejection(entry, name) for name in wanted),
                _smirnov(entry),
                count(entry.get("epochs")),
            ]
        )
    text += _table(head, rows)
    return text + _neighbours(result)


def _neighbours(result: Mapping[str, Any]) -> str:
    """Differences between rows that follow each other in the table."""
    names = [entry["name"] for entry in result["taggers"]]
    pairs = {(entry["first"], entry["second"]): entry for entry in result["differences"]}
    rows = []
    for first, second in pairwise(names):
        entry = pairs[first, second]
        cells = []
        for key in ("auc", "accuracy"):
            part = entry.get(key) or {}
            cells += [number(part.get("difference"), 5, part.get("total_error"))]
            cells += [number(part.get("significance"), 1)]
        rows.append([f"{first} - {second}", *cells])
    if not rows:
        return ""
    head = ["difference on the same rows", "AUC", "in errors", "accuracy", "in errors"]
    return (
        "\nEach row and the next; the errors count what the rows share, and the seeds where both have "
        f"restarts.\n\n{_table(head, rows)}"
    )


def _classes(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            *(entry["name"], str(len(entry["classes"])), count(entry["n_parameters"])),
            count(entry["n_jets"].get("train")),
            *(number(entry["auc"], 4), number(entry["accuracy"], 4, entry["accuracy_error"])),
            number(entry["cross_entropy"], 4),
        ]
        for entry in entries
    ]
    head = [
        "tagger",
        "classes",
        "parameters",
        "training rows",
        "mean AUC of pairs",
        "accuracy",
        "cross-entropy",
    ]
    return f"\n## Several classes\n\n{_table(head, rows)}"


def _regression(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            *(entry["name"], count(entry["n_parameters"]), count(entry["n_jets"].get("train"))),
            number(entry["median"], 4),
            number(entry["resolution"], 4, entry["resolution_error"]),
            number((entry["gain"] or {}).get("resolution"), 3, (entry["gain"] or {}).get("resolution_error")),
            number(entry["mean_absolute_error"], 2),
        ]
        for entry in entries
    ]
    head = [
        "tagger",
        "parameters",
        "training rows",
        "median response",
        "resolution",
        "gain",
        "mean error [GeV]",
    ]
    return f"\n## Regression\n\n{_table(head, rows)}"


def markdown(result: Mapping[str, Any]) -> str:
    """The tables of a comparison.

    Args:
        result: what `compare.run` writes as JSON.
    """
    text = "# Taggers\n\n"
    if "taggers" in result:
        text += _binary(result)
    for key, table in (("classes", _classes), ("regression", _regression)):
        if result[key]:
            text += table(result[key])
    return text
