"""Settings that every tagger of features has, of events or of jets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from resonaut.settings import Count
from resonaut.tag.settings import TaggerSettings

Input = Annotated[
    str,
    StringConstraints(
        pattern=r"^((events/)?[A-Za-z_][A-Za-z0-9_]*|(jets|taggers)/[A-Za-z_][A-Za-z0-9_]*(/[0-9]+)?)$"
    ),
]


def of_every_jet(inputs: Sequence[str]) -> list[tuple[str, str]]:
    """Group and name of the inputs that have a value for every jet; without one, a row is an event."""
    found = [tuple(name.split("/")) for name in inputs]
    return [(parts[0], parts[1]) for parts in found if len(parts) == 2 and parts[0] != "events"]


class FeatureTaggerSettings(TaggerSettings):
    """Settings that every tagger of features has."""

    inputs: tuple[Input, ...] = Field(
        min_length=1,
        description="Columns of the features: `name` of an event, `jets/name/0` of its leading jet; with "
        "`jets/name`, of every jet, each jet is told apart and not each event. `taggers/name` and "
        "`taggers/name/0` are the log odds that another tagger of the study gives to a jet.",
    )
    n_jets_max: Count = Field(200_000, ge=10, description="Events (or jets) of each class at most.")

    @field_validator("inputs")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.removeprefix("events/") for name in value}) < len(value):
            raise ValueError("an input is named twice")
        return value

    def taggers_used(self) -> list[str]:
        """Names of the taggers whose scores are among the inputs."""
        return sorted({name.split("/")[1] for name in self.inputs if name.startswith("taggers/")})

    def rows(self) -> str:
        """What a row is: jets or events."""
        return "jets" if of_every_jet(self.inputs) else "events"

    def representation(self) -> str:
        """Kind of representation that this tagger reads."""
        return "features"
