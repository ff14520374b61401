"""Formulae that decide as a tagger does: fitted to log odds of half of the test rows, measured on the rest.

The result has `auc` of the tagger and `surrogates`: for each of linear, polynomial and symbolic

    text, terms      the formula, and its coefficients where it is a sum, with errors
    r_squared        share of the variance of the log odds
    spearman         correlation of ranks with them
    ado              average decision ordering with the tagger (`decision_ordering`)
    auc, roc         of the surrogate itself; background rejections at signal efficiencies
    scales           median and half width of each observable: formulae are of u = (x - median) / width

and `front`: the best symbolic formula of each complexity.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from resonaut.seeds import generator
from resonaut.tag.explain import association, expressions
from resonaut.tag.explain import decision_ordering as ordering
from resonaut.tag.explain.observables import r_squared
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import ExplainSettings

EFFICIENCIES = np.linspace(0.1, 0.95, 18)
_N_DENSITY = 40


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """See the module."""
    order = generator(rows.seed, rows.where, "order").permutation(len(rows))
    score, label = rows.score()[order], rows.label[order]
    half = np.arange(len(score)) % 2 == 0
    scales = {name: expressions.scales(values) for name, values in rows.observables.items()}
    columns = {
        name: (rows.observables[name][order] - middle) / width for name, (middle, width) in scales.items()
    }
    made: dict[str, Any] = {}
    front: list[dict[str, Any]] = []
    for name in settings.surrogates:
        if name == "symbolic":
            formulae = expressions.search(_of(columns, half), score[half], settings.complexity)
            front = [_formula(one, columns, score, label, half) for one in formulae]
            made[name] = front[-1]
        else:
            terms = (
                {key: (key,) for key in columns}
                if name == "linear"
                else products(columns, score, half, settings)
            )
            made[name] = _sum(terms, columns, score, label, half)
    values = {name: entry.pop("values") for name, entry in made.items()}
    for entry in front:
        entry.pop("values", None)
    own = ordering.signs(score[~half], label[~half])
    return {
        "n_rows": {"fitted": int(half.sum()), "measured": int((~half).sum())},
        "auc": ordering.auc(own).as_json(),
        "roc": rejections(score[~half], label[~half]),
        "efficiencies": EFFICIENCIES.tolist(),
        "surrogates": made,
        "front": front,
        "scales": {name: {"median": a, "width": b} for name, (a, b) in scales.items()},
        "density": {name: density(score[~half], one[~half]) for name, one in values.items()},
    }


def products(
    columns: dict[str, np.ndarray], score: np.ndarray, half: np.ndarray, settings: ExplainSettings
) -> dict[str, tuple[str, ...]]:
    """The few observables and products of two that explain most, one after the other (orthogonal matching
    pursuit, doi:10.1109/ACSSC.1993.342465)."""
    names = sorted(columns)
    terms: dict[str, tuple[str, ...]] = {name: (name,) for name in names}
    terms |= {f"{a} * {b}": (a, b) for a, b in combinations_with_replacement(names, 2)}
    table = {key: _term(columns, parts)[half] for key, parts in terms.items()}
    wanted = score[half] - score[half].mean()
    basis: list[np.ndarray] = []
    taken: list[str] = []
    while len(taken) < min(settings.n_terms, len(terms)):
        gain = {}
        for key in (key for key in terms if key not in taken):
            column = table[key] - table[key].mean()
            size = np.linalg.norm(column)
            for axis in basis:
                column = column - (axis @ column) * axis
            left = np.linalg.norm(column)
            gain[key] = abs(column @ wanted) / left if left > 1e-6 * size else 0.0
        best = max(sorted(gain), key=lambda key: gain[key])
        if gain[best] <= 0:
            break
        column = table[best] - table[best].mean()
        for axis in basis:
            column = column - (axis @ column) * axis
        basis.append(column / np.linalg.norm(column))
        taken.append(best)
    return {key: terms[key] for key in taken}


def _sum(
    terms: dict[str, tuple[str, ...]],
    columns: dict[str, np.ndarray],
    score: np.ndarray,
    label: np.ndarray,
    half: np.ndarray,
) -> dict[str, Any]:
    """Least squares of a sum of terms, with errors that hold whatever the scatter does (White,
    doi:10.2307/1912934)."""
    design = np.stack([np.ones(len(score)), *(_term(columns, parts) for parts in terms.values())], axis=1)
    own, wanted = design[half], score[half]
    inverse = np.linalg.pinv(own.T @ own)
    weights = inverse @ (own.T @ wanted)
    left = (wanted - own @ weights)[:, None] * own
    errors = np.sqrt(np.diag(inverse @ (left.T @ left) @ inverse))
    values = design @ weights
    names = ["1", *terms]
    text = " ".join(
        f"{weight:+.3g} {name}" if name != "1" else f"{weight:.3g}"
        for weight, name in zip(weights, names, strict=True)
    )
    return {
        "text": text,
        "terms": {
            name: {"value": float(a), "standard": float(b)}
            for name, a, b in zip(names, weights, errors, strict=True)
        },
        "complexity": len(terms),
        **_fidelity(values, score, label, half),
    }


def _formula(
    formula: expressions.Formula,
    columns: dict[str, np.ndarray],
    score: np.ndarray,
    label: np.ndarray,
    half: np.ndarray,
) -> dict[str, Any]:
    raw = formula(columns)
    slope, start = np.polyfit(raw[half], score[half], 1)
    return {
        "text": f"{start:.3g} {slope:+.3g} {formula.text}",
        "complexity": formula.complexity,
        "observables": list(formula.observables),
        **_fidelity(start + slope * raw, score, label, half),
    }


def _fidelity(values: np.ndarray, score: np.ndarray, label: np.ndarray, half: np.ndarray) -> dict[str, Any]:
    told, wanted, kept = values[~half], score[~half], label[~half]
    black, white = ordering.signs(wanted, kept), ordering.signs(told, kept)
    parts = [r_squared(wanted[k::5], told[k::5]) for k in range(5)]
    return {
        "r_squared": {
            "value": r_squared(wanted, told),
            "standard": float(np.std(parts, ddof=1) / np.sqrt(5)),
        },
        "spearman": association.spearman(wanted, told),
        "ado": ordering.average(black, white).as_json(),
        "auc": ordering.auc(white).as_json(),
        "roc": rejections(told, kept),
        "values": values,
    }


def rejections(values: np.ndarray, label: np.ndarray) -> dict[str, list[float | None]]:
    """1 / background efficiency at `EFFICIENCIES`, and its binomial error; None if no background is left."""
    cuts = np.quantile(values[label], 1 - EFFICIENCIES)
    passed = (values[~label][None] >= cuts[:, None]).sum(axis=1)
    total = int((~label).sum())
    error = [np.sqrt((1 - n / total) / n) * total / n if n else None for n in passed]
    return {
        "rejection": [float(total / n) if n else None for n in passed],
        "standard": [None if one is None else float(one) for one in error],
    }


def density(wanted: np.ndarray, told: np.ndarray) -> dict[str, Any]:
    """Counts of rows by the tagger's log odds and those of a surrogate, on one range."""
    low, high = np.quantile(wanted, (0.002, 0.998))
    edges = np.linspace(low, high, _N_DENSITY + 1)
    counts, _, _ = np.histogram2d(wanted, np.clip(told, low, high), bins=(edges, edges))
    return {"edges": edges.tolist(), "counts": counts.astype(int).tolist()}


def _of(columns: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in columns.items()}


def _term(columns: dict[str, np.ndarray], parts: tuple[str, ...]) -> np.ndarray:
    return np.prod([columns[name] for name in parts], axis=0)
