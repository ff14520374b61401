"""Attributions of pixels: mean maps of each class, and how far from the axis a network looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.seeds import integer_seed
from resonaut.tag.explain import gradients
from resonaut.tag.explain.profiles import profile
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import Attribution, ExplainSettings

_N_RINGS = 12


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """Mean maps and radial profiles.

    Returns:
        maps: by method and class (n_pixels, n_pixels) mean attribution, summed over channels: of a gradient
        the derivative by the pixel's share of pt times 0.01, so that it is the change of log odds by one per
        cent of pt in that pixel; standard: the same shape, standard errors; images: mean images of the first
        channel; half_width: of the image (radian); profiles: by method and class, shares of |attribution| in
        rings around the axis (`edges`, radian); gap.
    """
    half_width = float(rows.trained.description["representation"].get("half_width", 1.0))
    sums = {
        method: np.zeros((len(rows), *rows.jets.flat.shape[2:]), np.float32)
        for method in settings.attributions
    }
    gaps: dict[str, list[Tensor]] = {method: [] for method in settings.attributions if method != "gradient"}
    other = torch.from_numpy(rows.jets.flat[~rows.label if rows.target is not None else slice(None)])
    scores = rows.scores()
    for number, (chosen, batch) in enumerate(rows.batches(64)):
        for method in settings.attributions:
            for place, score in enumerate(scores):
                seed = integer_seed(rows.seed, rows.where, "shap", number, place)
                made = _attributed(method, score, batch.values[0], other, settings, seed)
                sums[method][chosen] += made.values.sum(dim=1).float().numpy() / len(scores)
                if made.gap is not None:
                    gaps[method].append(torch.stack([made.gap, made.values.flatten(1).sum(dim=1)]))
    edges, ring = rings(rows.jets.flat.shape[2:], half_width)
    found: dict[str, Any] = {"maps": {}, "standard": {}, "profiles": {}}
    for method, values in sums.items():
        for key in found:
            found[key][method] = {}
        for group, name in enumerate(rows.classes):
            own = values[rows.group == group]
            found["maps"][method][name] = own.mean(axis=0).tolist()
            found["standard"][method][name] = (own.std(axis=0) / np.sqrt(len(own))).tolist()
            size = np.abs(own).reshape(len(own), -1)
            found["profiles"][method][name] = profile(
                size, np.broadcast_to(ring.ravel(), size.shape), len(edges) - 1
            )
    images = {
        name: rows.jets.flat[rows.group == group, 0].mean(axis=0).tolist()
        for group, name in enumerate(rows.classes)
    }
    share = {
        method: gradients.share_of_gap(*torch.cat(parts, dim=1).unsqueeze(1))
        for method, parts in gaps.items()
    }
    return {**found, "images": images, "half_width": half_width, "edges": edges.tolist(), "gap": share}


def rings(shape: tuple[int, ...], half_width: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges of rings of equal width around the centre, and the ring of each pixel, -1 outside."""
    centres = [((np.arange(size) + 0.5) / size * 2 - 1) * half_width for size in shape]
    distance = np.hypot(centres[0][:, None], centres[1])
    edges = np.linspace(0, half_width, _N_RINGS + 1)
    ring = np.searchsorted(edges, distance, side="right") - 1
    return edges, np.where(ring < _N_RINGS, ring, -1)


def _attributed(
    method: Attribution, score: nn.Module, values: Tensor, other: Tensor, settings: ExplainSettings, seed: int
) -> gradients.Attributed:
    if method == "gradient":
        slope = gradients.gradient(score, values)
        return gradients.Attributed(0.01 * slope.values, None)
    if method == "integrated_gradients":
        return gradients.integrated_gradients(score, values, torch.zeros_like(values[:1]), settings.n_steps)
    return gradients.expected_gradients(score, values, other, settings.n_draws, seed)
