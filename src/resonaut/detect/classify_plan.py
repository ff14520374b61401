"""What classifiers learn from: tasks, and the samples that restarts train on and validate with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.detect.interface import Context
from resonaut.errors import EmptyWindowError
from resonaut.seeds import generator

if TYPE_CHECKING:
    from resonaut.nn.ensemble import Member, Sample


@dataclass(frozen=True)
class Task:
    """What the classifiers of one window and fold learn from.

    Attributes:
        name: the window's name, or another if one task serves all windows; part of the seeds.
        fold: the fold whose events are scored; the caller left out everything of it.
        rows: (n,) rows of the shared table.
        target: (n,) 0 or 1; 1 is more like signal.
        weight: (n,) 0 or more; the sums of both targets are made equal here.
        part: (n,) integers: networks of restart r validate with the (r mod n_parts)-th of the parts and train
            with the others. Trees train with a random half and validate with the other.
    """

    name: str
    fold: int
    rows: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    part: np.ndarray


def plan(
    tasks: Sequence[Task], seeds: Sequence[Sequence[int]], classes: tuple[str, str], context: Context
) -> tuple[list[Sample], list[Member]]:
    """Samples and networks, task by task; networks that train on the same rows share a sample.

    Args:
        tasks: what is learnt from.
        seeds: of each task, one per restart.
        classes, context: for the messages.

    Raises:
        EmptyWindowError: see `fit_classifiers`.
    """
    from resonaut.nn.ensemble import Member

    samples: list[Sample] = []
    members: list[Member] = []
    known: dict[bytes, int] = {}
    for task, of_task in zip(tasks, seeds, strict=True):
        parts = np.unique(task.part)
        pairs: dict[int, list[int]] = {}
        for restart, seed in enumerate(of_task):
            turn = restart % len(parts)
            if turn not in pairs:
                pairs[turn] = []
                for chosen in (task.part != parts[turn], task.part == parts[turn]):
                    sample = balanced(task, np.flatnonzero(chosen), classes, context)
                    # Training without folds a and b is the same whether a is scored and b validates or not.
                    digest = _digest(sample)
                    if digest not in known:
                        known[digest] = len(samples)
                        samples.append(sample)
                    pairs[turn].append(known[digest])
            members.append(Member(seed, *pairs[turn]))
    return samples, members


def random_halves(
    tasks: Sequence[Task], seeds: Sequence[Sequence[int]], classes: tuple[str, str], context: Context
) -> Iterator[tuple[int, Sample, Sample]]:
    """Seed, training half and validation half of each restart of each task, one at a time.

    Raises:
        EmptyWindowError: see `fit_classifiers`.
    """
    for task, of_task in zip(tasks, seeds, strict=True):
        for seed in of_task:
            first = generator(seed, "halves").random(len(task.rows)) < 0.5
            yield (
                seed,
                balanced(task, np.flatnonzero(first), classes, context),
                balanced(task, np.flatnonzero(~first), classes, context),
            )


def balanced(task: Task, chosen: np.ndarray, classes: tuple[str, str], context: Context) -> Sample:
    """Some of a task's rows as a sample in which both targets have a sum of weights of 1.

    Raises:
        EmptyWindowError: there is none of one target, or only weights of 0.
    """
    from resonaut.nn.ensemble import Sample

    place = f"scan.windows ({task.name} GeV)"
    if task.name not in [window.name for window in context.windows]:
        place = context.where
    target = task.target[chosen].astype(np.int64)
    weight = np.asarray(task.weight, np.float64)[chosen]
    counts = np.bincount(target, weights=weight > 0, minlength=2).astype(int)
    if not counts.all():
        raise EmptyWindowError(
            f"{place}: {counts[1]} events of the {classes[1]} and {counts[0]} of the "
            f"{classes[0]}, with weights above 0, are in one part of what classifiers learn from, at least 1 "
            f"of each is needed; lower {context.where}.n_folds, move or widen the window, or add events."
        )
    sums = np.bincount(target, weights=weight, minlength=2)
    return Sample(task.rows[chosen], weight / sums[target], target)


def _digest(sample: Sample) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for values in (sample.rows, sample.weight, sample.target):
        digest.update(np.ascontiguousarray(values).view(np.uint8))
    return digest.digest()
