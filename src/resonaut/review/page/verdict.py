"""The verdict: what each mixture's best window says, locally and globally, and whether checks failed."""

from __future__ import annotations

from html import escape
from typing import Any

from resonaut.review.page import words
from resonaut.review.page.contents import Content, Contents
from resonaut.review.page.html import Cell, heading, numeric, paragraph, table

METHODS = {"bootstrap": "replicas of the events", "gross_vitells": "Gross-Vitells bound"}


def body(contents: Contents) -> str:
    """Cards of each mixture, and the state of the checks."""
    found = dict(best_of_mixtures(contents))
    parts = [_checks(contents)]
    for mixture, (method, result) in found.items():
        if len(found) > 1:
            parts.append(heading(f"Mixture {escape(mixture)}"))
        parts.append(_mixture(contents, mixture, method, result))
    if not found:
        parts.append(_without_searches(contents))
    parts.append(_all_searches(contents))
    return "".join(parts)


def best_of_mixtures(contents: Contents) -> list[tuple[str, tuple[str, Content]]]:
    """By mixture the method of the smallest local p-value, and its `significance.json`."""
    found: dict[str, tuple[str, Content]] = {}
    for (mixture, method), result in contents.matching("infer/*/*/significance.json"):
        known = found.get(mixture)
        if known is None or _rank(result) < _rank(known[1]):
            found[mixture] = (method, result)
    return sorted(found.items())


def _rank(result: Content) -> float:
    best = result.get("best") or {}
    return 2.0 if best.get("p_value") is None else best["p_value"]


def _checks(contents: Contents) -> str:
    checks = contents.get("review/checks.json")
    if checks is None:
        return ""
    failed, total = checks["n_failed"], checks["n_checks"]
    told = (
        f"<strong>{failed} of {total} checks failed.</strong> Read them before the numbers: "
        if failed
        else f"<strong>All {total} checks passed</strong>: " if total else "Nothing was checked: "
    )  # fmt: skip
    return paragraph(f'{told}<a href="#checks">checks</a>.', f"verdict {'bad' if failed else 'good'}")


def _card(label: str, value: str, *more: str) -> str:
    lines = "".join(f'<p class="more">{line}</p>' for line in more if line)
    return f'<div class="card"><p class="label">{label}</p><p class="value">{value}</p>{lines}</div>'


def _mixture(contents: Contents, mixture: str, method: str, result: Content) -> str:
    best = result.get("best")
    if result.get("blind") or not best or best.get("p_value") is None:
        why = (
            "The search is blind: no event of a signal region is counted, expected limits only."
            if result.get("blind")
            else "No window could be fitted."
        )
        return paragraph(why, "lead")
    cards = [
        _card(
            "Largest excess",
            words.window(best["low"], best["high"]),
            f"by {escape(method)}, {words.percent(best['selection_efficiency'])} of the side bands selected",
            f"{words.count(best['observed'])} events seen, "
            f"{words.measured(best['expected_background'], best['expected_background_error'])} expected",
        ),
        _card(
            "Local significance",
            words.sigma(best["z_local"], 1),
            f"p = {words.p_value(best['p_value'])}",
            "by toys" if best.get("method") == "toys" else "asymptotic formula",
        ),
        _global(contents.get(f"infer/{mixture}/global.json")),
        _limit(best, result),
    ]
    return f'<div class="cards">{"".join(cards)}</div>'


def _global(result: Content | None) -> str:
    """The global significance; where no replica reached the excess, a bound."""
    counted = (result or {}).get("bootstrap")
    if result is None or not counted:
        return _card("Global significance", words.NOTHING, "not measured")
    bound = at_resolution(counted)
    gaussian = counted.get("gaussian") or {}
    tests = f"{words.count(len(result['tests']))} tests of all methods, {words.count(counted['n'])} replicas"
    return _card(
        "Global significance",
        f"{'≥ ' if bound else ''}{words.sigma(counted['z'], 1)}",
        f"p {'≤' if bound else '='} {words.p_value(counted['p_value'])}",
        "no replica was as far" if bound else "",
        tests,
        f"normal extrapolation: {words.sigma(gaussian.get('z'), 1)}" if bound and gaussian else "",
    )  # fmt: skip


def at_resolution(counted: Content) -> bool:
    """Whether not one replica was as far, so that the p-value is that of their number."""
    n = counted.get("n")
    return bool(n) and counted["p_value"] <= 1.001 / (n + 1)


def _limit(best: Content, result: Content) -> str:
    limit = best.get("upper_limit_fb") or best.get("upper_limit") or {}
    unit = "fb" if best.get("upper_limit_fb") else "events"
    expected = words.between(*(limit.get(f"expected{end}") for end in ("", "_minus_1sigma", "_plus_1sigma")))
    return _card(
        f"{words.percent(result.get('confidence_level'))} CL upper limit there",
        f"{words.number(limit.get('observed'))} {unit}",
        f"expected {expected} {unit}",
        f"fitted signal {_signal(best)} events",
    )


def _signal(entry: Content) -> str:
    signal = entry.get("signal") or {}
    return words.between(*(signal.get(key) for key in ("events", "low", "high")))


def _all_searches(contents: Contents) -> str:
    """A row per search: its best window."""
    rows = []
    for (mixture, method), result in contents.matching("infer/*/*/significance.json"):
        best: dict[str, Any] = dict(result.get("best") or {})
        of_method = ((contents.get(f"infer/{mixture}/global.json") or {}).get("methods") or {}).get(method)
        own = (of_method or {}).get("bootstrap") or {}
        n = ((contents.get(f"infer/{mixture}/global.json") or {}).get("bootstrap") or {}).get("n")
        bound = "≥ " if own and at_resolution({**own, "n": n}) else ""
        rows.append(
            [
                Cell(escape(method)),
                Cell(escape(mixture)),
                Cell(words.window(best["low"], best["high"]) if best else "blind", "number"),
                *numeric(
                    words.percent(best.get("selection_efficiency")),
                    words.count(best.get("observed")),
                    words.measured(best.get("expected_background"), best.get("expected_background_error")),
                    words.p_value(best.get("p_value")),
                    words.sigma(best.get("z_local")),
                    f"{bound}{words.sigma(own.get('z'))}" if own else words.NOTHING,
                ),
            ]
        )
    head = (
        "Method",
        "Mixture",
        "Best window",
        "Selected",
        "Seen",
        "Expected",
        "Local p",
        "Local Z",
        "Global Z",
    )
    caption = (
        "The best window of each search. A local significance does not count how many windows and selections "
        "were looked at; a global one counts those of its method."
    )
    return table(head, rows, caption) if len(rows) > 1 else ""


def _without_searches(contents: Contents) -> str:
    made = sorted({name.split("/")[0] for name in contents.results})
    return paragraph(f"This study searches for nothing: it holds results of {', '.join(made)}.", "lead")
