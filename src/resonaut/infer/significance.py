"""Local significances, limits and workspaces of a search.

`significance.json` holds `windows`, one entry per window and selection efficiency of the data (the first
pseudo-experiment); `best`, the entry of the smallest p-value; `local_tests`, how many tests that is the
best of; and `pseudo_experiments`, the entries of the others, where there are any. Limits are numbers of
selected signal events in the window. Primary is the profile likelihood that is exact in the background's
parameters (`stats.profile`); `pyhf` holds what the archived workspace gives, and `closure` their
difference. `expected_significance` says of the data's tests the local significance that a signal as large as
the expected limit would have, and how many signal events would have 3 and 5 (medians, from Asimov data).

If the hunt was blind, `blind` is true: numbers of observation are null (`observed`, `p_value`, `z_local`,
`z_signed`, `upper_limit.observed`, `best`), expected limits and significances stand, and the workspaces hold
the expected background in place of an observation.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from resonaut.errors import FitError
from resonaut.files import write_json
from resonaut.infer import sensitivity, workspaces
from resonaut.infer import spectra as spectra_file
from resonaut.infer.closure import FromWorkspace, compare, evaluate
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra
from resonaut.logs import log, progress
from resonaut.provenance import describe, write_run_record
from resonaut.settings import Settings, validate
from resonaut.stats.limits import Limits, upper_limits
from resonaut.stats.profile import Discovery, ProfileLikelihood

SCHEMA_VERSION = 2
_BAND = (
    "expected_minus_2sigma",
    "expected_minus_1sigma",
    "expected",
    "expected_plus_1sigma",
    "expected_plus_2sigma",
)
_NOTE = "Significances are local: none is corrected for the number of tests, which are correlated."

Entry = dict[str, Any]


class Slice(Settings):
    """What the rule gives: `{"infer": ...}`."""

    infer: InferSettings = InferSettings()


def infer(
    settings: dict[str, Any],
    spectra: str | os.PathLike,
    significance: str | os.PathLike,
    folder: str | os.PathLike,
) -> None:
    """Test every window, set limits, write workspaces.

    Args:
        settings: `{"infer": ...}`.
        spectra: HDF5 of hunt.
        significance: JSON, as the module says.
        folder: where `<low>-<high>_<efficiency>.json` workspaces go.

    Raises:
        InputError: the spectra are not usable.
        FitError: a fit to the data does not converge.
        OutputError: the folder cannot be written.
    """
    given = validate(Slice, settings).infer
    found = spectra_file.read(spectra)
    experiments: list[list[Entry]] = [[] for _ in range(len(found.counts))]
    tests = list(np.ndindex(len(found.windows), len(found.efficiencies)))
    for window, number in progress(tests, "tests"):
        likelihood = found.likelihood(window, number)
        discovery = likelihood.discovery()
        limits = upper_limits(likelihood, given.confidence_level)
        for index, entries in enumerate(experiments):
            entries.append(_entry(found, (index, window, number), discovery, limits, given))
        experiments[0][-1]["expected_significance"] = _expected(likelihood, limits)
    archive = {}
    for entry in progress(experiments[0], "workspaces"):
        _check(entry, found.blind)
        exact = _numbers(entry, found.blind)
        name, content = _workspace(entry, exact, found.blind)
        archive[name] = content
        _close(entry, name, content, exact, given)
        if found.blind:
            _hide_observation(entry)
    result = {
        "schema_version": SCHEMA_VERSION,
        "mixture": found.mixture,
        "method": found.method,
        "blind": found.blind,
        "confidence_level": given.confidence_level,
        "windows": experiments[0],
        "best": None
        if found.blind
        else min(experiments[0], key=lambda entry: (entry["p_value"], -entry["z_signed"])),
        "local_tests": {"count": len(experiments[0]), "note": _NOTE},
    }
    if len(experiments) > 1:
        result["pseudo_experiments"] = experiments[1:]
    result["provenance"] = describe(settings, [spectra], ["iminuit", "numpy", "pyhf", "scipy"])
    workspaces.write(folder, archive)
    write_json(significance, result)
    write_run_record(significance)


def _entry(
    found: Spectra, at: tuple[int, int, int], discovery: Discovery, limits: Limits, given: InferSettings
) -> Entry:
    """Numbers of one test; those of a fit that failed are null."""
    here, window, number = at
    background = float(discovery.background[here])
    events = dict(
        zip(("observed", *_BAND), map(float, (limits.observed[here], *limits.expected[here])), strict=True)
    )
    entry: Entry = {
        "low": found.windows[window].low,
        "high": found.windows[window].high,
        "selection_efficiency": float(found.efficiencies[number]),
        "observed": int(found.counts[at] @ found.inside[window]),
        "expected_background": background,
        "expected_background_error": background * float(discovery.log_error[here]),
        "expected_background_log_error": float(discovery.log_error[here]),
        "p_value": float(discovery.p_value[here]),
        "z_local": float(discovery.z_local[here]),
        "z_signed": float(discovery.z_signed[here]),
        "upper_limit": events,
    }
    if found.blind:
        entry |= dict.fromkeys(("observed", "p_value", "z_local", "z_signed"))
        events["observed"] = np.nan
    if given.luminosity is not None:
        entry["upper_limit_fb"] = {name: value / given.luminosity for name, value in events.items()}
    return _without_nan(entry)


def _expected(likelihood: ProfileLikelihood, limits: Limits) -> Entry:
    """What the data's test expects of a signal."""
    data = np.array([0])
    at_limit = sensitivity.expected_significance(likelihood, limits.expected[data, 2], data)
    events = {
        f"signal_for_{z}_sigma": float(sensitivity.signal_for(likelihood, z, data)[0])
        for z in sensitivity.LEVELS
    }
    return _without_nan({"at_expected_limit": float(at_limit[0]), **events})


