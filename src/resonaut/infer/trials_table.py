"""Rates of false positives and power of global p-values, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resonaut.plot.intervals import ONE_SIGMA, clopper_pearson

NONE = "-"


def rate(p_values: np.ndarray, level: float, smallest: float = 0.0) -> dict[str, Any]:
    """Fraction of p-values at or below a level, with the central interval of Clopper and Pearson.

    Args:
        p_values: (n,) NaN where there is none, which is left out.
        level: nominal.
        smallest: p-value that there can be; one above the level says nothing.

    Returns:
        {count, n, value, low, high}; null where n is 0 or the level cannot be reached.
    """
    known = p_values[~np.isnan(p_values)]
    # p-values are often ranks k / n: 0.05 is then to be reached.
    count, n = int((known <= level * (1 + 1e-9)).sum()), len(known)
    if not n or smallest > level * (1 + 1e-9):
        return {"count": count, "n": n, "value": None, "low": None, "high": None}
    low, high = clopper_pearson(np.array(count), np.array(n), ONE_SIGMA)
    return {"count": count, "n": n, "value": count / n, "low": float(low), "high": float(high)}


def uniformity(p_values: np.ndarray) -> dict[str, Any]:
    """How often p-values of the null fall below what a valid one may: the largest excess over its level.

    Returns:
        {excess, p_value}: one-sided Kolmogorov-Smirnov, which is small only where p-values are too small.
    """
    from scipy.stats import ks_1samp

    known = p_values[~np.isnan(p_values)]
    if not len(known):
        return {"excess": None, "p_value": None}
    found = ks_1samp(known, lambda x: np.clip(x, 0, 1), alternative="greater")
    return {"excess": float(found.statistic), "p_value": float(found.pvalue)}


def leave_one_out(null: np.ndarray, tested: np.ndarray | None = None) -> np.ndarray:
    """p-values by pseudo-experiments: (1 + number of others at least as large) / (1 + number of others).

    Args:
        null: (n,) largest z of pseudo-experiments without signal; NaN is not counted, and gives NaN.
        tested: (m,) of others, for example with signal; absent: each of `null` against the rest.

    Returns:
        (m,) or (n,).
    """
    values = null if tested is None else tested
    known = np.sort(null[~np.isnan(null)])
    reached = len(known) - np.searchsorted(known, values, side="left")
    own = int(tested is None)
    found = (1 + reached - own) / (1 + len(known) - own)
    return np.where(np.isnan(values), np.nan, found)


def _share(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return NONE
    value, low, high = (100 * found[key] for key in ("value", "low", "high"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _head(levels: Sequence[float], sets: Sequence[str]) -> list[str]:
    names = [f"{100 * level:g} %" for level in levels]
    head = ["method", "global p-value by", "data", "n", *(f"false positives at {name} [%]" for name in names)]
    return head + [f"power on {injected} at {name} [%]" for injected in sets for name in names]


def markdown(result: Mapping[str, Any]) -> str:
    """The table.

    Args:
        result: what `infer.trials` writes as JSON.
    """
    injected = [entry["name"] for entry in result["sets"] if entry["inject"]]
    head = _head(result["levels"], injected)
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for entry in result["entries"]:
        rates = entry["rates"]
        observed = NONE if entry["observed"] is None else f"{entry['observed']:.2g}"
        row = [entry["method"], entry["label"], observed, str(rates[0]["false_positive"]["n"])]
        row += [_share(each["false_positive"]) for each in rates]
        row += [_share(each["power"].get(name)) for name in injected for each in rates]
        lines.append(row)
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    numbers = ", ".join(f"{entry['name']}: {_described(entry)}" for entry in result["sets"])
    notes = "".join(f"- {label}: {note}\n" for label, note in result["notes"].items())
    return (
        f"# Global p-values of {result['mixture']}\n\nPseudo-experiments: {numbers}. In brackets: 68 % "
        f"intervals of Clopper and Pearson.\n\n{table}\n{notes}"
    )


def _described(entry: Mapping[str, Any]) -> str:
    signal = " + ".join(f"{number} {name}" for name, number in sorted(entry["inject"].items()))
    return f"{entry['n']} with {signal}" if signal else f"{entry['n']} without signal"
