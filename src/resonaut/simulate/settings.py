"""Settings that every simulated dataset has; those of a source stand in `simulate/methods/<source>.py`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from resonaut.errors import ConfigError
from resonaut.settings import Count, Settings


class SimulatedDataset(Settings):
    """How many events, in what pieces."""

    n_events: Count = Field(gt=0, description="Events to generate (before cuts that follow the generation).")
    chunk_events: Count = Field(10_000, gt=0, description="Events per chunk; a chunk is one job.")
    seed: Count | None = Field(
        None, ge=0, description="Seed of this dataset; the study's seed where it is absent."
    )

    def chunk_sizes(self) -> list[int]:
        """Number of events to generate in each chunk."""
        full, rest = divmod(self.n_events, self.chunk_events)
        return [self.chunk_events] * full + ([rest] if rest else [])

    def events_of(self, chunk: int, dataset: str) -> int:
        """Number of events to generate in a chunk.

        Raises:
            ConfigError: there is no such chunk, or there is no seed to make it from.
        """
        sizes = self.chunk_sizes()
        if not 0 <= chunk < len(sizes):
            raise ConfigError(
                f"--chunk: {chunk} given; dataset '{dataset}' has the chunks 0 to {len(sizes) - 1}."
            )
        if self.seed is None:
            raise ConfigError("--settings: settings.seed is required here; `resonaut config` fills it in.")
        return sizes[chunk]


class SimulateSlice(Settings):
    """What the command `resonaut simulate` is given: a dataset, and the settings of its source."""

    dataset: str
    source: str
    settings: dict[str, Any]
