"""Compare the generators of a study: one table for each representation and datasets that are learnt.

`comparison.json`, version 1: `groups`, each with `learn`, `datasets`, `conditions`, `energies` (GeV) and
`generators`, sorted by the AUC on observables. Of a generator:

    name, method, kind, n_parameters, n_training, n_compared, best_epoch
    high_level, low_level      auc, error, floor, floor_error (and `by`, of the stronger classifier); or null
    separation                 observable, value, error, expected: of the largest one
    observables                by name: difference of the means in widths of real rows, separation, its floor
    coverage, coverage_floor, memorisation (ratio), copies, different_bins, different_bins_floor
    response, resolution       by energy: relative difference to real showers, error; null where not measured
    jets                       w1m, w1p, w1efp, fpd, kpd: value, error, floor; null of showers
    targets                    met, asked
    time                       training_seconds; seconds_per_row and speed_up by `<device> <batch>`; null
                               where the time was not asked for
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.errors import InputError
from resonaut.files import atomic, read_json, write_json
from resonaut.generate.compare_table import markdown
from resonaut.generate.evaluation.summary import worst
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record

SCHEMA_VERSION = 1
PACKAGES = ("numpy",)
_AUC = ("auc", "error", "floor", "floor_error")
_SEPARATION = ("value", "error", "expected")
_JETS = ("w1m", "w1p", "w1efp", "fpd", "kpd")


def read(path: Path, keys: tuple[str, ...], action: str) -> dict[str, Any]:
    """A JSON result with some keys.

    Raises:
        InputError: it is of another action.
    """
    value = read_json(path)
    if not isinstance(value, dict) or any(key not in value for key in keys):
        raise InputError(
            f"{path}: the JSON of `generate {action}` is expected. Give the file of that action."
        )
    return value


def _classifiers(found: Mapping[str, Any]) -> dict[str, Any]:
    high = found["high_level"] or {}
    name = max(high, key=lambda key: high[key]["auc"], default=None)
    stronger = None if name is None else {**{key: high[name][key] for key in _AUC}, "by": name}
    low = found["low_level"]
    return {"high_level": stronger, "low_level": low and {key: low[key] for key in _AUC}}


def _observables(found: Mapping[str, Any]) -> dict[str, Any]:
    result = {}
    for name, entry in found.items():
        real, made = (entry["mean"][key]["value"] for key in ("real", "generated"))
        width = entry["width"]["real"]["value"]
        result[name] = {
            "title": entry["title"],
            "shift": (made - real) / width if width else None,
            "separation": entry["separation"]["value"],
            "floor": entry["separation"]["floor"],
        }
    return result


def _energies(evaluation: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    response = evaluation["response"]
    if response is None:
        return None
    return {f"{entry['energy']:g}": (entry["difference"] or {}).get(key) for entry in response["energies"]}


def _jets(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    found = evaluation["jets"]
    keys = ("value", "error", "floor")
    return found and {name: found[name] and {key: found[name][key] for key in keys} for name in _JETS}


def _time(timing: Mapping[str, Any] | None, training: Path | None) -> dict[str, Any] | None:
    if timing is None:
        return None
    record = Path(f"{training}.run.json")
    seconds = read_json(record).get("wall_seconds") if training is not None and record.exists() else None
    return {
        "training_seconds": seconds,
        "seconds_per_row": {
            f"{entry['device']} {entry['batch']}": entry["seconds_per_row"]
            for entry in timing["measurements"]
        },
        "speed_up": timing.get("speed_up") or {},
    }


def of_generator(
    name: str,
    evaluation: Mapping[str, Any],
    training: Mapping[str, Any] | None,
    time: dict[str, Any] | None,
) -> dict[str, Any]:
    """The entry of one generator, see the module."""
    largest = worst(evaluation)
    own = None if largest is None else evaluation["observables"][largest[0]]["separation"]
    asked = [target["met"] for target in evaluation["targets"] if target["met"] is not None]
    training = training or {}
    return {
        "name": name,
        "method": evaluation["method"],
        "kind": evaluation["kind"],
        "n_parameters": training.get("n_parameters"),
        "n_training": evaluation["n_rows"]["training"],
        "n_compared": evaluation["n_rows"]["compared"],
        "best_epoch": training.get("best_epoch"),
        **_classifiers(evaluation["classifier"]),
        "separation": own
        and {"observable": largest[0], **{k: own[k] for k in ("value", "error", "expected")}},
        "observables": _observables(evaluation["observables"]),
        **{key: evaluation["coverage"][key] for key in ("coverage", "coverage_floor")},
        "memorisation": evaluation["memorisation"]["ratio"],
        "copies": evaluation["memorisation"]["copies"],
        "different_bins": evaluation["modes"]["different"],
        "different_bins_floor": evaluation["modes"]["different_floor"],
        "response": _energies(evaluation, "response"),
        "resolution": _energies(evaluation, "resolution"),
        "jets": _jets(evaluation),
        "targets": {"met": sum(asked), "asked": len(asked)},
        "time": time,
    }


def grouped(entries: Mapping[str, dict[str, Any]], evaluations: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Generators that learnt the same, together; each group sorted by the AUC on observables."""
    groups: dict[tuple, dict[str, Any]] = {}
    for name, evaluation in evaluations.items():
        what = {key: evaluation[key] for key in ("learn", "datasets", "conditions")}
        energies = [entry["energy"] for entry in (evaluation["response"] or {}).get("energies", [])]
        key = (evaluation["learn"], tuple(evaluation["datasets"]), tuple(evaluation["conditions"]))
        group = groups.setdefault(key, {**what, "energies": energies, "generators": []})
        group["generators"].append(entries[name])
    for group in groups.values():
        group["generators"].sort(key=lambda e: ((e["high_level"] or {}).get("auc", 2.0), e["name"]))
    return [groups[key] for key in sorted(groups)]


def run(
    evaluations: Mapping[str, Path],
    training: Mapping[str, Path],
    timing: Mapping[str, Path],
    output: Path,
    table: Path,
) -> None:
    """Compare generators.

    Args:
        evaluations: `evaluation.json` by name of the generator.
        training: `training.json` of some or all of them.
        timing: `timing.json` of some or all of them.
        output: JSON to write, see the module.
        table: Markdown to write.

    Raises:
        InputError: a file is not what it should be, or of a generator without an evaluation.
    """
    for option, files in (("training", training), ("timing", timing)):
        odd = sorted(set(files) - set(evaluations))
        if odd:
            raise InputError(
                f"--{option}: {', '.join(odd)} without an evaluation; name the generators of --evaluations."
            )
    keys = ("learn", "observables", "classifier", "targets")
    found = {name: read(path, keys, "evaluate") for name, path in evaluations.items()}
    trained = {name: read(path, ("n_parameters",), "train") for name, path in training.items()}
    timed = {name: read(path, ("measurements",), "time") for name, path in timing.items()}
    entries = {
        name: of_generator(name, own, trained.get(name), _time(timed.get(name), training.get(name)))
        for name, own in found.items()
    }
    result = {"schema_version": SCHEMA_VERSION, "groups": grouped(entries, found)}
    log.info("comparison of %d generators in %d groups", len(entries), len(result["groups"]))
    inputs = [*evaluations.values(), *training.values(), *timing.values()]
    write_json(output, {**result, "provenance": describe({}, inputs, PACKAGES)})
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output)
