"""What the Snakefile asks of a study about searches: what each reads, its jobs, and their comparison."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resonaut import encoded, pseudo_settings, search_variations

if TYPE_CHECKING:
    from resonaut.workflow import Plan

NOTHING = r"\b\B"
"""A pattern that no name matches."""


class SearchPlan:
    """The part of `workflow.Plan` that knows detectors and what is made of their scores."""

    def datasets_in(self: Plan, mixture: str) -> list[str]:
        """Datasets of a mixture, or of a part of pseudo-experiments, sorted."""
        return list(pseudo_settings.datasets_of(self.study, mixture))

    def _detector_datasets(self: Plan, mixture: str, method: str) -> list[str]:
        further = getattr(self.study.detect[method], "samples_used", list)()
        return sorted({*self.datasets_in(mixture), *further})

    def detector_files(self: Plan, mixture: str, method: str) -> list[str]:
        """Manifests and chunks that a detector reads."""
        kinds = self.study.detect[method].representations()
        datasets = self._detector_datasets(mixture, method)
        found = [path for kind in kinds for path in self.representation(kind, datasets)]
        for name, path in self._encoded(mixture, method).items():
            tagger, dataset = name.split("/")
            found += [path, *self.chunks(f"tag/{tagger}/encoded/{dataset}", dataset)]
        return found

    def _encoded(self: Plan, mixture: str, method: str) -> dict[str, str]:
        """Manifests of encoders that a detector reads, by `tagger/dataset`."""
        used = encoded.of_detector(self.study.detect[method]).values()
        return {
            f"{tagger}/{dataset}": f"{self.base}/tag/{tagger}/encoded/{dataset}.json"
            for tagger in sorted({feature.tagger for feature in used})
            for dataset in self._detector_datasets(mixture, method)
        }

    def detector_arguments(self: Plan, mixture: str, method: str) -> str:
        """The same as words of a command line."""
        kinds = self.study.detect[method].representations()
        datasets = self._detector_datasets(mixture, method)
        words = [self.arguments(kind, datasets) for kind in kinds]
        pairs = [f"{name}={path}" for name, path in self._encoded(mixture, method).items()]
        return " ".join([*words, *([shlex.join(["--encoded", *pairs])] if pairs else [])])

    # -- jobs ------------------------------------------------------------------------------------

    def split(self: Plan, *, into_parts: bool) -> str:
        """A pattern of the detectors whose windows are trained in several jobs, or in one."""
        names = [name for name in sorted(self.study.detect) if self._is_split(name) == into_parts]
        return "|".join(names) or NOTHING

    def _is_split(self: Plan, method: str) -> bool:
        return self.study.scan is not None and len(self.study.parts(method)) > 1

    def part_files(self: Plan, mixture: str, method: str, name: str) -> list[str]:
        """A file of each part of a split scan, in the order of the windows."""
        folder = f"{self.base}/detect/{mixture}/{method}/parts"
        return [f"{folder}/{part}/{name}" for part in self.study.parts(method)]

    # -- signal shape ----------------------------------------------------------------------------

    def signal_files(self: Plan) -> list[str]:
        """Features of the dataset whose masses are the shape of the signal, if there is one."""
        dataset = self.study.infer.signal.dataset
        return [] if dataset is None else self.representation("features", [dataset])

    def signal_arguments(self: Plan) -> str:
        """The same as words of a command line."""
        dataset = self.study.infer.signal.dataset
        return "" if dataset is None else self.arguments("features", [dataset], "--signal")

    # -- variations of the signal ----------------------------------------------------------------

    def varied_scores(self: Plan, folder: str) -> dict[str, str]:
        """What a training of `detect` writes besides scores, where variations are nuisance parameters."""
        asked = self.study.infer.uncertainties.variations
        return {"varied": f"{self.base}/detect/{{mixture}}/{{method}}/{folder}varied.h5"} if asked else {}

    def varied_rows(self: Plan, mixture: str, method: str) -> list[str]:
        """Manifests and chunks of the signal as variations have it."""
        found: list[str] = []
        for path in self._varied(mixture, method).values():
            found += [path, *self.chunks_of_manifest(path)]
        return list(dict.fromkeys(found))

    def varied_arguments(self: Plan, mixture: str, method: str, output: Any = None) -> str:
        """The same, and where their scores go, as words of a command line."""
        pairs = [f"{name}={path}" for name, path in self._varied(mixture, method).items()]
        return shlex.join([*(["--varied", *pairs] if pairs else []), *self._varied_output(output)])

    def joined_arguments(self: Plan, parts: list[str], output: Any) -> str:
        """Files of varied scores that are joined, and where they go, as words of a command line."""
        return shlex.join([*(["--varied", *parts] if parts else []), *self._varied_output(output)])

    def _varied(self: Plan, mixture: str, method: str) -> dict[str, str]:
        """Manifests by `kind/variation/dataset`."""
        if not search_variations.asked(self.study, mixture):
            return {}
        dataset = self.study.infer.signal.dataset
        return {
            f"{kind}/{name}/{dataset}": self.varied_manifest(kind, dataset, name)
            for kind in self.study.detect[method].representations()
            for name in search_variations.names(self.study)
        }

    @staticmethod
    def _varied_output(output: Any) -> list[str]:
        """The option that names the file of varied scores among a rule's output, where it has one."""
        path = getattr(output, "varied", None)
        return [] if path is None else ["--varied-output", path]

    def varied_parts(self: Plan, mixture: str, method: str) -> list[str]:
        """The files of varied scores of each part of a split scan, in the order of the windows."""
        asked = self.study.infer.uncertainties.variations
        return self.part_files(mixture, method, "varied.h5") if asked else []

    def varied_searches(self: Plan) -> list[tuple[str, str]]:
        """Searches whose signal varies."""
        return self.study.searches() if self.study.infer.uncertainties.variations else []

    def templates_files(self: Plan, mixture: str, method: str) -> list[str]:
        """The signal that a search selects, as variations have it, where they are nuisance parameters."""
        asked = search_variations.asked(self.study, mixture)
        return [f"{self.base}/hunt/{mixture}/{method}/templates.h5"] if asked else []

    def templates_arguments(self: Plan, mixture: str, method: str) -> str:
        """The same as words of a command line."""
        return shlex.join(
            word for path in self.templates_files(mixture, method) for word in ("--variations", path)
        )

    # -- comparison ------------------------------------------------------------------------------

    def compared_searches(self: Plan, file: str) -> list[str]:
        """A file of each search, `file` with `hunt` or `infer` and its name."""
        stage, name = file.split("/")
        return [f"{self.base}/{stage}/{mixture}/{method}/{name}" for mixture, method in self.study.searches()]

    def named_searches(self: Plan, file: str) -> str:
        """The same as words of a command line: `data/cwola=...`."""
        names = [f"{mixture}/{method}" for mixture, method in self.study.searches()]
        pairs: Sequence[tuple[str, str]] = list(zip(names, self.compared_searches(file), strict=True))
        return shlex.join(f"{name}={path}" for name, path in pairs)

    def search_comparison(self: Plan) -> list[str]:
        """The comparison of the searches, where there are several."""
        return [f"{self.base}/infer/comparison.json"] if len(self.study.searches()) > 1 else []

    def search_targets(self: Plan, stage: str) -> list[str]:
        """Files of detect, hunt or infer that another stage or a reader wants."""
        files = {
            "detect": ("scores.h5",),
            "hunt": ("spectra.h5", "evaluation.json"),
            "infer": ("significance.json",),
        }[stage]
        each = [
            f"{self.base}/{stage}/{mixture}/{method}/{file}"
            for mixture, method in self.study.searches()
            for file in files
        ]
        if stage == "detect":
            each += self.trust_results("detect")
        more = [*self.search_comparison(), *self.validations(), *self.linearity()]
        more += self.calibration_targets() + self.trials() + self.conformal_searches()
        more += self.global_significances()
        return each + (more if stage == "infer" else [])
