"""One style for all figures: an experiment's (mplhep), a palette for colour-blind readers, a grid of panels.

The experiments' styles are used, their names are not: every figure says "resonaut" and the words that the
configuration gives.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from resonaut.errors import ConfigError, nearest
from resonaut.files import atomic, write_json
from resonaut.plot.numbers import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE_6 = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
"""Six colours that colour-blind readers can tell apart (Petroff, arXiv:2107.02270, six-colour cycle)."""
PALETTE_10 = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
"""The ten-colour cycle of the same source, used where six are too few."""

FORMATS = (".png", ".pdf", ".svg", ".json")
"""Three to look at; JSON holds the numbers (`resonaut.plot.numbers`)."""
# Sizes for panels of about 6 inches: the experiments' sheets are made for one panel of 8 to 10 inches.
_SIZES = {
    "font.size": 17,
    "axes.labelsize": "medium",
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "legend.fontsize": "x-small",
    "legend.borderpad": 0.4,
    "legend.labelspacing": 0.35,
    "axes.linewidth": 1.4,
    "axes.autolimit_mode": "data",
    "xtick.major.size": 8,
    "xtick.minor.size": 4,
    "ytick.major.size": 8,
    "ytick.minor.size": 4,
    "lines.linewidth": 1.8,
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "pdf.compression": 9,
    "svg.hashsalt": "resonaut",
}


@dataclass(frozen=True)
class Look:
    """How the figures of a study look.

    Attributes:
        style: experiment whose style sheet is used.
        label: words beside the name on each figure.
        datasets: all datasets of the study, so that one has the same colour in every figure.
        unblind: whether events of data in signal regions may be drawn.
    """

    style: Literal["CMS", "ATLAS"] = "CMS"
    label: str = "Simulation"
    datasets: tuple[str, ...] = ()
    unblind: bool = False

    def with_datasets(self, names: Iterable[str]) -> Look:
        """This look; where it names no datasets, those of the figure take their place."""
        return self if self.datasets else replace(self, datasets=tuple(sorted(set(names))))

    def colour(self, dataset: str) -> str:
        """The colour of a dataset: its place among the study's datasets, sorted by name."""
        names = sorted(self.datasets)
        palette = PALETTE_6 if len(names) <= len(PALETTE_6) else PALETTE_10
        if dataset not in names:
            raise ConfigError(f"datasets: '{dataset}' has no colour. {nearest(dataset, names)}")
        return palette[names.index(dataset) % len(palette)]


def series_colour(number: int, n_series: int = len(PALETTE_6)) -> str:
    """The colour of the `number`-th of several curves that are not datasets."""
    palette = PALETTE_6 if n_series <= len(PALETTE_6) else PALETTE_10
    return palette[number % len(palette)]


