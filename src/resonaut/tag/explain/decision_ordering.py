"""Average decision ordering: how often two functions order a pair of jets alike (arXiv:2010.11998).

    DO[f, g](x, x') = Theta((f(x) - f(x')) (g(x) - g(x')))                                            (eq. 2)
    ADO[f, g] = mean of DO over pairs of a signal jet x and a background jet x'                        (eq. 3)

Ties count one half. A function and its negative say the same of jets: the *similarity* is ADO or 1 - ADO,
whichever is larger. Errors are those of a two-sample U statistic (Hoeffding 1948), to leading order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.seeds import integer_seed

N_PAIRED = 3000
"""Jets of each class at most that are paired: all their pairs are held as bytes."""
_LEAST = 100


@dataclass(frozen=True)
class Measured:
    """A value and its standard error."""

    value: float
    standard: float

    def as_json(self) -> dict[str, float]:
        """For files."""
        return {"value": self.value, "standard": self.standard}


def signs(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Sign of f(x) - f(x') of every pair of signal and background, (n_signal, n_background) int8."""
    signal, background = values[label][:N_PAIRED], values[~label][:N_PAIRED]
    return np.sign(signal[:, None] - background[None]).astype(np.int8)


def average(first: np.ndarray, second: np.ndarray, chosen: np.ndarray | None = None) -> Measured:
    """ADO from the signs of two functions.

    Args:
        first, second: of `signs`.
        chosen: (n_signal, n_background) bool, pairs that count; all if absent.
    """
    product = first * second
    alike = (product + 1) / 2
    if chosen is None:
        chosen = np.ones(alike.shape, bool)
    value = float(alike[chosen].mean())
    centred = np.where(chosen, alike - value, 0)
    total = chosen.sum()
    # What each jet adds to the sum; jets are independent of each other, pairs are not.
    variance = (centred.sum(axis=0) ** 2).sum() + (centred.sum(axis=1) ** 2).sum()
    return Measured(value, float(np.sqrt(variance) / total))


def similarity(first: np.ndarray, second: np.ndarray, chosen: np.ndarray | None = None) -> Measured:
    """The larger one of ADO and 1 - ADO."""
    found = average(first, second, chosen)
    return Measured(max(found.value, 1 - found.value), found.standard)


def auc(of: np.ndarray) -> Measured:
    """Area under the ROC curve, from `signs`: the share of pairs in the right order."""
    return average(of, np.ones_like(of))


def combined(
    observables: Sequence[np.ndarray],
    label: np.ndarray,
    half: np.ndarray,
    seed: int,
    *,
    of: np.ndarray | None = None,
) -> np.ndarray:
    """What boosted trees of some observables say of all jets, learnt from one half of them.

    Args:
        observables: (n,) each.
        label: (n,) bool.
        half: (n,) bool, jets to learn from.
        of: (n,) values to predict instead of the class.

    Returns:
        (n,) log odds, or predicted values.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    options = {"max_iter": 200, "learning_rate": 0.05, "max_leaf_nodes": 6, "min_samples_leaf": 40}
    options |= {"early_stopping": False}
    table = np.stack(observables, axis=1)
    if of is not None:
        trees = HistGradientBoostingRegressor(**options, random_state=seed % 2**32)
        return trees.fit(table[half], of[half]).predict(table)
    trees = HistGradientBoostingClassifier(**options, random_state=seed % 2**32)
    return trees.fit(table[half], label[half]).decision_function(table)


def guided(
    score: np.ndarray,
    observables: Mapping[str, np.ndarray],
    label: np.ndarray,
    half: np.ndarray,
    n_steps: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Black-box guided search: each step takes what best orders the pairs that are still ordered otherwise.

    Section IV of the paper, with boosted trees for its dense networks: they are trained on one half of the
    jets for the class, not for the score, and everything is measured on the other half.

    Args:
        score: (n,) of the tagger.
        half: (n,) bool, jets that trees learn from.
        n_steps: observables at most.

    Returns:
        For each step: observable; alone, its similarity in the pairs that were still misordered; left, their
        share of all pairs; ado and auc of the trees with all observables so far.
    """
    own, other = label[~half], {name: values[~half] for name, values in observables.items()}
    black = signs(score[~half], own)
    of = {name: signs(values, own) for name, values in other.items()}
    chosen = np.ones(black.shape, bool)
    taken: list[str] = []
    steps: list[dict[str, Any]] = []
    while len(taken) < min(n_steps, len(observables)) and chosen.sum() >= _LEAST:
        alone = {name: similarity(black, of[name], chosen) for name in of if name not in taken}
        best = max(sorted(alone), key=lambda name: alone[name].value)
        left = float(chosen.mean())
        taken.append(best)
        step_seed = integer_seed(seed, "guided", len(taken))
        made = combined([observables[name] for name in taken], label, half, step_seed)
        white = signs(made[~half], own)
        chosen = black * white < 0
        steps.append(
            {
                "observable": best,
                "alone": alone[best].as_json(),
                "left": left,
                "ado": similarity(black, white).as_json(),
                "auc": auc(white).as_json(),
            }
        )
    return steps
