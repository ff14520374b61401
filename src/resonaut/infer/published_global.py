"""Global p-values of a histogram: toys and Gross-Vitells over the mass scan, and a hunt for any bump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from resonaut import seeds
from resonaut.infer.published_fits import Fitted
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.stats import bumphunter, scan_toys
from resonaut.stats.asymptotics import significance
from resonaut.stats.gross_vitells import global_p, mean_upcrossings
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.signals import Signal
from resonaut.stats.tails import Tail

REFERENCE = 1.0
"""Level of the up-crossings, standard deviations."""


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def over_masses(
    fitted: Fitted, counts: np.ndarray, signals: Sequence[Signal], masses: np.ndarray, given: SpectrumSettings
) -> dict[str, Any]:
    """Global p-value of the largest excess over the masses; every toy refits the background.

    Without toys the up-crossings of the data's own scan remain.
    """
    templates = np.stack([signal.nominal for signal in signals])
    scan = scan_toys.MassScan(fitted.model, templates)
    if given.toys:
        rng = seeds.generator(given.seed, "infer", "spectrum", "scan")
        found = scan_toys.run([scan], counts[None], given.toys, rng, REFERENCE)
        z, tail, crossings = found.z[0], found.tail, found.crossings[0]
    else:
        z, tail = scan.tests(counts).z, Tail(np.nan, np.nan, 0)
        crossings = mean_upcrossings(z, REFERENCE)
    z_max = float(np.nanmax(z))
    approximate = global_p(z_max, crossings)
    return {
        "p": _finite(tail.p_value),
        "error": _finite(tail.error),
        "z": _finite(float(significance(np.array(tail.p_value)))),
        "method": "toys",
        "n_toys": tail.n_toys,
        "z_max": z_max,
        "mass": float(masses[int(np.nanargmax(z))]),
        "gross_vitells": {
            "p": _finite(approximate.p_value),
            "error": _finite(approximate.error),
            "z": _finite(approximate.z),
            "reference": crossings.reference,
            "mean_upcrossings": _finite(crossings.mean),
            "scans": crossings.n_scans,
        },
    }


def bump_hunt(
    background: LogLinear | np.ndarray,
    edges: np.ndarray,
    counts: np.ndarray,
    given: SpectrumSettings,
    name: str,
) -> dict[str, Any]:
    """BumpHunter's most significant window and its global p-value.

    Args:
        background: a model, which every toy refits, or (n_bins,) expected events, which stay.
        name: of the toys.
    """
    n_bins = len(counts)
    low, high = given.bump_widths or (2, max(2, n_bins // 2))
    widths = range(low, high + 1)
    rng = seeds.generator(given.seed, "infer", "spectrum", "bump", name)
    found = bumphunter.hunt(counts, background, widths, given.toys, rng)
    first, width = int(found.bump.first), int(found.bump.width)
    seen = width > 0
    return {
        "p": _finite(found.tail.p_value),
        "error": _finite(found.tail.error),
        "n_toys": found.tail.n_toys,
        "refit": isinstance(background, LogLinear),
        "widths": [low, high],
        "p_local": float(found.bump.p_value),
        "low": float(edges[first]) if seen else None,
        "high": float(edges[first + width]) if seen else None,
        "observed": float(counts[first : first + width].sum()) if seen else None,
        "expected": float(found.expected[first : first + width].sum()) if seen else None,
    }
