"""Backgrounds that toys are drawn from, and the test that they are put into."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.infer import window_likelihood
from resonaut.infer.families import Family
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.infer.templates import Masses
from resonaut.infer.validation_toys import Bench
from resonaut.stats import families, poisson


@dataclass(frozen=True)
class Truth:
    """A background fitted to the side bands, as `infer.validation` describes its numbers.

    Attributes:
        expected: (n_bins,) events in the bins that the test fits; None where the fit failed.
        parameters: (K,) of the fit.
        background: events in the signal region.
    """

    function: str
    n_parameters: int | None
    own: bool
    failed: str | None
    expected: np.ndarray | None = None
    parameters: np.ndarray | None = None
    background: float | None = None
    deviance: float | None = None
    degrees_of_freedom: int | None = None
    goodness_of_fit: float | None = None

    @property
    def name(self) -> str:
        """Function and number of parameters, for seeds and to tell truths apart."""
        return f"{self.function}:{self.n_parameters}"


class Tests:
    """Tests of the data of a search, for toys.

    Args:
        found: spectra with one experiment.
        given: settings.
        masses: of the dataset whose shape the signal has.
    """

    def __init__(self, found: Spectra, given: InferSettings, masses: Masses | None) -> None:
        self.found, self.given, self.masses = found, given, masses
        self.shaped = given.signal.shape != "window"
        self.spurious = None
        if given.uncertainties.spurious_signal == "measured":
            self.spurious = [self._spurious(number) for number in range(len(found.efficiencies))]

    def _spurious(self, number: int) -> np.ndarray:
        tests = [self.of(window, number) for window in range(len(self.found.windows))]
        return window_likelihood.measure_spurious(self.found, self.given, number, tests, self.masses)

    def of(self, window: int, number: int) -> WindowTest | None:
        """The test of a window and efficiency; None where the hunt found no background."""
        for test in self.found.tests(window, number):
            chosen = np.flatnonzero(~test.failed)
            if len(chosen):
                return test.take(chosen)
        return None

    def truths(self, window: int, number: int) -> list[Truth]:
        """The function that fits, first, and those of `infer.validation.families`."""
        name, test = self.found.function[0], self.of(window, number)
        if test is None:
            return [Truth(name, None, True, "the background of the side bands was not fitted")]
        drawn = [self._fitted(test, name, number, own=True)]
        for family in self.given.validation.families if drawn[0].failed is None else ():
            other = self._other(test, family, drawn[0].n_parameters, (window, number))
            if other.name not in [truth.name for truth in drawn]:
                drawn.append(other)
        return drawn

    def _other(
        self, test: WindowTest, family: Family, n_parameters: int | None, at: tuple[int, int]
    ) -> Truth:
        """Another function, of as many parameters if its settings do not say how many."""
        sqrt_s, key = self.found.function[1].get("sqrt_s"), "infer.validation.families"
        options = families.settings_of(family.function, n_parameters, sqrt_s, family.options, key)
        try:
            model = self.found.model(*at, registry.build("stats", family.function, options))
        except ConfigError as error:
            return Truth(family.function, options.get("n_parameters"), False, str(error))
        return self._fitted(replace(test, window=model), family.function, at[1], own=False)

    def _fitted(self, test: WindowTest, function: str, number: int, *, own: bool) -> Truth:
        """The expectation of a model that is fitted to the side bands."""
        from scipy.special import gammaincc

        sidebands = test.window.sidebands
        fit = poisson.fit(sidebands, test.counts[:, :-1])
        n_transfer = 0 if self.found.efficiencies[number] == 1 else self.found.transfer
        n_parameters = sidebands.n_parameters - n_transfer
        if not fit.converged[0]:
            return Truth(function, n_parameters, own, "its fit to the side bands did not converge")
        parameters = fit.parameters[0]
        bins = test.shaped() if self.shaped else test.window.model
        made = Truth(
            function=function,
            n_parameters=n_parameters,
            own=own,
            failed=None,
            expected=bins.expected(parameters),
            parameters=parameters,
            background=float(test.window.model.expected(parameters)[-1]),
        )
        freedom = max(sidebands.n_bins - len(parameters), 0)
        if self.found.blind or not freedom:
            return made
        deviance = float(fit.deviance[0])
        p_value = float(gammaincc(freedom / 2, deviance / 2))
        return replace(made, deviance=deviance, degrees_of_freedom=freedom, goodness_of_fit=p_value)

    def bench(self, window: int, number: int, own: Truth) -> Bench:
        """The likelihood that `infer test` uses, for toys.

        Raises:
            ConfigError: the shape of the signal does not lie in the bins, or a function cannot be used.
        """
        test = self.of(window, number)
        events = None if self.spurious is None else float(np.nan_to_num(self.spurious[number][window]))
        model = window_likelihood.build(self.found, self.given, (window, number), test, self.masses, events)
        centre = None if test.window.model.penalty is None or self.given.envelope else own.parameters
        return Bench(model.likelihood, model.signal.nominal, centre)
