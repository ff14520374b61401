"""Base of all settings: unknown keys are refused, numbers may be written as in physics (`1e-3`, `5e4`)."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from resonaut.errors import ConfigError, nearest

M = TypeVar("M", bound=BaseModel)


class Settings(BaseModel):
    """A section of the configuration. Immutable; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def _whole_number(value: Any) -> Any:
    """YAML reads `5e4` as text and `5.0e4` as a float: both mean 50000 where a count is wanted."""
    if isinstance(value, bool):
        raise ValueError("a whole number is expected, not true or false")
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Count = Annotated[int, BeforeValidator(_whole_number)]


def _known_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Keys known at the parent of `location`, walking nested models as far as they are models."""
    current: Any = model
    parts = iter(location[:-1])
    for part in parts:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        field = current.model_fields.get(str(part))
        if field is None:
            return []
        current = field.annotation
        if get_origin(current) in (dict, list, tuple):
            # A name or a number leads to an entry.
            next(parts, None)
        for inner in getattr(current, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                current = inner
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _line(model: type[BaseModel], error: Any, where: str) -> str:
    location = tuple(part for part in error["loc"] if not str(part).startswith("function-"))
    key = ".".join([where, *map(str, location)] if where else list(map(str, location))) or "(top level)"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key. {nearest(str(location[-1]), _known_keys(model, location))}"
    if error["type"] == "missing":
        return f"{key}: this key is required."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    given = error.get("input")
    shown = f" Got {given!r}." if isinstance(given, str | int | float | bool) else ""
    return f"{key}: {message}.{shown}".replace("..", ".")


def validate(model: type[M], value: Any, where: str = "") -> M:
    """Validate `value` against `model`.

    Args:
        model: the settings class.
        value: a mapping, as read from YAML or JSON.
        where: the path of keys that leads here, for the messages.

    Raises:
        ConfigError: with one line per wrong key; an unknown key names the nearest known one.
    """
    if value is None:
        value = {}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        lines = [_line(model, item, where) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None
