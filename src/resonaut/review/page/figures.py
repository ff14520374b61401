"""A figure on the page: crisp, with what it shows, its numbers, its file and its command."""

from __future__ import annotations

import re
import shlex
from html import escape

from resonaut.files import read_json
from resonaut.plot.numbers import as_csv
from resonaut.review.page.captions import TITLES, caption
from resonaut.review.page.contents import Contents, Figure
from resonaut.review.page.html import data_address, definitions, download, folded

MAX_DRAWING = 1_500_000
"""Bytes of a drawing; where one is larger, the picture stands in its place."""
_FULL_SIZE = '<label class="file"><input type="checkbox" class="full"> Full size</label>'
_DECIMALS = re.compile(r"-?\d+\.\d{3,}")
_COORDINATES = re.compile(r'( (?:d|x|y|points)=")([^"]*)(")')
_SIZE = re.compile(r'<svg [^>]*?\bheight="([\d.]+)pt"[^>]*?\bwidth="([\d.]+)pt"|'
                   r'<svg [^>]*?\bwidth="([\d.]+)pt"[^>]*?\bheight="([\d.]+)pt"', re.DOTALL)  # fmt: skip


def title(figure: Figure) -> str:
    """What a figure is called: the stage's words, and what it is of."""
    words = TITLES.get(figure.stage, figure.stage.replace("_", " ").capitalize())
    if len(figure.of) == 2:
        return f"{words}: {figure.of[1]} in {figure.of[0]}"
    return f"{words}: {figure.of[0]}" if figure.of else words


def anchor(figure: Figure) -> str:
    """The name of its place on the page."""
    return "figure-" + re.sub(r"[^A-Za-z0-9_.-]", "-", figure.name)


def show(figure: Figure, contents: Contents) -> str:
    """The figure with all that belongs to it."""
    shows = caption(figure.stage)
    drawing = slim(figure.path(".svg").read_text(encoding="utf-8"))
    if len(drawing) <= MAX_DRAWING:
        width, height = size(drawing)
        source = data_address(drawing.encode(), "image/svg+xml")
        sized = f' width="{width}" height="{height}"'
    else:
        source, sized = data_address(figure.path(".png").read_bytes(), "image/png"), ""
    numbers = as_csv(read_json(figure.path(".json"))).encode()
    file = figure.name.replace("/", "-")
    links = [
        download(figure.path(".pdf").read_bytes(), "application/pdf", f"{file}.pdf", "Figure (PDF)"),
        download(numbers, "text/csv", f"{file}.csv", "Numbers (CSV)"),
    ]
    name = title(figure)
    return (
        f'<figure id="{anchor(figure)}"><div class="drawing" tabindex="0">'
        f'<img alt="{escape(f"{name}. {shows}")}"{sized} src="{source}"></div>'
        f'<figcaption><span class="title">{escape(name)}.</span> {escape(shows)}</figcaption>'
        f'<div class="files">{"".join(links)}{_FULL_SIZE}</div>{_making(figure, contents)}</figure>'
    )


def _making(figure: Figure, contents: Contents) -> str:
    """The command that drew a figure, and where its files are."""
    record = figure.path(".png.run.json")
    command = read_json(record)["command"] if record.is_file() else None
    folder = escape(str(contents.folder / "review" / figure.name))
    entries = {"Files": f"<code>{folder}</code> .png, .pdf, .svg; numbers: .json"}
    again = shlex.join(["snakemake", "--cores", "1", "--force", str(figure.path(".png"))])
    entries["In the workflow"] = f"<code>{escape(again)}</code>"
    shown = definitions(entries)
    if command is not None:
        shown += f"<pre>{escape(command)}</pre>"
    return folded("Command and files", shown)


def size(drawing: str) -> tuple[int, int]:
    """Width and height of a drawing in pixels of a screen; its unit is 1/72 inch."""
    found = _SIZE.search(drawing)
    if found is None:
        return 960, 540
    height, width = found.group(1) or found.group(4), found.group(2) or found.group(3)
    return round(float(width) * 4 / 3), round(float(height) * 4 / 3)


def slim(drawing: str) -> str:
    """The same drawing in fewer bytes: places to a hundredth of 1/72 inch, no head, no description."""
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.DOTALL)
    drawing = _COORDINATES.sub(lambda found: found[1] + _DECIMALS.sub(_shorter, found[2]) + found[3], drawing)
    return re.sub(r"\s*\n\s*", "\n", drawing)


def _shorter(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
