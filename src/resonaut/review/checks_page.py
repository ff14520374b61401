"""The page of the checks: one HTML file without anything from outside, for a browser or a printer."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

Content = Mapping[str, Any]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.verdict { padding: .7rem 1rem; border-left: .4rem solid; font-size: 1.1rem; }
.good { border-color: #2a7a3b; background: #eef7ef; } .bad { border-color: #b3261e; background: #fdeceb; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { border-bottom: 1px solid #d5d5d5; padding: .3rem .7rem; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pass { color: #2a7a3b; } .fail { color: #b3261e; font-weight: 700; } .none { color: #6b6b6b; }
"""
_WORDS = {True: "pass", False: "FAIL", None: "not measured"}
_CLASSES = {True: "pass", False: "fail", None: "none"}


def page(result: Content) -> str:
    """The page of `checks.json`: the verdict, what failed and what to do, then every check of every search.

    Args:
        result: what `review.checks` describes; names in it may hold any character.
    """
    bad = result["n_failed"]
    verdict = f"{bad} of {result['n_checks']} checks FAILED." if bad else _all_passed(result["n_checks"])
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>resonaut: {escape(verdict)}</title><style>{_STYLE}</style></head><body>",
        "<h1>Checks of the searches</h1>",
        f'<p class="verdict {"bad" if bad else "good"}">{escape(verdict)}</p>',
        *_failures(result),
    ]
    for search in result["searches"]:
        parts += _search(search)
    return "\n".join([*parts, "</body></html>", ""])


def _all_passed(n_checks: int) -> str:
    return (
        f"All {n_checks} checks passed." if n_checks else "Nothing was measured: there is nothing to check."
    )


def _title(search: Content) -> str:
    return f"{search['method']} in {search['mixture']}"


def _failures(result: Content) -> list[str]:
    """What failed and what to do about it."""
    rows = [
        [_cell(_title(search)), _cell(check["name"]), *_numbers(check), _cell(check["where"]),
         _cell(check["advice"])]
        for search in result["searches"]
        for check in search["checks"]
        if check["passes"] is False
    ]  # fmt: skip
    if not rows:
        return []
    head = ("Search", "Check", "Found", "Limit", "Where", "What to do")
    return ["<h2>What failed</h2>", *_table(head, rows)]


def _search(search: Content) -> list[str]:
    rows = [
        [
            f'<td class="{_CLASSES[check["passes"]]}">{_WORDS[check["passes"]]}</td>',
            _cell(check["name"]),
            *_numbers(check),
            _cell(check["where"]),
        ]
        for check in search["checks"]
    ]
    head = ("", "Check", "Worst", "Limit", "Where")
    return [f"<h2>{escape(_title(search))}</h2>", *_table(head, rows)]


def _cell(text: str | None) -> str:
    return f"<td>{escape(text or '')}</td>"


def _numbers(check: Content) -> list[str]:
    """Cells of the number that was found and of its limit."""
    values = [check["value"], None if check["value"] is None else check["limit"]]
    return [f'<td class="number">{"" if value is None else f"{value:.3g}"}</td>' for value in values]


def _table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = [f"<tr>{''.join(row)}</tr>" for row in rows]
    return ['<div class="scroll"><table>', f"<tr>{names}</tr>", *body, "</table></div>"]
