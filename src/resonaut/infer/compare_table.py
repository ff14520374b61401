"""A comparison of searches as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

NONE = "-"
_LOCAL = (
    "z is the signed local significance (standard deviations; negative for a deficit) of the fit to the "
    "selected spectrum; it is not corrected for the number of windows."
)


def number(value: float | None, digits: int) -> str:
    """A number with so many digits after the point."""
    return NONE if value is None else f"{value:.{digits}f}"


def count(value: float | None) -> str:
    """A number of events in groups of three digits."""
    return NONE if value is None else f"{value:,.0f}".replace(",", " ")


def per_cent(efficiency: float) -> str:
    """An efficiency in words."""
    return f"{100 * efficiency:.3g} %"


def interval(found: Mapping[str, Any] | None, digits: int) -> str:
    """A value, and the ends of its interval in brackets where it has one."""
    if found is None:
        return NONE
    text = number(found["value"], digits)
    if found["low"] is None:
        return text
    return f"{text} [{number(found['low'], digits)}, {number(found['high'], digits)}]"


def probability(value: float | None) -> str:
    """A p-value to two figures."""
    return NONE if value is None else f"{value:.2g}"


def _place(window: Mapping[str, float] | None) -> str:
    return NONE if window is None else f"{window['low']:g}-{window['high']:g} GeV"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _title(item: Mapping[str, Any]) -> str:
    injected = item["injected"]
    return (
        item["name"] if injected is None else f"{item['name']} with {count(injected)} injected signal events"
    )


def _sample(members: Sequence[Mapping[str, Any]]) -> str:
    """The mixture in numbers."""
    first, n_draws = members[0], max(len(item["draws"]) for item in members)
    draws = f"{n_draws} draws, medians: " if n_draws > 1 else ""
    text = f"{draws}{count(first['n_events'])} events"
    if first["truth_window"] is None or first["n_signal"] is None:
        return f"{text}.\n\n"
    return (
        f"{text}; in the window {_place(first['truth_window'])} {count(first['n_signal'])} signal and "
        f"{count(first['n_background'])} background events.\n\n"
    )


def _gains(members: Sequence[Mapping[str, Any]], confidence: float) -> str:
    """What cuts gain, where the truth is known."""
    known = [item for item in members if item["curve"] is not None]
    if not known:
        return ""
    cuts = [item["false_positive_cut"] for item in known]
    events = " or ".join(sorted({f"{cut['background_events']:g}" for cut in cuts}))
    least = max(cut["background_efficiency"] for cut in cuts)
    one = all(len(item["draws"]) == 1 for item in known)
    band = f"{100 * confidence:g} % bootstrap intervals" if one else "16 to 84 % quantiles over the draws"
    text = (
        "Significance improvement eps_S / sqrt(eps_B) by truth, in that window, where at least "
        f"{events} background events pass (false-positive cut eps_B >= {least:.2g}). In brackets: {band}.\n\n"
    )
    fixed = list(known[0]["at"])
    head = ["method", "maximum", "at eps_B", "maximum of the median curve", "AUC"]
    for name in fixed:
        head += [f"at eps_B = {name}", f"eps_S at eps_B = {name}"]
    rows = []
    for item in known:
        best = item["max_improvement"]
        row = [item["method"], interval(best, 2), f"{best['background_efficiency']:.2g}"]
        row += [interval(item["max_median_improvement"], 2), interval(item["auc"], 4)]
        for name in fixed:
            part = item["at"].get(name) or {}
            row += [interval(part.get("improvement"), 2), interval(part.get("signal_efficiency"), 3)]
        rows.append(row)
    return text + _table(head, rows) + "\n"


def _searches(members: Sequence[Mapping[str, Any]]) -> str:
    """What each search finds, and whether it sculpts, per efficiency of the selection."""
    head = ["method", "selected", "largest z", "in the window", "z in the signal's window", "observed"]
    head += ["expected", "sculpting: KS p", "chi2 p", "JSD [bits]"]
    rows = []
    for item in members:
        for found, shape in zip(item["significance"], item["sculpting"], strict=True):
            best, shape = found["largest"], shape or {}
            rows.append(
                [
                    item["method"],
                    per_cent(found["efficiency"]),
                    interval(best, 2),
                    _place(best and best["window"]),
                    interval(found["truth_window"], 2),
                    count(found["observed"]),
                    number(found["expected_background"], 1),
                    probability(shape.get("kolmogorov_smirnov")),
                    probability(shape.get("chi2")),
                    probability(shape.get("jensen_shannon")),
                ]
            )
    n_windows = members[0]["significance"][0]["n_windows"]
    text = (
        f"{n_windows} window{'' if n_windows == 1 else 's'}. {_LOCAL} Selected: fraction of the side "
        "bands that the cut keeps. Sculpting: the background's mass after the selection against before it, "
        "p-values from toys that select at random: a small one says that the selection shapes it.\n\n"
    )
    return text + _table(head, rows) + "\n"


def _injections(entries: Sequence[Mapping[str, Any]]) -> str:
    """z against injected events: a line per method and efficiency."""
    text = ""
    for (name, injected), members in groupby(entries, lambda item: (item["name"], tuple(item["injected"]))):
        rows = [
            [item["method"], per_cent(item["efficiency"]), *(interval(z, 2) for z in item["z"])]
            for item in members
        ]
        text += f"## {name}: z against injected signal events\n\n"
        text += "In the window of the signal, with bands over the draws.\n\n"
        text += _table(["method", "selected", *map(count, injected)], rows) + "\n"
    return text


def markdown(result: Mapping[str, Any]) -> str:
    """The tables of a comparison.

    Args:
        result: what `infer.compare` writes as JSON.
    """
    text = "# Searches\n\n"
    for title, group in groupby(result["entries"], _title):
        members = list(group)
        text += f"## {title}\n\n{_sample(members)}{_gains(members, result['confidence'])}{_searches(members)}"
    return (text + _injections(result["injection"])).rstrip() + "\n"
