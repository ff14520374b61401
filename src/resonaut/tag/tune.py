"""Search the hyper-parameters of a tagger: trained on its training rows, compared on its validation rows."""

from __future__ import annotations

import collections
import contextlib
import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError, nearest
from resonaut.files import canonical_json, write_json
from resonaut.logs import log
from resonaut.nn import resume
from resonaut.nn.device import deterministic
from resonaut.nn.training import Epoch
from resonaut.provenance import versions, write_run_record
from resonaut.settings import validate
from resonaut.tag import networks
from resonaut.tag.fitting import Fitted, fit_once
from resonaut.tag.rows.prepare import PACKAGES, Prepared, prepare
from resonaut.tag.search.journal import Journal, Trial, folder_of
from resonaut.tag.search.overlay import replaced, value_at
from resonaut.tag.search.settings import DIRECTIONS, TuneSettings, check
from resonaut.tag.search.trials import Objective, Report, Search, search
from resonaut.tag.settings import TaggerSettings

_ENDLESS = ("n_trials", "timeout")
"""Settings that only say when a search ends: its trials are the same."""


def parse(slice_: Mapping[str, Any]) -> Search:
    """The search of a slice `tune`.

    Args:
        slice_: `name` of the search, `tune` (its settings) and `tag` (the slice `tag` of its tagger).

    Raises:
        ConfigError: a key is missing, unknown or wrong.
    """
    for key in ("name", "tune", "tag"):
        if key not in slice_:
            raise ConfigError(
                f"--settings: the key '{key}' is required (`resonaut config` prints the slice). "
                f"{nearest(key, slice_)}"
            )
    where = f"tune.{slice_['name']}"
    tune = validate(TuneSettings, slice_["tune"], where)
    settings, _, _ = registry.from_slice("tag", slice_["tag"])
    if tune.tagger != slice_["tag"]["method"]:
        raise ConfigError(
            f"{where}.tagger: '{tune.tagger}' is to be searched, the slice holds the settings of "
            f"'{slice_['tag']['method']}'."
        )
    return Search(tune, check(tune, settings, where), int(slice_["tag"]["seed"]), where)


