"""What the Snakefile asks of a study about pile-up: the files it is made of, and what a chunk then takes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from resonaut import registry, variation_settings
from resonaut.datasets import FileDataset
from resonaut.digest import code_digest
from resonaut.variation_settings import NOMINAL

if TYPE_CHECKING:
    from resonaut.workflow import Plan

ENTRY_MODULE = "resonaut.ingest.convert"


class PileupPlan:
    """The part of `workflow.Plan` that knows what pile-up is made of."""

    def ingested_variations(self: Plan) -> str:
        """`nominal` and the variations that touch the ingestion, as a regular expression for a wildcard."""
        varied = [name for name, entry in self.study.variations.items() if entry.touches == "ingest"]
        return "|".join(sorted({NOMINAL, *varied}))

    def _overlays(self: Plan, dataset: str) -> list[str]:
        """Variations that add pile-up to a dataset, sorted."""
        return [name for name in sorted(self.study.variations) if self.minimum_bias_files(dataset, name)]

    def overlaid_datasets(self: Plan) -> list[str]:
        """Datasets that some variation adds pile-up to, sorted."""
        return [name for name in sorted(self.study.datasets) if self._overlays(name)]

    def overlaid_stores(self: Plan, dataset: str) -> dict[str, list[str]]:
        """Manifests of a dataset without and with pile-up, for a figure."""
        folder = f"{self.base}/ingest/{dataset}"
        varied = [f"{name}={folder}/{name}/manifest.json" for name in self._overlays(dataset)]
        return {"varied": varied, "nominal": [f"{folder}/{NOMINAL}/manifest.json"]}

    def overlaid_chunks(self: Plan, dataset: str) -> list[str]:
        """The stores behind these."""
        names = (NOMINAL, *self._overlays(dataset))
        return [chunk for name in names for chunk in self.chunks(f"ingest/{dataset}/{name}", dataset)]

    def minimum_bias_files(self: Plan, dataset: str, variation: str) -> list[str]:
        """Files of the events that a variation adds to those of a dataset; none in `nominal`."""
        applies = variation_settings.applies(self.study, variation, dataset)
        if not applies or self.study.variations[variation].touches != "ingest":
            return []
        added = self.study.variations[variation].settings.minimum_bias
        return [self.events_file(added, NOMINAL, chunk) for chunk in self.study.chunks(added)]

    def minimum_bias_arguments(self: Plan, dataset: str, variation: str) -> str:
        """The same files as words of a command line."""
        files = self.minimum_bias_files(dataset, variation)
        return shlex.join(["--minimum-bias", *files]) if files else ""

    def ingest_code(self: Plan, dataset: str, variation: str) -> str:
        """The digest of the ingestion with the reader of a dataset, and of pile-up where some is added."""
        if not self.minimum_bias_files(dataset, variation):
            return self.reader_code(dataset)
        added = self.study.variations[variation].settings.minimum_bias
        settings = self.study.datasets[dataset].settings
        reader = settings.reader if isinstance(settings, FileDataset) else ""
        readers = registry.names("ingest") if reader == "auto" else [reader] if reader else []
        source = self.study.datasets[added].source_module.READER
        modules = {registry.module_name("ingest", name) for name in (*readers, source)}
        return code_digest(ENTRY_MODULE, *sorted(modules))

    def ingest_memory(self: Plan, dataset: str, variation: str) -> int:
        """Megabytes to ask for one chunk, at a first attempt: pile-up is held in memory, 2 kB an event."""
        if not self.minimum_bias_files(dataset, variation):
            return 2000
        added = self.study.variations[variation].settings.minimum_bias
        return 3000 + self.study.datasets[added].settings.n_events // 250

    def ingest_minutes(self: Plan, dataset: str, variation: str) -> int:
        """Minutes to ask for one chunk, at a first attempt: ten times what was measured."""
        if not self.minimum_bias_files(dataset, variation):
            return self.chunk_minutes(dataset, milliseconds=10, at_most=30)
        mean = self.study.variations[variation].settings.mean
        return self.chunk_minutes(dataset, milliseconds=10 + 2 * mean, at_most=240)
