"""Generated against held-out jets, beside the floor: held-out jets against other held-out jets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.generate.observables import observables


@dataclass(frozen=True)
class Distance:
    """How far generated jets are from real ones in one observable.

    Attributes:
        distance: generated jets against one half of the test jets.
        floor: the other half against the same half: what a perfect generator gives.
        real_mean, real_width: mean and standard deviation of the test jets; None for images.
        generated_mean: mean of the generated jets; None for images.
    """

    distance: float
    floor: float
    real_mean: float | None = None
    real_width: float | None = None
    generated_mean: float | None = None


def wasserstein1(first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein-1 distance of two samples of equal size: the mean distance of their order statistics.

    Args:
        first, second: (n,).
    """
    return float(np.abs(np.sort(first) - np.sort(second)).mean())


def mean_image_l1(first: np.ndarray, second: np.ndarray) -> float:
    """Sum over pixels of the difference of mean images; 2 at most for images of sum 1."""
    difference = first.mean(axis=0, dtype=np.float64) - second.mean(axis=0, dtype=np.float64)
    return float(np.abs(difference).sum())


def compare(
    generated: np.ndarray, half: np.ndarray, other_half: np.ndarray, half_width: float
) -> dict[str, Distance]:
    """Distances in each observable and of the mean images, and their floors.

    All samples are cut to one size, so that distance and floor have the same statistical part.

    Args:
        generated: (n_generated, P, P) images.
        half, other_half: (n, P, P) disjoint real images that the generator never saw.
        half_width: the images cover -half_width to half_width.
    """
    size = min(map(len, (generated, half, other_half)))
    made, real, other = (observables(images[:size], half_width) for images in (generated, half, other_half))
    found = {}
    for name in real:
        both = np.concatenate([real[name], other[name]])
        found[name] = Distance(
            distance=wasserstein1(made[name], real[name]),
            floor=wasserstein1(other[name], real[name]),
            real_mean=float(both.mean()),
            real_width=float(both.std()),
            generated_mean=float(made[name].mean()),
        )
    found["mean_image"] = Distance(
        mean_image_l1(generated[:size], half[:size]), mean_image_l1(other_half[:size], half[:size])
    )
    return found
