"""Evaluations and comparisons of searches whose scores are Gaussian: every number has a closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from resonaut.files import write_json

EDGES = np.arange(2500.0, 6001.0, 100.0)
EFFICIENCIES = [0.1, 0.01]
CUT = 25
FEATURES = {"mj1": (0.0, 500.0), "dmj": (0.0, 800.0), "tau21_j1": (0.0, 1.0), "tau21_j2": (0.0, 1.0)}
INJECTED = [0, 100, 250, 500, 1000, 2000]
WIDE = {"low": 3300.0, "high": 3700.0}


def curve(shift: float, n_signal: int, n_background: int) -> dict[str, Any]:
    """Gain of a cut on N(0, 1) against N(shift, 1), 24 cuts per decade, with bands of counting."""
    least = CUT / n_background
    background = np.append(1.0, 10 ** -(np.arange(1, 200) / 24))
    background = np.sort(background[background >= least])
    signal = norm.sf(norm.isf(background) - shift)
    error = np.sqrt(signal * (1 - signal) / n_signal)
    gain = signal / np.sqrt(background)
    spread = gain * np.sqrt((1 - signal) / (n_signal * signal) + 1 / (4 * n_background * background))
    lists = {
        "background_efficiency": background,
        "background_events": background * n_background,
        "signal_efficiency": signal,
        "signal_efficiency_low": np.maximum(signal - error, 0),
        "signal_efficiency_high": np.minimum(signal + error, 1),
        "improvement": gain,
        "improvement_median": 0.99 * gain,
        "improvement_low": gain - spread,
        "improvement_high": gain + spread,
    }
    return {name: values.tolist() for name, values in lists.items()}


def truth(shift: float, n_signal: int, n_background: int) -> dict[str, Any]:
    """Numbers of truth of one window."""
    found = curve(shift, n_signal, n_background)
    place = int(np.argmax(found["improvement"]))
    best = {name: found[f"improvement{end}"][place] for name, end in _ENDS.items()}
    best |= {name: found[name][place] for name in ("background_efficiency", "signal_efficiency")}
    area = float(norm.cdf(shift / np.sqrt(2)))
    return {
        "false_positive_cut": {"background_events": CUT, "background_efficiency": CUT / n_background},
        "auc": {"value": area, "low": area - 0.01, "high": area + 0.01},
        "max_improvement": best,
        "max_median_improvement": {**best, "value": 0.97 * best["value"]},
        "at": {"0.01": None, "0.001": None},
        "curve": found,
    }


_ENDS = {"value": "", "low": "_low", "high": "_high"}


def sculpting(
    window: dict[str, float], labelled: bool, bias: float, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Spectra before and after; `bias` raises what is selected near the window."""
    shape = np.exp(-(EDGES[:-1] - 2500) / 450)
    centres = EDGES[:-1] + 50
    used = (centres > window["low"] - 500) & (centres < window["high"] + 500)
    if not labelled:
        used &= (centres < window["low"]) | (centres > window["high"])
    before = random.poisson(120_000 * shape / shape.sum())
    near = np.exp(-(((centres - window["low"] - 200) / 200) ** 2) / 2)
    found = []
    for efficiency in EFFICIENCIES:
        after = random.binomial(before, np.minimum(efficiency * (1 + bias * near), 1))
        p = 1 / 1001 if bias else float(random.uniform(0.05, 1))
        values = [[int(n) if ok else None for n, ok in zip(n, used, strict=True)] for n in (before, after)]
        found.append(
            {
                "efficiency": efficiency,
                "n_all": int(before[used].sum()), "n_selected": int(after[used].sum()),
                "events": "background" if labelled else "outside",
                "kolmogorov_smirnov": {"statistic": 0.02, "p_value": p},
                "chi2": {"value": 12.0, "degrees_of_freedom": 13, "p_value": min(1.0, 1.4 * p)},
                "jensen_shannon": {"value": 1e-3, "expected": 9e-4, "p_value": p},
                "before": values[0], "after": values[1],
            }
        )  # fmt: skip
    return found