@contextlib.contextmanager
def using(look: Look) -> Iterator[None]:
    """Draw in the style of `look` inside the block, without a display and without touching other styles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.style
    import mplhep

    with matplotlib.style.context([getattr(mplhep.style, look.style), _SIZES]):
        yield


_UNDATED: dict[str, dict[str, None]] = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
# Margins and gaps in inches; they hold the labels of every figure.
_LEFT, _BOTTOM, _TOP = 1.15, 0.95, 0.5
_LOWER_GAP = 0.1


@dataclass(frozen=True)
class Panel:
    """A plot; `lower` is the ratio or pull panel under it, where there is one."""

    main: Axes
    lower: Axes | None = None

    @property
    def bottom(self) -> Axes:
        """The axes that carry the label of x."""
        return self.lower or self.main


@dataclass(frozen=True)
class Row:
    """A row of panels of one figure.

    Attributes:
        lower: one flag per panel: whether a ratio or pull panel stands under it.
        height: inches of the plot area, lower panel included.
        right: inches to the right of each panel, more where a second axis or a colour scale stands there.
        square: the plot areas are as high as wide, whatever `height` says.
        lower_share: of the height that the lower panels take.
        left: inches to the left of each panel, more where names stand there.
    """

    lower: Sequence[bool]
    height: float = 5.0
    right: float = 0.35
    square: bool = False
    lower_share: float = 0.28
    left: float = _LEFT

    def sizes(self, full_width: float) -> tuple[float, float]:
        """Width and height of the plot areas in a figure of this width, inches."""
        wide = full_width / len(self.lower) - self.left - self.right
        return wide, wide if self.square else self.height


def panels(rows: Sequence[Row], width: float = 5.6) -> tuple[Figure, list[list[Panel]]]:
    """A figure of rows of panels, every margin in inches, so that no label is clipped or overlaps.

    Args:
        rows: the rows from top to bottom.
        width: inches of the plot area of a panel in the row with most panels; other rows are stretched.

    Returns:
        The figure and its panels, row by row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    full_width = max(len(row.lower) * (row.left + width + row.right) for row in rows)
    full_height = sum(_BOTTOM + row.sizes(full_width)[1] + _TOP for row in rows)
    figure = Figure(figsize=(full_width, full_height))
    FigureCanvasAgg(figure)
    made: list[list[Panel]] = []
    y = full_height
    for row in rows:
        wide, high = row.sizes(full_width)
        y -= _TOP + high
        cell = full_width / len(row.lower)
        made.append([])
        for number, has_lower in enumerate(row.lower):
            x = number * cell + row.left
            share = high * row.lower_share if has_lower else 0.0
            gap = _LOWER_GAP if has_lower else 0.0

            def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
                return (x / full_width, y / full_height, w / full_width, h / full_height)

            main = figure.add_axes(box(x, y + share + gap, wide, high - share - gap))
            lower = None
            if has_lower:
                lower = figure.add_axes(box(x, y, wide, share), sharex=main)
                main.tick_params(axis="x", which="both", labelbottom=False)
            made[-1].append(Panel(main, lower))
        y -= _BOTTOM
    return figure, made


def add_label(axes: Axes, look: Look, right: str = "") -> None:
    """Write "resonaut" and the study's words above the left of a panel, and `right` above its right."""
    # mplhep's own label would render the whole figure to find the width of the first word.
    name = axes.text(
        0, 1.01, "resonaut", transform=axes.transAxes, ha="left", va="bottom", fontsize=22, fontweight="bold"
    )
    axes.annotate(
        look.label, (1, 0), (6, 0), xycoords=name, textcoords="offset points", va="bottom", fontsize=17,
        fontstyle="italic",
    )  # fmt: skip
    add_title(axes, right)


def add_title(axes: Axes, right: str) -> None:
    """Write words above the right end of a panel."""
    if right:
        axes.text(1.0, 1.01, right, transform=axes.transAxes, ha="right", va="bottom", fontsize=14)


def add_legend(axes: Axes, *, below: bool = False, **options: Any) -> None:
    """A legend at the top or the bottom, with the y range stretched until nothing that is drawn reaches it.

    Args:
        below: at the bottom.
        options: of `matplotlib.axes.Axes.legend`.
    """
    legend = axes.legend(**{"loc": "lower right" if below else "upper right", **options})
    box = legend.get_window_extent(axes.figure.canvas.get_renderer()).transformed(axes.transAxes.inverted())
    share = max((1 - box.y1 if below else box.y0) - 0.02, 0.2)
    scale = axes.yaxis.get_transform()
    bottom, top = scale.transform(axes.get_ylim())
    ends = [top - (top - bottom) / share, top] if below else [bottom, bottom + (top - bottom) / share]
    axes.set_ylim(*scale.inverted().transform(ends))


def save(figure: Figure, outputs: Sequence[str | os.PathLike]) -> None:
    """Write a figure to files, PNG, PDF or SVG, and its numbers to JSON: equal figures give equal bytes.

    Raises:
        ConfigError: an ending is none of these.
        OutputError: a file cannot be written.
    """
    for output in map(Path, outputs):
        if output.suffix not in FORMATS:
            raise ConfigError(
                f"--output: {output} ends in '{output.suffix}'; {', '.join(FORMATS[:-1])} or {FORMATS[-1]} "
                "is expected."
            )
    for output in map(Path, outputs):
        if output.suffix == ".json":
            write_json(output, numbers(figure))
            continue
        with atomic(output) as part:
            figure.savefig(part, metadata=_UNDATED.get(output.suffix, {}))
