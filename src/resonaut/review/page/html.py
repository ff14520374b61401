"""Pieces of HTML: tables, notes, folded parts, links that carry their file."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        html: what stands in it, escaped already.
        kind: its class: "" for words, "number", "pass", "fail" or "none".
    """

    html: str
    kind: str = ""


def numeric(*values: str) -> list[Cell]:
    """Cells of numbers, aligned to the right."""
    return [Cell(value, "number") for value in values]


def words(*values: object) -> list[Cell]:
    """Cells of words."""
    return [Cell(escape(str(value))) for value in values]


def yes_or_no(state: bool | None) -> Cell:
    """A sign and a word, so that no colour is needed; a dash where nothing is known."""
    if state is None:
        return Cell("–", "none")
    return Cell("✓ yes", "pass") if state else Cell("✗ no", "fail")


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    caption: str = "",
    kind: str = "",
    marked: Collection[int] = (),
) -> str:
    """A table with a header row; the first cell of a row names it.

    Args:
        head: names of the columns, escaped already.
        caption: words above, escaped already.
        kind: class of the table.
        marked: places of rows that stand out.
    """
    body = []
    for place, row in enumerate(rows):
        cells = [_cell(cell, "td" if number else "th") for number, cell in enumerate(row)]
        start = '<tr class="best">' if place in marked else "<tr>"
        body.append(f"{start}{''.join(cells)}</tr>")
    above = f"<caption>{caption}</caption>" if caption else ""
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    name = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" tabindex="0"><table{name}>{above}<thead><tr>{names}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(cell: Cell, tag: str) -> str:
    scope = ' scope="row"' if tag == "th" else ""
    kind = f' class="{cell.kind}"' if cell.kind else ""
    return f"<{tag}{scope}{kind}>{cell.html}</{tag}>"


def paragraph(html: str, kind: str = "") -> str:
    """A paragraph."""
    return f'<p class="{kind}">{html}</p>' if kind else f"<p>{html}</p>"


def folded(summary: str, html: str) -> str:
    """A part that opens when it is asked for; on paper it stays closed."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def heading(html: str, level: int = 3) -> str:
    """A heading inside of a section."""
    return f"<h{level}>{html}</h{level}>"


def definitions(entries: Mapping[str, str]) -> str:
    """Names and values below each other; values are escaped already."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in entries.items())
    return f"<dl>{rows}</dl>"


def data_address(content: bytes, media: str) -> str:
    """An address that holds the file itself."""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def download(content: bytes, media: str, name: str, label: str) -> str:
    """A link that saves a file which the page holds."""
    return (
        f'<a class="file" download="{escape(name)}" href="{data_address(content, media)}">{escape(label)}</a>'
    )
