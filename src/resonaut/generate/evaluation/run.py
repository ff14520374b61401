"""Evaluate a generator: generated rows against rows of the test part, each number beside its floor.

Real rows are those of the test part; further real rows, which give the floors, those of the validation part,
both without conditions that were held out. All samples are cut to one size.

`evaluation.json`, version 1:

    method, kind, learn, datasets, conditions
    n_rows         compared (of each sample), real, other, generated, training: what there was
    observables    by name, see `histograms`
    classifier     high_level: network, trees; low_level; see `classifier`; null where it was not asked for
    coverage       see `coverage.covered`; memorisation: `coverage.memorised`; modes: `modes.different_bins`;
    classes        see `modes.classes`, where `class` is a condition; null otherwise
    jets           see `jet_metrics`; null of showers
    profiles, response, correlations, images
                   of showers, see `showers` and `response`; of jet images `images`: mean real and generated
                   image, their distance and its floor, half_width; else null
    held_out       see `extrapolation`; outside: number of generated rows beyond the trained range
    targets        see `summary`
    provenance
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import InputError
from resonaut.files import write_json
from resonaut.generate import learnt, reading
from resonaut.generate.evaluation import (
    coverage,
    distances,
    extrapolation,
    histograms,
    jet_metrics,
    modes,
    observed,
    response,
    showers,
    summary,
)
from resonaut.generate.evaluation.classifier import high_level
from resonaut.generate.evaluation.low_level import low_level
from resonaut.generate.evaluation.numbers import plain, rounded
from resonaut.generate.evaluation.settings import EvaluationSettings
from resonaut.generate.learnt import Learnt
from resonaut.logs import log
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import generator, integer_seed

SCHEMA_VERSION = 1
MIN_ROWS = 50
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "h5py")
_EXTRAPOLATED = "events/extrapolated"


def _part(rows: Learnt, name: str) -> Learnt:
    """Rows of a part without those held out, in random order."""
    own = np.flatnonzero((rows.part == PARTS.index(name)) & ~rows.held)
    return rows.select(own[np.argsort(rows.ids["order"][own], kind="stable")])


def _ordinary(generated: Learnt) -> np.ndarray:
    """Mask of generated rows with conditions that were trained."""
    outside = generated.carried.get(_EXTRAPOLATED)
    return ~generated.held if outside is None else ~generated.held & (outside == 0)


def same_size(rows: Mapping[str, Learnt], n_rows_max: int, where: str) -> dict[str, Learnt]:
    """The first rows of each sample, equally many.

    Raises:
        InputError: too few to compare.
    """
    size = min(n_rows_max, *map(len, rows.values()))
    if size < MIN_ROWS:
        found = ", ".join(f"{len(own)} {name}" for name, own in rows.items())
        raise InputError(
            f"{where}: {found} rows; at least {MIN_ROWS} of each are compared. Make more events, raise "
            f"{where}.n_rows_max or {where}.n_samples."
        )
    return {name: own.select(np.arange(size)) for name, own in rows.items()}


def _of_showers(rows: Mapping[str, Learnt], of: Mapping[str, Any], settings: EvaluationSettings) -> Any:
    """Parts of the result that only showers have."""
    own = {name: part.showers() for name, part in rows.items()}
    incident = {name: observed.incident_energy(part) for name, part in rows.items()}
    measured = None
    if all(energy is not None for energy in incident.values()):
        pairs = [(of[name]["visible_energy"], incident[name]) for name in ("real", "generated")]
        measured = response.evaluate(*pairs, settings.energies, settings.energy_window)
    return {
        "profiles": showers.profiles(own),
        "response": measured,
        "correlations": showers.correlations(of),
        "images": showers.images(own),
    }


def _of_jets(rows: Mapping[str, Learnt], seed: int) -> dict[str, Any]:
    """Parts of the result that only jets have."""
    real, other, made = (rows[name] for name in histograms.SAMPLES)
    found: dict[str, Any] = {"jets": jet_metrics.compute(real, made, other, seed)}
    if real.kind == "images":
        found["images"] = {
            "half_width": float(real.settings["half_width"]),
            **{
                name: rounded(rows[name].values.mean(0, dtype=np.float64), 5)
                for name in ("real", "generated")
            },
            "distance": distances.mean_image_l1(made.values, real.values),
            "floor": distances.mean_image_l1(other.values, real.values),
        }
    return found


def _classes(rows: Mapping[str, Learnt], tables: Mapping[str, np.ndarray], seed: int) -> Any:
    """Whether classes that were asked for are recognised; None without the condition."""
    names = rows["real"].condition_names
    chosen = [number for number, name in enumerate(names) if name.startswith("class_")]
    if not chosen:
        return None
    seen = {name: values[:, : values.shape[1] - len(names)] for name, values in tables.items()}
    asked = {name: part.conditions[:, chosen].argmax(1) for name, part in rows.items()}
    return modes.classes(
        *(seen["other"], asked["other"], seen["real"], asked["real"], seen["generated"], asked["generated"]),
        tuple(names[number].removeprefix("class_") for number in chosen),
        integer_seed(seed, "classes"),
    )


def compare(
    rows: Mapping[str, Learnt], training: Learnt, settings: EvaluationSettings, seed: int, where: str,
    threads: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Compare equally many real, further real (`other`) and generated rows; see the module for the result.

    Args:
        rows: of each of `histograms.SAMPLES`.
        training: rows that were learnt from.
        settings: of the evaluation.
        seed: of everything random.
        where: key of the configuration, for the messages.
        threads: CPU threads.
    """
    of = {name: observed.of_rows(part) for name, part in rows.items()}
    shared = [name for name in of["real"] if all(name in own for own in of.values())]
    of = {name: {key: own[key] for key in shared} for name, own in of.items()}
    tables = {name: observed.table(of[name], part) for name, part in rows.items()}
    log.info("%s: %d rows of each sample, %d observables", where, len(rows["real"]), len(shared))
    result: dict[str, Any] = {
        "observables": histograms.of_all(
            of, observed.titles(rows["real"]), settings.n_bins, generator(seed, "separation")
        ),
        "classifier": {
            "high_level": high_level(
                *(tables[name] for name in histograms.SAMPLES),
                *(settings.classifier, integer_seed(seed, "high level"), threads),
            ),
            "low_level": None,
        },
    }
    if settings.classifier.low_level:
        result["classifier"]["low_level"] = low_level(
            *(rows[name] for name in histograms.SAMPLES),
            *(settings.classifier, integer_seed(seed, "low level"), where),
        )
    result |= _distances(rows, of, training, integer_seed(seed, "modes"))
    result["classes"] = _classes(rows, tables, seed)
    result |= dict.fromkeys(("jets", "profiles", "response", "correlations", "images"))
    if rows["real"].kind == "showers":
        return result | _of_showers(rows, of, settings)
    return result | _of_jets(rows, seed)


