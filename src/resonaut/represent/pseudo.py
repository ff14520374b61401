"""Draw pseudo-experiments: many samples of background events, as rows of datasets, in one mixture file.

`resample` draws with replacement. Copies of an event share its `split_hash` and with it the fold, so that no
network scores a copy of what it was trained on. `disjoint` cuts one random order of all events into pieces.
Random numbers come from the index of a pseudo-experiment among all of its name: how they are split into jobs
changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from resonaut import mixtures
from resonaut.errors import InputError
from resonaut.files import read_json, sha256
from resonaut.logs import log
from resonaut.mixtures import Mixture
from resonaut.provenance import versions, write_run_record
from resonaut.represent.mix import read_manifests
from resonaut.seeds import generator
from resonaut.settings import Count, Settings

_POOL = 10
"""Events to resample from, over those of a pseudo-experiment: their own fluctuation then adds 5 % to the
standard deviation of z."""


class PseudoTask(Settings):
    """The slice of the configuration that draws one part of the pseudo-experiments of one name."""

    mixture: str = Field(description="Name of the part.")
    family: str = Field(description="`<mixture>:<name>`, for seeds.")
    first: Count = Field(ge=0, description="Index of the first pseudo-experiment.")
    count: Count = Field(ge=0, description="How many.")
    source: Literal["resample", "disjoint"] = Field(description="How events are drawn.")
    datasets: tuple[str, ...] = Field(min_length=1, description="Background.")
    n_events: Count | Literal["as data"] = Field(description="Mean number of background events.")
    inject: dict[str, Count] = Field(description="Mean number of signal events, by dataset.")
    seed: Count = Field(ge=0, description="The study's seed.")

    @property
    def where(self) -> str:
        """The key of the configuration, for messages."""
        return f"pseudo_experiments.{self.family.rsplit(':', 1)[1]}"


def write_pseudo_experiments(
    paths: Mapping[str, Path],
    data: str | os.PathLike | None,
    state: str | os.PathLike | None,
    output: str | os.PathLike,
    task: PseudoTask,
) -> Mixture:
    """Draw pseudo-experiments and write them as a mixture.

    Args:
        paths: features manifest of each dataset.
        data: the mixture whose number of events is taken, for `n_events: as data`.
        state: what `infer calibrate` said after the round before; where it says `done`, none is drawn.
        output: HDF5 (see `resonaut.mixtures`), with `offsets`.
        task: what to draw.

    Raises:
        ConfigError: a dataset has no manifest.
        InputError: a dataset has too few events, or `data` is not given and needed.
    """
    manifests = read_manifests(paths, (*task.datasets, *task.inject), task.mixture)
    done = state is not None and bool(read_json(state)["done"])
    mean = _mean(task, data)
    pool = mixtures.draw(task.mixture, manifests, dict.fromkeys(manifests, "all"), task.seed, 0)
    chosen = [] if done else _rows(task, pool, mean)
    rows = np.concatenate([np.zeros(0, np.int64), *chosen])
    drawn = pool.take(rows)
    drawn = mixtures.as_pseudo_experiments(
        drawn, np.cumsum([0, *map(len, chosen)]), family=task.family, first=task.first
    )
    provenance = {
        "settings": task.model_dump(mode="json"),
        "versions": versions("h5py", "numpy"),
        "inputs": {name: sha256(paths[name]) for name in manifests},
        "mean_events": mean,
    }
    mixtures.write(output, drawn, provenance)
    log.info("%s: %d pseudo-experiments, %d events", output, len(chosen), len(drawn))
    write_run_record(output)
    return drawn


def _mean(task: PseudoTask, data: str | os.PathLike | None) -> int:
    if task.n_events != "as data":
        return task.n_events
    if data is None:
        raise InputError(f"{task.where}.n_events: 'as data' needs the mixture; give it with --data.")
    return len(mixtures.read(data))


def _rows(task: PseudoTask, pool: Mixture, mean: int) -> list[np.ndarray]:
    """Rows of the pool of each pseudo-experiment."""
    of_signal = {name: np.flatnonzero(pool.dataset == pool.datasets.index(name)) for name in task.inject}
    background = np.setdiff1d(np.arange(len(pool)), np.concatenate([[], *of_signal.values()]).astype(int))
    names = (task.seed, "pseudo_experiments", task.family)
    # All sizes from the first on, so that a later part knows where the one before ended.
    last = task.first + task.count
    sizes = generator(*names, "sizes").poisson(mean, last)
    if task.source == "disjoint":
        ends = np.cumsum(sizes)
        _check_enough(task, len(background), mean, int(ends[-1]) if len(ends) else 0)
        order = generator(*names, "order").permutation(background)
    elif _POOL * mean > len(background):
        log.warning(
            "%s: about %d events are resampled from %d. All pseudo-experiments share the fluctuations of "
            "those, so that their p-values are not uniform: take %d times as many, or 'source: disjoint'.",
            task.where, mean, len(background), _POOL,
        )  # fmt: skip
    found = []
    for index in range(task.first, last):
        random = generator(*names, index)
        if task.source == "disjoint":
            rows = order[ends[index] - sizes[index] : ends[index]]
        else:
            rows = background[random.integers(0, len(background), sizes[index])]
        signal = [_signal(task, name, of_signal[name], random) for name in sorted(task.inject)]
        found.append(random.permutation(np.concatenate([rows, *signal])))
    return found


def _check_enough(task: PseudoTask, available: int, mean: int, wanted: int) -> None:
    if wanted > available:
        raise InputError(
            f"{task.where}.source: disjoint samples of about {mean} events, the first "
            f"{task.first + task.count} of them, need {wanted} events of {', '.join(task.datasets)}, "
            f"{available} pass the selection: enough for {available // mean}. Make more events, lower n or "
            "n_events, or use 'source: resample'."
        )


def _signal(task: PseudoTask, name: str, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    size = int(random.poisson(task.inject[name]))
    if size > len(rows):
        raise InputError(
            f"{task.where}.inject.{name}: {size} events are wanted, {len(rows)} pass the selection. Ask for "
            "fewer or make more."
        )
    return random.choice(rows, size, replace=False)
