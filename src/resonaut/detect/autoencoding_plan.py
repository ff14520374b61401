"""Which jets train and validate which autoencoder: none of an event that the network will score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.detect import jets
from resonaut.detect.interface import Context, Data, Events
from resonaut.errors import MismatchError, TrainingError
from resonaut.seeds import integer_seed, mix64

if TYPE_CHECKING:
    from resonaut.detect.autoencoding import AutoencodingSettings
    from resonaut.nn.lists import Member, Sample

MIN_JETS = 10


@dataclass(frozen=True)
class Plan:
    """Who learns what.

    Attributes:
        table: (n_rows, d) float32: every jet that trains or validates a network, once.
        samples: rows of the table.
        members: networks, restart after restart of fold after fold.
    """

    table: np.ndarray
    samples: list[Sample]
    members: list[Member]


def plan(data: Data, settings: AutoencodingSettings, context: Context) -> Plan:
    """Jets that train and validate the networks of each fold, none of them of an event of that fold.

    Raises:
        BadValueError: an input is not finite, or a feature is constant.
        MismatchError: the datasets have inputs of different shapes.
        TrainingError: too few jets are left.
    """
    from resonaut.nn.lists import Member, Sample

    sources, inputs = _sources(data, settings, context)
    n_jets = inputs[0].n_jets
    fold, part, order = _hashes(sources, settings, context)
    chosen: list[np.ndarray] = []
    members = []
    few = max(MIN_JETS, settings.n_jets_max // settings.validation_parts)
    for number in range(settings.n_folds):
        for restart in range(settings.n_restarts):
            validates = part == restart % settings.validation_parts
            for which, most in ((~validates, settings.n_jets_max), (validates, few)):
                chosen.append(first_events((fold != number) & which, order, n_jets, most))
                _check_count(len(chosen[-1]) * n_jets, settings, context)
            names = ("detect", context.method, context.mixture, f"fold {number}", f"restart {restart}")
            seed = integer_seed(context.seed, *names)
            members.append(Member(seed, len(chosen) - 2, len(chosen) - 1))
    used = np.unique(np.concatenate(chosen))
    places = (jet_rows(np.searchsorted(used, events), n_jets) for events in chosen)
    samples = [Sample(rows, np.ones(len(rows))) for rows in places]
    return Plan(_table(inputs, used), samples, members)


def _sources(
    data: Data, settings: AutoencodingSettings, context: Context
) -> tuple[list[Events], list[jets.Jets]]:
    """The events that are learnt from, and their inputs."""

    def read(events: Events) -> jets.Jets:
        return jets.of_events(events, settings.kind, settings.feature_inputs, context)

    # Checked in any case: it is what will be scored.
    mixture, names = read(data), settings.samples_used()
    if not names:
        return [data], [mixture]
    sources: list[Events] = [data.samples[name] for name in names]
    inputs = [read(source) for source in sources]
    for name, entry in zip(names, inputs, strict=True):
        if entry.values.shape[1:] != mixture.values.shape[1:]:
            raise MismatchError(
                f"{context.where}.train_on: {settings.kind} of shape {entry.values.shape[1:]} in dataset "
                f"'{name}', but {mixture.values.shape[1:]} in mixture '{context.mixture}'; make their "
                "representations with the same settings."
            )
    return sources, inputs


def _hashes(
    sources: Sequence[Events], settings: AutoencodingSettings, context: Context
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fold, part (for the validation) and order of the events of all sources."""
    from resonaut.detect.folds import folds

    fold, part = (
        np.concatenate([folds(source, context, count, purpose) for source in sources])
        for count, purpose in ((settings.n_folds, "fold"), (settings.validation_parts, "validation"))
    )
    key = np.uint64(integer_seed(context.seed, "detect", context.method, "order"))
    return fold, part, mix64(np.concatenate([source.split_hash for source in sources]) ^ key)


def _check_count(n_jets: int, settings: AutoencodingSettings, context: Context) -> None:
    if n_jets < MIN_JETS:
        names = settings.samples_used()
        whose = f"datasets {', '.join(names)}" if names else f"mixture '{context.mixture}'"
        raise TrainingError(
            f"{context.where}: {n_jets} jets of {whose} are left to train or validate one network, at least "
            f"{MIN_JETS} are needed; lower n_folds or add events."
        )


def _table(inputs: Sequence[jets.Jets], used: np.ndarray) -> np.ndarray:
    """Rows of the events `used`, which count through the sources one after the other."""
    ends = np.cumsum([len(entry.values) for entry in inputs])
    parts = np.split(used, np.searchsorted(used, ends[:-1]))
    starts = ends - [len(entry.values) for entry in inputs]
    found = zip(inputs, parts, starts, strict=True)
    return np.concatenate([entry.rows(part - start) for entry, part, start in found])


def jet_rows(events: np.ndarray, n_jets: int) -> np.ndarray:
    """Rows of all jets of the events."""
    return (events[:, None] * n_jets + np.arange(n_jets)).ravel()


def first_events(events: np.ndarray, order: np.ndarray, n_jets: int, limit: int) -> np.ndarray:
    """Numbers of the chosen events, by their hash, with at most `limit` jets together; sorted."""
    chosen = np.flatnonzero(events)
    return np.sort(chosen[np.argsort(order[chosen], kind="stable")][: max(1, limit // n_jets)])
