"""What the Snakefile asks of a study about taggers: what each reads, and what is made of all of them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from resonaut import encoded

if TYPE_CHECKING:
    from resonaut.workflow import Plan


def _files(further: dict[str, list[str]]) -> list[str]:
    return [value.rsplit("=", 1)[-1] for values in further.values() for value in values]


def _words(further: dict[str, list[str]]) -> str:
    return shlex.join(word for option, values in further.items() for word in (f"--{option}", *values))


class TaggerPlan:
    """The part of `workflow.Plan` that knows taggers."""

    def tagger_files(self: Plan, name: str) -> list[str]:
        """A file of each tagger."""
        return [f"{self.base}/tag/{method}/{name}" for method in sorted(self.study.tag)]

    def compared_files(self: Plan, name: str) -> list[str]:
        """A file of each tagger that is compared."""
        return [f"{self.base}/tag/{method}/{name}" for method in self.compared()]

    def named_taggers(self: Plan, name: str) -> str:
        """The same as words of a command line: `pfn=...`."""
        return shlex.join(f"{method}={self.base}/tag/{method}/{name}" for method in self.compared())

    def compared(self: Plan) -> list[str]:
        """Taggers that are compared: all but binary ones that tell other things apart than most of them."""
        same: dict[object, list[str]] = {}
        others = []
        for method, settings in sorted(self.study.tag.items()):
            if settings.task == "binary":
                what = (sorted(settings.signal), sorted(settings.background), settings.rows())
                same.setdefault(str(what), []).append(method)
            else:
                others.append(method)
        return sorted([*max(same.values(), key=len, default=[]), *others])

    def comparison(self: Plan) -> list[str]:
        """The comparison of the taggers, where there are several."""
        return [f"{self.base}/tag/comparison.json"] if len(self.compared()) > 1 else []

    def clusterings(self: Plan) -> list[str]:
        """What each entry of `cluster` measures."""
        return [f"{self.base}/tag/cluster/{name}/separation.json" for name in sorted(self.study.cluster)]

    def _further(self: Plan, method: str) -> dict[str, list[str]]:
        """Files that a tagger reads besides its rows, as values of options."""
        settings = self.study.tag[method]
        found: dict[str, list[str]] = {
            "scored": [
                f"{other}/{dataset}={self.base}/tag/{other}/scored/{dataset}.h5"
                for other in settings.taggers_used()
                for dataset in settings.datasets_used()
            ]
        }
        kind, datasets = settings.representation(), settings.datasets_used()
        found["varied"] = [
            f"{variation}/{dataset}={self.varied_manifest(kind, dataset, variation)}"
            for variation in (settings.robust.variations if settings.robust else ())
            for dataset in datasets
        ]
        if settings.tuned is not None:
            found["tuned"] = [f"{self.base}/tune/{settings.tuned}/best.json"]
        if settings.transfer is not None:
            start = settings.transfer.start_from
            of_study = start in self.study.tag
            found["transfer"] = [f"{self.base}/tag/{start}/weights.safetensors" if of_study else start]
        return {option: values for option, values in found.items() if values}

    def tagger_reads(self: Plan, method: str) -> list[str]:
        """Files that a tagger reads besides its rows."""
        return self._with_chunks(_files(self._further(method)))

    def _with_chunks(self: Plan, files: list[str]) -> list[str]:
        """Files, and the chunks that the manifests among them list."""
        return [*files, *(chunk for path in files for chunk in self.chunks_of_manifest(path))]

    def tagger_arguments(self: Plan, method: str) -> str:
        """The same as words of a command line."""
        return _words(self._further(method))

    def scored_from(self: Plan, method: str, dataset: str) -> list[str]:
        """Manifest and chunks of a dataset in the representation that a tagger reads."""
        kind, _ = self.inputs_of("tag", method)
        return self.representation(kind, [dataset])

    def encoding(self: Plan, method: str) -> tuple[int, str]:
        """How many components of a tagger's latent space are made, and the chunk that they are found in.

        As many as a detector names; in the first simulated events that the tagger learns from.
        """
        numbers = [
            feature.component
            for detector in self.study.detect.values()
            for feature in encoded.of_detector(detector).values()
            if feature.tagger == method
        ]
        kind, datasets = self.inputs_of("tag", method)
        chunks = self.chunks(f"represent/{datasets[0]}/nominal/{kind}", datasets[0])
        return 1 + max(numbers, default=0), chunks[0]

    def encoded_chunk(self: Plan, method: str, dataset: str, chunk: str) -> str:
        """The chunk of a representation that a tagger encodes."""
        kind, _ = self.inputs_of("tag", method)
        return f"{self.base}/represent/{dataset}/nominal/{kind}/{chunk}.h5"

    def search_reads(self: Plan, search: str) -> tuple[str, list[str]]:
        """Kind of representation and datasets that a search for parameters reads."""
        return self.inputs_of("tag", self.study.tune[search].tagger)

    def _search_further(self: Plan, search: str) -> dict[str, list[str]]:
        # The best parameters of a search cannot be its own input.
        further = self._further(self.study.tune[search].tagger)
        return {option: values for option, values in further.items() if option != "tuned"}

    def search_also_reads(self: Plan, search: str) -> list[str]:
        """Files that the trials of a search read besides the rows."""
        return self._with_chunks(_files(self._search_further(search)))

    def search_arguments(self: Plan, search: str) -> str:
        """The same as words of a command line."""
        return _words(self._search_further(search))

    def search_code(self: Plan, search: str) -> str:
        """The digest of the code of a search and of its tagger."""
        return self.code("tune", self.study.tune[search].tagger)
