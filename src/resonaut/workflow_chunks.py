"""What the Snakefile asks of a study about chunks: how many share a job of a cluster, how long one takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from resonaut import site_resources
from resonaut.datasets import FileDataset

if TYPE_CHECKING:
    from resonaut.workflow import Plan


class ChunkPlan:
    """The part of `workflow.Plan` that knows the size of chunks."""

    def _chunk_events(self: Plan, dataset: str) -> int | None:
        """Events of a full chunk; None where only its files are known."""
        settings = self.study.datasets[dataset].settings
        return None if isinstance(settings, FileDataset) else max(settings.chunk_sizes(), default=0)

    def chunk_group(self: Plan, dataset: str) -> str:
        """The group of the jobs of a dataset's chunks: the site says how many of them share one job."""
        return site_resources.chunk_group(self._chunk_events(dataset))

    def chunk_minutes(self: Plan, dataset: str, milliseconds: float, at_most: int) -> int:
        """Minutes to ask for one chunk, at a first attempt.

        Args:
            milliseconds: per event, about ten times what was measured (docs/performance.md).
            at_most: minutes; those of a chunk of files, whose events nobody has counted.
        """
        n_events = self._chunk_events(dataset)
        return at_most if n_events is None else min(5 + math.ceil(n_events * milliseconds / 60_000), at_most)
