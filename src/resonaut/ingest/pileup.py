"""Pile-up: minimum-bias events laid over events of candidates, before jets are clustered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from resonaut import ragged, registry
from resonaut.errors import ConfigError, EmptyFileError, MismatchError, MissingBranchError
from resonaut.events import Columns
from resonaut.ingest.batch import Batch, Ragged
from resonaut.ingest.contents import opened
from resonaut.ingest.mitigation import mitigated
from resonaut.ingest.momenta import wrapped
from resonaut.ingest.remote import RemoteSettings
from resonaut.ingest.settings import IngestTask
from resonaut.seeds import event_hash, mix64
from resonaut.variations.pileup import EVENTS_MAX, Overlay

READER = "resonaut"
PARTICLES_AT_A_TIME = 1_000_000
"""Candidates in memory at a time: about 300 MB with what the jet algorithm needs."""
_STEP = 5_000
_PURPOSE = "pileup"
# Streams of random numbers of one event, and of each of its interactions.
_NUMBER, _VERTEX = 1, 2
_WHICH, _ROTATION, _REFLECTION, _PLACE, _N_STREAMS = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class MinimumBias:
    """Minimum-bias events as the detector saw them.

    Attributes:
        particles: candidates of each event.
        digests: what the content of each file is known by.
    """

    particles: Ragged
    digests: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.particles.offsets) - 1


def read(paths: Sequence[str], remote: RemoteSettings) -> MinimumBias:
    """Read minimum-bias events, all that the files hold.

    Raises:
        MissingFileError, CorruptFileError: a file cannot be read.
        EmptyFileError: there are no events in them.
        ConfigError: there are too many.
    """
    module = registry.load("ingest", READER)
    reader = module.build(module.Settings())
    parts: list[Columns] = []
    counts: list[np.ndarray] = []
    digests = []
    for path in paths:
        with opened(path, "root", remote) as file:
            digests.append(reader.info(file, path).digest)
            for batch in reader.batches(file, path, None, _STEP):
                parts.append(batch.particles.columns)
                counts.append(np.diff(batch.particles.offsets))
                if sum(map(len, counts)) > EVENTS_MAX:
                    raise ConfigError(
                        f"{path}: there are more than {EVENTS_MAX} minimum-bias events, too many for the "
                        "memory of a job. Simulate fewer: they are used again, rotated."
                    )
    if not sum(map(len, counts)):
        raise EmptyFileError(
            f"{', '.join(map(str, paths)) or '--minimum-bias'}: no minimum-bias events. Simulate a dataset "
            "of 'process: minimum_bias'."
        )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return MinimumBias(Ragged(columns, ragged.offsets_of(np.concatenate(counts))), tuple(digests))


@dataclass
class PileUp:
    """Adds pile-up to the events of one dataset, and counts how often each minimum-bias event was used.

    Random numbers follow from the dataset, the number of the event and the study's seed: they do not depend
    on slices or chunks, and an event has the same interactions whatever the mitigation. With a larger mean it
    has these and more.
    """

    settings: Overlay
    dataset: str
    minimum_bias: MinimumBias
    uses: np.ndarray = field(init=False)
    n_events: int = 0

    def __post_init__(self) -> None:
        self.uses = np.zeros(len(self.minimum_bias), np.int64)

    def pieces(self, batch: Batch, path: str) -> Iterator[Batch]:
        """The events of a batch with pile-up, so many at a time that memory is bounded.

        Raises:
            MissingBranchError: there are no candidates, or not what the mitigation needs.
            MismatchError: candidates have columns that those of minimum-bias events lack.
        """
        particles = batch.particles
        if particles is None:
            raise MissingBranchError(
                f"{path}: pile-up needs the candidates of whole events, which are clustered with it; this "
                "format gives jets. Leave this dataset out of the variation "
                f"'{self.settings.variation}' ('datasets')."
            )
        unknown = sorted(set(particles.columns) - set(self.minimum_bias.particles.columns))
        if unknown:
            raise MismatchError(
                f"{path}: its candidates have {', '.join(unknown)}, and minimum-bias candidates do not. "
                "Leave the column out of the reader's mapping."
            )
        per_event = np.diff(self.minimum_bias.particles.offsets).mean() * self.settings.mean
        per_event += np.diff(particles.offsets).mean() if len(batch) else 0
        size = max(1, int(PARTICLES_AT_A_TIME / max(per_event, 1)))
        for start in range(0, max(1, len(batch)), size):
            yield self._overlaid(batch.take(np.arange(start, min(start + size, len(batch)))), path)

    def _overlaid(self, batch: Batch, path: str) -> Batch:
        hashes = event_hash(
            self.dataset,
            *(batch.events[name] for name in ("run", "lumi", "event")),
            self.settings.seed,
            _PURPOSE,
        )
        n_pu = _poisson(_uniform(hashes, _NUMBER), self.settings.mean)
        added, event = self._interactions(hashes, n_pu)
        hard, n_events = batch.particles, len(batch)
        columns = {name: np.concatenate([hard.columns[name], added[name]]) for name in hard.columns}
        event = np.concatenate([ragged.row_of(hard.offsets), event])
        order = np.argsort(event, kind="stable")
        from_pileup = order >= hard.offsets[-1]
        together = Ragged(
            {name: values[order] for name, values in columns.items()},
            ragged.offsets_of(np.bincount(event, minlength=n_events)),
        )
        known = batch.events.get("n_pu", np.zeros(n_events, np.int32))
        self.n_events += n_events
        return replace(
            batch,
            events={**batch.events, "n_pu": (known + n_pu).astype(np.int32)},
            particles=mitigated(together, from_pileup, n_pu, self.settings, path),
        )

    def _interactions(self, hashes: np.ndarray, n_pu: np.ndarray) -> tuple[Columns, np.ndarray]:
        """Candidates of the pile-up of some events, and the (n_candidates,) event of each."""
        settings, sample = self.settings, self.minimum_bias.particles
        event = np.repeat(np.arange(len(n_pu)), n_pu)
        # Each interaction has a hash of its own, from which its streams follow.
        keys = mix64(hashes[event] + (ragged.rank(ragged.offsets_of(n_pu)) + _N_STREAMS).astype(np.uint64))
        chosen = (_uniform(keys, _WHICH) * len(self.minimum_bias)).astype(np.int64)
        self.uses += np.bincount(chosen, minlength=len(self.uses))
        rows, offsets = ragged.take(sample.offsets, chosen)
        of = ragged.row_of(offsets)
        columns = {name: values[rows] for name, values in sample.columns.items()}
        sign = np.where(_uniform(keys, _REFLECTION) < 0.5, -1.0, 1.0)[of]
        columns["eta"] = columns["eta"] * sign
        columns["phi"] = wrapped(columns["phi"] + 2 * np.pi * _uniform(keys, _ROTATION)[of])
        if "dz" in columns:
            leading = _normal(hashes, _VERTEX)
            away = settings.beam_spot * (_normal(keys, _PLACE) - leading[event])
            columns["dz"] = columns["dz"] * sign + away[of]
        return columns, event[of]

    def described(self) -> dict[str, Any]:
        """What was added, for the attributes of the store."""
        used = self.uses[self.uses > 0]
        return {
            "variation": self.settings.variation,
            "mean": self.settings.mean,
            "mitigation": self.settings.mitigation,
            "n_interactions": int(self.uses.sum()),
            "n_minimum_bias": len(self.minimum_bias),
            "uses_mean": float(self.uses.mean()),
            "uses_max": int(used.max(initial=0)),
            "inputs": list(self.minimum_bias.digests),
        }


def of_task(task: IngestTask, minimum_bias: Sequence[str]) -> PileUp | None:
    """What adds pile-up to the events of a task; None where none is asked for.

    Args:
        minimum_bias: files.

    Raises:
        ConfigError: files are given without settings.
    """
    if task.pileup is None:
        if minimum_bias:
            raise ConfigError(
                "--minimum-bias: the settings have no 'pileup' that would use these files; leave them out, "
                "or give the slice of a variation of kind pileup."
            )
        return None
    return PileUp(task.pileup, task.dataset, read(minimum_bias, task.ingest.remote))


def _uniform(keys: np.ndarray, stream: int) -> np.ndarray:
    """(n,) uniform numbers in (0, 1) of one stream of each key."""
    start = mix64(np.full(1, stream, np.uint64))
    bits = mix64(keys ^ start) >> np.uint64(11)
    return (bits.astype(np.float64) + 0.5) * 2.0**-53


def _normal(keys: np.ndarray, stream: int) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(_uniform(keys, stream))


def _poisson(uniform: np.ndarray, mean: float) -> np.ndarray:
    """(n,) Poisson numbers, by the inverse of their distribution: they rise with the mean."""
    from scipy.stats import poisson

    return poisson.ppf(uniform, mean).astype(np.int64)