def _distances(
    rows: Mapping[str, Learnt], of: Mapping[str, Mapping[str, np.ndarray]], training: Learnt, seed: int
) -> dict[str, Any]:
    """Coverage, memorisation and modes."""
    learnt_from = {name: values for name, values in observed.of_rows(training).items() if name in of["real"]}
    stacked = [
        np.stack(list(own.values()), axis=1) for own in (learnt_from, *(of[n] for n in histograms.SAMPLES))
    ]
    plain_points = observed.scaled(*stacked)
    full = [observed.points(learnt_from, training)]
    full += [observed.points(of[name], rows[name]) for name in ("real", "generated")]
    return {
        "coverage": coverage.covered(*plain_points[1:]),
        "memorisation": coverage.memorised(*observed.scaled(*full)),
        "modes": modes.different_bins(*plain_points, seed),
    }


def run(
    slice_: Mapping[str, Any],
    manifests: Mapping[str, Path],
    samples: Path,
    output: Path,
    threads: int = 2,
) -> None:
    """Evaluate generated rows.

    Args:
        slice_: the slice `generate_evaluate` of the configuration: method, kind, settings, seed.
        manifests: of the representation that was learnt, by dataset.
        samples: HDF5 of `generate sample`.
        output: JSON to write, see the module.
        threads: CPU threads; another number may change last digits.

    Raises:
        ConfigError, InputError: see the messages.
    """
    from resonaut.nn.device import deterministic

    settings, _, where = registry.from_slice("generate", slice_)
    seed = integer_seed(int(slice_["seed"]), where, "evaluation")
    everything = learnt.read(manifests, settings, int(slice_["seed"]), where)
    generated = reading.read_samples(samples, settings, everything.settings, where)
    real, other = _part(everything, "test"), _part(everything, "validation")
    training = _part(everything, "train")
    training = training.select(np.arange(min(len(training), settings.evaluate.n_rows_max)))
    made = generated.select(_ordinary(generated))
    rows = same_size({"real": real, "other": other, "generated": made}, settings.evaluate.n_rows_max, where)
    with deterministic(threads):
        result = compare(rows, training, settings.evaluate, seed, where, threads)
        test = everything.select(everything.part == PARTS.index("test"))
        held_out = extrapolation.evaluate(test, generated, settings.hold_out, training.conditions)
    known = {"real": real, "other": other, "generated": made, "training": training}
    head = {
        "schema_version": SCHEMA_VERSION,
        "method": slice_["method"],
        "kind": slice_["kind"],
        "learn": everything.kind,
        "datasets": list(settings.datasets),
        "conditions": list(everything.condition_names),
        "n_rows": {"compared": len(rows["real"]), **{name: len(own) for name, own in known.items()}},
    }
    result["held_out"] = held_out
    result["outside"] = int((generated.carried.get(_EXTRAPOLATED, np.zeros(1)) != 0).sum())
    result["targets"] = summary.targets(plain(result), settings.evaluate.targets)
    inputs = [samples, *(manifests[name] for name in settings.datasets)]
    provenance = {**describe(dict(slice_), inputs, PACKAGES), "threads": threads}
    write_json(output, plain({**head, **result, "provenance": provenance}))
    write_run_record(output, threads=threads)
