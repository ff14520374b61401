"""Do the fits find the signal that is there? Toys with injected signals, refitted as the data are.

Toys are drawn around the background that the side bands give, from the function that fits them (`own`), which
shows whether errors, intervals and limits hold, and from others (`infer.validation.families`), which shows
the bias of the choice. All nuisance parameters are refitted, and their auxiliary measurements drawn too.
Nothing here depends on the events of a signal region. Whether that function describes the side bands at all
is told by toys too (`validation_goodness`).

`validation.json`, of the first pseudo-experiment:

    schema_version, kind ("validation"), mixture, method, blind
    confidence_level     of the CLs limits; interval_level of the intervals
    unit, strengths      injected signals are strengths times `sigma` or times `expected_limit`
    pull_edges           bins of the histograms of pulls; what lies outside is in the end bins
    windows              one entry per window and selection efficiency:
        low, high, selection_efficiency
        failed               why there are no toys, or null
        sigma                standard deviation of the fitted signal where there is none, events (Asimov data)
        expected_limit       median expected upper limit, events
        goodness             of the fit to the side bands, by toys; null where it failed, has no degrees of
                             freedom, or is to bins that are closed (of another window's signal region):
            p, error             share of toys whose deviance is at least as large, and its error
            n_toys, n_failed     fitted, and lost because a fit did not converge
            deviance, degrees_of_freedom, p_chi2   of the fit, and what chi-squared says: right at many events
            ks, ks_p, ks_error   Kolmogorov-Smirnov distance of the cumulative counts (failing events first,
                                 where they are fitted too), the share of toys as far, and its error
        truths               own first:
            function, n_parameters, own
            failed               why there are no toys of it, or null
            expected_background  events in the signal region
            deviance, degrees_of_freedom, goodness_of_fit   of its fit to the side bands; null where blind,
                                 since other functions are then fitted to the expectation of the own one
            strengths            one entry each:
                strength, injected (events)
                n_toys, n_failed     fitted, and lost because a fit did not converge
                fitted               {mean, error, spread} of the fitted signal events
                pull                 {mean, mean_error, width, width_error, histogram}; pulls are signed roots
                                     of the profile likelihood ratio at the injected signal: (fitted -
                                     injected) / error with the error of the side that the truth is on
                interval             {covered, n, coverage, low, high}: how often the two-sided interval holds
                                     the injected signal; low and high are Clopper-Pearson, 68.3 %
                limit                the same of the asymptotic CLs limit being at or above it
            linearity            mean fitted against injected signal: {slope, slope_error, offset,
                                 offset_error, chi2, degrees_of_freedom}; null with one strength
    provenance

Fitted and pull, interval and limit are null where no toy was fitted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, FitError
from resonaut.files import write_json
from resonaut.infer import spectra as spectra_file
from resonaut.infer import templates
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra
from resonaut.infer.validation_goodness import goodness, sideband_counts
from resonaut.infer.validation_numbers import PULL_EDGES, line, row
from resonaut.infer.validation_toys import Bench
from resonaut.infer.validation_truths import Tests, Truth
from resonaut.logs import log, progress
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import generator
from resonaut.settings import Settings, validate
from resonaut.stats.limits import upper_limits

SCHEMA_VERSION = 2
KIND = "validation"

Entry = dict[str, Any]


class Slice(Settings):
    """What the rule gives: `{"infer": ..., "seed": ...}`."""

    infer: InferSettings = InferSettings()
    seed: int


def run(
    settings: Mapping[str, Any],
    spectra: str | os.PathLike,
    output: str | os.PathLike,
    signal: Mapping[str, Path] | None = None,
) -> None:
    """Draw toys of every window and selection and write what the module says.

    Args:
        settings: `{"infer": ..., "seed": ...}`.
        spectra: HDF5 of hunt.
        output: JSON.
        signal: manifest of features of the dataset whose shape the signal has, by its name.

    Raises:
        ConfigError: the settings do not fit the spectra.
        InputError: a file is not usable.
    """
    given = validate(Slice, dict(settings))
    if not given.infer.validation.n_toys:
        raise ConfigError(
            "infer.validation.n_toys is 0: no toys are asked for. Give a number, for example 1000."
        )
    found = first_experiment(spectra_file.read(spectra))
    masses = templates.read(given.infer.signal, signal or {})
    tests = Tests(found, given.infer, masses)
    places = list(np.ndindex(len(found.windows), len(found.efficiencies)))
    entries = [_entry(tests, given, *place) for place in progress(places, "tests")]
    validation = given.infer.validation
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "mixture": found.mixture,
        "method": found.method,
        "blind": found.blind,
        "confidence_level": given.infer.confidence_level,
        "interval_level": validation.interval_level,
        "unit": validation.unit,
        "strengths": list(validation.strengths),
        "pull_edges": PULL_EDGES.tolist(),
        "windows": entries,
        "provenance": describe(dict(settings), [spectra, *(signal or {}).values()], ["numpy", "scipy"]),
    }
    write_json(output, result)
    write_run_record(output)


def first_experiment(found: Spectra) -> Spectra:
    """The spectra of the first pseudo-experiment alone."""
    parts = {name: getattr(found, name) for name in ("counts", "total", "parameters", "order")}
    return replace(found, **{name: None if part is None else part[:1] for name, part in parts.items()})


def _entry(tests: Tests, given: Slice, window: int, number: int) -> Entry:
    """All toys of one window and efficiency."""
    found = tests.found
    place, efficiency = found.windows[window], float(found.efficiencies[number])
    entry: Entry = {
        "low": place.low,
        "high": place.high,
        "selection_efficiency": efficiency,
        "failed": None,
        "sigma": None,
        "expected_limit": None,
        "goodness": _goodness(tests, given, (window, number)),
        "truths": [],
    }
    drawn = tests.truths(window, number)
    try:
        made, sigma, limit = _scale(tests, given.infer, (window, number), drawn[0])
    except (ConfigError, FitError) as error:
        log.warning("window %s GeV, efficiency %g: no toys: %s", place.name, efficiency, error)
        return {**entry, "failed": str(error)}
    unit = sigma if given.infer.validation.unit == "sigma" else limit
    rows = [_truth(found, given, made, truth, unit, (window, number)) for truth in drawn]
    return {**entry, "sigma": sigma, "expected_limit": limit, "truths": rows}


def _goodness(tests: Tests, given: Slice, at: tuple[int, int]) -> Entry | None:
    """Whether the background describes the side bands, where these are open."""
    test = tests.of(*at)
    counts = None if test is None else sideband_counts(tests.found, *at, test)
    if counts is None:
        return None
    names = (*_names(tests.found, at), "goodness")
    random = generator(given.seed, "infer", "validate", *names)
    return goodness(test.window.sidebands, counts[0], given.infer.validation.n_toys, random)


def _names(found: Spectra, at: tuple[int, int]) -> tuple[str, ...]:
    """What seeds of a window and efficiency are made of."""
    return found.mixture, found.method, found.windows[at[0]].name, f"{found.efficiencies[at[1]]:g}"


def _scale(tests: Tests, given: InferSettings, at: tuple[int, int], own: Truth) -> tuple[Bench, float, float]:
    """The test, standard deviation of the signal that it fits, and the expected limit, events."""
    if own.failed is not None:
        raise FitError(own.failed)
    made = tests.bench(*at, own)
    asimov = made.asimov(own.expected)
    sigma = float(asimov.discovery().signal_error[0])
    limit = float(upper_limits(asimov, given.confidence_level).expected[0, 2])
    if not (np.isfinite(sigma) and np.isfinite(limit)):
        raise FitError("the fits to the expected background did not converge")
    return made, sigma, limit


def _truth(
    found: Spectra, given: Slice, made: Bench, truth: Truth, unit: float, at: tuple[int, int]
) -> Entry:
    """All toys of one truth."""
    validation = given.infer.validation
    rows = []
    for strength in () if truth.failed else validation.strengths:
        names = (*_names(found, at), truth.name, f"{strength:g}")
        random = generator(given.seed, "infer", "validate", *names)
        toys = made.toys(truth.expected, strength * unit, validation.n_toys, random)
        rows.append(row(toys, strength, validation.interval_level, given.infer.confidence_level))
    return {
        "function": truth.function,
        "n_parameters": truth.n_parameters,
        "own": truth.own,
        "failed": truth.failed,
        "expected_background": truth.background,
        "deviance": truth.deviance,
        "degrees_of_freedom": truth.degrees_of_freedom,
        "goodness_of_fit": truth.goodness_of_fit,
        "strengths": rows,
        "linearity": _linearity(rows),
    }


def _linearity(rows: list[Entry]) -> Entry | None:
    known = [entry for entry in rows if entry["fitted"] is not None]
    found = line(
        [entry["injected"] for entry in known],
        [entry["fitted"]["mean"] for entry in known],
        [entry["fitted"]["error"] for entry in known],
    )
    return None if found is None else asdict(found)
