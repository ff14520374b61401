"""Two runs side by side as one HTML page that needs no other file and no network."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from resonaut.comparing.compare import Comparison, Row
from resonaut.comparing.figures import Pair
from resonaut.comparing.headlines import Headline, number_text

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 "Source Sans 3", "Helvetica Neue", Arial, sans-serif; color: #1c1c1c; background: #fff;
       max-width: 76rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin-bottom: .3rem; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem;
     border-bottom: 1px solid #bbb; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; border-bottom: 2px solid #1c1c1c; } td, th { padding: .2rem .7rem .2rem 0;
     vertical-align: top; } tbody tr { border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; white-space: nowrap; } code { font-size: .88em;
     overflow-wrap: anywhere; }
tr.differs td:first-child { border-left: 4px solid #d55e00; padding-left: .5rem; }
tr.agrees td:first-child { border-left: 4px solid #0072b2; padding-left: .5rem; }
.verdict { border-left: 6px solid; padding: .4rem 1rem; margin: 1rem 0; background: #f5f5f5; }
.equal { border-color: #0072b2; } .different { border-color: #d55e00; }
details { margin: .4rem 0; } summary { cursor: pointer; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; break-inside: avoid; }
.pair figure { margin: 0; } .pair img { max-width: 100%; height: auto; }
.absent { color: #555; font-style: italic; } nav a { margin-right: 1.2rem; }
.overlay { display: inline-grid; } .overlay > img { grid-area: 1 / 1; max-width: 100%; }
.overlay > img + img { mix-blend-mode: difference; }
@media print { body { margin: 0; max-width: none; } nav, .overlays { display: none; } }
"""


def _text(value: Any) -> str:
    return html.escape(str(value))


def _table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], numbers: int = 0) -> str:
    """A table; `rows` are (class, cells that are HTML already); the last `numbers` columns are numbers."""
    first = len(head) - numbers
    marks = ["" if index < first else ' class="number"' for index in range(len(head))]
    top = "".join(f'<th scope="col"{mark}>{_text(name)}</th>' for mark, name in zip(marks, head, strict=True))
    body = "".join(
        f'<tr class="{kind}">'
        + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, cells, strict=True))
        + "</tr>\n"
        for kind, cells in rows
    )
    return f"<table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table>"


def _shown(headline: Headline | None) -> str:
    if headline is None:
        return '<span class="absent">absent</span>'
    return _text(headline.text().replace("sigma", "σ"))


def _headlines(comparison: Comparison) -> str:
    rows = [
        (
            "differs" if pair.differs else "agrees",
            [_text(pair.label), _shown(pair.old), _shown(pair.new), _sigmas(pair.sigmas, pair.differs)],
        )
        for pair in comparison.headlines
    ]
    return _table(["", "A", "B", "difference"], rows, numbers=3) if rows else "<p>None found.</p>"


def _sigmas(sigmas: float | None, differs: bool) -> str:
    if not differs:
        return "agree"
    return "differ" if sigmas is None else f"{sigmas:.2g} σ"


def _changes(comparison: Comparison) -> str:
    if not comparison.changes:
        return "<p>No key differs.</p>"
    rows = []
    for change in comparison.changes:
        where = f" <small>results: {len(change.results)}</small>" if change.results else ""
        values = [f"<code>{_text(value)}</code>" for value in (change.old, change.new)]
        rows.append(("differs", [f"<code>{_text(change.key)}</code>{where}", *values]))
    return _table(["key", "A", "B"], rows)


def _numbers(rows: Sequence[Row]) -> str:
    if not rows:
        return "<p>All numbers agree.</p>"
    parts = []
    # Files in the order of their largest difference, which is that of `rows`.
    order = {path: index for index, path in reversed(list(enumerate(row.path for row in rows)))}
    for path, group in groupby(sorted(rows, key=lambda row: order[row.path]), key=lambda row: row.path):
        entries = list(group)
        cells = [
            (
                "differs",
                [
                    f"<code>{_text(row.place)}</code>"
                    + (f" <small>{row.n_differ} of {row.n} differ</small>" if row.n > 1 else ""),
                    _text(number_text(row.old)),
                    _text(number_text(row.new)),
                    "" if row.relative is None else f"{row.relative:.2g}",
                    "" if row.sigmas is None else f"{row.sigmas:.2g}",
                ],
            )
            for row in entries
        ]
        head = ["place", "A", "B", "relative", "in errors (σ)"]
        parts.append(
            f"<details><summary><code>{_text(path)}</code>: {len(entries)}</summary>"
            f"{_table(head, cells, numbers=4)}</details>"
        )
    return "\n".join(parts)


def _figure(pair: Pair) -> str:
    name = _text(pair.name)
    if pair.same:
        return f'<h3>{name}</h3><p>Equal.</p><div class="pair"><img src="{pair.old}" alt="{name}"></div>'
    sides = [
        f'<figure><img src="{source}" alt="{name} of {side}"><figcaption>{side}</figcaption></figure>'
        if source
        else f'<figure class="absent">{side} has no such figure.</figure>'
        for side, source in (("A", pair.old), ("B", pair.new))
    ]
    overlay = ""
    if pair.old and pair.new:
        # The browser subtracts them: where they are equal it is black.
        overlay = (
            '<details class="overlays"><summary>difference</summary><div class="overlay">'
            f'<img src="{pair.old}" alt="{name} of A"><img src="{pair.new}" alt="less that of B">'
            "</div></details>"
        )
    return f'<h3>{name}</h3><div class="pair">{"".join(sides)}</div>{overlay}'


def _files(comparison: Comparison) -> str:
    lists = [("Only in A", comparison.missing), ("Only in B", comparison.added)]
    parts = [
        f"<h3>{title}</h3><ul>{''.join(f'<li><code>{_text(name)}</code></li>' for name in names)}</ul>"
        for title, names in lists
        if names
    ]
    return "".join(parts) or "<p>Both runs have the same results.</p>"


def render(comparison: Comparison) -> str:
    """The page of a comparison: one HTML document; the same bytes for the same comparison."""
    verdict = "equal" if comparison.equal else "different"
    summary = (
        f"Numbers compared: {comparison.n_numbers}, of which {sum(row.n_differ for row in comparison.rows)} "
        f"differ. Keys of the configuration that differ: {len(comparison.changes)}. Results missing in B: "
        f"{len(comparison.missing)}, new in B: {len(comparison.added)}."
    )
    versions = _table(
        ["package", "A", "B"],
        [("differs", [_text(name), *map(_text, pair)]) for name, pair in comparison.versions.items()],
    )
    sections = [
        ("headlines", "First numbers", _headlines(comparison)),
        ("configuration", "Configuration", _changes(comparison)),
        ("software", "Software", versions if comparison.versions else "<p>Equal versions.</p>"),
        ("results", "Results", _files(comparison)),
        ("numbers", "Numbers that differ", _numbers(comparison.rows)),
        ("figures", "Figures", "\n".join(map(_figure, comparison.figures)) or "<p>None.</p>"),
    ]
    links = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in sections)
    body = "\n".join(f'<h2 id="{anchor}">{title}</h2>\n{content}' for anchor, title, content in sections)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Comparison of two runs</title>
<link rel="icon" href="data:,"><style>{STYLE}</style></head>
<body><h1>Two runs side by side</h1>
<p><b>A</b> <code>{_text(comparison.old)}</code><br><b>B</b> <code>{_text(comparison.new)}</code></p>
<p class="verdict {verdict}"><b>The runs are {verdict}.</b> {summary}</p>
<nav>{links}</nav>
{body}
</body></html>
"""
