"""Tables of one search: spectra with fits, fit parameters and covariance, p-values, limits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.archive.hepdata_table import Column, Content, Qualifier
from resonaut.files import read_json

Name = Callable[[str], str]
Json = dict[str, Any]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _count(value: float) -> int | None:
    """Blind bins hold -1."""
    return int(value) if value >= 0 else None


def _window(low: float, high: float) -> str:
    return f"{low:g}-{high:g}"


def spectra(path: Path, source: str, common: Sequence[Qualifier], name: Name) -> list[Content]:
    """Tables of a file of spectra: of each selection the spectra of all windows, and their fits.

    Args:
        path: of `resonaut hunt` (HDF5).
        source: how the file is named to a reader.
        common: qualifiers of all columns.
        name: makes the name of a table.
    """
    import h5py

    with h5py.File(path, "r") as file:
        edges = file["edges"][:]
        inside = file["inside"][:]
        efficiencies = file["efficiencies"][:]
        function = str(file.attrs["background_function"])
        # The first pseudo-experiment is the mixture itself.
        counts, expected = file["counts"][0], file["expected"][0]
        parameters, covariance = file["parameters"][0], file["covariance"][0]
        who = f"{file.attrs['method']} {file.attrs['mixture']}"
    bins = [(float(low), float(high)) for low, high in itertools.pairwise(edges)]
    regions = [_region(bins, of) for of in inside]
    found = []
    for number, efficiency in enumerate(efficiencies):
        qualifiers = [*common, ("SELECTION EFFICIENCY", float(efficiency), "")]
        words = f"{who} {efficiency:g}"
        columns = [Column("Invariant mass", bins, "GeV", independent=True)]
        for window, region in enumerate(regions):
            of = [*qualifiers, ("SIGNAL REGION", region, "GeV")]
            seen = [_count(value) for value in counts[window, number]]
            columns.append(Column("Selected events", seen, qualifiers=of))
            fitted = [_number(value) for value in expected[window, number]]
            columns.append(Column("Background fit", fitted, qualifiers=of))
        found.append(
            Content(
                name(f"Spectra {words}"),
                f"Events selected in each bin, and the background ({function}) that was fitted to the side "
                "bands of each signal region; where there is no value the bin is not part of the fit, or is "
                "not opened. Bins are not divided by their width.",
                source,
                columns,
                ("N",),
            )
        )
        fits = parameters[:, number], covariance[:, number]
        found += _fit_tables(fits, regions, qualifiers, words, (function, source), name)
    return found


def _region(bins: Sequence[tuple[float, float]], inside: np.ndarray) -> str:
    chosen = [edges for edges, within in zip(bins, inside, strict=True) if within]
    return _window(chosen[0][0], chosen[-1][1]) if chosen else ""


def _fit_tables(
    fits: tuple[np.ndarray, np.ndarray],
    regions: Sequence[str],
    qualifiers: Sequence[Qualifier],
    words: str,
    told: tuple[str, str],
    name: Name,
) -> list[Content]:
    """Parameters of the fits of one selection, (W, K), and their covariances, (W, K, K)."""
    parameters, covariance = fits
    function, source = told
    n = parameters.shape[1]
    if not n or not np.isfinite(parameters).any():
        return []
    values = [Column("Parameter", [f"p{number}" for number in range(n)], independent=True)]
    pairs = [(row, column) for row in range(n) for column in range(row, n)]
    entries = [
        Column("First parameter", [f"p{row}" for row, _ in pairs], independent=True),
        Column("Second parameter", [f"p{column}" for _, column in pairs], independent=True),
    ]
    for window, region in enumerate(regions):
        of = [*qualifiers, ("SIGNAL REGION", region, "GeV")]
        errors = [_number(value) for value in np.sqrt(np.maximum(np.diagonal(covariance[window]), 0.0))]
        numbers = [_number(value) for value in parameters[window]]
        values.append(Column("Value", numbers, errors={"fit": errors}, qualifiers=of))
        numbers = [_number(covariance[window][pair]) for pair in pairs]
        entries.append(Column("Covariance", numbers, qualifiers=of))
    meaning = f"The background function is '{function}'; its parameters are numbered in their order there, "
    meaning += "those of the ratio of selected to failing events come last."
    return [
        Content(
            name(f"Fit parameters {words}"),
            f"Parameters of the background fits. {meaning}",
            source,
            values,
            ("FIT",),
        ),
        Content(
            name(f"Fit covariance {words}"),
            f"Covariance of the parameters of the background fits. {meaning}",
            source,
            entries,
            ("COV",),
        ),
    ]


def significance(path: Path, source: str, common: Sequence[Qualifier], name: Name) -> list[Content]:
    """Local p-values, and limits with their bands, of all tests of a search.

    Args:
        path: of `resonaut infer` (JSON).
        source, common, name: as for `spectra`.
    """
    result = read_json(path)
    tests = result["windows"]
    if not tests:
        return []
    who = f"{result['method']} {result['mixture']}"
    where = [
        Column("Signal region", [(test["low"], test["high"]) for test in tests], "GeV", independent=True),
        Column("Selection efficiency", [test["selection_efficiency"] for test in tests], independent=True),
    ]
    level = [*common, ("CONFIDENCE LEVEL", float(result["confidence_level"]), "")]
    return [
        Content(
            name(f"Local p-values {who}"),
            "Events in each signal region, the background expected from the fit to its side bands, the "
            "fitted signal, and the local p-value of the background with its significance (one-sided).",
            source,
            [*where, *_tested(tests, common)],
            ("N", "P-VALUE", "SIG"),
        ),
        *(
            Content(
                name(f"{title} {who}"),
                f"Observed and expected upper limits (CLs) on {what} in each signal region.",
                source,
                [*where, *_limits([test[key] for test in tests], units, level)],
                ("LIMIT",),
            )
            for key, title, what, units in (
                ("upper_limit", "Upper limits", "the number of signal events", ""),
                ("upper_limit_fb", "Cross-section limits", "the cross-section of a signal", "fb"),
            )
            if all(test.get(key) for test in tests)
        ),
    ]


def _tested(tests: Sequence[Json], common: Sequence[Qualifier]) -> list[Column]:
    signals = [test.get("signal") or {} for test in tests]
    lower = [_difference(signal.get("low"), signal.get("events")) for signal in signals]
    upper = [_difference(signal.get("high"), signal.get("events")) for signal in signals]
    intervals = [None if None in pair else pair for pair in zip(lower, upper, strict=True)]
    return [
        Column("Observed events", [test["observed"] for test in tests], qualifiers=common),
        Column(
            "Expected background",
            [test["expected_background"] for test in tests],
            errors={"fit": [test["expected_background_error"] for test in tests]},
            qualifiers=common,
        ),
        Column(
            "Fitted signal events",
            [signal.get("events") for signal in signals],
            errors={"68% interval": intervals},
            qualifiers=common,
        ),
        Column("Local p-value", [test["p_value"] for test in tests], qualifiers=common),
        Column("Local significance", [test["z_local"] for test in tests], qualifiers=common),
    ]


def _difference(value: float | None, centre: float | None) -> float | None:
    return None if value is None or centre is None else value - centre


def _limits(limits: Sequence[Json], units: str, qualifiers: Sequence[Qualifier]) -> list[Column]:
    centre = [limit["expected"] for limit in limits]
    bands = {}
    for number in (1, 2):
        pairs = [
            tuple(
                _difference(limit[f"expected_{side}_{number}sigma"], limit["expected"])
                for side in ("minus", "plus")
            )
            for limit in limits
        ]
        bands[f"{number} s.d."] = [None if None in pair else pair for pair in pairs]
    return [
        Column("Observed upper limit", [limit["observed"] for limit in limits], units, qualifiers=qualifiers),
        Column("Expected upper limit", centre, units, errors=bands, qualifiers=qualifiers),
    ]
