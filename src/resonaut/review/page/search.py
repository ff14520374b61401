"""Background fits, and the scan with its p-values and limits, window by window."""

from __future__ import annotations

from html import escape

from resonaut.review.page import words
from resonaut.review.page.contents import Content, Contents
from resonaut.review.page.html import Cell, folded, heading, numeric, table, yes_or_no
from resonaut.review.page.verdict import at_resolution


def fits(contents: Contents) -> str:
    """A table of the background fits of each search."""
    parts = []
    for (mixture, method), content in contents.matching("hunt/*/*/hunt.json"):
        rows = [
            [
                Cell(words.window(window["low"], window["high"]), "number"),
                *numeric(
                    words.percent(own["efficiency"]),
                    words.count(own.get("sideband_selected")),
                    words.number(own.get("deviance"), 3),
                    words.count(own.get("degrees_of_freedom")),
                    words.p_value(own.get("goodness_of_fit")),
                    words.measured(own.get("background"), own.get("background_error")),
                    words.count(own.get("observed")),
                ),
                yes_or_no(own.get("converged")),
            ]
            for window in content["windows"]
            for own in window["selections"]
        ]
        settings = content.get("background_settings") or {}
        told = ", ".join(f"{key.replace('_', ' ')} = {value:g}" for key, value in settings.items()
                         if isinstance(value, int | float))  # fmt: skip
        caption = f"Function: {escape(str(content['background_function']))}" + (
            f" ({escape(told)})" if told else ""
        )
        head = ("Window", "Selected", "In side bands", "Deviance", "d.o.f.", "p of the fit",
                "Expected in window", "Seen", "Converged")  # fmt: skip
        parts.append(heading(f"{escape(method)} in {escape(mixture)}") + table(head, rows, caption))
    return "".join(parts)


def scan(contents: Contents) -> str:
    """Tables of the scan of each search: significance and limits."""
    parts = []
    for (mixture, method), content in contents.matching("infer/*/*/significance.json"):
        best = content.get("best") or {}
        in_fb = any("upper_limit_fb" in entry for entry in content["windows"])
        windows = sorted(content["windows"], key=_order)
        rows = [_window(entry, in_fb) for entry in windows]
        marked = {place for place, entry in enumerate(windows) if _is_best(entry, best)}
        unit = "fb" if in_fb else "events"
        level = words.percent(content.get("confidence_level"))
        head = ("Window", "Selected", "Seen", "Expected", "Fitted signal", "Local p", "Local Z",
                f"Limit [{unit}]", f"Expected limit [{unit}]", "By")  # fmt: skip
        caption = (
            f"{level} CL upper limits on the signal; expected ones with the range of ±1σ. Local "
            "significances count no other window. The best window is marked."
        )
        shown = table(head, rows, caption, marked=marked)
        parts.append(heading(f"{escape(method)} in {escape(mixture)}") + shown)
    return "".join([_combined(contents), *parts])


def _order(entry: Content) -> tuple[float, float]:
    return -entry["selection_efficiency"], entry["low"]


def _is_best(entry: Content, best: Content) -> bool:
    keys = ("low", "high", "selection_efficiency")
    return bool(best) and all(entry[key] == best[key] for key in keys)


def _window(entry: Content, in_fb: bool) -> list[Cell]:
    limit = (entry.get("upper_limit_fb") if in_fb else entry.get("upper_limit")) or {}
    signal = entry.get("signal") or {}
    cells = [Cell(words.window(entry["low"], entry["high"]), "number")]
    cells += numeric(
        words.percent(entry["selection_efficiency"]),
        words.count(entry.get("observed")),
        words.measured(entry.get("expected_background"), entry.get("expected_background_error")),
        words.between(*(signal.get(key) for key in ("events", "low", "high"))),
        words.p_value(entry.get("p_value")),
        words.sigma(entry.get("z_local")),
        words.number(limit.get("observed")),
        words.between(*(limit.get(f"expected{end}") for end in ("", "_minus_1sigma", "_plus_1sigma"))),
    )
    failed = entry.get("failed")
    state = Cell(f"✗ {words.text(failed)}", "fail") if failed else Cell(words.text(entry.get("method")))
    return [*cells, state]


def _combined(contents: Contents) -> str:
    """Global significances of each mixture by each way to count."""
    parts = []
    for (mixture,), content in contents.matching("infer/*/global.json"):
        rows = [row for row in _ways(content) if row]
        if rows:
            head = ("What is tested", "By", "Global p", "Global Z", "Effective tests")
            caption = (
                f"Global significances in {escape(mixture)}: the chance of such an excess anywhere. Where no "
                "replica or toy is as far as the data, their number gives a bound."
            )
            parts.append(table(head, rows, caption))
        bumps = _bumps(content)
        if bumps:
            parts.append(folded(f"Bump hunts in {mixture}", bumps))
    return heading("Global significance") + "".join(parts) if parts else ""


def _ways(content: Content) -> list[list[Cell]]:
    """A row for each way in which a global significance was found."""
    counted = content.get("bootstrap") or {}
    n = counted.get("n")
    rows = [
        _way("all tests", f"{words.count(n)} replicas of the events", counted, n),
        _way("all tests", "normal tests, correlation of the replicas", counted.get("gaussian")),
        _way("all tests", "Gross-Vitells bound", content.get("gross_vitells")),
    ]
    for method, entry in sorted((content.get("methods") or {}).items()):
        toys = entry.get("toys") or {}
        rows.append(_way(method, "replicas of the events", entry.get("bootstrap"), n))
        rows.append(_way(method, "toys of the fitted background", toys, toys.get("n")))
    for name, entry in sorted((content.get("combined") or {}).items()):
        rows.append(_way("methods combined", name.capitalize(), entry, n))
    return rows


def _way(what: str, by: str, entry: Content | None, n: int | None = None) -> list[Cell]:
    if not entry or entry.get("p_value") is None:
        return []
    p_value = entry["p_value"]
    bound = at_resolution({"p_value": p_value, "n": n})
    told = words.measured(p_value, entry.get("error"), 1) if p_value > 1e-3 else words.p_value(p_value)
    found = numeric(
        f"≤ {words.p_value(p_value)}" if bound else told,
        f"{'≥ ' if bound else ''}{words.sigma(entry.get('z'))}",
        words.number(entry.get("effective_tests")),
    )
    return [Cell(escape(what)), Cell(by), *found]


def _bumps(content: Content) -> str:
    rows = [
        [
            Cell(escape(method)),
            *numeric(
                words.percent(entry["selection_efficiency"]),
                words.window(entry["low"], entry["high"]),
                words.window(entry["bump_low"], entry["bump_high"])
                if entry.get("bump_low") is not None
                else words.NOTHING,
                words.p_value(entry.get("p_local")),
                words.measured(entry.get("p_global"), entry.get("error"), 1),
            ),
        ]
        for method, own in sorted((content.get("methods") or {}).items())
        for entry in own.get("bump_hunts") or ()
    ]
    head = ("Method", "Selected", "Fit without", "Bump", "Local p", "Global p of the spectrum")
    return table(head, rows) if rows else ""
