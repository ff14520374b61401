"""Which global p-value to believe: all of them on the same pseudo-experiments, with and without signal.

`trials.json`:

    schema_version, kind ("trials"), mixture
    statistic            of the local tests, of toys and replicas too: signal (its shape), uncertainties
                         (those that are not 0), envelope (further background functions)
    levels               nominal false-positive rates, falling
    confidence           of the intervals `low` to `high` (Clopper and Pearson)
    sets                 {name, inject, n}: pseudo-experiments, those without signal first
    notes                what each global p-value is, by its label
    entries              one per method and procedure, in the order of the notes:
        method, procedure, label
        uniformity           {excess, p_value}: by how much p-values of the null fall below their level, and
                             the one-sided Kolmogorov-Smirnov test of it; null without p-values
        rates                per level: {level,
                             false_positive: {count, n, value, low, high} of the null,
                             power: the same of each set with signal, by its name}; value, low and high
                             are null where n is 0, or toys are too few to reach the level
        p_values             by set, in the order of `index`; null where there is none
        observed             of the data; null where they are blind or not given, and where there is none
    index                by method and set: which pseudo-experiments
    provenance

`trials.md` is the same as a table. Power is what a procedure finds at a nominal level: where its
false-positive rate is larger than the level, its power says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from resonaut.errors import ConfigError, EmptyFileError, InputError, nearest
from resonaut.files import atomic, write_json
from resonaut.infer import templates, trials_table
from resonaut.infer.calibration_likelihood import Statistic
from resonaut.infer.settings import InferSettings
from resonaut.infer.trials_procedures import NOTES, Part, evaluate, joined
from resonaut.infer.trials_settings import TrialsTableSettings
from resonaut.logs import log, progress
from resonaut.plot.intervals import ONE_SIGMA
from resonaut.provenance import describe, write_run_record
from resonaut.pseudo_settings import PART
from resonaut.settings import Count, Settings, validate
from resonaut.store import open_h5

SCHEMA_VERSION = 1
KIND = "trials"
PSEUDO_EXPERIMENTS = "pseudo_experiments"

Sets = dict[str, dict[str, Part]]
"""By method and by name of the set."""


class Slice(Settings):
    """What the rule gives."""

    mixture: str = Field(description="The mixture that is searched.")
    null: str = Field(description="Name of the pseudo-experiments without signal.")
    inject: dict[str, dict[str, Count]] = Field(
        default_factory=dict, description="Signal events of the other sets, by name and dataset."
    )
    trials_table: TrialsTableSettings = TrialsTableSettings()
    infer: InferSettings = Field(
        InferSettings(), description="Its signal, uncertainties and envelope make the local test."
    )
    seed: Count = Field(1, description="Of the study.")


def run(
    settings: dict[str, Any],
    spectra: Mapping[str, Path],
    output: str | os.PathLike,
    table: str | os.PathLike,
    data: Mapping[str, Path] | None = None,
    signal: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Compare global p-values and write what the module says.

    Args:
        settings: `mixture`, the set `null` without signal, signal events of the other sets by name
            (`inject`), `trials_table`, `infer` (the keys of the local test), `seed`.
        spectra: HDF5 of hunt by `<mixture>:<set>:part<k>/<method>`.
        output: JSON.
        table: Markdown.
        data: HDF5 of hunt of the mixture by method.
        signal: manifests of features by dataset, for `infer.signal.dataset`.

    Raises:
        ConfigError: a name is of another form, or of a set that the settings do not know, or the dataset of
            the signal is not given.
        InputError: spectra cannot be used, or a pseudo-experiment stands in two files.
        EmptyFileError: a method has no pseudo-experiment without signal.
    """
    given = validate(Slice, settings, "--settings")
    statistic = Statistic(given.infer, templates.read(given.infer.signal, signal or {}))
    sets = _evaluated(given, spectra, statistic)
    for method, own in sets.items():
        if given.null not in own or not len(own[given.null].index):
            raise EmptyFileError(
                f"--spectra: no pseudo-experiments '{given.mixture}:{given.null}' of {method}; at least one "
                "part is expected. Run its hunt."
            )
    observed = {method: _observed(path, given, statistic) for method, path in sorted((data or {}).items())}
    entries = [
        entry for method, own in sets.items() for entry in _entries(method, own, given, observed.get(method))
    ]
    inputs = [*spectra.values(), *(data or {}).values(), *(signal or {}).values()]
    used = [name for name in NOTES if any(entry["procedure"] == name for entry in entries)]
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "mixture": given.mixture,
        "statistic": statistic.described(),
        "levels": list(given.trials_table.levels),
        "confidence": ONE_SIGMA,
        "sets": [
            {
                "name": name,
                "inject": inject,
                "n": max(len(own[name].index) for own in sets.values() if name in own),
            }
            for name, inject in {given.null: {}, **given.inject}.items()
            if any(name in own for own in sets.values())
        ],
        "notes": {NOTES[name][0]: NOTES[name][1] for name in used},
        "entries": entries,
        "index": {
            method: {name: part.index.tolist() for name, part in own.items()} for method, own in sets.items()
        },
        "provenance": describe(settings, inputs, ["numpy", "scipy"]),
    }
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(trials_table.markdown(result), encoding="utf-8")
    write_run_record(output)
    log.info("global p-values of %d searches by %d procedures", len(sets), len(used))
    return result


