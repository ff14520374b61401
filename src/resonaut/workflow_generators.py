"""What the Snakefile asks of a study about generators, and about datasets that they make."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from resonaut import generated
from resonaut.workflow_searches import NOTHING

if TYPE_CHECKING:
    from resonaut.workflow import Plan


class GeneratorPlan:
    """The part of `workflow.Plan` that knows generators."""

    def generator_targets(self: Plan) -> list[str]:
        """Samples and evaluations of all generators, and the times that are asked for."""
        files = ("samples.h5", "evaluation.json")
        found = [self._of_generator(name, file) for name in sorted(self.study.generate) for file in files]
        found += [self._of_generator(name, "timing.json") for name in self.timed_generators()]
        return found + self.generator_comparison() + self.amplifications()

    def amplifications(self: Plan) -> list[str]:
        """Quantile errors of each entry of `amplification`."""
        names = sorted(self.study.amplification)
        return [f"{self.base}/generate/amplification/{name}/errors.json" for name in names]

    def generator_comparison(self: Plan) -> list[str]:
        """The table of all generators, where there are several."""
        return [f"{self.base}/generate/comparison.json"] if len(self.study.generate) > 1 else []

    def compared_generators(self: Plan) -> dict[str, list[str]]:
        """What the table is made of: files as values of options, `name=path`."""
        every = sorted(self.study.generate)
        files = {"evaluations": "evaluation.json", "training": "training.json", "timing": "timing.json"}
        found = {
            option: [
                f"{name}={self._of_generator(name, file)}"
                for name in (self.timed_generators() if option == "timing" else every)
            ]
            for option, file in files.items()
        }
        return {option: words for option, words in found.items() if words}

    def compared_generator_files(self: Plan) -> list[str]:
        """The same as files."""
        return [word.split("=", 1)[1] for words in self.compared_generators().values() for word in words]

    def comparison_of_generators(self: Plan) -> str:
        """The same as words of a command line."""
        found = self.compared_generators().items()
        return shlex.join(word for option, words in found for word in (f"--{option}", *words))

    def timed_generators(self: Plan) -> list[str]:
        """Generators whose time per row is measured."""
        return [name for name, settings in sorted(self.study.generate.items()) if settings.evaluate.timing]

    def sampling_options(self: Plan, method: str) -> str:
        """How many rows are drawn for the evaluation, as words of a command line."""
        found = json.loads(self.settings("generate_sample", method=method))
        words = f"--number {found['number']} --seed {found['seed']}"
        return words + (" --extrapolate" if found["extrapolate"] else "")

    def _of_generator(self: Plan, name: str, file: str) -> str:
        return f"{self.base}/generate/{name}/{file}"

    # -- datasets --------------------------------------------------------------------------------

    def drawn_names(self: Plan) -> str:
        """A pattern of the datasets that generators make."""
        return "|".join(sorted(self.drawn_datasets())) or NOTHING

    def drawn_showers(self: Plan) -> str:
        """A pattern of those that are showers, of which features are made."""
        found = self.drawn_datasets()
        showers = [name for name in found if self.study.datasets[name].settings.kind == "showers"]
        return "|".join(showers) or NOTHING

    def drawn_datasets(self: Plan) -> list[str]:
        """Datasets that generators make."""
        return [name for name, entry in sorted(self.study.datasets.items()) if entry.is_generated]

    def stored_datasets(self: Plan) -> list[str]:
        """Datasets that have event stores: all others but for pile-up, sorted."""
        return [
            name
            for name, entry in sorted(self.study.datasets.items())
            if not (entry.is_generated or entry.overlaid_only)
        ]

    def drawn_from_weights(self: Plan, dataset: str) -> str:
        """Weights that a dataset is drawn from."""
        name = generated.generator_of(self.study.datasets[dataset].source)
        return self._of_generator(str(name), "weights.safetensors")

    def drawn_like(self: Plan, dataset: str) -> list[str]:
        """Manifest and chunks of the dataset whose rows give the conditions, if there is one."""
        settings = self.study.datasets[dataset].settings
        return [] if settings.like is None else self.representation(settings.kind, [settings.like])

    def drawing_options_of(self: Plan, dataset: str) -> str:
        """The same as words of a command line."""
        like = self.study.datasets[dataset].settings.like
        found = self.drawn_like(dataset)
        return shlex.join(["--like", f"{like}={found[0]}"]) if found else ""

    def dataset_code(self: Plan, dataset: str) -> str:
        """The digest of what draws a dataset."""
        return self.code("generate_dataset", generated.generator_of(self.study.datasets[dataset].source))
