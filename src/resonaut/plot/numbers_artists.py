"""What each of Matplotlib's artists was told to draw, as named columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Columns = dict[str, np.ndarray]
Found = tuple[Any, Any, str, Columns]
"""What has the label, the artist that has the colour, the form, and the columns."""


def series_of(axes: Axes) -> list[tuple[str | None, str, Columns]]:
    """All series of a panel: label, form and columns (see `resonaut.plot.numbers`).

    Guide lines and spans without a name in the legend are decoration, and left out.
    """
    found = [*_containers(axes), *_lines(axes), *_patches(axes), *_collections(axes), *_images(axes)]
    order = {id(artist): number for number, artist in enumerate(axes.get_children())}
    found.sort(key=lambda entry: order.get(id(entry[1]), len(order)))
    names: dict[Any, str | None] = {None: None}
    for labelled, shown, _, _ in found:
        if _name(labelled):
            names.setdefault(_colour(shown), _name(labelled))
    return [
        (_name(labelled) or names.get(_colour(shown)), form, columns)
        for labelled, shown, form, columns in found
    ]


def _name(artist: Any) -> str | None:
    label = str(artist.get_label())
    return None if label.startswith("_") or not label else label


def _colour(artist: Any) -> tuple[float, ...] | None:
    """Red, green and blue of an artist; None where it has no single colour."""
    from matplotlib.colors import to_rgba_array

    for name in ("get_color", "get_facecolor", "get_edgecolor"):
        if hasattr(artist, name):
            values = to_rgba_array(getattr(artist, name)())
            if len(values) == 1 and values[0, 3] > 0:
                return tuple(values[0, :3].tolist())
    return None


# -- error bars and bars --------------------------------------------------------------------------


def _containers(axes: Axes) -> Iterator[Found]:
    from matplotlib.container import BarContainer, ErrorbarContainer

    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            form, columns = _error_bars(container)
            yield container, container[0] or container[2][0], form, columns
        elif isinstance(container, BarContainer) and container.patches:
            yield container, container.patches[0], "bars", _bars(container)


def _error_bars(container: Any) -> tuple[str, Columns]:
    line, _, bars = container
    columns: Columns = {}
    if line is not None:
        columns |= {"x": np.asarray(line.get_xdata(), float), "y": np.asarray(line.get_ydata(), float)}
    names = [name for name, there in (("x", container.has_xerr), ("y", container.has_yerr)) if there]
    for name, drawn in zip(names, bars, strict=False):
        along, across = (0, 1) if name == "x" else (1, 0)
        segments = np.array([part if len(part) else np.full((2, 2), np.nan) for part in drawn.get_segments()])
        segments = segments.reshape(-1, 2, 2)
        columns |= {f"{name}_low": segments[:, 0, along], f"{name}_high": segments[:, 1, along]}
        columns.setdefault("xy"[across], segments[:, 0, across])
    return ("errors" if line is None else "points"), _equally_long(columns)


def _equally_long(columns: Columns) -> Columns:
    """Columns without those that lack points: Matplotlib leaves out bars without ends."""
    length = max((len(column) for column in columns.values()), default=0)
    return {name: column for name, column in columns.items() if len(column) == length}


def _bars(container: Any) -> Columns:
    boxes = np.array([[b.get_x(), b.get_y(), b.get_width(), b.get_height()] for b in container.patches])
    x, y, width, height = boxes.reshape(-1, 4).T
    if container.orientation == "horizontal":
        return {"y": y + height / 2, "y_low": y, "y_high": y + height, "x_low": x, "x_high": x + width}
    return {"x": x + width / 2, "x_low": x, "x_high": x + width, "y_low": y, "y_high": y + height}


def _of_containers(axes: Axes) -> set[int]:
    """Artists that error bars and bars are made of."""
    return {id(child) for container in axes.containers for child in container.get_children()}


# -- lines, patches, bands, images ----------------------------------------------------------------


def _lines(axes: Axes) -> Iterator[Found]:
    known = _of_containers(axes)
    for line in axes.lines:
        if id(line) in known:
            continue
        x, y = (np.asarray(values, float) for values in (line.get_xdata(), line.get_ydata()))
        if line.get_transform() == axes.transData:
            form = "points" if line.get_linestyle() == "None" else "line"
            yield line, line, form, {"x": x, "y": y}
        elif _name(line) is not None:
            across = line.get_transform() == axes.get_yaxis_transform()
            yield line, line, "span", {"y": np.unique(y)} if across else {"x": np.unique(x)}


def _patches(axes: Axes) -> Iterator[Found]:
    from matplotlib.patches import Polygon, Rectangle, StepPatch

    known = _of_containers(axes)
    for patch in axes.patches:
        if id(patch) in known:
            continue
        if isinstance(patch, StepPatch):
            yield patch, patch, *_steps(patch)
        elif isinstance(patch, Polygon):
            x, y = np.asarray(patch.get_xy(), float).T
            yield patch, patch, "polygon", {"x": x, "y": y}
        elif isinstance(patch, Rectangle) and _name(patch) is not None:
            yield patch, patch, "span", _span(patch, axes)


def _steps(patch: Any) -> tuple[str, Columns]:
    values, edges, baseline = patch.get_data()
    columns = {"x_low": edges[:-1], "x_high": edges[1:]}
    if np.ndim(baseline):
        return "band", {**columns, "y_low": np.asarray(baseline), "y_high": np.asarray(values)}
    return "steps", {**columns, "y": np.asarray(values)}


def _span(patch: Any, axes: Axes) -> Columns:
    from matplotlib.artist import Artist

    # Without the patch's own part, which moves a unit square to its place.
    transform = Artist.get_transform(patch)
    x = {"x_low": np.array([patch.get_x()]), "x_high": np.array([patch.get_x() + patch.get_width()])}
    y = {"y_low": np.array([patch.get_y()]), "y_high": np.array([patch.get_y() + patch.get_height()])}
    if transform == axes.get_xaxis_transform():
        return x
    return y if transform == axes.get_yaxis_transform() else {**x, **y}


def _collections(axes: Axes) -> Iterator[Found]:
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh

    known = _of_containers(axes)
    for collection in axes.collections:
        if id(collection) in known:
            continue
        if isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                yield collection, collection, *_band(np.asarray(path.vertices, float))
        elif isinstance(collection, PathCollection):
            x, y = np.ma.asarray(collection.get_offsets(), float).T
            value = collection.get_array()
            yield (
                collection,
                collection,
                "points",
                {"x": x, "y": y} | ({} if value is None else {"value": value}),
            )
        elif isinstance(collection, QuadMesh):
            corners = np.asarray(collection.get_coordinates(), float)
            yield (
                collection,
                collection,
                "image",
                _cells(corners[0, :, 0], corners[:, 0, 1], collection.get_array()),
            )
        elif isinstance(collection, LineCollection) and _name(collection) is not None:
            ends = np.array([part[[0, -1]] for part in collection.get_segments()]).reshape(-1, 2, 2)
            yield (
                collection,
                collection,
                "errors",
                {
                    "x_low": ends[:, 0, 0],
                    "x_high": ends[:, 1, 0],
                    "y_low": ends[:, 0, 1],
                    "y_high": ends[:, 1, 1],
                },
            )


def _band(vertices: np.ndarray) -> tuple[str, Columns]:
    """A band: its outline is one corner, one edge, another corner and the other edge backwards."""
    n_points = (len(vertices) - 3) // 2
    one, other = vertices[1 : n_points + 1], vertices[n_points + 2 : 2 * n_points + 2][::-1]
    if len(one) != len(other) or not np.array_equal(one[:, 0], other[:, 0]):
        return "polygon", {"x": vertices[:, 0], "y": vertices[:, 1]}
    low, high = np.minimum(one[:, 1], other[:, 1]), np.maximum(one[:, 1], other[:, 1])
    return "band", {"x": one[:, 0], "y_low": low, "y_high": high}


def _images(axes: Axes) -> Iterator[Found]:
    for image in axes.images:
        values = np.ma.asarray(image.get_array())
        if values.ndim != 2:
            continue
        left, right, bottom, top = image.get_extent()
        # Of an image that begins above, the extent is upside down already.
        first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
        rows, columns = values.shape
        yield image, image, "image", _cells(
            np.linspace(left, right, columns + 1), np.linspace(first, last, rows + 1), values
        )  # fmt: skip


def _cells(x_edges: np.ndarray, y_edges: np.ndarray, values: np.ndarray) -> Columns:
    """Centres of cells and their values, row by row."""
    x, y = ((edges[1:] + edges[:-1]) / 2 for edges in (x_edges, y_edges))
    grid_x, grid_y = np.meshgrid(x, y)
    return {"x": grid_x.ravel(), "y": grid_y.ravel(), "value": np.ma.asarray(values, float).ravel()}
