"""Classifiers that try to tell generated rows from real ones, beside the floor: real rows against real ones.

An AUC of 0.5 is the best that a generator can reach. Two finite real samples do not give exactly that, so
each AUC has its floor beside it, found in the same way from as many rows (arXiv:2410.21611). Rows are scored
only by classifiers that did not learn from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.generate.evaluation.settings import ClassifierSettings
from resonaut.nn.settings import TrainingSettings
from resonaut.seeds import generator, integer_seed

_HIDDEN = {"small": (64, 64), "published": (2048, 2048)}
_TRAINING = {
    "small": {"epochs": 50, "batch_size": 256, "learning_rate": 1e-3, "patience": 5},
    "published": {"epochs": 50, "batch_size": 1000, "learning_rate": 2e-4, "patience": 50},
}
_REAL, _OTHER, _GENERATED = range(3)


@dataclass(frozen=True)
class Fold:
    """Rows of one training of a classifier, as row numbers of all rows joined.

    Attributes:
        train, validation, test: (n,) disjoint rows of two samples.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def auc(scores: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Area under the ROC curve and its variance (DeLong 1988, doi:10.2307/2531595).

    Args:
        scores: (n,) larger is more like target 1.
        target: (n,) 0 or 1, at least two of each.
    """
    from scipy.stats import rankdata

    ones, zeros = scores[target == 1], scores[target == 0]
    rank = rankdata(np.concatenate([ones, zeros]))
    below = (rank[: len(ones)] - rankdata(ones)) / len(zeros)
    above = 1 - (rank[len(ones) :] - rankdata(zeros)) / len(ones)
    return float(below.mean()), float(below.var(ddof=1) / len(ones) + above.var(ddof=1) / len(zeros))


def folds_of(
    first: np.ndarray, second: np.ndarray, n_folds: int, validation: float, rng: np.random.Generator
) -> list[Fold]:
    """Parts of two samples: each row is tested once, and the rest is learnt from.

    Args:
        first, second: (n,) row numbers of either sample.
        n_folds: parts.
        validation: share of the rows that are learnt from which decide when to stop.
    """
    parts = [np.array_split(rng.permutation(rows), n_folds) for rows in (first, second)]
    found = []
    for number in range(n_folds):
        learnt, watched = [], []
        for own in parts:
            rest = np.concatenate([rows for other, rows in enumerate(own) if other != number])
            cut = max(1, round(validation * len(rest)))
            watched.append(rest[:cut])
            learnt.append(rest[cut:])
        test = np.concatenate([own[number] for own in parts])
        found.append(Fold(np.concatenate(learnt), np.concatenate(watched), test))
    return found


def summary(scores: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, float | list[float]]:
    """AUC of the folds: their mean, and its error from the rows that were tested.

    Args:
        scores, targets: (n_test,) of each fold.
    """
    areas = [auc(*pair) for pair in zip(scores, targets, strict=True)]
    values = [area for area, _ in areas]
    error = float(np.sqrt(sum(variance for _, variance in areas)) / len(areas))
    return {"auc": float(np.mean(values)), "error": error, "folds": values}


def _networks(
    table: np.ndarray, target: np.ndarray, folds: Sequence[Fold], settings: ClassifierSettings, seed: int
) -> list[np.ndarray]:
    import torch

    from resonaut.nn import ensemble
    from resonaut.nn.device import choose

    device = choose(settings.device)
    rows = torch.as_tensor(table, dtype=torch.float32, device=device)
    samples, members = [], []
    for number, fold in enumerate(folds):
        for part in (fold.train, fold.validation):
            samples.append(ensemble.Sample(part, np.ones(len(part)), target[part]))
        member = ensemble.Member(integer_seed(seed, "network", number), 2 * number, 2 * number + 1)
        members.append(member)
    trained = ensemble.train(
        *(rows, samples, members, _HIDDEN[settings.size], "cross_entropy"),
        TrainingSettings(**_TRAINING[settings.size]),
        what="classifier of generated rows",
    )
    return [trained.scores(rows, [number], fold.test)[0] for number, fold in enumerate(folds)]


def _trees(
    table: np.ndarray, target: np.ndarray, folds: Sequence[Fold], threads: int, seed: int
) -> list[np.ndarray]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    found = []
    with threadpool_limits(threads, user_api="openmp"):
        for number, fold in enumerate(folds):
            model = HistGradientBoostingClassifier(
                max_iter=200,
                learning_rate=0.05,
                max_leaf_nodes=15,
                early_stopping=True,
                n_iter_no_change=10,
                random_state=integer_seed(seed, "trees", number, bits=32),
            )
            model.fit(
                *(table[fold.train], target[fold.train]),
                X_val=table[fold.validation],
                y_val=target[fold.validation],
            )
            found.append(model.decision_function(table[fold.test]))
    return found


def pairs(n_rows: int, n_folds: int, validation: float, seed: int) -> tuple[np.ndarray, list[Fold]]:
    """What is told apart: folds of generated against real rows, and then of further real against real rows.

    Args:
        n_rows: rows of each of the three samples, which stand one behind the other: real, further real,
            generated.

    Returns:
        (3 n_rows,) target: 0 of real rows, 1 of the others; and 2 n_folds folds.
    """
    rows = np.arange(3 * n_rows).reshape(3, n_rows)
    rng = generator(seed, "folds")
    folds = [
        fold
        for second in (_GENERATED, _OTHER)
        for fold in folds_of(rows[_REAL], rows[second], n_folds, validation, rng)
    ]
    return np.repeat([0.0, 1.0, 1.0], n_rows), folds


def judged(scores: Sequence[np.ndarray], target: np.ndarray, folds: Sequence[Fold]) -> dict[str, Any]:
    """AUC with its error, and the floor of the same classifier; `pairs` gives the order of the folds."""
    half = len(folds) // 2
    targets = [target[fold.test] for fold in folds]
    made, floor = (summary(scores[part], targets[part]) for part in (slice(half), slice(half, None)))
    return {**made, "floor": floor["auc"], "floor_error": floor["error"], "floor_folds": floor["folds"]}


def high_level(
    real: np.ndarray,
    other: np.ndarray,
    generated: np.ndarray,
    settings: ClassifierSettings,
    seed: int,
    threads: int = 1,
) -> dict[str, Any]:
    """How well observables tell generated rows from real ones.

    Args:
        real, other, generated: (n, n_features) observables and conditions of equally many rows.
        settings: of the networks.
        seed: of everything random.
        threads: CPU threads of the trees.

    Returns:
        `network`, and `trees` if they are wanted: auc, error, folds (each of them), floor, floor_error,
        floor_folds.
    """
    table = np.concatenate([real, other, generated]).astype(np.float32)
    target, folds = pairs(len(real), settings.folds, 0.2, seed)
    found = {"network": judged(_networks(table, target, folds, settings, seed), target, folds)}
    if settings.trees:
        found["trees"] = judged(_trees(table, target, folds, threads, seed), target, folds)
    return found
