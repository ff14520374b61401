"""Toys of one test with an injected signal, each refitted as the data are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.infer.validation_numbers import Refitted
from resonaut.stats.envelope import Envelope
from resonaut.stats.likelihood import Likelihood
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.signal_fits import Data
from resonaut.stats.toy_data import BLOCK, draw_data, penalty_of

AnyLikelihood = ProfileLikelihood | Likelihood | Envelope


@dataclass(frozen=True)
class Bench:
    """A test that toys can be put into.

    Attributes:
        likelihood: of any one experiment; toys are fitted with its model.
        nominal: (n_bins,) events in each bin per signal event.
        centre: (n_parameters,) where the background's penalty is 0 on average, if it has one.
    """

    likelihood: AnyLikelihood
    nominal: np.ndarray
    centre: np.ndarray | None = None

    def hypothesis(self, expected: np.ndarray) -> Data:
        """One experiment that measures (n_bins,) events and 0 for all nuisance parameters."""
        auxiliary = np.zeros((1, len(getattr(self.likelihood, "names", ()))))
        return Data(expected[None], auxiliary, None if self.centre is None else self.centre[None])

    def asimov(self, expected: np.ndarray) -> AnyLikelihood:
        """The likelihood of the expectation (n_bins,) as data, one experiment."""
        return self.likelihood.resampled(self.hypothesis(expected))

    def toys(
        self, expected: np.ndarray, injected: float, n_toys: int, generator: np.random.Generator
    ) -> Refitted:
        """Draw toys and refit the background, the signal and all nuisance parameters in each.

        Auxiliary measurements are drawn around true values of 0.

        Args:
            expected: (n_bins,) true background.
            injected: true signal events.
            n_toys: how many.
            generator: of the toys.
        """
        hypothesis = self.hypothesis(expected + injected * self.nominal)
        penalty = penalty_of(self.likelihood)
        parts = [
            refit(
                self.likelihood.resampled(
                    draw_data(hypothesis, min(BLOCK, n_toys - first), generator, penalty)
                ),
                injected,
            )
            for first in range(0, n_toys, BLOCK)
        ]
        columns = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("fitted", "q", "q_tilde", "q_asimov")
        )
        return Refitted(injected, *columns, sum(part.n_failed for part in parts))


def refit(likelihood: AnyLikelihood, injected: float) -> Refitted:
    """Fitted signals and test statistics of experiments whose true signal is known.

    Args:
        likelihood: of n experiments.
        injected: true signal events in each.
    """
    rows = np.flatnonzero(likelihood.converged)
    signal = np.full(len(rows), injected)
    found = likelihood.discovery()
    fitted, to_zero = found.signal[rows], found.z_signed[rows] ** 2
    best = likelihood.deviance(np.zeros(len(rows)), rows) - to_zero
    q = np.maximum(likelihood.deviance(signal, rows) - best, 0) if injected else to_zero
    # No signal is best where less than none is fitted (arXiv:1007.1727, eq. 16).
    q_tilde = np.where(fitted > injected, 0.0, np.maximum(q - np.where(fitted < 0, to_zero, 0.0), 0))
    q_asimov = likelihood.q_asimov(signal, rows) if injected else np.zeros(len(rows))
    good = np.isfinite(fitted) & np.isfinite(q) & np.isfinite(q_asimov)
    columns = (values[good] for values in (fitted, q, q_tilde, q_asimov))
    return Refitted(injected, *columns, likelihood.converged.size - int(good.sum()))
