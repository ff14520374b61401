"""Entries of the file of the global significance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from resonaut.infer.global_settings import TrialsSettings
from resonaut.infer.global_tests import LocalTest, Searches
from resonaut.infer.global_toys import bump_hunt, method_toys
from resonaut.stats import bootstrap
from resonaut.stats.asymptotics import discovery_p_value, significance
from resonaut.stats.bootstrap import MIN_BACKGROUND, Trials
from resonaut.stats.gross_vitells import UpCrossings, global_p
from resonaut.stats.tails import Tail, counted

SIGMAS = (1, 2, 3)

Entry = dict[str, Any]
Random = Callable[..., np.random.Generator]
"""Random numbers by what they are for."""


def local_tests(
    searches: Searches, z: np.ndarray, backgrounds: np.ndarray, replicas: np.ndarray
) -> list[Entry]:
    """All tests, with z (J,), expected backgrounds (J,) and replicas (T, J)."""
    p_local = discovery_p_value(z**2)
    spread = np.nanstd(replicas, axis=0, ddof=1) if len(replicas) > 1 else np.full(len(z), np.nan)
    return [
        {
            **_place(test),
            "expected_background": backgrounds[index],
            "z": z[index],
            "p_local": p_local[index] if z[index] > 0 else 1 - p_local[index],
            "spread": spread[index],
        }
        for index, test in enumerate(searches.tests)
    ]


def _place(test: LocalTest) -> Entry:
    window = {"low": test.window.low, "high": test.window.high}
    return {"method": test.method, **window, "selection_efficiency": test.efficiency}


def tail_entry(tail: Tail) -> Entry:
    """A counted p-value."""
    return {"p_value": tail.p_value, "error": tail.error, "z": significance(tail.p_value)}


def bootstrap_entry(found: Trials, backgrounds: np.ndarray, random: Random) -> Entry | None:
    """What the replicas say of all tests; None where there are none."""
    if not len(found.maxima):
        return None
    usable = ~np.isnan(found.fluctuations).all(axis=0)
    matrix = bootstrap.correlation(found.fluctuations[:, usable])
    levels = {
        str(sigma): bootstrap.level_of_maximum(
            matrix, float(discovery_p_value(np.array(sigma**2.0))), random("levels", sigma)
        )
        for sigma in SIGMAS
    }
    smallest = float(np.nanmin(backgrounds))
    return {
        "n": found.tail.n_toys,
        **tail_entry(found.tail),
        "gaussian": {
            "p_value": found.gaussian,
            "error": found.gaussian_error,
            "z": significance(found.gaussian),
        },
        "effective_tests": found.effective,
        "valid": smallest >= MIN_BACKGROUND,
        "smallest_background": smallest,
        "levels": levels,
    }


def method_entry(
    searches: Searches,
    method: str,
    z: np.ndarray,
    replicas: np.ndarray,
    given: TrialsSettings,
    random: Random,
) -> Entry:
    """One method alone: bootstrap, toys and bump hunts."""
    columns = [index for index, test in enumerate(searches.tests) if test.method == method]
    own = [searches.tests[index] for index in columns]
    if np.isnan(z[columns]).all():
        return {"best": None, "z_max": None, "bootstrap": None, "toys": None, "bump_hunts": []}
    best = columns[int(np.nanargmax(z[columns]))]
    found = bootstrap.trials(z[columns], replicas[:, columns], random("tail", method))
    toys = None
    if given.n_toys:
        largest = np.fmax.reduce(method_toys(own, given.n_toys, random("toys", method)), axis=1)
        tail = counted(largest, float(z[best]))
        toys = {"n": tail.n_toys, **tail_entry(tail)}
    hunts = [
        _bump(test, given, random("bump", method, test.window.name, test.efficiency))
        for test in own
        if given.bump_width_max
    ]
    counted_ = {**tail_entry(found.tail), "effective_tests": found.effective} if len(found.maxima) else None
    return {
        "best": _place(searches.tests[best]),
        "z_max": z[best],
        "bootstrap": counted_,
        "toys": toys,
        "bump_hunts": hunts,
    }


def _bump(test: LocalTest, given: TrialsSettings, rng: np.random.Generator) -> Entry:
    found = bump_hunt(test, given.bump_width_max, given.bump_toys, rng)
    edges, first, width = test.model.bins, int(found.bump.first), int(found.bump.width)
    return {
        **_place(test),
        "bump_low": edges[first] if width else np.nan,
        "bump_high": edges[first + width] if width else np.nan,
        "p_local": float(found.bump.p_value),
        "p_global": found.tail.p_value,
        "error": found.tail.error,
        "n": found.tail.n_toys,
    }


def gross_vitells_entry(z_max: float, crossings: UpCrossings | None) -> Entry | None:
    """Up-crossings; None where there is nothing to scan."""
    if crossings is None:
        return None
    p_value, error = scans_bound(z_max, crossings)
    return {
        "p_value": p_value,
        "error": error,
        "z": significance(p_value),
        "upcrossings": crossings.mean,
        "reference": crossings.reference,
        "scans": crossings.n_scans,
    }


def scans_bound(z: float, crossings: UpCrossings) -> tuple[float, float]:
    """Global p-value of several scans: each of them may begin above z."""
    one = global_p(z, crossings)
    further = (crossings.n_scans - 1) * float(discovery_p_value(np.array(z**2)))
    return min(1.0, one.p_value + further), one.error


def plain(value: Any) -> Any:
    """Python's own types; null for NaN and infinity, which JSON has not."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
