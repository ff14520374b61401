"""The likelihood of one window and efficiency, as the settings ask for it.

Without shape, uncertainties and further background functions it is that of counting (`stats.profile`),
otherwise that of a template (`stats.likelihood`), and the envelope of several for several functions
(`stats.envelope`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.infer import templates
from resonaut.infer.families import Family
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.infer.templates import Masses
from resonaut.infer.varied import Varied
from resonaut.scan import Window
from resonaut.stats import families, poisson, signals, spurious
from resonaut.stats.envelope import Envelope
from resonaut.stats.likelihood import Likelihood, Uncertainties
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.signals import Signal


@dataclass(frozen=True)
class Model:
    """What one window and efficiency is tested with.

    Attributes:
        likelihood: of the experiments of `test`.
        signal: in the bins of the likelihood.
        uncertainties: of the signal.
        shaped: whether the bins of the signal region are fitted one by one.
        variations: what they do to the signal (`varied.describe`), where there are any.
    """

    test: WindowTest
    likelihood: ProfileLikelihood | Likelihood | Envelope
    signal: Signal
    uncertainties: Uncertainties
    shaped: bool
    variations: dict[str, Any] | None = None


def build(
    found: Spectra,
    given: InferSettings,
    at: tuple[int, int],
    test: WindowTest,
    masses: Masses | None = None,
    spurious_events: float | None = None,
    varied: Varied | None = None,
) -> Model:
    """The model of some experiments.

    Args:
        found: all spectra.
        given: settings.
        at: window and efficiency.
        test: the experiments.
        masses: of the dataset whose shape the signal has.
        spurious_events: what was measured (`measure_spurious`), where that is asked for.
        varied: events of variations, where these are uncertainties.

    Raises:
        ConfigError: the shape does not lie in the bins that are fitted, or a function cannot be used.
    """
    window, uncertain = found.windows[at[0]], given.uncertainties
    shaped = given.signal.shape != "window"
    described = None
    if varied is None or masses is None:
        signal = signal_of(given, test, window, masses)
    else:
        made, described = varied.signal(at, window, test.edges, masses, given)
        signal = _in_bins(made, test, window, masses)
    events = spurious_events if uncertain.spurious_signal == "measured" else uncertain.spurious_signal
    uncertainties = Uncertainties(
        uncertain.luminosity, uncertain.acceptance, float(events or 0.0), uncertain.statistics
    )
    if not (shaped or given.envelope or uncertain.any):
        return Model(test, test.counting(), signal, uncertainties, shaped)
    counts = test.shaped_counts() if shaped else test.counts
    functions = [test, *(_other(found, test, family, at) for family in given.envelope)]
    each = [Likelihood(_bins(one, shaped), counts, signal, uncertainties) for one in functions]
    likelihood = Envelope(each) if given.envelope else each[0]
    return Model(test, likelihood, signal, uncertainties, shaped, described)


def signal_of(given: InferSettings, test: WindowTest, window: Window, masses: Masses | None) -> Signal:
    """The signal in the bins of the likelihood.

    Raises:
        ConfigError: less than 0.1 % of the shape lies in the bins that are fitted.
    """
    if given.signal.shape == "window":
        n_bins = test.window.model.n_bins
        return signals.window(np.arange(n_bins) == n_bins - 1)
    made = templates.make(given.signal, masses, window, test.edges, given.uncertainties.energy_scale)
    return _in_bins(made, test, window, masses)


def _in_bins(made: Signal, test: WindowTest, window: Window, masses: Masses | None) -> Signal:
    """A signal in the bins of the scan in those of the likelihood."""
    signal = made.regrouped(test.shaped_signal)
    templates.check_inside(signal, window, test.bins, masses)
    return signal


def _bins(test: WindowTest, shaped: bool) -> LogLinear:
    return test.shaped() if shaped else test.window.model


def _other(found: Spectra, test: WindowTest, family: Family, at: tuple[int, int]) -> WindowTest:
    """The same experiments with another background function, of as many parameters if it does not say."""
    options = families.settings_of(
        family.function, test.order, found.function[1].get("sqrt_s"), family.options, "infer.envelope"
    )
    return replace(test, window=found.model(*at, registry.build("stats", family.function, options)))


def measure_spurious(
    found: Spectra,
    given: InferSettings,
    number: int,
    tests: Sequence[WindowTest | None],
    masses: Masses | None,
) -> np.ndarray:
    """Signal that the background function fakes in each window, at one efficiency.

    Backgrounds are what the functions of `infer.envelope` say when they are fitted to the side bands alone,
    so that a signal in the window does not enter. It is the largest over them and over windows at most a
    width away.

    Args:
        found: all spectra.
        given: settings.
        number: which efficiency.
        tests: of each window, one experiment; None where there is none.
        masses: of the dataset whose shape the signal has.

    Returns:
        (W,) events; NaN where no fit converged.
    """
    shaped = given.signal.shape != "window"
    models, truths, templates_, known = [], [], [], []
    for window, test in enumerate(tests):
        if test is None:
            continue
        with contextlib.suppress(ConfigError):
            templates_.append(signal_of(given, test, found.windows[window], masses).nominal)
            models.append(_bins(test, shaped))
            others = [_other(found, test, family, (window, number)) for family in given.envelope]
            truths.append(np.stack([_from_sidebands(other, shaped) for other in others]))
            known.append(window)
    events = np.full(len(tests), np.nan)
    if known:
        places = np.array([[found.windows[window].low, found.windows[window].high] for window in known])
        centres, width = places.mean(axis=1), float(np.median(np.diff(places, axis=1)))
        events[known] = spurious.measure(models, truths, templates_, centres, width).events
    return events


def _from_sidebands(test: WindowTest, shaped: bool) -> np.ndarray:
    """Expected events of a function that is fitted to the side bands; NaN where the fit failed."""
    fit = poisson.fit(test.window.sidebands, test.counts[:1, :-1])
    return _bins(test, shaped).expected(fit.parameters[0])
