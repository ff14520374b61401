"""The checks as a table of lights: a row per check, a column per search."""

from __future__ import annotations

from html import escape

from resonaut.review.page import words
from resonaut.review.page.contents import Content, Contents
from resonaut.review.page.html import Cell, folded, heading, paragraph, table

_SIGNS = {True: ("pass", "✓", "pass"), False: ("fail", "✗", "FAIL"), None: ("none", "○", "not measured")}


def body(contents: Contents) -> str:
    """The lights, then what failed and what to do about it, then every number."""
    checks = contents.get("review/checks.json")
    if checks is None or not checks["searches"]:
        return ""
    bad = checks["n_failed"]
    told = (
        f"{bad} of {checks['n_checks']} checks failed. A check that fails stops nothing."
        if bad
        else f"All {checks['n_checks']} checks that could be measured passed."
    )
    verdict = paragraph(told, f"verdict {'bad' if bad else 'good'}")
    return verdict + _lights(checks["searches"]) + _failures(checks["searches"]) + _all(checks["searches"])


def _name(search: Content) -> str:
    return f"{search['method']} in {search['mixture']}"


def _lights(searches: list[Content]) -> str:
    names = list(dict.fromkeys(check["name"] for search in searches for check in search["checks"]))
    rows = []
    for name in names:
        cells = [Cell(escape(name))]
        limit = None
        for search in searches:
            check = next((entry for entry in search["checks"] if entry["name"] == name), None)
            limit = limit if check is None or check["limit"] is None else check["limit"]
            cells.append(_light(check))
        rows.append([*cells, Cell(words.limit(limit), "number")])
    head = ["Check", *(escape(_name(search)) for search in searches), "Limit"]
    caption = "The worst number of each search. ✓ passes, ✗ fails, ○ was not measured."
    return table(head, rows, caption, "lights")


def _light(check: Content | None) -> Cell:
    kind, sign, told = _SIGNS[check["passes"] if check else None]
    value = words.number(check["value"]) if check and check["value"] is not None else told
    return Cell(f'<span class="sign" title="{told}">{sign}</span>{value}', kind)


def _failures(searches: list[Content]) -> str:
    rows = [
        [
            Cell(escape(_name(search))),
            Cell(escape(check["name"])),
            Cell(words.number(check["value"]), "number"),
            Cell(words.text(check["where"]), "wide"),
            Cell(words.text(check["advice"]), "wide"),
        ]
        for search in searches
        for check in search["checks"]
        if check["passes"] is False
    ]
    if not rows:
        return ""
    return heading("What failed") + table(("Search", "Check", "Found", "Where", "What to do"), rows)


def _all(searches: list[Content]) -> str:
    rows = [
        [
            Cell(escape(_name(search))),
            Cell(escape(check["name"])),
            Cell(words.number(check["value"]), "number"),
            Cell(words.limit(check["limit"]), "number"),
            Cell(words.text(check["where"]), "wide"),
        ]
        for search in searches
        for check in search["checks"]
    ]
    head = ("Search", "Check", "Worst", "Limit", "Where")
    return folded("Where each number was found", table(head, rows))
