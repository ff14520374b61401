"""What searches select of a simulated signal, and of the same events as variations have them.

Thresholds are those of `hunt spectra`: they come from the mixture's side bands and no variation moves them.

`templates.h5` holds `efficiencies` (E,) and in one group per variation, `nominal` among them,

    mass, weight, event      (n,) of all events that have a score; weights are fractions of what was produced
    selected                 (W, E, n) boolean

with attributes kind, schema_version, mixture, method, dataset, windows, sources (JSON: the variations of each
source and the standard deviations that they stand for), provenance. `infer` bins the events as it bins the
spectra. `variations.json` is its summary to read:

    windows                  one entry per window and efficiency: low, high, selection_efficiency, `nominal`
                             (acceptance, its error, events) and `varied`: per variation the ratio of the
                             accepted signal to the nominal one and its error, which knows that the events are
                             the same, mean_mass (GeV) and the ratio of the mean masses

`response.json` says what the variations change in the scores (`hunt.response`).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.errors import InputError, MismatchError, MissingBranchError
from resonaut.files import atomic, canonical_json, write_json
from resonaut.hunt.response import respond
from resonaut.hunt.scores import ScoresFile
from resonaut.hunt.selection import passing
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.scan import ScanSettings
from resonaut.settings import Count, Settings, validate
from resonaut.stats.paired import Binned, change
from resonaut.store import creating, open_h5

SCHEMA_VERSION = 1
KIND = "signal_variations"
NOMINAL = "nominal"
_COLUMNS = ("mass", "weight", "event", "fold", "score")
_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class Slice(Settings):
    """What the rule gives: variations of each source, with the standard deviations they stand for."""

    sources: dict[str, dict[str, float]]
    scan: ScanSettings
    seed: Count = 1


@dataclass(frozen=True)
class Outputs:
    """Files to write: HDF5 and JSON as the module says, the summary as Markdown, JSON of the response."""

    templates: Path
    summary: Path
    table: Path
    response: Path


def templates(
    settings: dict[str, Any],
    scores: str | os.PathLike,
    varied: str | os.PathLike,
    spectra: str | os.PathLike,
    output: Outputs,
) -> None:
    """Select the signal's events as the search selects those of the mixture.

    Args:
        settings: `{"sources": {"jes": {"jes_up": 1.0, "jes_down": -1.0}}, "scan": ..., "seed": ...}`.
        scores: HDF5 of `detect`, scores of the mixture.
        varied: HDF5 of `detect`, scores of varied events.
        spectra: HDF5 of `hunt spectra`, thresholds.
        output: what is written.

    Raises:
        InputError: a file is not usable.
        MismatchError: they are of different searches.
    """
    given = validate(Slice, settings)
    provenance = describe(settings, [scores, varied, spectra], ["h5py", "numpy"])
    with ScoresFile(scores, given.scan) as file:
        experiment = file.read(0)
    with open_h5(varied) as events, open_h5(spectra) as thresholds, creating(output.templates, {}) as result:
        names = _check(events, thresholds, given, str(varied), str(spectra))
        cuts, windows = thresholds["thresholds"][0], json.loads(thresholds.attrs["windows"])
        for name in names:
            _select(events[name], cuts, result.create_group(name), f"{varied}: {name}")
        result["efficiencies"] = efficiencies = thresholds["efficiencies"][:]
        result.attrs["kind"], result.attrs["schema_version"] = KIND, SCHEMA_VERSION
        for key in ("mixture", "method", "dataset"):
            result.attrs[key] = str(events.attrs[key])
        result.attrs["windows"] = canonical_json(windows)
        result.attrs["sources"] = canonical_json(given.sources)
        result.attrs["provenance"] = canonical_json(provenance)
        content = {
            "schema_version": SCHEMA_VERSION,
            **{key: str(events.attrs[key]) for key in ("mixture", "method", "dataset")},
            "sources": given.sources,
            "windows": [
                {**_head(windows[window], efficiencies[number]), **_summary(result, names, window, number)}
                for window in range(len(windows))
                for number in range(len(efficiencies))
            ],
            "provenance": provenance,
        }
        response = respond(experiment, given.scan, events, given.sources, given.seed)
    write_json(output.summary, content)
    head = {key: content[key] for key in ("schema_version", "mixture", "method", "dataset")}
    write_json(output.response, {**head, **response, "provenance": provenance})
    with atomic(output.table) as part:
        part.write_text(markdown(content, response))
    log.info("%s: %d variations of %s", content["method"], len(names) - 1, content["dataset"])
    write_run_record(output.templates)


def _check(scores: h5py.File, spectra: h5py.File, given: Slice, varied: str, path: str) -> list[str]:
    """Names of the groups, `nominal` first."""
    for file, kind, where in ((scores, "varied_scores", varied), (spectra, "spectra", path)):
        if file.attrs.get("kind") != kind:
            raise InputError(
                f"{where}: a file of kind '{kind}' is expected, got '{file.attrs.get('kind')}'. Give the "
                f"file of `{'detect train' if file is scores else 'hunt spectra'}`."
            )
    for key in ("mixture", "method"):
        if scores.attrs[key] != spectra.attrs[key]:
            raise MismatchError(
                f"{varied} is of {key} '{scores.attrs[key]}', {path} of '{spectra.attrs[key]}'. Give files "
                "of one search."
            )
    edges = [[(one["low"], one["high"]) for one in json.loads(f.attrs["windows"])] for f in (scores, spectra)]
    if edges[0] != edges[1]:
        raise MismatchError(f"{varied} has windows {edges[0]}, {path} {edges[1]}. Run `detect` again.")
    names = [NOMINAL, *sorted({name for members in given.sources.values() for name in members})]
    missing = [f"{name}/{key}" for name in names for key in _COLUMNS if f"{name}/{key}" not in scores]
    if missing:
        raise MissingBranchError(
            f"{varied}: no {missing[0]}; it holds {', '.join(sorted(scores))}. Run `detect` again."
        )
    return names


def _select(scores: h5py.Group, cuts: np.ndarray, result: h5py.Group, where: str) -> None:
    """Write the events of one variation and which are selected, from thresholds (W, E, F)."""
    fold = scores["fold"][:]
    scored = np.flatnonzero(fold >= 0)
    fold = fold[scored]
    if len(fold) and fold.max() >= cuts.shape[-1]:
        raise MismatchError(
            f"{where}: fold {fold.max()}, there are thresholds of {cuts.shape[-1]} folds. Run `hunt` again."
        )
    for key in ("mass", "weight", "event"):
        result.create_dataset(key, data=scores[key][:][scored], **_COMPRESSED)
    packed = {"chunks": (1, 1, len(scored)), **_COMPRESSED} if len(scored) else {}
    selected = result.create_dataset("selected", (*cuts.shape[:2], len(scored)), bool, **packed)
    for window, number in np.ndindex(*cuts.shape[:2]):
        selected[window, number] = passing(scores["score"][window][scored], fold, cuts[window, number])


def _head(window: dict[str, Any], efficiency: float) -> dict[str, Any]:
    return {"low": window["low"], "high": window["high"], "selection_efficiency": float(efficiency)}


def _summary(file: h5py.File, names: list[str], window: int, number: int) -> dict[str, Any]:
    """Acceptances of one window and efficiency."""
    samples, means = {}, {}
    for name in names:
        chosen = file[name]["selected"][window, number]
        mass, weight, event = (file[name][key][:][chosen] for key in ("mass", "weight", "event"))
        samples[name] = Binned(event, weight, np.zeros(len(event), int))
        means[name] = float((mass * weight).sum() / weight.sum()) if weight.sum() > 0 else None
    nominal = samples[NOMINAL]
    varied = {}
    for name in names[1:]:
        entry: dict[str, Any] = {"n_events": len(samples[name].event), "mean_mass": means[name]}
        if means[name] is not None and means[NOMINAL] is not None:
            found = change(nominal, samples[name], 1)
            entry |= {
                "acceptance_ratio": found.ratio,
                "acceptance_ratio_error": found.ratio * found.log_error,
                "mean_mass_ratio": means[name] / means[NOMINAL],
            }
        varied[name] = entry
    return {
        "nominal": {
            "acceptance": float(nominal.weight.sum()),
            "acceptance_error": float(np.sqrt((nominal.weight**2).sum())),
            "n_events": len(nominal.event),
            "mean_mass": means[NOMINAL],
        },
        "varied": varied,
    }


def markdown(content: dict[str, Any], response: dict[str, Any]) -> str:
    """The summary and the response as tables."""
    lines = [
        f"# {content['dataset']} with variations, selected by {content['method']} on {content['mixture']}",
        "",
        "Errors of ratios are statistical; the events are the same, so they are correlated. Acceptance: of "
        "the produced events.",
        "",
        "| window, GeV | efficiency | acceptance | variation | accepted / nominal | mean mass / nominal |",
        "|---|---|---|---|---|---|",
    ]
    for entry in content["windows"]:
        nominal = entry["nominal"]
        for name, one in entry["varied"].items():
            ratio = mass = "no events"
            if "acceptance_ratio" in one:
                ratio = f"{one['acceptance_ratio']:.3f} ± {one['acceptance_ratio_error']:.3f}"
                mass = f"{one['mean_mass_ratio']:.4f}"
            place = f"| {entry['low']:g}-{entry['high']:g} | {entry['selection_efficiency']:g} "
            accepted = f"{nominal['acceptance']:.4f} ± {nominal['acceptance_error']:.4f}"
            lines.append(f"{place}| {accepted} | {name} | {ratio} | {mass} |")
    lines += [
        "",
        "The signal against side-band events of the window, which no variation moves:",
        "",
        "| window, GeV | AUC | variation | change of AUC | change of rejection at signal efficiency "
        f"{response['efficiencies'][-1]:g} | Kolmogorov-Smirnov distance of the score |",
        "|---|---|---|---|---|---|",
    ]
    for window, entry in response["taggers"].items():
        auc = entry["nominal"]["auc"]
        for name, one in entry["varied"].items():
            rejection = _with_error(one["at"][-1]["rejection_change"])
            distance = _with_error(one["shape"]["signal"]["kolmogorov_smirnov"])
            change_of_auc = _with_error(one["auc_change"])
            columns = (window, _with_error(auc), name, change_of_auc, rejection, distance)
            lines.append(f"| {' | '.join(columns)} |")
    return "\n".join(lines) + "\n"


def _with_error(entry: dict[str, float | None]) -> str:
    if entry["value"] is None:
        return "none"
    return f"{entry['value']:.4f}" + ("" if entry["error"] is None else f" ± {entry['error']:.4f}")
