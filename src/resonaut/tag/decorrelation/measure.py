"""Rejection, and divergence of the background's distribution of a variable after a cut on the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.seeds import generator
from resonaut.stats.response import jensen_shannon
from resonaut.stats.response_summary import with_error

CURVE = tuple(round(0.05 * step, 2) for step in range(2, 20))
"""Signal efficiencies of the curves."""


@dataclass(frozen=True)
class Rows:
    """Test rows of a tagger.

    Attributes:
        score: (n,) larger is more like signal.
        variable: (n,) what must not be followed.
        is_signal: (n,) bool.
    """

    score: np.ndarray
    variable: np.ndarray
    is_signal: np.ndarray


@dataclass(frozen=True)
class _Replica:
    """At each efficiency: rejection, divergence, shares of the bins (n, n_bins), rows that pass."""

    rejection: np.ndarray
    divergence: np.ndarray
    shares: np.ndarray
    n_passed: np.ndarray


def edges_of(variable: np.ndarray, n_bins: int, span: tuple[float, float] | None) -> np.ndarray:
    """Edges of the bins, (n_bins + 1,): of the span, or of the central 99 % of the values."""
    low, high = np.quantile(variable, (0.005, 0.995)) if span is None else span
    return np.linspace(low, high, n_bins + 1)


def measure(
    rows: Rows, edges: np.ndarray, efficiencies: tuple[float, ...], n_bootstrap: int, seed: int
) -> dict[str, Any]:
    """Measure a tagger at signal efficiencies.

    Args:
        edges: (n_bins + 1,) of the variable; rows beyond count in the outermost bins.
        efficiencies: of signal, that are measured with errors.
        n_bootstrap: replicas, with Poisson(1) weights of the rows, thresholds anew in each.
        seed: of the replicas and of random cuts.

    Returns:
        `at` each efficiency: rejection 1 / eps_B, `jensen_shannon` (bits) of passed and all background with
        its error, `floor`: mean and deviation of the divergence of random cuts that keep as many rows (a
        network that knows nothing of the variable is there), `n_passed`; `curve`: the same without errors
        at `CURVE`; `shares` of the bins before and after the last cut.
    """
    signal, background = rows.score[rows.is_signal], rows.score[~rows.is_signal]
    variable = rows.variable[~rows.is_signal]
    bins = np.clip(np.searchsorted(edges, variable, side="right") - 1, 0, len(edges) - 2)
    sample = _Sample(signal, background, bins, len(edges) - 1)
    rng = generator(seed, "decorrelation", "bootstrap")
    replicas = [sample.measured(efficiencies)]
    for _ in range(n_bootstrap):
        replicas.append(
            sample.measured(efficiencies, rng.poisson(1, len(signal)), rng.poisson(1, len(background)))
        )
    everything = sample.counts(np.ones(len(background)))
    at = []
    for number, efficiency in enumerate(efficiencies):
        n_passed = int(replicas[0].n_passed[number])
        at.append(
            {
                "efficiency": efficiency,
                "rejection": with_error(np.array([one.rejection[number] for one in replicas])),
                "jensen_shannon": with_error(np.array([one.divergence[number] for one in replicas])),
                "floor": _floor(everything, n_passed, n_bootstrap, generator(seed, "decorrelation", "floor")),
                "n_passed": n_passed,
            }
        )
    curve = sample.measured(CURVE)
    return {
        "n_rows": {"signal": len(signal), "background": len(background)},
        "at": at,
        "curve": {
            "efficiency": list(CURVE),
            "rejection": _or_none(curve.rejection),
            "jensen_shannon": _or_none(curve.divergence),
        },
        "shares": {
            "before": (everything / everything.sum()).tolist(),
            "after": [shares.tolist() for shares in replicas[0].shares],
        },
    }


def _or_none(values: np.ndarray) -> list[float | None]:
    """Numbers, None where nothing passes."""
    return [float(value) if np.isfinite(value) else None for value in values]


class _Sample:
    """Scores of signal, and of background with its bin of the variable, in falling order."""

    def __init__(self, signal: np.ndarray, background: np.ndarray, bins: np.ndarray, n_bins: int) -> None:
        self._signal_order = np.argsort(-signal, kind="stable")
        self._signal = signal[self._signal_order]
        self._order = np.argsort(-background, kind="stable")
        self._ascending = background[self._order][::-1]
        self._bins, self._n_bins = bins[self._order], n_bins

    def counts(self, weight: np.ndarray, n: int | None = None) -> np.ndarray:
        """Sum of weights in each bin, of the first n rows; (n_bins,)."""
        return np.bincount(self._bins[:n], weights=weight[:n], minlength=self._n_bins)

    def measured(
        self,
        efficiencies: tuple[float, ...],
        of_signal: np.ndarray | None = None,
        of_background: np.ndarray | None = None,
    ) -> _Replica:
        """What is measured at signal efficiencies, with weights of the rows."""
        n = len(self._bins)
        signal = np.ones(len(self._signal)) if of_signal is None else of_signal[self._signal_order]
        weight = np.ones(n) if of_background is None else of_background[self._order].astype(float)
        passed = np.cumsum(signal)
        place = np.searchsorted(passed, np.array(efficiencies) * passed[-1], side="left")
        thresholds = self._signal[np.minimum(place, len(passed) - 1)]
        n_passed = n - np.searchsorted(self._ascending, thresholds, side="left")
        before = self.counts(weight)
        after = np.stack([self.counts(weight, count) for count in n_passed])
        sums = after.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = after / sums[:, None]
            rejection = before.sum() / sums
        shares = np.nan_to_num(shares)
        divergence = np.where(sums > 0, jensen_shannon(shares, before / max(before.sum(), 1)), np.nan)
        return _Replica(rejection, divergence, shares, n_passed)


def _floor(everything: np.ndarray, n_passed: int, n_draws: int, rng: np.random.Generator) -> dict[str, float]:
    """Divergence of random cuts that keep `n_passed` rows: mean and standard deviation, bits."""
    whole = everything.astype(np.int64)
    drawn = rng.multivariate_hypergeometric(whole, max(n_passed, 1), size=n_draws)
    found = jensen_shannon(drawn / max(n_passed, 1), np.broadcast_to(whole / whole.sum(), drawn.shape))
    return {"value": float(found.mean()), "error": float(found.std(ddof=1))}
