"""Results, inputs and figures of the sections in `SECTIONS`, for `workflow.Plan`.

`resonaut.trust.<section>` holds

    reads(plan, name) -> dict[str, list[str]]     files of each option of the command: `path`, `name=path`
    methods(plan, name) -> list[tuple[str, str]]  (stage, method) whose code the entry runs
    more(study, name) -> dict[str, Any]           what its slice holds besides the entry
    check(study, name) -> None                    raises ValueError where the entry does not fit the study

of which the last three may be absent.
"""

from __future__ import annotations

import importlib
import shlex
from typing import TYPE_CHECKING, Any

from resonaut import registry
from resonaut.digest import code_digest

if TYPE_CHECKING:
    from types import ModuleType

    from resonaut.config import Study
    from resonaut.workflow import Plan

SECTIONS = {
    "response": "tag",
    "decorrelation": "tag",
    "uncertainty": "tag",
    "explain": "tag",
    "stability": "tag",
    "weak": "tag",
    "trigger": "tag",
    "monitor": "detect",
}
"""The stage that each section belongs to: its code is `resonaut.<stage>.<section>`."""


def of_section(section: str) -> ModuleType:
    """The module of a section."""
    return importlib.import_module(f"resonaut.trust.{section}")


def check(study: Study) -> None:
    """Check the entries of all sections against the rest of the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    for section in SECTIONS:
        for name in getattr(study, section):
            getattr(of_section(section), "check", lambda study, name: None)(study, name)


def entry_slice(section: str) -> Any:
    """The slice of an entry: its name and settings, the study's seed, and what the section adds."""

    def slice_(study: Study, name: str) -> dict[str, Any]:
        settings = getattr(study, section)[name].model_dump(mode="json")
        more = getattr(of_section(section), "more", lambda study, name: {})(study, name)
        return {"name": name, "seed": study.seed, section: settings, **more}

    return slice_


class TrustPlan:
    """The part of `workflow.Plan` that knows these sections."""

    def trust_result(self: Plan, section: str, name: str) -> str:
        """The JSON result of an entry."""
        return f"{self.base}/{SECTIONS[section]}/{section}/{name}/{section}.json"

    def trust_results(self: Plan, stage: str) -> list[str]:
        """The JSON results of all entries of a stage's sections."""
        return [
            self.trust_result(section, name)
            for section, of_stage in SECTIONS.items()
            for name in sorted(getattr(self.study, section))
            if of_stage == stage
        ]

    def trust_names(self: Plan, section: str) -> str:
        """The names of a section's entries, as a regular expression for a wildcard."""
        return "|".join(sorted(getattr(self.study, section))) or "(?!)"

    @staticmethod
    def trust_stages() -> list[str]:
        """What the names of these figures begin with."""
        return [f"{stage}_{section}" for section, stage in SECTIONS.items()]

    def trust_figures(self: Plan) -> list[str]:
        """Names of the figures, `<stage>_<section>/<name>`."""
        return [
            f"{stage}_{section}/{name}"
            for section, stage in SECTIONS.items()
            for name in sorted(getattr(self.study, section))
        ]

    def trust_figure_inputs(self: Plan, figure: str, name: str) -> dict[str, list[str]] | None:
        """What a figure is drawn from, None if it is of no such section."""
        stage, _, section = figure.partition("_")
        if SECTIONS.get(section) != stage:
            return None
        return {section: [self.trust_result(section, name)]}

    def trust_reads(self: Plan, section: str, name: str) -> list[str]:
        """All files that the rule of an entry depends on, the chunks behind manifests among them."""
        found = []
        for values in of_section(section).reads(self, name).values():
            for path in (value.rsplit("=", 1)[-1] for value in values):
                found += [path, *self.chunks_of_manifest(path)]
        return sorted(set(found))

    def trust_arguments(self: Plan, section: str, name: str) -> str:
        """What an entry reads, as words of a command line."""
        reads = of_section(section).reads(self, name)
        return shlex.join(
            word for option, values in reads.items() if values for word in (f"--{option}", *values)
        )

    def trust_code(self: Plan, section: str, name: str) -> str:
        """The digest of the code of a section and of the methods that an entry runs."""
        methods = getattr(of_section(section), "methods", lambda plan, name: [])(self, name)
        modules = [registry.module_name(stage, self.study.kinds[stage][method]) for stage, method in methods]
        return code_digest(f"resonaut.{SECTIONS[section]}.{section}.run", *sorted(set(modules)))

    def chunks_of_manifest(self: Plan, path: str) -> list[str]:
        """The chunks that a manifest of a representation lists; none for any other file."""
        start = f"{self.base}/represent/"
        parts = path.removeprefix(start).removesuffix(".json").split("/")
        if not path.startswith(start) or not path.endswith(".json") or len(parts) != 3:
            return []
        dataset, variation, kind = parts
        return self.chunks(f"represent/{dataset}/{variation}/{kind}", dataset)
