"""How sure a tagger is, how right it is about that, and what it says of rows like none that it saw.

The JSON holds `name`, `tagger`, `task`, `classes`, `n_rows` (by part), `n_draws` (by method), `methods`: by
method, with `tagger` (the mean of its restarts, as `tag score` gives it) or, of a regression, `single` (its
network, with a width) before the others, what `measured.measure` or `pulls.summary` returns; `sizes`: for
each number of training rows the same of every method, without curves; `ood`: for each name `n_rows` and by
method the `epistemic` and the `total` uncertainty and, of classes, the `spread` of the log odds, as
`strange.measure`; `provenance`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, MismatchError
from resonaut.files import atomic, write_json
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.nn.samples import Samples
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.representation import require_same
from resonaut.seeds import generator, integer_seed
from resonaut.settings import validate
from resonaut.tag import networks
from resonaut.tag.networks import Trained
from resonaut.tag.rows.prepare import PACKAGES, Prepared, prepare
from resonaut.tag.tasks import Regression
from resonaut.tag.uncertainty import measured, predictive, pulls, strange
from resonaut.tag.uncertainty.gaussian import Gaussian
from resonaut.tag.uncertainty.predictors import Members, Predictor
from resonaut.tag.uncertainty.settings import UncertaintySettings, UncertaintySlice
from resonaut.tag.uncertainty.table import markdown
from resonaut.tag.uncertainty.trained import Trainer, require_gradients

_CURVES = ("against_score", "calibrations", "pulls")


def run(
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    weights: Path,
    output: Path,
    table: Path,
    threads: int = 2,
    ood: Mapping[str, Path] | None = None,
) -> None:
    """Train what the methods need, and measure them on the test rows of the tagger.

    Args:
        settings: name, seed and `UncertaintySettings` under `uncertainty`.
        inputs: manifest of each dataset of the tagger, of the representation that it reads.
        weights: of the tagger, from `tag train`.
        output: JSON to write, see the module.
        table: Markdown to write.
        threads: of the CPU; another number may change last digits.
        ood: manifests by `name/dataset`, for the names in `ood`.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = validate(UncertaintySlice, settings, "--settings")
    own, where = slice_.uncertainty, f"uncertainty.{slice_.name}"
    trained = networks.load(weights)
    if trained.description["method"] != own.tagger:
        raise MismatchError(
            f"{weights}: the weights of '{trained.description['method']}', while {where}.tagger is "
            f"'{own.tagger}'. Give those of '{own.tagger}'."
        )
    require_gradients(trained.tagger, own.methods, where)
    rows = prepare(trained.description, trained.settings, trained.tagger, trained.where, inputs, threads)
    required = trained.description["representation"]
    require_same(rows.made_with, trained.where, required, weights, rows.kind, trained=True)
    if isinstance(rows.task, Regression):
        _no_laplace(own, where)
        rows = replace(rows, task=Gaussian(rows.task))
    job = Job(trained, rows, own, slice_.seed, where)
    with deterministic(threads):
        result = job.result(dict(ood or {}))
    files = [*inputs.values(), weights, *(ood or {}).values()]
    provenance = {**describe(dict(settings), files, (*PACKAGES, "scipy")), "threads": threads}
    result = {"schema_version": 1, "name": slice_.name, **result, "provenance": provenance}
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output, threads=threads)


def _no_laplace(own: UncertaintySettings, where: str) -> None:
    if "laplace" in own.methods:
        raise ConfigError(
            f"{where}.methods: laplace is of classes, and '{own.tagger}' predicts a quantity. Leave it out; "
            "ensemble, dropout and bayesian give widths."
        )


