"""Generated jet images beside jets that the generator did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resonaut.errors import EmptyFileError, InputError
from resonaut.manifest import Manifest
from resonaut.manifest import read as read_manifest
from resonaut.nn.splits import PARTS, part_of
from resonaut.plot.curves import draw_losses
from resonaut.plot.histograms import Histogram, Series, draw_histograms, nice_edges, whole_edges
from resonaut.plot.images import BAR_MARGIN, draw_difference, draw_images
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.reading import SLICE, attribute, column, find_key, json_with, open_kind
from resonaut.seeds import event_hash
from resonaut.store import open_h5

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_REAL_MAX = 20_000
"""Held-out jets that are drawn at most."""
FILLED_SHARE = 1e-5
"""Pixels with a smaller mean share of pt in held-out jets are left out of the comparison."""


def held_out(manifest: Manifest, seed: int) -> np.ndarray:
    """Images of jets of the test part of the generators' split, (n_jets, P, P), at most `N_REAL_MAX`.

    Raises:
        EmptyFileError: there are none.
    """
    parts, n_found = [], 0
    for path in manifest.chunks:
        with open_h5(path) as file:
            ids = [column(file, f"events/{key}") for key in ("run", "lumi", "event")]
            hashes = event_hash(manifest.dataset, *ids, seed, "generate split")
            test = part_of(hashes) == PARTS.index("test")
            for start in range(0, len(test), SLICE):
                rows = np.flatnonzero(test[start : start + SLICE])
                images = file["images"][start : start + SLICE][rows]
                parts.append(images.reshape(-1, *images.shape[2:]))
                n_found += len(parts[-1])
                if n_found >= N_REAL_MAX:
                    return np.concatenate(parts)[:N_REAL_MAX]
    if not n_found:
        raise EmptyFileError(f"{manifest.path}: no jets in the test part. Make more events.")
    return np.concatenate(parts)


def mass_over_pt(images: np.ndarray, half_width: float) -> np.ndarray:
    """sqrt(sum over pairs of pixels of z_i z_j |r_i - r_j|^2), z the share of the sum, r the position; (n,).

    It is the mass over pt of massless particles at small angles.

    Args:
        images: (n, P, P), not negative.
        half_width: the image covers -half_width to half_width.
    """
    centre = (np.arange(images.shape[-1]) + 0.5) * (2 * half_width / images.shape[-1]) - half_width
    images = images.astype(np.float64)
    total = np.maximum(images.sum((1, 2)), np.finfo(float).tiny)
    variance = np.zeros(len(images))
    for axis in (1, 2):
        profile = images.sum(axis) / total[:, None]
        variance += profile @ centre**2 - (profile @ centre) ** 2
    return np.sqrt(np.maximum(variance, 0.0))


def active_pixels(images: np.ndarray) -> np.ndarray:
    """Number of pixels above zero, (n,)."""
    return (images > 0).sum((1, 2)).astype(float)


def relative_difference(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Generated mean image over that of real jets, minus one; NaN where real jets have next to nothing.

    Args:
        generated, real: (P, P) mean images.
    """
    filled = real > FILLED_SHARE * real.sum()
    return np.where(filled, generated / np.where(filled, real, 1.0) - 1, np.nan)


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw mean images and their ratio, two observables with ratio panels, and the losses."""
    metrics = json_with(inputs["metrics"], "dataset", "method", "history", "best_epoch", "provenance")
    manifest = read_manifest(inputs["images"], "images")
    dataset = metrics["dataset"]
    if manifest.dataset != dataset:
        raise InputError(f"{inputs['images']}: images of '{dataset}' are expected, got '{manifest.dataset}'.")
    with open_kind(inputs["samples"], "generated_images") as file:
        made, half_width = column(file, "images"), float(find_key(attribute(file, "settings"), "half_width"))
    real = held_out(manifest, int(find_key(metrics["provenance"], "seed")))
    look = look.with_datasets([dataset])
    figure, (top, bottom) = panels(
        [Row((False,) * 3, right=BAR_MARGIN, square=True), Row((True, True, False), height=5.4)], width=5.2
    )
    means = [images.mean(0, dtype=np.float64) for images in (real, made)]
    draw_images([panel.main for panel in top[:2]], means, half_width)
    difference = relative_difference(means[1], means[0])
    draw_difference(top[2].main, difference, half_width, "Generated / held-out - 1")
    add_label(top[0].main, look)
    for panel, text in zip(
        top, ("Held-out jets", f"Generated, {metrics['method']}", "Ratio of means"), strict=True
    ):
        add_title(panel.main, text)
    compared = (
        ("Image mass / $p_T$", nice_edges, mass_over_pt(real, half_width), mass_over_pt(made, half_width)),
        ("Active pixels", whole_edges, active_pixels(real), active_pixels(made)),
    )
    for panel, (name, binning, *samples) in zip(bottom, compared, strict=False):
        edges = binning(samples, 30)
        histograms = [Histogram.of(sample, edges, unit_area=True) for sample in samples]
        labels = [f"{dataset}: {len(real):,} held-out jets", f"{metrics['method']}: {len(made):,} generated"]
        series = [
            Series(histograms[0], labels[0].replace(",", " "), look.colour(dataset), "fill"),
            Series(histograms[1], labels[1].replace(",", " "), "black", "points"),
        ]
        width = edges[1] - edges[0]
        y_label = "Fraction of jets" if width == 1 else f"Fraction of jets / {width:g}"
        draw_histograms(
            panel,
            series,
            name,
            y_label,
            reference=histograms[0],
            ratio_label="Gen. / held-out",
            ratio_range=(0.0, 2.0),
        )
    losses = {
        name: np.array([epoch[key] for epoch in metrics["history"]])
        for name, key in (("Training", "train_loss"), ("Validation", "validation_loss"))
    }
    draw_losses(bottom[2].main, losses, best=metrics["best_epoch"], best_label="Weights kept")
    return figure
