"""Global significance of all tests of a mixture: masses, selections and methods, without another training.

`global.json`:

    schema_version, kind ("global"), mixture, blind
    statistic            "window" (counting experiment), "gaussian" or "dataset": the signal that is tested
                         by the profile likelihood of hunt's background, with statistical errors alone
    left_out             settings of `infer test` that this leaves out: "uncertainties.<name>", "envelope"
    tests                one per method, window and selection:
        method, low, high, selection_efficiency
        expected_background  in the signal region
        z, p_local           signed local significance and 1 - Phi(z); null where the fit failed
        spread               standard deviation of z in the replicas, 1 where the bootstrap is exact
    best                 of the tests the one with the largest z
    bootstrap            of the events, all tests at once (stats.bootstrap):
        n                    replicas
        p_value, error, z    counted
        gaussian             {p_value, error, z} from the replicas' correlation, for small p-values
        effective_tests      independent tests with the same global p-value
        valid, smallest_background   whether 10 background events are expected in every window
        levels               {"1": z, "2": ..., "3": ...} local significance for 1, 2, 3 global ones
    gross_vitells        {p_value, error, z, upcrossings, reference, scans}: of every method and selection
                         over the windows, added up, from the replicas; a bound from above; null if one window
    methods              by name: best, z_max, bootstrap {p_value, error, z, effective_tests},
                         toys {n, p_value, error, z} (windows independent), bump_hunts: one per window and
                         selection {low, high, selection_efficiency, bump_low, bump_high (GeV), p_local,
                         p_global, error, n}
    combined             of the methods' global p-values, null of one method: fisher and stouffer
                         {p_value, error, z, if_independent}
    distribution         of the largest fluctuation of the replicas: edges, counts
    curve                z, and the global p-values there: bootstrap, gaussian, gross_vitells, independent
    provenance

The trials of a training that saw the events which it selects are not counted here: only pseudo-experiments
through the whole chain do (`infer calibrate`). Of a blind mixture every result is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import FitError
from resonaut.files import write_json
from resonaut.infer import global_tests, templates
from resonaut.infer.families import Family
from resonaut.infer.global_entries import (
    Entry,
    Random,
    bootstrap_entry,
    gross_vitells_entry,
    local_tests,
    method_entry,
    plain,
    scans_bound,
    tail_entry,
)
from resonaut.infer.global_settings import TrialsSettings
from resonaut.infer.global_tests import Searches
from resonaut.infer.settings import SignalSettings, UncertaintySettings
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import generator
from resonaut.settings import Settings, validate
from resonaut.stats import bootstrap, combination
from resonaut.stats.asymptotics import discovery_p_value, significance
from resonaut.stats.bootstrap import MIN_BACKGROUND, Trials
from resonaut.stats.gross_vitells import UpCrossings, mean_upcrossings
from resonaut.stats.tails import counted

SCHEMA_VERSION = 1
KIND = "global"
HIGHEST = 10.0
"""End of the curves that figures draw, standard deviations."""
N_CURVE = 41
N_TAIL = 4000


class Slice(Settings):
    """What the rule gives."""

    trials: TrialsSettings = TrialsSettings()
    signal: SignalSettings = SignalSettings()
    uncertainties: UncertaintySettings = UncertaintySettings()
    envelope: tuple[Family, ...] = ()
    seed: int = 0

    @property
    def left_out(self) -> list[str]:
        """What `infer test` has in its likelihood and these tests have not."""
        uncertainties = self.uncertainties.model_dump()
        names = [f"uncertainties.{name}" for name, value in uncertainties.items() if value]
        return [*names, *(["envelope"] if self.envelope else [])]


def run(
    settings: dict[str, Any],
    spectra: Mapping[str, Path],
    scores: Path | None,
    output: Path,
    signal: Mapping[str, Path] | None = None,
) -> Entry:
    """Count the trials of a mixture and write what the module says.

    Args:
        settings: `{"trials": ..., "signal": ..., "seed": ...}`; `uncertainties` and `envelope` are said to be
            left out.
        spectra: HDF5 of hunt by method.
        scores: HDF5 of detect of any of the methods, for the masses of the events; without it there is no
            bootstrap, and no result of several methods.
        output: JSON.
        signal: manifest of features of the signal's dataset, where it is one.

    Raises:
        InputError, MismatchError: a file cannot be used, or files do not belong together.
        FitError: no test has a result.
    """
    given = validate(Slice, settings, "--settings")
    masses = templates.read(given.signal, signal or {})
    searches = global_tests.read(spectra, given.signal, masses)
    if given.left_out:
        log.warning(
            "%s: infer.%s are left out of the global significance: its local p-values are not those of "
            "`infer test`. `infer calibrate` has them",
            searches.mixture, ", infer.".join(given.left_out),
        )  # fmt: skip
    if searches.blind:
        log.warning("%s: blind; no global significance without the signal regions", searches.mixture)
        result = _blind(searches)
    else:
        result = _result(searches, spectra, scores, given)
    inputs = [*spectra.values(), *([] if scores is None else [scores]), *(signal or {}).values()]
    head = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "mixture": searches.mixture,
        "blind": searches.blind,
        "statistic": given.signal.shape,
        "left_out": given.left_out,
    }
    result = {**head, **plain(result), "provenance": describe(settings, inputs, ["numpy", "scipy"])}
    write_json(output, result)
    write_run_record(output)
    return result


def _blind(searches: Searches) -> Entry:
    names = ("best", "bootstrap", "gross_vitells", "combined", "distribution", "curve")
    return {"tests": [], **dict.fromkeys(names), "methods": dict.fromkeys(searches.spectra)}


def _result(searches: Searches, spectra: Mapping[str, Path], scores: Path | None, given: Slice) -> Entry:
    random = _Random(given.seed, searches.mixture)
    z, backgrounds = searches.z(), searches.backgrounds()
    if np.isnan(z).all():
        raise FitError(
            f"infer global: none of the {len(z)} tests of '{searches.mixture}' has a fit that converged. "
            "Use fewer hunt.n_parameters, a looser hunt.efficiencies or wider side bands."
        )
    replicas = np.full((0, len(z)), np.nan)
    if scores is not None and given.trials.n_bootstrap:
        cells = global_tests.event_cells(searches, spectra, scores)
        replicas = searches.replicas(cells, given.trials.n_bootstrap, random("bootstrap"))
    found = bootstrap.trials(z, replicas, random("tail"))
    if len(replicas) and np.nanmin(backgrounds) < MIN_BACKGROUND:
        log.warning(
            "%s: %.1f background events are expected in one window; below %g the bootstrap is not exact "
            "(toys of each method are)", searches.mixture, np.nanmin(backgrounds), MIN_BACKGROUND,
        )  # fmt: skip
    entries = local_tests(searches, z, backgrounds, replicas)
    methods = {
        method: method_entry(searches, method, z, replicas, given.trials, random)
        for method in searches.spectra
    }
    crossings = _crossings(searches, found.fluctuations, given.trials.reference_z)
    return {
        "tests": entries,
        "best": entries[int(np.nanargmax(z))],
        "bootstrap": bootstrap_entry(found, backgrounds, random),
        "gross_vitells": gross_vitells_entry(float(np.nanmax(z)), crossings),
        "methods": methods,
        "combined": _combined(searches, z, found.fluctuations, random),
        **_curves(found, crossings, random),
    }


def _crossings(searches: Searches, fluctuations: np.ndarray, reference: float) -> UpCrossings | None:
    """Up-crossings of all scans over the windows, added up; None where there is nothing to scan."""
    names = {(test.method, test.selection) for test in searches.tests}
    scans = [
        [index for index, test in enumerate(searches.tests) if (test.method, test.selection) == name]
        for name in sorted(names)
    ]
    scans = [sorted(scan, key=lambda index: searches.tests[index].window.low) for scan in scans]
    if not len(fluctuations) or max(map(len, scans)) < 2:
        return None
    found = [mean_upcrossings(fluctuations[:, scan], reference) for scan in scans]
    error = float(np.sqrt(sum(one.error**2 for one in found)))
    return UpCrossings(sum(one.mean for one in found), error, reference, len(found))


def _combined(searches: Searches, z: np.ndarray, fluctuations: np.ndarray, random: Random) -> Entry | None:
    """The methods' global p-values together, calibrated by the replicas of all."""
    names = list(searches.spectra)
    columns = [
        [index for index, test in enumerate(searches.tests) if test.method == name and not np.isnan(z[index])]
        for name in names
    ]
    if len(names) < 2 or not len(fluctuations) or not all(columns):
        return None
    observed, null = [], []
    for name, own in zip(names, columns, strict=True):
        largest = np.fmax.reduce(fluctuations[:, own], axis=1)
        level = np.linspace(np.nanmin(largest), max(np.nanmax(largest), z[own].max()), N_CURVE)
        tail = _gaussian_tail(fluctuations[:, own], level, random("combined", name))
        # A method's largest z becomes its own global significance, of the data and of the replicas alike.
        of_method = significance(np.minimum(tail, 1 - 1e-9))
        null.append(np.interp(largest, level, of_method))
        observed.append(np.interp(z[own].max(), level, of_method))
    found = {
        how: combination.combine(np.array(observed), np.stack(null, axis=1), how)
        for how in ("fisher", "stouffer")
    }
    return {how: {**tail_entry(one.tail), "if_independent": one.naive} for how, one in found.items()}