def _without_nan(entry: Entry) -> Entry:
    """JSON has no NaN: null instead."""
    return {
        name: _without_nan(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not np.isfinite(value)
        else value
        for name, value in entry.items()
    }


def _where(entry: Entry) -> str:
    return f"window {entry['low']:g}-{entry['high']:g} GeV, efficiency {entry['selection_efficiency']:g}"


def _check(entry: Entry, blind: bool) -> None:
    values = {"p_value": entry["p_value"]}
    values |= {f"upper_limit.{name}": value for name, value in entry["upper_limit"].items()}
    closed = ("p_value", "upper_limit.observed") if blind else ()
    missing = [name for name, value in values.items() if value is None and name not in closed]
    if missing:
        observed = "" if blind else f" ({entry['observed']} events observed)"
        raise FitError(
            f"{_where(entry)}: the fits for {', '.join(missing)} did not converge{observed}. Use fewer "
            "hunt.n_parameters, a looser hunt.efficiencies or wider side bands."
        )


def _numbers(entry: Entry, blind: bool) -> FromWorkspace:
    """What the workspace is compared with: if blind, the observation is what is expected."""
    limits = entry["upper_limit"]
    if blind:
        return FromWorkspace(0.5, 0.0, limits["expected"], limits["expected"])
    return FromWorkspace(entry["p_value"], entry["z_local"], limits["observed"], limits["expected"])


def _workspace(entry: Entry, exact: FromWorkspace, blind: bool) -> tuple[str, dict[str, Any]]:
    window = spectra_file.Window(low=entry["low"], high=entry["high"])
    efficiency = entry["selection_efficiency"]
    content = workspaces.workspace(
        window,
        efficiency,
        entry["expected_background"] if blind else entry["observed"],
        entry["expected_background"],
        entry["expected_background_log_error"],
        max(exact.upper_limit_observed, exact.upper_limit_expected),
    )
    if blind:
        content["measurements"][0]["name"] = "blind"
    return workspaces.file_name(window, efficiency), content


def _close(
    entry: Entry, name: str, content: dict[str, Any], exact: FromWorkspace, given: InferSettings
) -> None:
    """Add what the workspace gives, and whether it agrees."""
    archived = evaluate(content, exact, given.confidence_level)
    entry["workspace"] = name
    entry["pyhf"] = None if archived is None else vars(archived).copy()
    entry["closure"] = compare(exact, archived, given.closure_tolerance)
    if not entry["closure"]["passes"]:
        log.warning(
            "%s: workspace and exact profile likelihood differ by more than infer.closure_tolerance = %g: "
            "%s. The exact numbers are the result; the workspace is an approximation there.",
            _where(entry),
            given.closure_tolerance,
            entry["closure"].get("relative_differences", entry["closure"].get("reason")),
        )


def _hide_observation(entry: Entry) -> None:
    """Of a workspace without observation only what is expected says something."""
    for numbers in (entry["pyhf"], entry["closure"].get("relative_differences")):
        if numbers is not None:
            for name in [name for name in numbers if name != "upper_limit_expected"]:
                del numbers[name]