def run(
    slice_: Mapping[str, Any],
    inputs: Mapping[str, Path],
    output: Path,
    trials: Path,
    threads: int = 2,
    scored: Mapping[str, Path] | None = None,
    transfer: Path | None = None,
    varied: Mapping[str, Path] | None = None,
) -> None:
    """Search; write the best parameters and all trials.

    Finished trials are kept beside the output until all is written: a killed search goes on, and ends with
    the same bytes. Test rows are never looked at.

    Args:
        slice_: see `parse`.
        inputs: manifest of each dataset, of the representation that the tagger reads.
        output: JSON to write: the best parameters and the settings of the tagger with them.
        trials: JSON to write: parameters, value and state of every trial.
        threads: CPU threads; another number may change last digits.
        scored: files of `tag score`, by `tagger/dataset`, where scores of taggers are among the inputs.
        transfer: weights of the tagger that each training starts from.
        varied: manifests of varied jets, by `variation/dataset`, for `robust.variations`.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    what = parse(slice_)
    settings, tagger, where = registry.from_slice("tag", slice_["tag"])
    _require_weights(settings, transfer, where)
    also = [] if transfer is None else [transfer]
    rows = prepare(slice_["tag"], settings, tagger, where, inputs, threads, scored, also, varied or {})
    # The test rows are left out here, so that no trial can see them.
    rows = replace(rows, parts=[*rows.parts[:2], np.zeros(0, np.int64)])
    provenance = {**rows.provenance, "settings": dict(slice_), "versions": versions(*PACKAGES, "optuna")}
    journal = Journal(folder_of(output), _key(provenance), what.where)
    with deterministic(threads):
        ended = search(what, objective_of(what, slice_["tag"], rows, transfer), journal)
    _write(what, slice_["tag"], ended, output, trials, provenance)
    seconds = [trial.seconds for trial in ended]
    reasons = {str(trial.number): trial.reason for trial in ended if trial.reason}
    write_run_record(output, threads=threads, seconds_of_trials=seconds, reasons=reasons)
    journal.forget()


def _require_weights(settings: TaggerSettings, transfer: Path | None, where: str) -> None:
    """Raises ConfigError where trainings start from weights that are not given."""
    if settings.transfer is not None and transfer is None and settings.transfer.path is None:
        raise ConfigError(
            f"{where}.transfer.start_from: the weights of '{settings.transfer.start_from}' are not given; "
            "add --transfer FILE."
        )


def objective_of(
    what: Search, of_tagger: Mapping[str, Any], rows: Prepared, transfer: Path | None = None
) -> Objective:
    """A training of the tagger with the parameters of a trial; its value is that of the weights kept.

    Args:
        of_tagger: the slice `tag` of the tagger.
        rows: its rows; those of training and validation are used.
        transfer: weights that each training starts from.
    """
    metric = what.tune.metric

    def of_epoch(epoch: Epoch) -> float:
        return epoch.validation_loss if metric == "validation_loss" else epoch.metrics[metric]

    def objective(parameters: dict[str, Any], number: int, seed: int, report: Report) -> float:
        changed = {**of_tagger, "settings": replaced(of_tagger["settings"], parameters)}
        settings, tagger, _ = registry.from_slice("tag", changed)
        # Where training is no gradient descent, there is nothing to prune: it tells its epochs afterwards.
        on_epoch = None if tagger.fit else lambda epoch: report(epoch.epoch, of_epoch(epoch))
        fitted = fit_once(
            *(settings, tagger, replace(rows, tagger=tagger), seed, f"{what.where}.trial{number}"),
            on_epoch=on_epoch,
            transfer=transfer,
        )
        best = fitted.history.epochs[fitted.history.best_epoch - 1]
        if metric == "validation_loss" or metric in best.metrics:
            return of_epoch(best)
        return _measured(fitted, rows)[metric]

    return objective


def _measured(fitted: Fitted, rows: Prepared) -> dict[str, float]:
    """Metrics on the validation rows of a method that tells none of its epochs."""
    (found,) = networks.outputs([fitted.network], rows.task, rows.samples(), rows.parts[1], "cpu")
    return rows.task.watched(found, rows.target[rows.parts[1]])


def _key(provenance: Mapping[str, Any]) -> dict[str, str]:
    key = copy.deepcopy(dict(provenance))
    for name in _ENDLESS:
        key["settings"]["tune"].pop(name, None)
    return {name: resume.inputs_of({name: value}) for name, value in key.items()}


def _choices(tune: TuneSettings, of_tagger: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Choices as the settings of the tagger hold them, by path and JSON: a rate given as text is a number."""
    model = registry.load("tag", of_tagger["kind"]).Settings
    found: dict[str, dict[str, Any]] = {}
    for path, parameter in tune.parameters.items():
        for choice in parameter.choices or ():
            value = choice
            with contextlib.suppress(ConfigError):
                settings = validate(model, replaced(of_tagger["settings"], {path: choice}))
                value = value_at(settings.model_dump(mode="json"), path)
            found.setdefault(path, {})[canonical_json(choice)] = value
    return found


def _as_json(trial: Trial, choices: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "value": trial.value,
        "parameters": {
            path: choices[path][value] if path in choices else value
            for path, value in sorted(trial.parameters.items())
        },
        "epochs": list(trial.epochs),
        # That of a failed one may name temporary files; it stands in the run record.
        "reason": trial.reason if trial.state == "pruned" else None,
    }


def _write(
    what: Search,
    of_tagger: Mapping[str, Any],
    trials: list[Trial],
    output: Path,
    all_trials: Path,
    provenance: Mapping[str, Any],
) -> None:
    tune, best = what.tune, what.best(trials)
    head = {
        "schema_version": 1,
        "tune": what.where.removeprefix("tune."),
        "tagger": tune.tagger,
        "kind": of_tagger["kind"],
        "metric": tune.metric,
        "direction": DIRECTIONS[tune.metric],
    }
    choices = _choices(tune, of_tagger)
    entries = [_as_json(trial, choices) for trial in trials]
    parameters = entries[best.number - 1]["parameters"]
    changed = {**of_tagger, "settings": replaced(of_tagger["settings"], parameters)}
    settings, _, _ = registry.from_slice("tag", changed)
    states = collections.Counter(trial.state for trial in trials)
    write_json(
        output,
        {
            **head,
            "parameters": parameters,
            "value": best.value,
            "trial": best.number,
            "n_trials": len(trials),
            "n_completed": states["completed"],
            "n_pruned": states["pruned"],
            "n_failed": states["failed"],
            "settings": settings.model_dump(mode="json"),
            "provenance": provenance,
        },
    )
    space = {
        path: {
            **parameter.model_dump(mode="json"),
            "choices": list(choices[path].values()) if path in choices else None,
        }
        for path, parameter in sorted(tune.parameters.items())
    }
    write_json(all_trials, {**head, "parameters": space, "trials": entries, "provenance": provenance})
    log.info("%s: best %s %.5g of trial %d", what.where, tune.metric, best.value, best.number)
