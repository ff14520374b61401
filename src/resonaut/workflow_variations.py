"""What the Snakefile asks of a study about representations and scores, nominal and varied."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from resonaut import variation_settings, variations
from resonaut.digest import code_digest
from resonaut.variation_settings import NOMINAL

if TYPE_CHECKING:
    from resonaut.workflow import Plan


class VariationPlan:
    """The part of `workflow.Plan` that knows variations."""

    def varied_manifest(self: Plan, kind: str, dataset: str, variation: str) -> str:
        """Manifest of a representation of a dataset as a variation has it.

        That of `nominal` where the variation does not change it, that of the dataset in its place for a
        variation of datasets.
        """
        source, folder = variation_settings.files_of(self.study, variation, dataset)
        return f"{self.base}/represent/{source}/{folder}/{kind}.json"

    def manifests(self: Plan, kind: str, datasets: list[str], variation: str = NOMINAL) -> dict[str, str]:
        """Manifest of each dataset for a kind of representation."""
        return {name: self.varied_manifest(kind, name, variation) for name in sorted(set(datasets))}

    def representation(self: Plan, kind: str, datasets: list[str], variation: str = NOMINAL) -> list[str]:
        """Manifests of datasets and the chunks that they list: what a rule that reads them depends on."""
        found = list(dict.fromkeys(self.manifests(kind, datasets, variation).values()))
        return [*found, *(chunk for path in found for chunk in self.chunks_of_manifest(path))]

    def arguments(
        self: Plan, kind: str, datasets: list[str], option: str = "", variation: str = NOMINAL
    ) -> str:
        """Manifests as words of a command line: `--clouds qcd=... wprime=...`."""
        pairs = [f"{name}={path}" for name, path in self.manifests(kind, datasets, variation).items()]
        return shlex.join([option or f"--{kind}", *pairs])

    def represented_from(self: Plan, dataset: str, variation: str, chunk: str) -> str:
        """The store that a chunk of a representation is made from, of `nominal` where jets are shifted."""
        shifted = variation_settings.of_chunk(self.study, variation, dataset) is not None
        return f"{self.base}/ingest/{dataset}/{NOMINAL if shifted else variation}/{chunk}.h5"

    def represent_settings(self: Plan, kind: str, dataset: str, variation: str) -> str:
        """The slice of a representation of a dataset."""
        if variation == NOMINAL:
            return self.settings(self.representing(kind, dataset))
        return self.settings(self.representing(kind, dataset), dataset=dataset, variation=variation)

    def represent_code(self: Plan, kind: str, dataset: str, variation: str) -> str:
        """The digest of the code of a representation, with that of the variation that shifts its jets."""
        code = self.code(self.representing(kind, dataset))
        if variation_settings.of_chunk(self.study, variation, dataset) is None:
            return code
        kind_of = variations.module_name(self.study.variations[variation].kind)
        return f"{code} {code_digest(kind_of, 'resonaut.varying')}"

    def scored_file(self: Plan, method: str, dataset: str, variation: str = NOMINAL) -> str:
        """Scores of all rows of a dataset as a variation has it, by a tagger that is trained on nominal."""
        source, folder = variation_settings.files_of(self.study, variation, dataset)
        if folder == NOMINAL:
            return f"{self.base}/tag/{method}/scored/{source}.h5"
        return f"{self.base}/tag/{method}/varied/{folder}/{source}.h5"

    def scored_beside(self: Plan, method: str, dataset: str, variation: str = NOMINAL) -> list[str]:
        """Scores of other taggers that a tagger reads to score a dataset, `tagger/dataset=path`."""
        return [
            f"{other}/{dataset}={self.scored_file(other, dataset, variation)}"
            for other in self.study.tag[method].taggers_used()
        ]

    def scored_beside_files(self: Plan, method: str, dataset: str, variation: str = NOMINAL) -> list[str]:
        """The files of these."""
        return [pair.partition("=")[2] for pair in self.scored_beside(method, dataset, variation)]

    def scored_beside_arguments(self: Plan, method: str, dataset: str, variation: str = NOMINAL) -> str:
        """The same as words of a command line."""
        pairs = self.scored_beside(method, dataset, variation)
        return shlex.join(["--scored", *pairs]) if pairs else ""

    def variation_names(self: Plan) -> str:
        """Names of variations, as a regular expression for a wildcard."""
        return "|".join(sorted(self.study.variations)) or "(?!)"
