"""What the score and the latent space know of observables, and what is left of the score beyond them.

The result has

    score         by observable, for `all` rows, the class (`in`), the rest (`out`): see `association`
    classes       by observable, bits that it has of the class alone; `score` among them
    units         latent units (`different`): their numbers, and by observable the correlation of
                  ranks and the distance correlation
    guided        steps of the guided search (`decision_ordering.guided`)
    single        by observable, its ADO with the score and its AUC
    auc           of the tagger
    residual      share of the variance of the log odds that boosted trees of all observables leave over, with
                  the spread over five parts; and of the pairs, 1 - ADO with such trees that learn the class
"""

from __future__ import annotations

from typing import Any

import numpy as np

from resonaut.errors import InputError
from resonaut.nn.latent import latent
from resonaut.seeds import generator, integer_seed
from resonaut.tag.explain import association
from resonaut.tag.explain import decision_ordering as ordering
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import ExplainSettings

N_UNITS = 8
"""Latent units that are looked at."""


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """See the module."""
    order = generator(rows.seed, rows.where, "order").permutation(len(rows))
    score, label = rows.score()[order], rows.label[order]
    columns = {name: values[order] for name, values in rows.observables.items()}
    seed = integer_seed(rows.seed, rows.where, "estimators")
    parts = {"all": np.ones(len(label), bool), "in": label, "out": ~label}
    half = np.arange(len(label)) % 2 == 0
    own = ordering.signs(score, label)
    return {
        "score": {
            name: {part: association.measure(score[kept], values[kept], seed) for part, kept in parts.items()}
            for name, values in columns.items()
        },
        "classes": {
            name: association.information_of_class(values, label, seed)
            for name, values in {"score": score, **columns}.items()
        },
        "units": _units(rows, order),
        "guided": ordering.guided(score, columns, label, half, settings.n_guided, seed),
        "single": {
            name: {
                "ado": ordering.similarity(own, signs).as_json(),
                "auc": ordering.similarity(np.ones_like(signs), signs).as_json(),
            }
            for name, signs in ((name, ordering.signs(values, label)) for name, values in columns.items())
        },
        "auc": ordering.auc(own).as_json(),
        "residual": residual(score, columns, label, half, seed),
    }


def residual(
    score: np.ndarray, columns: dict[str, np.ndarray], label: np.ndarray, half: np.ndarray, seed: int
) -> dict[str, Any]:
    """What observables leave over of the score, on the half of the rows that trees did not learn from.

    Returns:
        variance: share of the variance of the log odds; pairs: 1 - ADO; value and standard each.
    """
    table = list(columns.values())
    predicted = ordering.combined(table, label, half, seed, of=score)
    left, whole = (score - predicted)[~half], score[~half]
    parts = [1 - r_squared(whole[k::5], (whole - left)[k::5]) for k in range(5)]
    learnt = ordering.combined(table, label, half, seed)
    ado = ordering.similarity(
        ordering.signs(score[~half], label[~half]), ordering.signs(learnt[~half], label[~half])
    )
    return {
        "variance": {
            "value": 1 - r_squared(whole, whole - left),
            "standard": float(np.std(parts, ddof=1) / np.sqrt(5)),
        },
        "pairs": {"value": 1 - ado.value, "standard": ado.standard},
    }


def r_squared(wanted: np.ndarray, predicted: np.ndarray) -> float:
    """1 - the mean squared difference over the variance."""
    return float(1 - ((wanted - predicted) ** 2).mean() / wanted.var())


def different(values: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Numbers of units of large spread that do not say the same, `N_UNITS` at most.

    The first has the largest spread; each next one has the largest spread left, the part that is a linear
    function of the units before not counting.
    """
    left = (values - values.mean(axis=0)).astype(np.float64)
    chosen: list[int] = []
    while len(chosen) < min(N_UNITS, int((spread > 0).sum())):
        size = np.linalg.norm(left, axis=0)
        size[chosen] = 0
        best = int(size.argmax())
        if size[best] <= 1e-6 * spread.max() * np.sqrt(len(values)):
            break
        chosen.append(best)
        axis = left[:, best] / size[best]
        left -= np.outer(axis, axis @ left)
    return np.array(chosen, int)


def _units(rows: Rows, order: np.ndarray) -> dict[str, Any] | None:
    """Latent units against observables; None where a network has no latent space.

    Args:
        order: of the rows, that says nothing.
    """
    try:
        values = latent(rows.trained.networks[0], rows.samples(), rows.where, "cpu")
    except InputError:
        return None
    spread = values.std(axis=0)
    chosen = different(values, spread)
    # A distance correlation takes the first rows, which must be of all classes.
    values = values[order]
    known = {name: column[order] for name, column in {"score": rows.score(), **rows.observables}.items()}
    return {
        "numbers": chosen.tolist(),
        "spread": spread[chosen].tolist(),
        "n_units": values.shape[1],
        "n_dead": int((spread == 0).sum()),
        **{
            key: {
                name: [function(values[:, unit], column) for unit in chosen] for name, column in known.items()
            }
            for key, function in (("spearman", association.spearman), ("distance", association.distance))
        },
    }
