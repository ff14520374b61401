"""A background function by name, as the settings of the inference name further ones."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.settings import Settings, validate


class Family(Settings):
    """A further background function."""

    function: str = Field(description="A file of stats/methods/.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Its settings; `sqrt_s` is that of the hunt."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_only(cls, value: Any) -> Any:
        return {"function": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _known(self) -> Family:
        try:
            validate(registry.load("stats", self.function, "function").Settings, self.options, "options")
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self
