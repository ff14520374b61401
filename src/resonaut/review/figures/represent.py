"""The features of the LHC Olympics, and how the mean of N images shows what each dataset is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import InputError
from resonaut.files import canonical_json
from resonaut.manifest import Manifest
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges
from resonaut.plot.images import BAR_MARGIN, draw_images
from resonaut.plot.style import Look, Panel, Row, add_label, add_title, panels
from resonaut.representation import read_settings
from resonaut.review.reading import SLICE, columns, manifests
from resonaut.shower_observables import OBSERVABLES
from resonaut.store import open_h5

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

FEATURES = {
    "mj1": (r"$m_{J1}$", "GeV"),
    "dmj": (r"$m_{J2} - m_{J1}$", "GeV"),
    "tau21_j1": (r"$\tau_{21}$ of J1", ""),
    "tau21_j2": (r"$\tau_{21}$ of J2", ""),
}
"""J1 is the lighter of the two leading jets (arXiv:2109.00546)."""
MASS = ("Resonant mass", "GeV")
NO_FEATURES = ("run", "lumi", "event", "gen_weight", "label", "mass")
N_FEATURES_MAX = 8
"""Features that are drawn where a dataset lacks some of `FEATURES`: a table."""
N_IMAGES = (10, 100, 1_000, 10_000)
"""Jets in each mean image: one jet is a few points, many are a density (arXiv:1407.5675, figure 4)."""


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the four features, and the mean images of ever more leading jets, one row per dataset.

    Pictures have images and no features.
    """
    features, images = (
        manifests(inputs[kind], kind) if inputs.get(kind) else {} for kind in ("features", "images")
    )
    look = look.with_datasets(features)
    shown = {name: item for name, item in images.items() if sum(item.n_events)}
    sizes = {name: sizes_of(sum(item.n_events)) for name, item in shown.items()}
    widest = max(map(len, sizes.values()), default=2)
    held = {name: features_of(item) for name, item in features.items() if sum(item.n_events)}
    chosen = chosen_of(held) if held else []
    # Features beside each other where the images below are four in a row.
    n_columns = 4 if widest == 4 else max(1, min(2, len(chosen)))
    rows = [Row((False,) * n_columns)] * -(-len(chosen) // n_columns)
    n_rows = len(rows)
    rows += [Row((False,) * widest, right=BAR_MARGIN, square=True)] * len(shown)
    figure, made = panels(rows, width={1: 12.0, 2: 6.2}.get(widest, 4.6))
    panels_ = [panel for row in made[:n_rows] for panel in row]
    for panel in panels_[len(chosen) :]:
        panel.main.set_axis_off()
    for panel, feature in zip(panels_, chosen, strict=False):
        having = {name: features[name] for name, own in held.items() if feature in own}
        _draw_feature(panel, feature, having, look)
    add_label(made[0][0].main, look)
    if shown:
        _draw_means(made[n_rows:], shown, sizes)
    return figure


def features_of(manifest: Manifest) -> list[str]:
    """Names of the features of the events of a dataset."""
    with open_h5(manifest.chunks[int(np.argmax(manifest.n_events))]) as file:
        return [name for name, item in file["events"].items() if hasattr(item, "dtype")]


def chosen_of(held: dict[str, list[str]]) -> list[str]:
    """Features that are drawn: those of `FEATURES` or of showers, and columns of datasets without.

    Args:
        held: names of the features of each dataset.

    Returns:
        Names; the mass alone where events have nothing else, as those of one jet.
    """
    found = [name for name in (*FEATURES, *OBSERVABLES) if any(name in own for own in held.values())]
    for own in held.values():
        if not set(FEATURES) <= set(own) and "visible_energy" not in own:
            found += [name for name in own if name not in (*NO_FEATURES, *found)]
    return found[:N_FEATURES_MAX] or ["mass"]


def _draw_feature(panel: Panel, feature: str, features: dict[str, Manifest], look: Look) -> None:
    parts = {
        name: columns(item, [f"events/{feature}"])[f"events/{feature}"] for name, item in features.items()
    }
    symbol, unit = {**OBSERVABLES, **FEATURES, "mass": MASS}.get(feature, (feature.replace("_", " "), ""))
    if feature in FEATURES and not unit:
        edges = np.linspace(0, 1, 41)
    else:
        edges = nice_edges(list(parts.values()), 50, low=0.0 if feature in FEATURES else None)
    series = [
        Series(Histogram.of(part, edges, unit_area=True), name, look.colour(name))
        for name, part in parts.items()
    ]
    width = edges[1] - edges[0]
    draw_histograms(
        panel,
        series,
        f"{symbol} [{unit}]" if unit else symbol,
        f"Fraction of events / {width:g} {unit}".rstrip(),
    )


def sizes_of(n_jets: int) -> list[int]:
    """Numbers of jets whose mean is drawn: those of `N_IMAGES` that there are, or all where there are few."""
    return [size for size in N_IMAGES if size <= n_jets] or [n_jets]


def mean_images(manifest: Manifest, sizes: Sequence[int]) -> list[np.ndarray]:
    """Mean images of the leading jets of the first events.

    Args:
        manifest: of images; the first channel is used where there are several.
        sizes: numbers of jets, increasing, at most those of the dataset.

    Returns:
        (n_rows, n_columns) float64 for each size.

    Raises:
        InputError: a chunk holds no images.
    """
    means: list[np.ndarray] = []
    total, n_done = np.zeros(()), 0
    for chunk in manifest.chunks:
        with open_h5(chunk) as file:
            if "images" not in file:
                raise InputError(f"{chunk}: no 'images'; it holds {', '.join(file)}. Run `represent images`.")
            images, start = file["images"], 0
            while start < len(images) and len(means) < len(sizes):
                stop = min(start + SLICE, start + sizes[len(means)] - n_done, len(images))
                part = images[start:stop, 0].astype(np.float64)
                total = total + (part if part.ndim == 3 else part[:, 0]).sum(0)
                n_done += len(part)
                start = stop
                if n_done == sizes[len(means)]:
                    means.append(total / n_done)
    return means


def _draw_means(
    rows: Sequence[Sequence[Panel]], shown: dict[str, Manifest], sizes: dict[str, list[int]]
) -> None:
    """One row of mean images per dataset, with one colour scale for those that are made alike."""
    alike: dict[str, list[str]] = {}
    panels_of = dict(zip(shown, rows, strict=True))
    for name, row in panels_of.items():
        alike.setdefault(canonical_json(read_settings(shown[name])), []).append(name)
        for panel in row[len(sizes[name]) :]:
            panel.main.set_axis_off()
    for names in alike.values():
        made_with = read_settings(shown[names[0]])
        of_jets = not made_with or "half_width" in made_with
        used = [panel.main for name in names for panel in panels_of[name][: len(sizes[name])]]
        means = [image for name in names for image in mean_images(shown[name], sizes[name])]
        titles = [_title(name, size, of_jets) for name in names for size in sizes[name]]
        draw_images(
            *(used, means, made_with.get("half_width", 1.0) if of_jets else _half_pixels(means[0])),
            label=_label(made_with) if of_jets else "Mean of pixels",
            rotated=made_with.get("rotate", True),
        )
        for axes, title in zip(used, titles, strict=True):
            add_title(axes, title)
            if not of_jets:
                axes.set_xlabel("Column, from the centre")
                axes.set_ylabel("Row, from the centre")


def _title(name: str, n_images: int, of_jets: bool) -> str:
    number = f"{n_images:,}".replace(",", " ")
    if not of_jets:
        return f"{name}: mean of {number} pictures" if n_images > 1 else f"{name}: one picture"
    return f"{name}, leading jets: mean of {number}" if n_images > 1 else f"{name}: one jet"


def _half_pixels(image: np.ndarray) -> tuple[float, float]:
    """Half the rows and half the columns of a picture."""
    return image.shape[0] / 2, image.shape[1] / 2


def _label(made_with: dict[str, Any]) -> str:
    """What a mean pixel is."""
    channel = made_with.get("channels", ["pt"])[0]
    plain = made_with.get("transform", "linear") == "linear"
    normalise = made_with.get("normalise", "sum")
    share = normalise in (True, "sum")
    if channel != "pt" or not plain or normalise in ("max", "l2"):
        return f"Mean of pixels ({channel})"
    return r"Mean fraction of $p_T$ per pixel" if share else r"Mean $p_T$ per pixel [GeV]"
