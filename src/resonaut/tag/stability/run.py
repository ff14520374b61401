"""How stable a tagger is: overtraining, seeds, folds, and its error against the number of training rows.

The JSON holds `name`, `tagger`, `task`, `n_rows` (by part), `signal_efficiency`, `metric`, `quantities`:
names, all smaller where the tagger is better (`measured.QUANTITIES`); `sizes`: for each number of training
rows `n_train`, `epochs` (mean), by quantity the means over the seeds of the test and the training rows, the
spread of the seeds and the gap between the two samples, and `kolmogorov_smirnov` by class; `folds`: by
quantity `values`, `standard` of each and the spread; `spreads`: by quantity the standard deviations from
seeds, from folds, and from the number of test rows; `power_laws`: by quantity the fit and what it says of
`extrapolated_to` rows, or null where there are too few sizes; `provenance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.files import atomic, write_json
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate
from resonaut.stats import power_law
from resonaut.tag import networks
from resonaut.tag.evaluation import overtraining
from resonaut.tag.fitting import fit_once
from resonaut.tag.rows.prepare import PACKAGES, Prepared, prepare
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.stability import measured
from resonaut.tag.stability.measured import Number
from resonaut.tag.stability.rows import chosen_sizes, folds, hashes, nested, require_classes
from resonaut.tag.stability.settings import StabilitySettings, StabilitySlice
from resonaut.tag.stability.steps import in_as_many_steps
from resonaut.tag.stability.table import markdown

_N_TRAINING_ROWS = 50_000


def run(
    settings: Mapping[str, Any], inputs: Mapping[str, Path], output: Path, table: Path, threads: int = 2
) -> None:
    """Train a tagger many times and measure it.

    Args:
        settings: name, seed, `StabilitySettings` under `stability`, and the slice of the tagger under `tag`.
        inputs: manifest of each dataset of the tagger, of the representation that it reads.
        output: JSON to write, see the module.
        table: Markdown to write.
        threads: of the CPU; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = validate(StabilitySlice, settings, "--settings")
    where = f"stability.{slice_.name}"
    of_tagger, tagger, tag_where = registry.from_slice("tag", slice_.tag)
    rows = prepare(slice_.tag, of_tagger, tagger, tag_where, inputs, threads)
    job = Job(of_tagger, rows, slice_.stability, slice_.seed, where)
    with deterministic(threads):
        result = job.result()
    provenance = {**describe(dict(settings), inputs.values(), (*PACKAGES, "scipy")), "threads": threads}
    result = {"schema_version": 1, "name": slice_.name, **result, "provenance": provenance}
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output, threads=threads)


@dataclass(frozen=True)
class Trial:
    """What one training gave.

    Attributes:
        test, training: quantities on the test rows, and on the rows that were learnt from.
        kolmogorov_smirnov: by class, of the scores of the two samples; empty in a regression.
        epochs: that the training took.
    """

    test: dict[str, Number]
    training: dict[str, Number]
    kolmogorov_smirnov: dict[str, Any]
    epochs: int