def selected(blind: bool, random: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Edges and histograms of the features of one window."""
    edges, held = {}, {}
    for name, (low, high) in FEATURES.items():
        edges[name] = np.linspace(low, high, 26).tolist()
        centre = (np.array(edges[name])[:-1] - low) / (high - low)
        rate = np.exp(-3 * centre) if name in ("mj1", "dmj") else centre * (1 - centre)
        parts = {}
        for region, n in (("signal_region", 20_000), ("side_bands", 60_000)):
            every = random.poisson(n * rate / rate.sum())
            peak = np.exp(-(((centre - 0.25) / 0.08) ** 2) / 2)
            kept = [random.binomial(every, np.minimum(e * (0.5 + 3 * peak), 1)) for e in EFFICIENCIES]
            parts[region] = {"all": every.tolist(), "selected": [counts.tolist() for counts in kept]}
        held[name] = parts if not blind else {**parts, "signal_region": None}
    return edges, held


def evaluation(
    n_windows: int = 1, labelled: bool = True, blind: bool = False, features: bool = True, bias: float = 0.0
) -> dict[str, Any]:
    """What `hunt evaluate` writes; the window 3300-3700 GeV holds the signal."""
    random = np.random.default_rng(5)
    lows = [3300.0 + 200 * (number - min(n_windows // 2, 3)) for number in range(n_windows)]
    windows: list[dict[str, Any]] = []
    edges: dict[str, Any] = {}
    for low in lows:
        window: dict[str, Any] = {"low": low, "high": low + 400}
        n_signal = int(770 * np.exp(-(((low - 3300) / 170) ** 2) / 2))
        n_background = int(120_000 * np.exp(-(low - 3300) / 450))
        near = labelled and n_signal >= 10
        edges, held = selected(blind, random) if features else ({}, {})
        window |= {
            "n_signal": n_signal if labelled else None,
            "n_background": n_background if labelled else None,
            "truth": truth(2.4 - abs(low - 3300) / 400, n_signal, n_background) if near else None,
            "sculpting": sculpting(window, labelled, bias, random),
            "selected": held,
            "importance": {name: round(float(random.uniform(0, 0.5)), 6) for name in FEATURES},
        }
        windows.append(window)
    return {
        "schema_version": 1, "kind": "evaluation", "mixture": "data", "method": "cwola",
        "labelled": labelled, "blind": blind, "n_events": 121_000, "n_folds": 5,
        "edges": EDGES.tolist(), "efficiencies": EFFICIENCIES, "confidence": 0.68, "n_bootstrap": 200,
        "n_toys": 1000, "truth_window": lows.index(3300.0) if labelled else None, "features": edges,
        "windows": windows,
    }  # fmt: skip


def interval(value: float, half: float, source: str = "draws") -> dict[str, Any]:
    """A number with symmetric ends."""
    return {"value": value, "low": value - half, "high": value + half, "source": source}


def compared(method: str, shift: float, injected: int | None, name: str = "data") -> dict[str, Any]:
    """One entry of a comparison."""
    random = np.random.default_rng([int(100 * shift), injected or 0])
    found = truth(shift, 770, 120_000)
    own = found["curve"]
    source = "draws" if injected is not None else "bootstrap"
    maxima = {
        key: {
            **{end: found[key][end] for end in ("value", "low", "high", "background_efficiency")},
            "source": source,
        }
        for key in ("max_improvement", "max_median_improvement")
    }
    draws = [name] if injected is None else [f"{name}:{injected}:seed{s}" for s in range(5)]
    known = injected is None or injected > 100
    p_values = random.uniform(0.01, 1, (2, 2))
    z = shift * 0.004 * (1000 if injected is None else injected)
    return {
        "name": name, "injected": injected, "method": method, "draws": draws, "labelled": True,
        "truth_window": WIDE, "n_events": 121_000, "n_signal": 770, "n_background": 120_000,
        "false_positive_cut": found["false_positive_cut"] if known else None,
        "max_improvement": maxima["max_improvement"] if known else None,
        "max_median_improvement": maxima["max_median_improvement"] if known else None,
        "auc": interval(found["auc"]["value"], 0.01), "at": {"0.01": None, "0.001": None},
        "curve": {
            "low": own["improvement_low"], "high": own["improvement_high"],
            **{key: own[key] for key in ("background_efficiency", "signal_efficiency", "improvement")},
        } if known else None,
        "sculpting": [
            {"efficiency": e, "kolmogorov_smirnov": float(p[0]), "chi2": float(p[1]), "jensen_shannon": 1e-3}
            for e, p in zip(EFFICIENCIES, p_values, strict=True)
        ],
        "significance": [
            {
                "efficiency": e, "n_windows": 9, "truth_window": interval(z, 0.9),
                "largest": {**interval(max(z, 1.4), 0.9), "window": WIDE},
                "observed": 900, "expected_background": 850,
            }
            for e in EFFICIENCIES
        ],
    }  # fmt: skip


def injections(method: str, shift: float, name: str = "data") -> list[dict[str, Any]]:
    """z against injected events of one method: proportional to them."""
    found = []
    for efficiency in EFFICIENCIES:
        z = [interval(shift * (0.004 if efficiency < 0.05 else 0.002) * n, 1.0) for n in INJECTED]
        found.append(
            {
                "name": name, "method": method, "efficiency": efficiency, **WIDE,
                "injected": INJECTED,
                "n_draws": [5] * len(INJECTED), "n_signal": [int(0.77 * n) for n in INJECTED],
                "z": z, "largest": z,
            }
        )  # fmt: skip
    return found


def comparison(methods: dict[str, float], injected: bool = True, name: str = "data") -> dict[str, Any]:
    """What `infer compare` writes of methods with a score shifted by so much."""
    entries = [compared(method, shift, None, name) for method, shift in methods.items()]
    if injected:
        entries += [compared(method, shift, n, name) for method, shift in methods.items() for n in INJECTED]
    injection = [entry for method, shift in methods.items() for entry in injections(method, shift, name)]
    return {
        "schema_version": 1, "kind": "comparison", "confidence": 0.68, "efficiencies": EFFICIENCIES,
        "entries": entries, "injection": injection if injected else [],
    }  # fmt: skip


def make_evaluation(folder: Path) -> Path:
    """An evaluation in a file."""
    write_json(folder / "evaluation.json", evaluation(3))
    return folder / "evaluation.json"


def make_searches(folder: Path) -> Path:
    """A comparison of searches in a file."""
    methods = {"cwola": 2.1, "anode": 1.6, "supervised": 3.0, "random": 0.0}
    write_json(folder / "searches.json", comparison(methods))
    return folder / "searches.json"
