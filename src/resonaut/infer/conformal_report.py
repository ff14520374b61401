"""Conformal significances of a search, local and global, without a fit.

`conformal.json`:

    schema_version, kind ("conformal"), mixture, method, blind
    mass_terms           of the density ratio of `weighted`
    windows              one per window, variant and selection efficiency below 1:
        low, high (GeV), variant, selection_efficiency
        events               in the signal region
        count                of them with p <= selection_efficiency; both null where blind
        expected             where `events` is known: mean of the null, and its standard deviation without the
        expected_error       Poisson spread of the count itself
        fraction_error       relative standard deviation of the fraction of background that is kept; known
                             before the signal region is opened
        p_value, z_signed    of the beta-binomial null; null where not known
    global               by variant: {p_value, z} of the largest z of all windows and efficiencies
    provenance

A null where a side band has too few events is null throughout. The numbers are those of the data, the first
pseudo-experiment of the spectra.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from resonaut.errors import InputError
from resonaut.files import write_json
from resonaut.infer import spectra as spectra_file
from resonaut.infer.conformal import ConformalCounts, read
from resonaut.provenance import describe, write_run_record
from resonaut.stats.asymptotics import significance
from resonaut.stats.conformal import count_test

SCHEMA_VERSION = 1
KIND = "conformal"


def run(spectra: str | os.PathLike, output: str | os.PathLike) -> dict[str, Any]:
    """Test the conformal counts of a search and write what the module says.

    Args:
        spectra: HDF5 of hunt.
        output: JSON.

    Raises:
        InputError: the spectra cannot be used, hold no pseudo-experiment or no conformal counts.
    """
    search, found = spectra_file.read(spectra), read(spectra)
    if found is None:
        raise InputError(f"{spectra}: no conformal counts. Set hunt.conformal and run `hunt` again.")
    if not len(found.events):
        raise InputError(f"{spectra}: no pseudo-experiment, one at least is expected. Give spectra of data.")
    p_global = found.global_p_values()[0]
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "mixture": search.mixture,
        "method": search.method,
        "blind": search.blind,
        "mass_terms": found.mass_terms,
        "windows": _windows(search, found),
        "global": {
            name: {"p_value": _number(p), "z": _number(significance(p))}
            for name, p in zip(found.variants, p_global, strict=True)
        },
        "provenance": describe({}, [spectra], ["numpy", "scipy"]),
    }
    write_json(output, result)
    write_run_record(output)
    return result


def _windows(search: spectra_file.Spectra, found: ConformalCounts) -> list[dict[str, Any]]:
    test = count_test(found.counts, found.events[:, :, None, None], found.null)
    mean, spread = found.null.mean, np.sqrt(found.null.variance)
    entries = []
    for number, window in enumerate(search.windows):
        for variant, name in enumerate(found.variants):
            for index in np.flatnonzero(found.efficiencies < 1):
                at = (0, number, variant, int(index))
                count, events = int(found.counts[at]), int(found.events[0, number])
                seen = events >= 0
                entries.append(
                    {
                        "low": window.low,
                        "high": window.high,
                        "variant": name,
                        "selection_efficiency": float(found.efficiencies[index]),
                        "events": events if seen else None,
                        "count": count if count >= 0 else None,
                        "expected": _number(mean[at] * events) if seen else None,
                        "expected_error": _number(spread[at] * events) if seen else None,
                        "fraction_error": _number(spread[at] / mean[at]) if mean[at] > 0 else None,
                        "p_value": _number(test.p_value[at]),
                        "z_signed": _number(test.z_signed[at]),
                    }
                )
    return entries


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