def _gaussian_tail(fluctuations: np.ndarray, levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    usable = ~np.isnan(fluctuations).all(axis=0)
    matrix = bootstrap.correlation(fluctuations[:, usable])
    return np.array([bootstrap.tail_of_maximum(matrix, float(level), rng, N_TAIL)[0] for level in levels])


def _curves(found: Trials, crossings: UpCrossings | None, random: Random) -> Entry:
    """What figures draw: the largest fluctuations, and global against local significance."""
    if not len(found.maxima):
        return {"distribution": None, "curve": None}
    top = min(max(4.0, found.z_max + 0.5), HIGHEST)
    counts, edges = np.histogram(found.maxima, np.arange(-3.0, max(top, np.nanmax(found.maxima)) + 0.2, 0.2))
    z = np.linspace(0.0, top, N_CURVE)
    n_tests = np.count_nonzero(~np.isnan(found.fluctuations).all(axis=0))
    curve = {
        "z": z,
        "bootstrap": [counted(found.maxima, value).p_value for value in z],
        "gaussian": _gaussian_tail(found.fluctuations, z, random("curve")),
        "gross_vitells": None if crossings is None else [scans_bound(value, crossings)[0] for value in z],
        "independent": -np.expm1(n_tests * np.log1p(-discovery_p_value(z**2))),
    }
    return {"distribution": {"edges": edges, "counts": counts}, "curve": curve}


class _Random:
    """Random numbers by what they are for, so that more toys of one kind change no other."""

    def __init__(self, seed: int, mixture: str) -> None:
        self._names = (seed, "infer", "global", mixture)

    def __call__(self, *purpose: object) -> np.random.Generator:
        return generator(*self._names, *purpose)