def _evaluated(given: Slice, spectra: Mapping[str, Path], statistic: Statistic) -> Sets:
    """Results of all files, joined."""
    known = (given.null, *given.inject)
    parts: dict[str, dict[str, list[Part]]] = {}
    for key, path in progress(sorted(spectra.items()), "global p-values"):
        mixture, _, method = key.rpartition("/")
        found = PART.fullmatch(mixture)
        if found is None or not method:
            raise ConfigError(
                f"--spectra: '{key}': <mixture>:<set>:part<k>/<method> is expected, for example "
                "data:null:part0/cwola."
            )
        if found["mixture"] != given.mixture or found["name"] not in known:
            raise ConfigError(
                f"--spectra: '{key}' is of no set of the settings. "
                f"{nearest(found['name'], known)} The mixture is '{given.mixture}'."
            )
        family = f"{given.mixture}:{found['name']}"
        part = evaluate(path, given.trials_table, given.seed, family, statistic)
        parts.setdefault(method, {}).setdefault(found["name"], []).append(part)
    sets = {
        method: {name: joined(own[name]) for name in known if name in own}
        for method, own in sorted(parts.items())
    }
    for method, own in sets.items():
        for name, part in own.items():
            if len(np.unique(part.index)) < len(part.index):
                raise InputError(
                    f"--spectra: a pseudo-experiment of {given.mixture}:{name} of {method} stands in two "
                    "files. Give each part once, all made with the same pseudo_experiments.per_job."
                )
    return sets


def _observed(path: Path, given: Slice, statistic: Statistic) -> Part | None:
    """Results of the data, if they are open."""
    with open_h5(path) as file:
        # A file that does not say that it is open is taken for blind.
        if file.attrs.get("blind", True):
            return None
    return evaluate(path, given.trials_table, given.seed, given.mixture, statistic)


def _entries(method: str, own: dict[str, Part], given: Slice, observed: Part | None) -> list[dict[str, Any]]:
    """Entries of one method; `observed` are the results of the data."""
    null = own[given.null]
    by_pseudo_experiments = {
        name: trials_table.leave_one_out(null.largest_z, None if name == given.null else part.largest_z)
        for name, part in own.items()
    }
    of_data = {} if observed is None else {name: p[0] for name, p in observed.p_values.items()}
    if observed is not None:
        of_data[PSEUDO_EXPERIMENTS] = trials_table.leave_one_out(null.largest_z, observed.largest_z)[0]
    smallest = _smallest(len(null.index), given)
    found = []
    for procedure, (label, _) in NOTES.items():
        least = smallest.get(procedure, 0.0)
        if procedure == PSEUDO_EXPERIMENTS:
            values = by_pseudo_experiments
        elif procedure in null.p_values:
            nothing = {name: np.full(len(part.index), np.nan) for name, part in own.items()}
            values = {name: part.p_values.get(procedure, nothing[name]) for name, part in own.items()}
        else:
            continue
        found.append(
            {
                "method": method,
                "procedure": procedure,
                "label": label,
                "observed": _number(of_data.get(procedure, np.nan)),
                "uniformity": trials_table.uniformity(values[given.null]),
                "rates": [
                    {
                        "level": level,
                        "false_positive": trials_table.rate(values[given.null], level, least),
                        "power": {
                            name: trials_table.rate(p, level, least)
                            for name, p in values.items()
                            if name != given.null
                        },
                    }
                    for level in given.trials_table.levels
                ],
                "p_values": {name: [_number(p) for p in ps] for name, ps in values.items()},
            }
        )
    return found


def _smallest(n_null: int, given: Slice) -> dict[str, float]:
    """The smallest p-value of what is counted, by procedure."""
    numbers = {
        "scan_toys": given.trials_table.n_toys,
        "bootstrap": given.trials_table.n_bootstrap,
        PSEUDO_EXPERIMENTS: n_null - 1,
    }
    return {name: 1 / (1 + n) for name, n in numbers.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