@dataclass(frozen=True)
class Job:
    """One entry of the configuration.

    Attributes:
        trained: the tagger.
        rows: of the tagger; the task of a regression has a width.
        own: the entry.
        seed: the study's seed.
        where: key of the entry.
    """

    trained: Trained
    rows: Prepared
    own: UncertaintySettings
    seed: int
    where: str

    @property
    def _regression(self) -> bool:
        return not self.rows.task.classes

    def result(self, ood: Mapping[str, Path]) -> dict[str, Any]:
        """All numbers of the entry."""
        found_strange = strange.read(
            *(ood, self.own.ood, self.trained.settings, self.rows, int(self.trained.description["seed"])),
            *(self.own.n_ood_max, self.where),
        )
        sizes = self._sizes()
        samples = self.rows.samples()
        methods: dict[str, Any] = {}
        n_draws: dict[str, int] = {}
        of_strange: dict[str, Any] = {
            name: {"n_rows": entry.n_rows, "methods": {}} for name, entry in found_strange.items()
        }
        for name, predictor in self._predictors(self._trainer(), first=True):
            log.info("%s: measure %s", self.where, name)
            validation, test = self._answers(predictor, samples)
            methods[name], n_draws[name] = self._measure(validation, test), predictor.n_draws
            for label, entry in found_strange.items():
                answer = self._together(predictor.draws(entry.samples, np.arange(entry.n_rows)))
                of_strange[label]["methods"][name] = _strangeness(answer, test)
        return {
            "tagger": self.own.tagger,
            "task": self.rows.task.name,
            "classes": list(self.rows.task.classes),
            "n_rows": {name: len(part) for name, part in zip(PARTS, self.rows.parts, strict=True)},
            "n_draws": n_draws,
            "methods": methods,
            "sizes": [*(self._at_size(size, part, samples) for size, part in sizes), self._last(methods)],
            "ood": of_strange,
        }

    def _trainer(self) -> Trainer:
        settings = self.trained.settings
        epochs = getattr(settings.training, "epochs", 1)
        return Trainer(
            *(settings, self.trained.tagger, self.rows, self.own, self.seed, self.where, epochs),
        )

    def _predictors(self, trainer: Trainer, *, first: bool) -> Iterator[tuple[str, Predictor]]:
        """Each method trained, one at a time; `first`: the tagger (or one network with widths) before."""
        alone: Members | None = None
        if first:
            alone = trainer.single() if self._regression else Members(self.trained.networks, trainer.device)
            yield ("single" if self._regression else "tagger"), alone
        for name in self.own.methods:
            log.info("%s: train %s", self.where, name)
            if name == "laplace":
                alone = alone or trainer.single()
                yield name, trainer.laplace(alone.networks[0])
            else:
                made = getattr(trainer, name)()
                alone = made if alone is None and name == "ensemble" else alone
                yield name, made

    def _together(self, draws: Iterator[np.ndarray]) -> Any:
        return (predictive.regression if self._regression else predictive.classification)(draws)

    def _answers(self, predictor: Predictor, samples: Samples) -> list[Any]:
        """What a method says of the validation rows, and of the test rows."""
        return [self._together(predictor.draws(samples, self.rows.place[self.rows.parts[k]])) for k in (1, 2)]

    def _measure(self, validation: Any, test: Any) -> dict[str, Any]:
        weights = [self.rows.weights(k).astype(np.float64) for k in (1, 2)]
        parts = self.rows.parts[1:]
        if self._regression:
            targets = [self.rows.target[part].astype(np.float64) for part in parts]
            return pulls.summary(validation, test, (targets[0], targets[1]), (weights[0], weights[1]))
        truths = [
            measured.Truth(self.rows.group[part].astype(np.int64), weight)
            for part, weight in zip(parts, weights, strict=True)
        ]
        seed = integer_seed(self.seed, self.where, "bootstrap")
        return measured.measure(validation, test, truths, self.own.calibrations, seed)

    def _sizes(self) -> list[tuple[int, np.ndarray]]:
        """Training rows of each size, the smaller part of the larger.

        Raises:
            ConfigError: there are not as many.
        """
        part = self.rows.parts[0]
        largest = max(self.own.sizes, default=0)
        if largest >= len(part):
            raise ConfigError(
                f"{self.where}.sizes: {largest} training rows are asked for, but '{self.own.tagger}' learns "
                f"from {len(part)}, which are measured in any case. Name smaller numbers."
            )
        order = generator(self.seed, self.where, "sizes").permutation(part)
        return [(size, np.sort(order[:size])) for size in sorted(self.own.sizes)]

    def _at_size(self, size: int, part: np.ndarray, samples: Samples) -> dict[str, Any]:
        trainer = replace(self._trainer().of_rows(part), where=f"{self.where}.{size}")
        methods = {}
        for name, predictor in self._predictors(trainer, first=False):
            methods[name] = _numbers(self._measure(*self._answers(predictor, samples)))
        return {"n_train": size, "methods": methods}

    def _last(self, methods: Mapping[str, Any]) -> dict[str, Any]:
        """The measurement with all rows, as those of the sizes."""
        own: Sequence[str] = self.own.methods
        return {
            "n_train": len(self.rows.parts[0]),
            "methods": {name: _numbers(methods[name]) for name in own},
        }


def _numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of each size: no curves; of the calibrations, or pulls, only those of the first."""
    numbers = {name: value for name, value in found.items() if name not in _CURVES}
    for group in ("calibrations", "pulls"):
        if group in found:
            numbers |= {
                name: value
                for name, value in found[group]["none"].items()
                if name not in ("reliability", "histogram")
            }
    return numbers


def _strangeness(answer: Any, test: Any) -> dict[str, Any]:
    """AUC of each uncertainty between strange rows and test rows."""
    names = {"epistemic": "epistemic", "total": "total", "spread": "spread"}
    if isinstance(answer, predictive.GaussianPredictive):
        names = {"epistemic": "epistemic", "total": "width"}
    return {
        name: strange.measure(getattr(answer, column), getattr(test, column))
        for name, column in names.items()
    }