@dataclass(frozen=True)
class Job:
    """One entry of the configuration.

    Attributes:
        settings, rows: of the tagger.
        own: the entry.
        seed: the study's seed.
        where: key of the entry.
    """

    settings: TaggerSettings
    rows: Prepared
    own: StabilitySettings
    seed: int
    where: str

    def result(self) -> dict[str, Any]:
        """All numbers of the entry."""
        quantities = measured.QUANTITIES[self.rows.task.name]
        if self.own.metric not in quantities:
            raise ConfigError(
                f"{self.where}.metric: '{self.own.metric}' is not measured of the task "
                f"'{self.rows.task.name}'; one of {', '.join(quantities)} is expected."
            )
        sizes = self._sizes()
        of_folds = self._folds()
        fitted = {name: self._law(sizes, name) for name in quantities}
        return {
            "tagger": self.own.tagger,
            "task": self.rows.task.name,
            "n_rows": {name: len(part) for name, part in zip(PARTS, self.rows.parts, strict=True)},
            "signal_efficiency": self.own.signal_efficiency,
            "metric": self.own.metric,
            "n_seeds": self.own.n_seeds,
            "quantities": list(quantities),
            "sizes": sizes,
            "folds": of_folds,
            "spreads": {name: _spreads(name, sizes[-1], of_folds) for name in quantities},
            "power_laws": fitted,
        }

    def _sizes(self) -> list[dict[str, Any]]:
        part = self.rows.parts[0]
        sizes = chosen_sizes(self.own.sizes, self.own.n_sizes, len(part), self.where, self.own.tagger)
        trials: list[list[Trial]] = [[] for _ in sizes]
        for number in range(self.own.n_seeds):
            # Rows differ from seed to seed, so that the spread of a size holds what its choice of rows does.
            purpose = f"tag stability {number}"
            hashed = hashes(self.rows.jets, self.rows.names, self.seed, purpose)
            for place, chosen in enumerate(nested(part, hashed, sizes)):
                require_classes(chosen, self.rows, f"{self.where}.sizes")
                log.info("%s: %d rows, seed %d of %d", self.where, sizes[place], number + 1, self.own.n_seeds)
                parts = [chosen, *self.rows.parts[1:]]
                trials[place].append(self._trial(parts, "sizes", str(sizes[place]), restart=number))
        return [_of_size(size, found) for size, found in zip(sizes, trials, strict=True)]

    def _folds(self) -> dict[str, Any]:
        """Quantities of each fold, by name; empty without folds."""
        found = []
        for number, parts in enumerate(folds(self.rows, self.own.n_folds, self.seed)):
            log.info("%s: fold %d of %d", self.where, number + 1, self.own.n_folds)
            for part in parts:
                require_classes(part, self.rows, f"{self.where}.n_folds")
            found.append(self._trial(parts, "folds", str(number)).test)
        names = found[0] if found else ()
        return {
            name: {
                "values": [one[name].value for one in found],
                "standard": [one[name].standard for one in found],
                **_spread([one[name].value for one in found]),
            }
            for name in names
        }

    def _trial(self, parts: Sequence[np.ndarray], *names: str, restart: int = 0) -> Trial:
        rows = replace(self.rows, parts=list(parts))
        where = ".".join((self.where, *names))
        factor = len(self.rows.parts[0]) / len(parts[0]) if self.own.same_steps else 1.0
        settings = in_as_many_steps(self.settings, rows.tagger, factor)
        fitted = fit_once(settings, rows.tagger, rows, self.seed, where, restart=restart)
        seen = parts[0][:: -(-len(parts[0]) // _N_TRAINING_ROWS)]
        samples, device = rows.samples(), settings.training.device
        of_test, of_seen = (
            networks.outputs([fitted.network], rows.task, samples, rows.place[part], device)[0]
            for part in (parts[2], seen)
        )
        efficiency = self.own.signal_efficiency
        distances: dict[str, Any] = {}
        if rows.task.classes:
            groups = rows.group[parts[2]], rows.group[seen]
            distances = overtraining.by_class(of_test, groups[0], of_seen, groups[1], rows.task.classes)
        return Trial(
            measured.measure(rows, parts[2], of_test, efficiency),
            measured.measure(rows, seen, of_seen, efficiency),
            distances,
            len(fitted.history.epochs),
        )

    def _law(self, sizes: Sequence[dict[str, Any]], name: str) -> dict[str, Any] | None:
        """The fitted power law, and its curve with an interval up to the extrapolated size."""
        n_train = np.array([size["n_train"] for size in sizes], float)
        value, spread = (
            np.array([size["quantities"][name][key] for size in sizes]) for key in ("test", "seeds_spread")
        )
        # Of few seeds a spread is known badly, so those of all sizes are taken together: spread^2 ~ 1 / n.
        usual = np.sqrt(max(float(np.mean(spread**2 * n_train)), 1e-18) / n_train)
        law = power_law.fit(n_train, value, usual / math.sqrt(self.own.n_seeds))
        if law is None:
            return None
        end = self.own.extrapolate * n_train[-1]
        x = np.geomspace(n_train[0], end, 60)
        curve = dict(zip(("value", "lower", "upper"), map(np.ndarray.tolist, law.at(x)), strict=True))
        last = {key: values[-1] for key, values in curve.items()}
        return {
            **law.as_json(),
            "extrapolated_to": end,
            "extrapolated": last,
            "curve": {"n": x.tolist(), **curve},
        }


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Standard deviation of some values and its error, sigma / sqrt(2 (n - 1)) of Gaussian ones."""
    found = float(np.std(values, ddof=1))
    return {"spread": found, "spread_standard": found / math.sqrt(2 * (len(values) - 1))}


def _of_size(size: int, trials: Sequence[Trial]) -> dict[str, Any]:
    quantities = {}
    for name in trials[0].test:
        test, training = (
            np.array([getattr(one, key)[name].value for one in trials]) for key in ("test", "training")
        )
        errors = [
            float(np.mean([getattr(one, key)[name].standard for one in trials]))
            for key in ("test", "training")
        ]
        gaps = test - training
        spread = _spread(gaps)["spread"] / math.sqrt(len(gaps))
        quantities[name] = {
            "test": float(test.mean()),
            "test_statistical": errors[0],
            **{f"seeds_{key}": value for key, value in _spread(test).items()},
            "training": float(training.mean()),
            "training_statistical": errors[1],
            "gap": float(gaps.mean()),
            # The test rows are the same for all seeds, so that their error does not shrink with seeds.
            "gap_standard": math.hypot(*errors, spread),
        }
    distances: dict[str, Any] = {}
    for name in trials[0].kolmogorov_smirnov:
        found = [one.kolmogorov_smirnov[name] for one in trials if one.kolmogorov_smirnov[name] is not None]
        distances[name] = {
            "statistic": float(np.mean([one["statistic"] for one in found])),
            "p_value": float(np.median([one["p_value"] for one in found])),
        }
    epochs = float(np.mean([one.epochs for one in trials]))
    return {"n_train": size, "epochs": epochs, "quantities": quantities, "kolmogorov_smirnov": distances}


def _spreads(name: str, last: Mapping[str, Any], of_folds: Mapping[str, Any]) -> dict[str, Any]:
    """Standard deviations from seeds, from folds, and from the finite number of test rows."""
    numbers = last["quantities"][name]
    found = {
        "seeds": numbers["seeds_spread"],
        "seeds_standard": numbers["seeds_spread_standard"],
        "statistical": numbers["test_statistical"],
    }
    if of_folds:
        own = of_folds[name]
        found |= {"folds": own["spread"], "folds_standard": own["spread_standard"]}
        found["folds_statistical"] = float(np.mean(own["standard"]))
    return found
