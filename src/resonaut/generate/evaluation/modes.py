"""Mode collapse: modes of a known mixture that are found, and regions of real rows that are left empty."""

from __future__ import annotations

from typing import Any

import numpy as np

N_BINS = 50
"""Regions that real rows are cut into."""
_REACH = 3.0
_FOUND = 0.1
_DIFFERENT = 3.0


def found_modes(
    values: np.ndarray, centres: np.ndarray, width: float, shares: np.ndarray | None = None
) -> dict[str, Any]:
    """How many modes of a known mixture of normal distributions a sample holds.

    A row belongs to the nearest centre, if it lies within three widths of it. A mode is found if it has at
    least a tenth of the rows that are its due (in arXiv:1611.02163 any row is enough).

    Args:
        values: (n, d).
        centres: (n_modes, d).
        width: standard deviation of each mode along each axis.
        shares: (n_modes,) of the mixture; equal by default.

    Returns:
        n_modes, found, high_quality (share of the rows near any centre), shares (n_modes,) of the rows.
    """
    n_modes = len(centres)
    due = np.full(n_modes, 1 / n_modes) if shares is None else np.asarray(shares, float)
    distance = np.linalg.norm(values[:, None] - centres, axis=-1)
    near = distance.min(1) < _REACH * width
    own = np.bincount(distance.argmin(1)[near], minlength=n_modes) / len(values)
    return {
        "n_modes": n_modes,
        "found": int((own >= _FOUND * due).sum()),
        "high_quality": float(near.mean()),
        "shares": own.tolist(),
    }


def different_bins(
    training: np.ndarray, real: np.ndarray, other: np.ndarray, generated: np.ndarray, seed: int
) -> dict[str, Any]:
    """Regions whose share of generated rows differs from that of real rows (arXiv:1805.12462).

    Regions are the cells of a k-means of training rows. Where modes are dropped, regions are left empty.

    Args:
        training, real, other, generated: (n, d) points in like scales.
        seed: of the k-means.

    Returns:
        n_bins; different: share of regions that differ by more than three standard deviations of two
        binomial counts; floor: the same of further real rows; empty: regions with less than a tenth of the
        rows that are their due, and the floor of that.
    """
    from sklearn.cluster import KMeans

    n_bins = min(N_BINS, max(2, len(training) // 20))
    centres = KMeans(n_bins, n_init=1, random_state=seed % 2**32).fit(training)
    share = {
        name: np.bincount(centres.predict(points), minlength=n_bins) / len(points)
        for name, points in (("real", real), ("other", other), ("generated", generated))
    }
    due = np.bincount(centres.labels_, minlength=n_bins) / len(training)

    def different(name: str, number: int) -> float:
        joint = (share[name] * number + share["real"] * len(real)) / (number + len(real))
        spread = np.sqrt(joint * (1 - joint) * (1 / number + 1 / len(real)))
        return float((np.abs(share[name] - share["real"]) > _DIFFERENT * spread).mean())

    return {
        "n_bins": n_bins,
        "different": different("generated", len(generated)),
        "different_floor": different("other", len(other)),
        "empty": int((share["generated"] < _FOUND * due).sum()),
        "empty_floor": int((share["other"] < _FOUND * due).sum()),
    }


def classes(
    real: np.ndarray, real_class: np.ndarray, held_out: np.ndarray, held_out_class: np.ndarray,
    generated: np.ndarray, asked: np.ndarray, names: tuple[str, ...], seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Whether rows that were asked of a class look like it, to trees that learnt the classes from real rows.

    Args:
        real, held_out: (n, d) real rows that the trees learn from, and others.
        real_class, held_out_class: (n,) index of the class of each.
        generated: (m, d); `asked`: (m,) the class that each was generated for.
        names: of the classes.
        seed: of the trees.

    Returns:
        names; agreement of generated and of held-out rows (share whose class is recognised); and the share
        of each class among the recognised ones of both.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(random_state=seed % 2**32, max_iter=100).fit(real, real_class)
    told = {"generated": trees.predict(generated), "held_out": trees.predict(held_out)}
    wanted = {"generated": asked, "held_out": held_out_class}
    return {
        "names": list(names),
        "agreement": {key: float((told[key] == wanted[key]).mean()) for key in told},
        "shares": {
            key: (np.bincount(value, minlength=len(names)) / len(value)).tolist()
            for key, value in told.items()
        },
    }
