"""Local significances, limits and workspaces of a search.

`significance.json` holds

    windows                 one entry per window and selection efficiency of the data (the first
                            pseudo-experiment)
    best                    the entry of the smallest p-value
    local_tests             how many tests that is the best of
    pseudo_experiments      entries of the others, where there are any; asymptotic numbers only
    schema_version, mixture, method, blind, confidence_level, provenance

An entry holds

    low, high               GeV, of the window; selection_efficiency
    observed                events in the signal region
    expected_background     events there, from the side bands alone; expected_background_error (one standard
                            deviation), expected_background_log_error (of the logarithm)
    p_value, z_local        of the background-only hypothesis; z_signed is negative for a deficit
    signal                  fitted signal events: events, error, and ends low and high of the 68.27 % interval
    upper_limit             CLs limits: observed, expected and its bands of 1 and 2 standard deviations, on
                            selected signal events: those in the window (shape: window) or in all bins
    upper_limit_fb          the same over luminosity (and acceptance), where the luminosity is given
    method                  asymptotic, or toys: limits and the p-value are from toys, where these are enough
                            (`toys.p_value_resolved`: at least 10 are as extreme as the data;
                            `toys.observed_limit_resolved`: an error below 30 %); `toys` says how many, and
                            holds the asymptotic numbers, which stand where toys do not tell
    spurious_signal         events that the background function may fake, where that is an uncertainty
    variations              by source: rate_up and rate_down (factors at one standard deviation), whether the
                            shape changes and of which events it is (`infer.varied`), of each variation the
                            rate, its statistical error and the p-value of no change of the shape; where
                            `infer.uncertainties.variations` has any
    nuisances               names, pulls and their errors, impacts_up and impacts_down (signal events),
                            correlation (the signal first), where there are uncertainties
    expected_significance   the local significance that a signal as large as the expected limit would have,
                            and how many signal events would have 3 and 5 (medians, from Asimov data)
    workspace, hs3          files below the folder of workspaces
    pyhf, closure           what the workspace gives (asymptotic), and its difference to the exact profile
    failed                  of a test without numbers, why: it is not among the best, the others stand

Primary is the profile likelihood that is exact in the background's parameters (`stats.profile`,
`stats.likelihood`). Beside the workspaces `patchset_<efficiency>.json` holds the signals of all windows over
`background_<efficiency>.json`.

If the hunt was blind, `blind` is true: numbers of observation are null (`observed`, `p_value`, `z_local`,
`z_signed`, `signal`, `upper_limit.observed`, `best`), expected limits and significances stand, and the
workspaces hold the expected background in place of an observation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, FitError
from resonaut.files import write_json
from resonaut.infer import significance_entries as entries
from resonaut.infer import spectra as spectra_file
from resonaut.infer import templates, window_likelihood, window_results, workspaces
from resonaut.infer.archive import Archive
from resonaut.infer.settings import InferSettings
from resonaut.infer.significance_entries import Entry, Place
from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.infer.templates import Masses
from resonaut.infer.varied import Varied
from resonaut.logs import log, progress
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import generator
from resonaut.settings import Count, Settings, validate

SCHEMA_VERSION = 3
_NOTE = "Significances are local: none is corrected for the number of tests, which are correlated."
_NO_BACKGROUND = (
    "hunt's fit of the background to the side bands did not converge. Use fewer hunt.n_parameters, a looser "
    "hunt.efficiencies or wider side bands."
)


class Slice(Settings):
    """What the rule gives: `{"infer": ..., "seed": ...}`."""

    infer: InferSettings = InferSettings()
    seed: Count = 1


def infer(
    settings: dict[str, Any],
    spectra: str | os.PathLike,
    significance: str | os.PathLike,
    folder: str | os.PathLike,
    signal: Mapping[str, Path] | None = None,
    variations: str | os.PathLike | None = None,
) -> None:
    """Test every window, set limits, write workspaces.

    Args:
        settings: `{"infer": ..., "seed": ...}`.
        spectra: HDF5 of hunt.
        significance: JSON, as the module says.
        folder: where `<low>-<high>_<efficiency>.json` workspaces go.
        signal: manifests of features by dataset, for `infer.signal.dataset`.
        variations: HDF5 of `hunt templates`, for `infer.uncertainties.variations`.

    Raises:
        InputError: the spectra, or the events of the signal, are not usable.
        FitError: no test of the data gives numbers.
        OutputError: the folder cannot be written.
    """
    given = validate(Slice, settings)
    found = spectra_file.read(spectra)
    masses = templates.read(given.infer.signal, signal or {})
    varied = _varied(given.infer, found, variations)
    run = _Run(found, given, masses, varied)
    places = [Place(found, *at) for at in np.ndindex(len(found.windows), len(found.efficiencies))]
    for place in progress(places, "tests"):
        run.test(place)
    result = _result(run, given.infer.confidence_level)
    used = [spectra, *(() if masses is None else (signal[masses.dataset],))]
    used += [] if varied is None else [variations]
    result["provenance"] = describe(settings, used, ["iminuit", "numpy", "pyhf", "scipy"])
    workspaces.write(folder, run.archive.finish())
    write_json(significance, result)
    write_run_record(significance)


def _varied(given: InferSettings, found: Spectra, variations: str | os.PathLike | None) -> Varied | None:
    """The varied signal, where it is asked for.

    Raises:
        ConfigError: it is asked for and not given.
    """
    wanted = given.uncertainties.variations
    if not wanted:
        return None
    if variations is None:
        raise ConfigError(
            f"--variations: infer.uncertainties.variations names {', '.join(wanted)}; give the file of "
            "`hunt templates`."
        )
    return Varied(variations, found, wanted, str(given.signal.dataset))


class _Run:
    """Tests one place after the other and collects entries of each experiment, and the archive."""

    def __init__(self, found: Spectra, given: Slice, masses: Masses | None, varied: Varied | None) -> None:
        self.found, self.given, self.masses, self.varied = found, given.infer, masses, varied
        self.seed = given.seed
        self.experiments: list[list[Entry]] = [[] for _ in range(len(found.counts))]
        self.archive = Archive()
        self.spurious = self._measure_spurious()

    def _measure_spurious(self) -> np.ndarray | None:
        """(W, E) events, where they are asked for."""
        if self.given.uncertainties.spurious_signal != "measured" or not self.experiments:
            return None
        found = self.found
        by_efficiency = []
        for number in range(len(found.efficiencies)):
            tests = [self._data(Place(found, window, number)) for window in range(len(found.windows))]
            by_efficiency.append(
                window_likelihood.measure_spurious(found, self.given, number, tests, self.masses)
            )
        return np.stack(by_efficiency, axis=-1)

    def _data(self, place: Place) -> WindowTest | None:
        """The test of the data; None where it has no background."""
        for test in self.found.tests(place.window, place.number):
            chosen = np.flatnonzero((test.rows == 0) & ~test.failed)
            if len(chosen):
                return test.take(chosen)
        return None

    def test(self, place: Place) -> None:
        """Add the entries of one place."""
        made: dict[int, Entry] = {}
        data = self._data(place)
        if data is not None:
            made[0] = self._of_data(place, data)
        for test in self.found.tests(place.window, place.number):
            chosen = np.flatnonzero((test.rows != 0) & ~test.failed)
            if len(chosen):
                made |= self._of_others(place, test.take(chosen))
        for index, found in enumerate(self.experiments):
            found.append(made.get(index) or entries.failed(place, index, _NO_BACKGROUND))

    def _model(self, place: Place, test: WindowTest) -> window_likelihood.Model:
        events = None if self.spurious is None else float(self.spurious[place.window, place.number])
        if events is not None and not np.isfinite(events):
            raise ConfigError(
                "infer.uncertainties.spurious_signal: no fit of infer.envelope gave a spurious signal "
                "here. Give a number of events, or other functions."
            )
        at = (place.window, place.number)
        return window_likelihood.build(self.found, self.given, at, test, self.masses, events, self.varied)

    def _of_data(self, place: Place, test: WindowTest) -> Entry:
        """The entry of the data, with everything that is said of data alone."""
        given, blind = self.given, self.found.blind
        try:
            model = self._model(place, test)
        except ConfigError as error:
            log.warning("%s: %s", place.text, error)
            return entries.failed(place, 0, str(error))
        results = window_results.results(model, given.confidence_level)
        made = entries.entry(place, 0, 0, results, given)
        reason = entries.why_failed(made, blind)
        if reason is not None:
            log.warning("%s: %s", place.text, reason)
            return {**made, "failed": reason}
        if model.uncertainties.spurious:
            made["spurious_signal"] = model.uncertainties.spurious
        if model.variations is not None:
            made["variations"] = model.variations
        nuisances = None if blind else window_results.nuisances(model)
        if nuisances is not None:
            made["nuisances"] = entries.of_nuisances(nuisances)
        made["expected_significance"] = entries.expected_significance(model, results)
        random = generator(self.seed, "infer", self.found.mixture, self.found.method, place.text)
        toys = window_results.by_toys(model, results, given, random, place.text)
        if toys is not None:
            entries.add_toys(made, toys, given, blind)
        self.archive.add(place, model, results, made, given)
        return entries.without_nan(made)

    def _of_others(self, place: Place, test: WindowTest) -> dict[int, Entry]:
        """Entries of pseudo-experiments, by their indices."""
        try:
            model = self._model(place, test)
        except ConfigError as error:
            return {int(index): entries.failed(place, int(index), str(error)) for index in test.rows}
        results = window_results.results(model, self.given.confidence_level, interval=False)
        return {
            int(index): entries.entry(place, int(index), row, results, self.given)
            for row, index in enumerate(test.rows)
        }


def _result(run: _Run, confidence_level: float) -> dict[str, Any]:
    """Everything but where it comes from.

    Raises:
        FitError: no test of the data gives numbers.
    """
    found = run.found
    data = run.experiments[0] if run.experiments else []
    good = [entry for entry in data if "failed" not in entry]
    if data and not good:
        raise FitError(f"all {len(data)} tests failed. {_where(data[0])}: {data[0]['failed']}")
    best = None
    if good and not found.blind:
        best = min(good, key=lambda entry: (entry["p_value"], -entry["z_signed"]))
    result = {
        "schema_version": SCHEMA_VERSION,
        "mixture": found.mixture,
        "method": found.method,
        "blind": found.blind,
        "confidence_level": confidence_level,
        "windows": data,
        "best": best,
        "local_tests": {"count": len(good), "note": _NOTE},
    }
    if len(run.experiments) > 1:
        result["pseudo_experiments"] = run.experiments[1:]
    return result


def _where(entry: Entry) -> str:
    return f"window {entry['low']:g}-{entry['high']:g} GeV, efficiency {entry['selection_efficiency']:g}"
