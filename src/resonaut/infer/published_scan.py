"""Tests of a signal at each mass of a histogram, and its upper limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from resonaut import seeds
from resonaut.errors import FitError
from resonaut.infer.published_fits import Fitted
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.logs import log, progress
from resonaut.stats import spurious
from resonaut.stats.asymptotics import significance
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.limits import upper_limits
from resonaut.stats.signals import Signal
from resonaut.stats.toy_limits import upper_limit_by_toys
from resonaut.stats.toys import discovery_by_toys, needs_toys

BANDS = (
    "expected_minus_2sigma",
    "expected_minus_1sigma",
    "expected",
    "expected_plus_1sigma",
    "expected_plus_2sigma",
)
Entry = dict[str, Any]


def spurious_events(
    functions: Sequence[Fitted],
    counts: np.ndarray,
    masses: np.ndarray,
    signals: Sequence[Signal],
    given: SpectrumSettings,
) -> np.ndarray:
    """(n_masses,) one standard deviation of the spurious signal, events.

    Raises:
        FitError: it cannot be measured at any mass.
    """
    wanted = given.uncertainties.spurious_signal
    if wanted != "measured":
        return np.full(len(masses), float(wanted))
    truths = spurious.asimov([other.model for other in functions[1:]], counts)
    reach = given.relative_width * float(np.median(masses))
    found = spurious.measure(
        functions[0].model, truths, [signal.nominal for signal in signals], masses, reach
    ).events
    if not np.isfinite(found).any():
        raise FitError("uncertainties.spurious_signal: no fit converged. Give a number of events.")
    # Where single fits failed, the worst of the others stands in.
    return np.where(np.isfinite(found), found, np.nanmax(found))


def scan(
    fitted: Fitted,
    counts: np.ndarray,
    masses: np.ndarray,
    signals: Sequence[Signal],
    events: np.ndarray,
    scale: float,
    given: SpectrumSettings,
) -> tuple[list[Entry], list[Entry]]:
    """Test and limit every mass.

    Args:
        fitted: the background.
        counts: (n_bins,).
        masses: (n_masses,) GeV.
        signals: at each mass.
        events: (n_masses,) spurious signal.
        scale: effective entries per event; signals and limits are divided by it.

    Returns:
        Entries of `scan` and of `limits`; a mass whose fits fail is said, and the others go on.

    Raises:
        FitError: the fits of all masses fail.
    """
    tests: list[Entry] = []
    limits: list[Entry] = []
    steps = list(zip(masses, signals, events, strict=True))
    for mass, signal, size in progress(steps, "masses"):
        uncertainties = Uncertainties(
            given.uncertainties.luminosity, given.uncertainties.acceptance, float(size)
        )
        likelihood = Likelihood(fitted.model, counts, signal, uncertainties)
        try:
            test, limit = (
                _test(likelihood, float(mass), scale, given),
                _limit(likelihood, float(mass), scale, given),
            )
        except FitError as error:
            log.warning("mass %g GeV: %s The scan goes on without it.", mass, error)
            test, limit = ({"mass": float(mass), "failed": str(error)} for _ in range(2))
        tests.append(test)
        limits.append(limit)
    if all("failed" in entry for entry in tests):
        raise FitError(f"The fits of all {len(tests)} masses failed; the first: {tests[0]['failed']}")
    return tests, limits


def _test(likelihood: Likelihood, mass: float, scale: float, given: SpectrumSettings) -> Entry:
    found = likelihood.discovery()
    if not bool(likelihood.converged):
        raise FitError("the fits with and without signal did not converge.")
    low, high = likelihood.interval()
    p, error, method = float(found.p_value), None, "asymptotic"
    z = float(found.z_local)
    # Without an excess toys say no more than p >= 0.5.
    if given.toys and float(found.q0) > 0 and bool(needs_toys(likelihood.background, given.few_events)):
        rng = seeds.generator(given.seed, "infer", "spectrum", "discovery", f"{mass:g}")
        toys = discovery_by_toys(likelihood, given.toys, rng)
        p, error, method = toys.p_value, toys.error, "toys"
        z = max(float(significance(np.array(p))), 0.0)
    return {
        "mass": mass,
        "p_local": p,
        "p_local_error": error,
        "z_local": z,
        "z_signed": float(found.z_signed),
        "signal": float(likelihood.excess) / scale,
        "signal_error": float(likelihood.signal_error) / scale,
        "signal_interval": [_number(low / scale), _number(high / scale)],
        "expected_background": float(likelihood.background) / scale,
        "fraction_in_range": float(likelihood.signal.nominal.sum()),
        "spurious_signal": likelihood.uncertainties.spurious / scale,
        "method": method,
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _limit(likelihood: Likelihood, mass: float, scale: float, given: SpectrumSettings) -> Entry:
    found = upper_limits(likelihood, given.confidence_level)
    observed, expected, error, method = found.observed, found.expected, None, "asymptotic"
    if given.limit_toys and bool(needs_toys(likelihood.background, given.few_events)):
        rng = seeds.generator(given.seed, "infer", "spectrum", "limit", f"{mass:g}")
        toys = upper_limit_by_toys(likelihood, given.limit_toys, rng, given.confidence_level)
        observed, error, method = toys.observed, toys.error / scale, "toys"
        # A quantile of discrete counts that no toy reached is left to the asymptotic formula.
        expected = np.where(np.isfinite(toys.expected), toys.expected, expected)
    numbers = dict(zip(("observed", *BANDS), (observed, *expected), strict=True))
    events = {name: _number(value / scale) for name, value in numbers.items()}
    if events["observed"] is None or events["expected"] is None:
        raise FitError("the search of the upper limit did not converge.")
    entry: Entry = {"mass": mass, **events, "observed_error": error, "method": method}
    if given.luminosity is not None:
        entry |= {
            f"{name}_fb": None if value is None else value / given.luminosity
            for name, value in events.items()
        }
    return entry
