"""Selected spectra over the scan and the smooth background fitted around each window.

Output (axes: P pseudo-experiments, W windows, E efficiencies, B bins, F folds, K parameters, n events):

    edges                      (B + 1,) GeV
    inside, fitted             (W, B) bins of the signal region; bins that the background is fitted to
    closed                     (B,) bins that are not looked at: in a blind hunt those of any signal region
    efficiencies               (E,)
    total                      (P, B) all events; -1 in closed bins
    counts                     (P, W, E, B) selected events; -1 in closed bins
    expected                   (P, W, E, B) their fitted background; NaN in bins neither fitted nor inside
    parameters, covariance     (P, W, E, K), (P, W, E, K, K) of the function, then of the ratio
                               (stats.transfer), then NaN where there are fewer than K
    observed, background       (P, W, E) events in the signal region, seen (-1 where blind) and expected from
                               the fit
    background_log_error       (P, W, E) standard deviation of ln(background)
    order                      (P, W, E) chosen number of parameters of the function, -1 where none; absent
                               where hunt.n_parameters is a number
    deviance                   (P, W, E) of the fit, penalty of the function included; degrees_of_freedom
    goodness_of_fit            (P, W, E) chi-squared probability of the deviance (rough at few events per bin)
    converged                  (P, W, E) boolean; numbers of a fit that is not are NaN
    sideband_events            (P, W) before the selection; sideband_selected (P, W, E) after it
    thresholds                 (P, W, E, F) on the score, or on the flattened one (hunt.flattening); -inf
                               where nothing is selected away
    selected                   (P, W, E, n) boolean; false in closed bins
    bin                        (P, n) bin of each event; -1 outside, in padding and in closed bins
    conformal                  group, where `hunt.conformal` is set: as `hunt.conformal` says

A hunt is blind (attribute `blind`) if events of the mixture have no truth label and `hunt.unblind` is not
set. Thresholds and fits use side bands only and are the same bit for bit before and after. A window's side
bands may be another's signal region: the fit uses them and sums over them are shown, but no bin that is in
any signal region. Scores of all events stay in the file of detect.

A fit that does not converge, or that leaves the window open (`hunt.fits`), is flagged and its numbers are
NaN; the other windows go on.

Attributes: kind, schema_version, mixture, method, blind, windows, background_function, background_settings
(of the largest order), transfer_parameters, provenance.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import h5py
import numpy as np

from resonaut.errors import EmptyWindowError
from resonaut.files import canonical_json, write_json
from resonaut.hunt.backgrounds import background_choice, check_fits
from resonaut.hunt.conformal import ConformalCounts
from resonaut.hunt.conformal_calibration import Sample
from resonaut.hunt.fits import CLOSED, fit_backgrounds
from resonaut.hunt.flattening import flattened
from resonaut.hunt.scores import Experiment, ScoresFile
from resonaut.hunt.selection import passing, thresholds
from resonaut.hunt.settings import HuntSettings
from resonaut.hunt.summary import summarise
from resonaut.logs import log, progress
from resonaut.provenance import describe, write_run_record
from resonaut.scan import ScanSettings
from resonaut.settings import Settings, validate
from resonaut.stats.windows import Bins, make_bins
from resonaut.store import creating

SCHEMA_VERSION = 3
_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class Slice(Settings):
    """What the rule gives: `{"scan": ..., "hunt": ...}`."""

    scan: ScanSettings
    hunt: HuntSettings = HuntSettings()


def hunt(
    settings: dict[str, Any], scores: str | os.PathLike, output: str | os.PathLike, summary: str | os.PathLike
) -> None:
    """Select events, fit backgrounds, write the spectra and their summary.

    Args:
        settings: `{"scan": ..., "hunt": ...}`.
        scores: HDF5 of detect.
        output: HDF5, as the module says.
        summary: JSON, the numbers of the first pseudo-experiment to read.

    Raises:
        ConfigError: a window's edge does not lie on a bin's edge.
        InputError: the scores are not usable.
        EmptyWindowError: in data too few events of a window's side bands are selected, or no event is in the
            window.
        FitError: no fit to data converges; a single one, or one of pseudo-experiments, is flagged.
    """
    given = validate(Slice, settings)
    bins = make_bins(given.scan, given.hunt.bin_width, given.hunt.fit_region)
    choice = background_choice(given.hunt, given.scan, bins)
    function = given.hunt.functions()[max(choice.functions)]
    provenance = describe(settings, [scores], ["h5py", "numpy", "scipy"])
    with ScoresFile(scores, given.scan) as file, creating(output, {}) as result:
        blind = not (file.labelled or given.hunt.unblind)
        closed = bins.inside.any(0) & blind
        counts, total = _select(file, result, given, bins, closed)
        fits = fit_backgrounds(
            choice, bins, given.hunt.efficiencies, counts, total, given.hunt.transfer_parameters
        )
        of_data = file.first is None and len(file) == 1
        check_fits(fits, counts, bins, given.hunt, partial(_where, given), of_data=of_data)
        if blind:
            log.info("%s: blind; hunt.unblind: true opens the signal regions", file.attribute("mixture"))
            fits = fits.closed()
            counts[..., closed], total[..., closed] = CLOSED, CLOSED
        for name, values in fits.datasets().items():
            result.create_dataset(name, data=values)
        result["edges"], result["inside"], result["fitted"] = bins.edges, bins.inside, bins.fitted
        result["closed"] = closed
        result["counts"], result["total"] = counts, total
        result["efficiencies"] = np.array(given.hunt.efficiencies)
        result.attrs["kind"] = "spectra"
        result.attrs["schema_version"] = SCHEMA_VERSION
        result.attrs["mixture"] = file.attribute("mixture")
        result.attrs["method"] = file.attribute("method")
        result.attrs["blind"] = blind
        if file.first is not None:
            result.attrs["first_experiment"] = file.first
        windows = [
            {"low": window.low, "high": window.high, "sidebands": sidebands}
            for window, sidebands in zip(given.scan.windows, given.scan.sidebands().tolist(), strict=True)
        ]
        result.attrs["windows"] = canonical_json(windows)
        result.attrs["background_function"] = given.hunt.background
        result.attrs["background_settings"] = canonical_json(function)
        result.attrs["transfer_parameters"] = given.hunt.transfer_parameters
        result.attrs["provenance"] = canonical_json(provenance)
        content = summarise(result, windows, provenance)
    write_json(summary, content)
    write_run_record(output)


def _select(
    file: ScoresFile, result: h5py.File, given: Slice, bins: Bins, closed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Write thresholds and selected events; return the counts, selected (P, W, E, B) and all (P, B).

    The counts hold the closed bins too: the fits to side bands of other windows need them.
    """
    shape = (len(file), len(given.scan.windows), len(given.hunt.efficiencies))
    n_folds = file.n_folds()
    counts = np.zeros((*shape, len(bins.edges) - 1), np.int64)
    total = np.zeros((shape[0], counts.shape[-1]), np.int64)
    cuts = np.zeros((*shape, n_folds))
    before, after = np.zeros(shape[:2], np.int64), np.zeros(shape, np.int64)
    packed = {"chunks": (1, 1, 1, file.n_events), **_COMPRESSED} if len(file) else {}
    selected = result.create_dataset("selected", (*shape, file.n_events), bool, **packed)
    packed = {"chunks": (1, file.n_events), **_COMPRESSED} if len(file) else {}
    bin_of = result.create_dataset("bin", (len(file), file.n_events), np.int16, **packed)
    ranks = None if given.hunt.conformal is None else ConformalCounts(shape, given.hunt.conformal)
    for index in progress(range(len(file)), "select events"):
        experiment = file.read(index)
        regions = given.scan.regions(experiment.mass)
        regions[:, experiment.fold < 0] = -1
        place = np.searchsorted(bins.edges, experiment.mass, side="right") - 1
        in_range = (experiment.fold >= 0) & (place >= 0) & (place < counts.shape[-1])
        total[index] = np.bincount(place[in_range], minlength=counts.shape[-1])
        shown = ~np.append(closed, False)[np.where(in_range, place, -1)]
        bin_of[index] = np.where(in_range & shown, place, -1)
        for window, region in enumerate(regions):
            if file.first is None:
                _check_window(experiment, region, given.scan, window, file.path)
            if ranks is not None:
                edges = (given.scan.windows[window].low, given.scan.windows[window].high)
                columns = (experiment.score[window], experiment.mass, experiment.fold, region)
                ranks.record((index, window), Sample.of(*columns, edges), given.hunt.efficiencies)
            score, sideband = _score(experiment, region, given, window), region == 0
            before[index, window] = sideband.sum()
            for number, efficiency in enumerate(given.hunt.efficiencies):
                at = (index, window, number)
                cuts[at] = thresholds(score, experiment.fold, sideband, efficiency, n_folds)
                passes = passing(score, experiment.fold, cuts[at])
                selected[at] = passes & shown
                after[at] = (passes & sideband).sum()
                counts[at] = np.bincount(place[passes & in_range], minlength=counts.shape[-1])
                if file.first is None:
                    chosen = experiment.score[window, sideband]
                    _check_sideband(chosen, int(after[at]), given, window, number)
        _log_outside(experiment, in_range, given.scan, file.path)
    result["thresholds"], result["sideband_events"], result["sideband_selected"] = cuts, before, after
    if ranks is not None:
        ranks.write(result, blind=bool(closed.any()))
    return counts, total


