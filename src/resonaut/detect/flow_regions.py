"""Conditional densities of the events of a region: one flow for each window, fold and restart.

The flows of fold f see events of the other folds only; a fifth of these, from a hash of the event, validates
and rotates with the restart. Flows of all windows and folds are one batched training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from resonaut.detect.interface import Context, Data, Events, Scores
from resonaut.detect.settings import FeatureDetectorSettings
from resonaut.errors import EmptyWindowError
from resonaut.nn.flows import FlowSettings, FlowTraining
from resonaut.seeds import integer_seed
from resonaut.settings import Count

if TYPE_CHECKING:
    from resonaut.nn.ensemble import History
    from resonaut.nn.flows import Flows

_PARTS = 5


class FlowDetectorSettings(FeatureDetectorSettings):
    """A detector that consists of flows."""

    flow: FlowSettings = FlowSettings()
    training: FlowTraining = Field(
        FlowTraining(), description="Training of the flows: another way to write `flow.training`."
    )
    n_restarts: Count = Field(1, ge=1, description="Flows per window and fold; their mean is the density.")

    @model_validator(mode="after")
    def _one_training(self) -> FlowDetectorSettings:
        given, of_flow = self.training, self.flow.training
        if "training" in self.model_fields_set and "training" in self.flow.model_fields_set:
            if given != of_flow:
                raise ValueError("training and flow.training differ; give one of them")
        elif "training" in self.model_fields_set:
            of_flow = given
        object.__setattr__(self, "training", of_flow)
        object.__setattr__(self, "flow", self.flow.model_copy(update={"training": of_flow}))
        return self


@dataclass(frozen=True)
class RegionFlows:
    """Flows of one role.

    Attributes:
        flows: all of them.
        numbers: (n_windows, n_folds, n_restarts) which flow is of which window, fold and restart.
    """

    flows: Flows
    numbers: np.ndarray

    def log_density(self, window: int, fold: int, values: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """Log of the density p(x | m) of a window, by flows that saw nothing of a fold.

        Args:
            window, fold: their numbers.
            values: (n, n_features).
            mass: (n,) GeV.

        Returns:
            (n,) float64, per unit of the features: the mean of the densities of the restarts.
        """
        each = self.flows.log_prob(self.numbers[window, fold], values, as_condition(mass))
        return np.logaddexp.reduce(each, axis=0) - np.log(len(each))

    def transported(
        self, window: int, fold: int, values: np.ndarray, mass: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        """Features carried from their masses to others (n,) GeV, along the first restart's flow.

        An event that follows p(x | m) follows p(x | target) afterwards.
        """
        member = self.numbers[window, fold, :1]
        latent = self.flows.to_latent(member, values, as_condition(mass))[0]
        return self.flows.from_latent(member, latent, as_condition(target))[0]


def as_condition(mass: np.ndarray) -> np.ndarray:
    """Masses (n,) GeV as what the flows are conditioned on, (n, 1) float32 TeV."""
    return (np.asarray(mass)[:, None] / 1000).astype(np.float32)


def fit_region(
    values: np.ndarray,
    data: Data,
    chosen: np.ndarray,
    names: Sequence[str],
    role: str,
    settings: FlowDetectorSettings,
    context: Context,
    known: np.ndarray | None = None,
    fraction: float | None = None,
) -> RegionFlows:
    """Fit the flows of one role, for all windows, folds and restarts.

    Args:
        values: (n, n_features) float32.
        data: the events.
        chosen: (n_windows, n) boolean: the events of the role.
        names: of the windows, for seeds and messages.
        role: of the flows, for seeds and messages.
        settings: of the detector.
        context: whose names the seeds are made of.
        known: (n_windows, n_folds, n) log of a known part of the density, see `fraction` of `nn.flows`.
        fraction: see `nn.flows.fit_flows`.

    Raises:
        EmptyWindowError: no event is left to train or to validate.
        TrainingError: a loss is not finite.
    """
    from resonaut.detect.folds import folds
    from resonaut.nn.flows import fit_flows
    from resonaut.nn.lists import Member, Sample

    fold = folds(data, context, settings.n_folds)
    part = folds(data, context, _PARTS, "validation")
    samples: list[Sample] = []
    members: list[Member] = []
    for window, name in enumerate(names):
        for scored in range(settings.n_folds):
            others = chosen[window] & (fold != scored)
            for restart in range(settings.n_restarts):
                validates = part == restart % _PARTS
                for what, mine in (("train", ~validates), ("validate", validates)):
                    rows = np.flatnonzero(others & mine)
                    if not len(rows):
                        raise EmptyWindowError(
                            f"scan.windows ({name} GeV): no event is left to {what} the {role} density of "
                            f"fold {scored} of {settings.n_folds}, at least 1 is needed; move or widen the "
                            f"window, lower {context.where}.n_folds, or add events."
                        )
                    target = None if known is None else known[window, scored, rows]
                    samples.append(Sample(rows, np.ones(len(rows)), target))
                parts = (name, f"fold {scored}", f"restart {restart}", role)
                seed = integer_seed(context.seed, "detect", context.method, context.mixture, *parts)
                members.append(Member(seed, len(samples) - 2, len(samples) - 1))
    flows = fit_flows(
        values,
        as_condition(data.mass),
        samples,
        members,
        settings.flow,
        what=f"{context.where}, {role} flows",
        networks_per_batch=settings.networks_per_batch,
        fraction=fraction,
    )
    numbers = np.arange(len(members)).reshape(len(names), settings.n_folds, settings.n_restarts)
    return RegionFlows(flows, numbers)


@dataclass(frozen=True)
class FittedRatio:
    """log p_1(x | m) - log p_0(x | m) of two roles.

    A side-band event is scored as what it would be in the signal region: it is carried along the background's
    flow to a mass inside, m modulo the width of the window, and both densities are evaluated there. Where the
    flow is right, background of the side bands then has the scores of background of the signal region, also
    where features follow the mass; the numerator's density, which knows the signal region only, is never
    extrapolated.

    Attributes:
        numerator, denominator: the densities; the denominator is that of the background.
        settings, context: of the detector.
    """

    numerator: RegionFlows
    denominator: RegionFlows
    settings: FlowDetectorSettings
    context: Context

    @property
    def history(self) -> History:
        """Losses of the background's flows, then of the others."""
        from resonaut.nn.ensemble import History

        both = (self.denominator.flows.history, self.numerator.flows.history)
        return History(
            np.concatenate([one.train_loss for one in both]),
            np.concatenate([one.validation_loss for one in both]),
            np.concatenate([one.best_epoch for one in both]),
        )

    @property
    def n_networks(self) -> int:
        """Flows of both roles."""
        return self.numerator.numbers.size + self.denominator.numbers.size

    @property
    def n_parameters(self) -> int:
        """Parameters of one flow of the background."""
        return self.denominator.flows.n_parameters

    def score(self, events: Events) -> Scores:
        """See `Fitted.score`."""
        from resonaut.detect.folds import feature_matrix, folds

        values = feature_matrix(events, self.settings.features, self.context)
        fold = folds(events, self.context, self.settings.n_folds)
        score = np.empty((len(self.context.windows), len(values)), np.float32)
        for number in range(self.settings.n_folds):
            rows = np.flatnonzero(fold == number)
            for line, window in enumerate(self.context.windows):
                mass = events.mass[rows]
                inside = window.low + (mass - window.low) % (window.high - window.low)
                moved = (mass < window.low) | (mass >= window.high)
                here = np.where(moved, inside, mass)
                # All rows are carried: which ones are in the signal region must not change others' last bits.
                carried = self.denominator.transported(line, number, values[rows], mass, here)
                own = np.where(moved[:, None], carried, values[rows])
                above = self.numerator.log_density(line, number, own, here)
                score[line, rows] = above - self.denominator.log_density(line, number, own, here)
        return Scores(score, fold.astype(np.int32))
