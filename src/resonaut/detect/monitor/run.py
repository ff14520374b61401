"""An autoencoder that watches the histograms of runs, beside plain tests, and faults that they should find.

The JSON holds `name`, `datasets`, `n_events` (by dataset), `events_per_run`, `n_bins` (by histogram),
`false_alarms` that were asked for, `epochs`; `tests`: for autoencoder, chi2, largest_pull and
kolmogorov_smirnov the `threshold` and the `false_alarms` of good runs that set no threshold; `faults`: for
each fault `sizes` and by test the `efficiency` of each (`value`, `lower`, `upper`: 68 %), and `half`: the
size at which half of the runs are found, null where that is beyond the sizes; `best`: by fault the test of
the largest mean efficiency; `provenance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut import manifest
from resonaut.detect.monitor import alarms, counts, scores
from resonaut.detect.monitor.faults import FAULTS
from resonaut.detect.monitor.runs import Pool, draw
from resonaut.detect.monitor.settings import MonitorSettings, MonitorSlice
from resonaut.detect.monitor.table import markdown
from resonaut.errors import ConfigError, InputError, nearest
from resonaut.files import atomic, write_json
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import generator
from resonaut.settings import validate

if TYPE_CHECKING:
    from resonaut.events import Events

TESTS = ("autoencoder", "chi2", "largest_pull", "kolmogorov_smirnov")


def run(
    settings: Mapping[str, Any], stores: Mapping[str, Path], output: Path, table: Path, threads: int = 2
) -> None:
    """Train the monitor on good runs, and show it faults.

    Args:
        settings: name, seed and `MonitorSettings` under `monitor`.
        stores: manifest of the event store of each dataset.
        output: JSON to write, see the module.
        table: Markdown to write.
        threads: of the CPU; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = validate(MonitorSlice, settings, "--settings")
    own, where = slice_.monitor, f"monitor.{slice_.name}"
    found = _manifests(stores, own, where)
    events = [counts.read(entry, own.n_events_max) for entry in found.values()]
    with deterministic(threads):
        result = Job(own, slice_.seed, where, events).result()
    packages = ("numpy", "scipy", "torch", "h5py")
    provenance = {**describe(dict(settings), stores.values(), packages), "threads": threads}
    result = {"schema_version": 1, "name": slice_.name, **result, "provenance": provenance}
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output, threads=threads)


def _manifests(stores: Mapping[str, Path], own: MonitorSettings, where: str) -> dict[str, manifest.Manifest]:
    found = {}
    for name in own.datasets:
        if name not in stores:
            raise ConfigError(f"{where}: no store of '{name}' is given. {nearest(name, stores)}")
        found[name] = manifest.read(stores[name], "store")
        if found[name].dataset != name:
            raise InputError(
                f"{stores[name]}: the manifest of '{found[name].dataset}' is given for the dataset '{name}'."
            )
    return found


@dataclass(frozen=True)
class Job:
    """One entry of the configuration.

    Attributes:
        own: the entry.
        seed: the study's seed.
        where: key of the entry.
        events: of each dataset, slices of its stores.
    """

    own: MonitorSettings
    seed: int
    where: str
    events: list[list[Events]]

    def result(self) -> dict[str, Any]:
        """All numbers of the entry."""
        own = self.own
        good = self._pool()
        n_bins = counts.n_bins(own.histograms)
        training, validation, threshold, test = (
            self._draw(good, number, purpose)
            for purpose, number in (
                ("training", own.n_runs),
                ("validation", max(50, own.n_runs // 4)),
                ("threshold", own.n_threshold),
                ("good", own.n_test),
            )
        )
        reference = scores.Reference.of(training)
        pulls = [reference.pulls(part) for part in (training, validation)]
        network, epochs = scores.trained(*pulls, own, self.seed, self.where)

        def scored(runs: np.ndarray) -> dict[str, np.ndarray]:
            of_runs = reference.pulls(runs)
            device = own.training.device
            return {
                "autoencoder": scores.reconstruction(network, of_runs, device),
                "chi2": scores.chi2(of_runs),
                "largest_pull": scores.largest_pull(of_runs),
                "kolmogorov_smirnov": scores.largest_distance(runs, reference, n_bins),
            }

        limits = {name: alarms.threshold(one, own.false_alarms) for name, one in scored(threshold).items()}
        of_good = scored(test)
        tests = {
            name: {
                "threshold": limits[name],
                "false_alarms": asdict(alarms.share_above(of_good[name], limits[name])),
            }
            for name in TESTS
        }
        faults = {}
        for name in FAULTS:
            sizes = sorted(getattr(own.faults, name), key=abs)
            if sizes:
                found = [scored(self._faulty(name, size)) for size in sizes]
                faults[name] = {"sizes": sizes, "tests": _detected(sizes, found, limits)}
        return {
            "datasets": list(own.datasets),
            "n_events": {
                name: sum(map(len, slices)) for name, slices in zip(own.datasets, self.events, strict=True)
            },
            "events_per_run": own.events_per_run,
            "mixing": own.mixing,
            "n_bins": n_bins,
            "false_alarms": own.false_alarms,
            "epochs": epochs,
            "tests": tests,
            "faults": faults,
            "best": {name: _best(entry["tests"]) for name, entry in faults.items()},
        }

    def _pool(self, fault: str | None = None, size: float = 0.0) -> Pool:
        from scipy.sparse import vstack

        parts, dataset = [], []
        for number, slices in enumerate(self.events):
            rng = generator(self.seed, self.where, fault, size, self.own.datasets[number])
            for events in slices:
                change = None
                if fault is not None:

                    def change(
                        events: Events, apply: Any = FAULTS[fault], rng: np.random.Generator = rng
                    ) -> Any:
                        return apply(events, size, self.own.faults, rng)

                parts.append(counts.of_events(events, self.own.histograms, change))
                dataset.append(np.full(len(events), number))
        return Pool(vstack(parts).tocsr(), np.concatenate(dataset))

    def _draw(self, pool: Pool, n_runs: int, *purpose: object) -> np.ndarray:
        rng = generator(self.seed, self.where, "runs", *purpose)
        return draw(pool, n_runs, self.own.events_per_run, self.own.mixing, rng)

    def _faulty(self, fault: str, size: float) -> np.ndarray:
        log.info("%s: %s of size %g", self.where, fault, size)
        return self._draw(self._pool(fault, size), self.own.n_test, fault, size)


def _detected(
    sizes: list[float], found: list[dict[str, np.ndarray]], limits: Mapping[str, float]
) -> dict[str, Any]:
    """Efficiency of each size by test, and the size that is found in half of the runs."""
    result = {}
    for name in TESTS:
        shares = [alarms.share_above(one[name], limits[name]) for one in found]
        values = np.array([share.value for share in shares])
        half = half_size(np.abs(sizes), values)
        result[name] = {"efficiency": [asdict(share) for share in shares], "half": half}
    return result


def half_size(sizes: np.ndarray, efficiency: np.ndarray) -> float | None:
    """Size at which the efficiency first reaches one half, between sizes by the logarithm of the size."""
    above = np.flatnonzero(efficiency >= 0.5)
    if not len(above) or above[0] == 0:
        return None
    k = int(above[0])
    share = (0.5 - efficiency[k - 1]) / (efficiency[k] - efficiency[k - 1])
    return float(sizes[k - 1] * (sizes[k] / sizes[k - 1]) ** share)


def _best(tests: Mapping[str, Any]) -> str:
    """The test with the largest mean efficiency."""
    return max(tests, key=lambda name: np.mean([one["value"] for one in tests[name]["efficiency"]]))