def _log_outside(experiment: Experiment, in_range: np.ndarray, scan: ScanSettings, path: str) -> None:
    outside = int(((experiment.fold >= 0) & ~in_range).sum())
    if outside:
        log.warning(
            "%s: %d events lie outside scan.mass_min-mass_max (%g-%g GeV) and are not used",
            path, outside, scan.mass_min, scan.mass_max,
        )  # fmt: skip


def _score(experiment: Experiment, region: np.ndarray, given: Slice, window: int) -> np.ndarray:
    """The score that is cut on: detect's, or the flattened one."""
    score = experiment.score[window]
    if given.hunt.flatten is None:
        return score
    place = given.scan.windows[window]
    where = f"scan.windows[{window}] ({place.name} GeV)"
    centre = (place.low + place.high) / 2
    return flattened(score, experiment.mass, experiment.fold, region, centre, given.hunt.flatten, where)


def _check_window(
    experiment: Experiment, region: np.ndarray, scan: ScanSettings, window: int, path: str
) -> None:
    for value, what in ((1, "window"), (0, "side bands of the window")):
        if not (region == value).any():
            mass = experiment.mass[experiment.fold >= 0]
            raise EmptyWindowError(
                f"scan.windows[{window}] ({scan.windows[window].name} GeV): no event of {path} lies in the "
                f"{what}; its {len(mass)} masses are {mass.min():g} to {mass.max():g} GeV. Move or remove "
                "the window, or give more events."
            )


def _check_sideband(scores: np.ndarray, n_selected: int, given: Slice, window: int, number: int) -> None:
    """Refuse a selection that keeps too few events of the side bands, or that cannot choose among them."""
    minimum, efficiency = given.hunt.sideband_events_min, given.hunt.efficiencies[number]
    equal = efficiency < 1 and scores.min() == scores.max()
    if n_selected >= minimum and not equal:
        return
    because = f" because all their scores are {scores[0]:g}" if equal else ""
    raise EmptyWindowError(
        f"{_where(given, window, number)}: {n_selected} of {len(scores)} side-band events are selected"
        f"{because}, {minimum} (hunt.sideband_events_min) are needed. Use a looser efficiency, wider side "
        "bands or more events; scores with few distinct values cannot reach a small efficiency."
    )


def _where(given: Slice, window: int, number: int) -> str:
    return (
        f"scan.windows[{window}] ({given.scan.windows[window].name} GeV), "
        f"hunt.efficiencies {given.hunt.efficiencies[number]:g}"
    )
