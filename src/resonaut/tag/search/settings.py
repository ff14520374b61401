"""Settings of a search for hyper-parameters, and their check against the settings of the tagger."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, model_validator

from resonaut.datasets import Name
from resonaut.errors import ConfigError, nearest
from resonaut.files import canonical_json
from resonaut.settings import Count, Settings, validate
from resonaut.tag.search.overlay import replaced
from resonaut.tag.settings import TaggerSettings

DIRECTIONS = {
    "validation_loss": "minimize",
    "auc": "maximize",
    "accuracy": "maximize",
    "mean_absolute_error": "minimize",
}
"""What is searched for in each metric."""
METRICS = {
    "binary": ("validation_loss", "auc", "accuracy"),
    "classes": ("validation_loss", "accuracy"),
    "regression": ("validation_loss", "mean_absolute_error"),
}
"""Metrics of each task."""
FIXED = (set(TaggerSettings.model_fields) - {"training"}) | {"inputs", "n_pixels"}
"""Keys that say what is learnt and from which rows: these are read once and are the same in all trials."""


class Parameter(Settings):
    """Where one parameter is looked for: a range, or a list of values."""

    low: float | None = Field(
        None, description="Lower end of a range, itself included, in the parameter's unit."
    )
    high: float | None = Field(
        None, description="Upper end of a range, itself included, in the parameter's unit."
    )
    log: bool = Field(False, description="Uniform in the logarithm.")
    step: float | None = Field(
        None, gt=0, description="Distance of the values, counted from `low`, in the parameter's unit."
    )
    choices: tuple[Any, ...] | None = Field(
        None, min_length=2, description="Instead of a range: the values, numbers, words or lists."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Parameter:
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log or self.step is not None:
                raise ValueError("choices stand alone, without low, high, log and step")
            if len({canonical_json(choice) for choice in self.choices}) < len(self.choices):
                raise ValueError("a choice is given twice")
            return self
        if self.low is None or self.high is None:
            raise ValueError("'low' and 'high', or 'choices', are expected")
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, got {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other")
        if self.step is not None:
            count = (self.high - self.low) / self.step
            if abs(count - round(count)) > 1e-6 or round(count) < 1:
                raise ValueError(
                    f"high - low = {self.high - self.low:g} must be a multiple of step, got {self.step:g}"
                )
        return self


class TuneSettings(Settings):
    """A search for the best parameters of a tagger."""

    tagger: Name = Field(description="Key of `tag`: the tagger whose parameters are searched.")
    parameters: dict[str, Parameter] = Field(
        min_length=1,
        description="Where each is looked for, by the path of its keys: `training.learning_rate`, `phi`.",
    )
    n_trials: Count = Field(20, ge=1, le=10_000, description="Trainings.")
    timeout: float | None = Field(
        None,
        gt=0,
        description="No training is begun after so many seconds; null: no limit. How many trainings that "
        "allows, and so the result, depends on the machine.",
    )
    sampler: Literal["tpe", "random"] = Field(
        "tpe",
        description="tpe: where good trials are dense (tree-structured Parzen estimator, arXiv:2304.11127).",
    )
    n_startup: Count = Field(
        8, ge=1, description="Trials at random points before tpe, and unpruned ones before the pruner, begin."
    )
    pruner: Literal["median", "none"] = Field(
        "median",
        description="median: stop a training that is worse than the median of the others at the same epoch.",
    )
    warm_up_epochs: Count = Field(2, ge=0, description="Epochs after which a training may first be pruned.")
    metric: Literal["validation_loss", "auc", "accuracy", "mean_absolute_error"] = Field(
        "validation_loss",
        description="What is best, on the validation rows at the epoch of the weights kept.",
    )


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Type of each value of a settings class by its path of keys, nested classes being walked through."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= leaves(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = inner
    return found


def number_type(annotation: Any) -> type[int] | type[float] | None:
    """int or float, whichever a value of this type may be (float if both), or None."""
    if annotation in (int, float):
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return number_type(arguments[0])
    if origin in (Union, types.UnionType):
        found = {number_type(argument) for argument in arguments}
        return next((kind for kind in (float, int) if kind in found), None)
    return None


def check(tune: TuneSettings, settings: TaggerSettings, where: str) -> dict[str, type[int] | type[float]]:
    """Check the parameters of a search against the settings of its tagger.

    Each end of a range and each choice must be allowed by its own key; whether values fit each other shows
    in the trials only.

    Args:
        settings: of the tagger.
        where: key of the search in the configuration, for the messages.

    Returns:
        int or float of each parameter with a range, by its path.

    Raises:
        ConfigError: one line per parameter that is unknown, cannot be searched, or leaves what is allowed.
    """
    known = leaves(type(settings))
    searchable = sorted(path for path in known if path.split(".")[0] not in FIXED)
    kinds, wrong = {}, []
    if tune.metric not in METRICS[settings.task]:
        wrong.append(
            f"{where}.metric: '{tune.metric}' is not measured for '{tune.tagger}' ({settings.task}); one of "
            f"{', '.join(METRICS[settings.task])} is expected."
        )
    for path, parameter in sorted(tune.parameters.items()):
        key = f"{where}.parameters.{path}"
        if path not in searchable:
            why = "cannot be searched in" if path in known else "is no setting of"
            wrong.append(f"{key}: '{path}' {why} the tagger '{tune.tagger}'. {nearest(path, searchable)}")
            continue
        kind = number_type(known[path])
        if parameter.choices is None and kind is None:
            wrong.append(f"{key}: a range is for numbers; give 'choices' of what {path} may be.")
            continue
        wrong += _not_whole(parameter, kind, key) or _not_allowed(parameter, path, settings, key)
        if parameter.choices is None:
            kinds[path] = kind
    if wrong:
        raise ConfigError("\n".join(wrong))
    return kinds


def _values(parameter: Parameter) -> dict[str, Any]:
    """What is tried in any case, by the key that gives it."""
    if parameter.choices is not None:
        return {f"choices.{number}": choice for number, choice in enumerate(parameter.choices)}
    return {"low": parameter.low, "high": parameter.high}


def _not_whole(parameter: Parameter, kind: type | None, key: str) -> list[str]:
    if kind is not int or parameter.choices is not None:
        return []
    numbers = {"low": parameter.low, "high": parameter.high, "step": parameter.step}
    return [
        f"{key}.{name}: a whole number is expected. Got {value:g}."
        for name, value in numbers.items()
        if value is not None and not value.is_integer()
    ]


def _not_allowed(parameter: Parameter, path: str, settings: TaggerSettings, key: str) -> list[str]:
    wrong = []
    whole: Mapping[str, Any] = settings.model_dump(mode="json")
    for name, value in _values(parameter).items():
        try:
            validate(type(settings), replaced(whole, {path: value}))
        except ConfigError as error:
            # Errors of a section as a whole may come from values that another parameter changes.
            own = [line for line in str(error).splitlines() if line.startswith((f"{path}:", f"{path}."))]
            wrong += [f"{key}.{name}: {line.split(': ', 1)[1]}" for line in own[:1]]
    return wrong
