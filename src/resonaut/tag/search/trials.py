"""A search by Optuna (arXiv:1907.10902): each trial depends on the seed and on finished trials alone."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resonaut.errors import ConfigError, MismatchError, ResonautError, TrainingError
from resonaut.files import canonical_json
from resonaut.logs import left, log
from resonaut.seeds import integer_seed
from resonaut.tag.search.journal import Journal, State, Trial
from resonaut.tag.search.settings import DIRECTIONS, Parameter, TuneSettings

if TYPE_CHECKING:
    import optuna

Report = Callable[[int, float], None]
Objective = Callable[[dict[str, Any], int, int, Report], float]
"""objective(value by path, number of the trial from 1, seed, report) is the trial's value.

It calls report(epoch, value) after each epoch, counted from 1, and lets pass what that raises.
"""
_OPTUNA_SEED_BITS = 32


@dataclass(frozen=True)
class Search:
    """What is looked for, and the seed.

    Attributes:
        tune: the settings.
        kinds: int or float of each parameter with a range (`tune_settings.check`).
        seed: the study's.
        where: key of the configuration: seeds derive from it, and messages name it.
    """

    tune: TuneSettings
    kinds: Mapping[str, type[int] | type[float]]
    seed: int
    where: str

    @property
    def sign(self) -> int:
        """1 if small values are good, -1 if large ones are."""
        return 1 if DIRECTIONS[self.tune.metric] == "minimize" else -1

    def best(self, trials: list[Trial]) -> Trial | None:
        """The best completed trial, the first of equal ones; None if none was completed."""
        completed = [trial for trial in trials if trial.state == "completed"]
        return min(completed, key=lambda trial: self.sign * trial.value, default=None)


def search(what: Search, objective: Objective, journal: Journal) -> list[Trial]:
    """Make trials until there are `n_trials`, or time is out.

    The parameters of a trial follow from the trials before it, the seed and its number: a search that goes on
    from a journal ends as one that was never stopped, and a longer one begins with the same trials.

    Args:
        journal: of trials that are finished; new ones are added.

    Raises:
        TrainingError: no trial was completed.
    """
    tune, trials = what.tune, journal.trials
    with _quiet():
        space = {path: _distribution(tune.parameters[path], what, path) for path in sorted(tune.parameters)}
        while len(trials) < tune.n_trials:
            if tune.timeout is not None and sum(trial.seconds for trial in trials) >= tune.timeout:
                log.info("%s: %d trials in %g s, no more", what.where, len(trials), tune.timeout)
                break
            trial = _trial(what, objective, space, trials)
            journal.add(trial)
            _tell(what, trial, trials)
    if what.best(trials) is None:
        # Kept, they would fail the next run too, whatever was mended.
        journal.forget()
        reasons = [trial.reason for trial in trials if trial.reason]
        raise TrainingError(
            f"{what.where}: none of {len(trials)} trials was completed; the last one: {reasons[-1]} Narrow "
            f"{what.where}.parameters, or give more trials."
        )
    return trials


def values_of(parameters: Mapping[str, Any], tune: TuneSettings) -> dict[str, Any]:
    """What Optuna holds as settings: choices from their JSON."""
    chosen = {path for path, parameter in tune.parameters.items() if parameter.choices is not None}
    return {path: json.loads(value) if path in chosen else value for path, value in parameters.items()}


def _trial(
    what: Search, objective: Objective, space: Mapping[str, optuna.distributions.BaseDistribution],
    trials: list[Trial],
) -> Trial:  # fmt: skip
    import optuna

    number, start = len(trials) + 1, time.monotonic()
    study = _study(what, space, trials)
    asked = study.ask(dict(space))
    epochs: list[float] = []

    def report(epoch: int, value: float) -> None:
        epochs.append(value)
        asked.report(value, epoch)
        if asked.should_prune():
            raise optuna.TrialPruned

    def ended(state: State, value: float | None, reason: str | None = None) -> Trial:
        seconds = round(time.monotonic() - start, 3)
        return Trial(number, state, dict(asked.params), value, tuple(epochs), reason, seconds)

    try:
        seed = integer_seed(what.seed, what.where, number)
        value = float(objective(values_of(asked.params, what.tune), number, seed, report))
    except optuna.TrialPruned:
        return ended("pruned", epochs[-1], f"worse than the median of the others at epoch {len(epochs)}")
    except (ConfigError, MismatchError, ValueError) as error:
        return ended("pruned", None, f"settings that do not fit each other: {error}")
    # torch raises RuntimeError where shapes do not fit or the device is out of memory.
    except (TrainingError, RuntimeError) as error:
        known = isinstance(error, ResonautError)
        return ended("failed", None, str(error) if known else f"{type(error).__name__}: {error}")
    if not math.isfinite(value):
        return ended("failed", None, f"{what.tune.metric} is {value}")
    return ended("completed", value)


def _study(what: Search, space: Mapping[str, Any], trials: list[Trial]) -> optuna.Study:
    """A study of finished trials, made anew for each trial: one that goes on after a kill is no other."""
    import optuna

    seed = integer_seed(what.seed, what.where, "sampler", len(trials), bits=_OPTUNA_SEED_BITS)
    sampler = (
        optuna.samplers.TPESampler(n_startup_trials=what.tune.n_startup, seed=seed)
        if what.tune.sampler == "tpe"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    pruner = (
        optuna.pruners.MedianPruner(
            n_startup_trials=what.tune.n_startup, n_warmup_steps=what.tune.warm_up_epochs + 1
        )
        if what.tune.pruner == "median"
        else optuna.pruners.NopPruner()
    )
    direction = DIRECTIONS[what.tune.metric]
    study = optuna.create_study(direction=direction, sampler=sampler, pruner=pruner)
    states = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[states[trial.state]],
                value=trial.value if trial.state == "completed" else None,
                params=trial.parameters,
                distributions=dict(space),
                intermediate_values=dict(enumerate(trial.epochs, 1)),
            )
        )
    return study


def _distribution(parameter: Parameter, what: Search, path: str) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.choices is not None:
        # Optuna takes numbers and words only, and numbers among them by their order.
        return CategoricalDistribution([canonical_json(choice) for choice in parameter.choices])
    if what.kinds[path] is int:
        step = 1 if parameter.step is None else int(parameter.step)
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log, step=step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


def _tell(what: Search, trial: Trial, trials: list[Trial]) -> None:
    count = f"{what.where}: trial {trial.number} of {what.tune.n_trials}"
    n_left = what.tune.n_trials - len(trials)
    rest = f"; {left(n_left * sum(one.seconds for one in trials) / len(trials))}" if n_left else ""
    tried = ", ".join(f"{path} {_short(value)}" for path, value in sorted(trial.parameters.items()))
    if trial.state == "completed":
        best = what.best(trials)
        log.info(
            "%s: %s %.5g with %s (best: %.5g, trial %d)%s",
            *(count, what.tune.metric, trial.value, tried, best.value, best.number, rest),
        )
    else:
        tell = log.info if trial.value is not None else log.warning
        tell("%s %s with %s: %s%s", count, trial.state, tried, trial.reason, rest)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Warnings of Optuna go to our log, what it tells of each trial goes nowhere: we tell it ourselves."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
