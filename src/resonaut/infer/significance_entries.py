"""Entries of `significance.json`: the numbers of one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.infer import sensitivity
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra
from resonaut.infer.window_likelihood import Model
from resonaut.infer.window_results import ByToys, Nuisances, Results, z_of

BAND = (
    "expected_minus_2sigma",
    "expected_minus_1sigma",
    "expected",
    "expected_plus_1sigma",
    "expected_plus_2sigma",
)
LIMITS = ("observed", *BAND)
_OF_OBSERVATION = ("observed", "p_value", "z_local", "z_signed")

Entry = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """One test: which window, and which efficiency."""

    found: Spectra
    window: int
    number: int

    @property
    def text(self) -> str:
        """For messages and for the names of random numbers."""
        window = self.found.windows[self.window]
        return (
            f"window {window.low:g}-{window.high:g} GeV, efficiency {self.found.efficiencies[self.number]:g}"
        )

    def head(self, experiment: int) -> Entry:
        """What is known without a fit."""
        window = self.found.windows[self.window]
        counts = self.found.counts[experiment, self.window, self.number]
        return {
            "low": window.low,
            "high": window.high,
            "selection_efficiency": float(self.found.efficiencies[self.number]),
            "observed": None if self.found.blind else int(counts @ self.found.inside[self.window]),
        }


def failed(place: Place, experiment: int, reason: str) -> Entry:
    """The entry of a test without numbers."""
    numbers = dict.fromkeys(
        (
            "expected_background",
            "expected_background_error",
            "expected_background_log_error",
            "p_value",
            "z_local",
            "z_signed",
        )
    )
    return {
        **place.head(experiment),
        **numbers,
        "upper_limit": dict.fromkeys(LIMITS),
        "method": "asymptotic",
        "failed": reason,
    }


def entry(place: Place, experiment: int, row: int, results: Results, given: InferSettings) -> Entry:
    """Asymptotic numbers of one experiment; those of a fit that failed are null.

    Args:
        place: which test.
        experiment: which pseudo-experiment.
        row: its place in `results`.
    """
    discovery, limits = results.discovery, results.limits
    background, log_error = float(results.background[row]), float(results.log_error[row])
    values = np.append(limits.observed[row], limits.expected[row])
    made: Entry = {
        **place.head(experiment),
        "expected_background": background,
        "expected_background_error": background * log_error,
        "expected_background_log_error": log_error,
        "p_value": float(discovery.p_value[row]),
        "z_local": float(discovery.z_local[row]),
        "z_signed": float(discovery.z_signed[row]),
        "signal": {
            "events": float(discovery.signal[row]),
            "error": float(discovery.signal_error[row]),
            "low": float(results.low[row]),
            "high": float(results.high[row]),
        },
        "method": "asymptotic",
        **_limits(values, given),
    }
    if place.found.blind:
        made |= dict.fromkeys(_OF_OBSERVATION)
        made["signal"] = None
        for name in ("upper_limit", "upper_limit_fb"):
            if name in made:
                made[name]["observed"] = None
    return without_nan(made)


def _limits(values: np.ndarray, given: InferSettings) -> Entry:
    """Limits in events, and in fb where the luminosity is known."""
    events = dict(zip(LIMITS, map(float, values), strict=True))
    if given.luminosity is None:
        return {"upper_limit": events}
    scale = given.luminosity * (given.acceptance or 1.0)
    return {
        "upper_limit": events,
        "upper_limit_fb": {name: value / scale for name, value in events.items()},
    }


def why_failed(made: Entry, blind: bool) -> str | None:
    """What is missing of an entry; None where nothing is."""
    values = {} if blind else {"p_value": made["p_value"]}
    values |= {
        f"upper_limit.{name}": value
        for name, value in made["upper_limit"].items()
        if not (blind and name == "observed")
    }
    missing = [name for name, value in values.items() if value is None]
    if not missing:
        return None
    observed = "" if blind else f" ({made['observed']} events observed)"
    return (
        f"the fits for {', '.join(missing)} did not converge{observed}. Use fewer hunt.n_parameters, a "
        "looser hunt.efficiencies or wider side bands."
    )


def add_toys(made: Entry, found: ByToys, given: InferSettings, blind: bool) -> None:
    """Put what toys say in the place of asymptotic numbers, which are kept beside it."""
    kept = {name: made[name] for name in ("p_value", "z_local", "upper_limit")}
    made["method"] = "toys"
    made["toys"] = {
        "n": found.n_toys,
        "n_failed": found.n_failed,
        "p_value": found.p_value,
        "p_value_error": found.p_value_error,
        "p_value_resolved": found.resolved,
        "observed_limit_error": found.observed_error,
        "observed_limit_resolved": bool(np.isfinite(found.limits[0])),
        "asymptotic": kept,
    }
    values = np.where(np.isfinite(found.limits), found.limits, [kept["upper_limit"][name] for name in LIMITS])
    made |= _limits(values.astype(float), given)
    if found.resolved:
        made["p_value"], made["z_local"] = found.p_value, z_of(found.p_value)
        made["z_signed"] = made["z_local"]
    if blind:
        made |= dict.fromkeys(_OF_OBSERVATION)
        made["toys"] |= dict.fromkeys(("p_value", "p_value_error", "observed_limit_error"))
        for name in ("upper_limit", "upper_limit_fb"):
            if name in made:
                made[name]["observed"] = None


def of_nuisances(found: Nuisances) -> Entry:
    """Pulls, impacts and correlations."""
    return {
        "names": list(found.names),
        "pulls": found.pulls.tolist(),
        "errors": found.errors.tolist(),
        "impacts_up": found.up.tolist(),
        "impacts_down": found.down.tolist(),
        "correlation": found.correlation.tolist(),
    }


def expected_significance(model: Model, results: Results) -> Entry:
    """What the data's test expects of a signal."""
    data = np.array([0])
    at_limit = sensitivity.expected_significance(model.likelihood, results.limits.expected[data, 2], data)
    events = {
        f"signal_for_{z}_sigma": float(sensitivity.signal_for(model.likelihood, z, data)[0])
        for z in sensitivity.LEVELS
    }
    return {"at_expected_limit": float(at_limit[0]), **events}


def without_nan(value: Any) -> Any:
    """JSON has no NaN: null instead."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
