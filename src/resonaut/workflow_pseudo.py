"""What the Snakefile asks of a study about pseudo-experiments: their parts, rounds and calibrations."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from resonaut import pseudo_settings
from resonaut.workflow_searches import NOTHING

if TYPE_CHECKING:
    from resonaut.workflow import Plan


class PseudoPlan:
    """The part of `workflow.Plan` that knows pseudo-experiments."""

    def mixture_names(self: Plan) -> str:
        """A pattern of the mixtures of the configuration, which parts of pseudo-experiments are not."""
        return "|".join(re.escape(name) for name in sorted(self.study.mixtures)) or NOTHING

    def pseudo_names(self: Plan) -> str:
        """A pattern of the names of pseudo-experiments."""
        return "|".join(sorted(self.study.pseudo_experiments)) or NOTHING

    def imitated(self: Plan, dataset: str) -> str:
        """The mixture that a dataset is made from."""
        return self.study.pseudo_experiments[pseudo_settings.generated(self.study)[dataset]].mixture

    def generated_names(self: Plan) -> str:
        """A pattern of the datasets that are made for pseudo-experiments."""
        return "|".join(sorted(pseudo_settings.generated(self.study))) or NOTHING

    def dataset_names(self: Plan) -> str:
        """A pattern of the datasets of the configuration that have event stores."""
        return "|".join(self.stored_datasets()) or NOTHING

    def part_names(self: Plan) -> str:
        """A pattern of the mixtures of their parts."""
        return (
            "|".join(
                rf"{re.escape(entry.mixture)}:{name}:part\d+"
                for name, entry in sorted(self.study.pseudo_experiments.items())
            )
            or NOTHING
        )

    # -- drawing ---------------------------------------------------------------------------------

    def drawn_from(self: Plan, mixture: str) -> dict[str, str]:
        """What a part is drawn from besides its datasets, by the option that names it."""
        name, entry, part = pseudo_settings.of_part(self.study, mixture)
        found = {}
        if entry.n_events == "as data":
            found["data"] = f"{self.base}/represent/mixtures/{entry.mixture}.h5"
        if entry.round_of(part):
            found["state"] = self._state(entry.mixture, name, entry.round_of(part) - 1)
        return found

    def drawing_options(self: Plan, mixture: str) -> str:
        """The same as words of a command line."""
        return shlex.join(
            word for item in self.drawn_from(mixture).items() for word in (f"--{item[0]}", item[1])
        )

    def _state(self: Plan, mixture: str, name: str, round_: int) -> str:
        return f"{self.base}/infer/{mixture}/{name}/round{round_}.json"

    # -- calibration -----------------------------------------------------------------------------

    def calibrations(self: Plan) -> list[tuple[str, str]]:
        """(mixture, name) of each calibration, sorted."""
        return sorted((entry.mixture, name) for name, entry in self.study.pseudo_experiments.items())

    def calibration_targets(self: Plan) -> list[str]:
        """The calibrations of the study."""
        return [
            f"{self.base}/infer/{mixture}/{name}/calibration.json" for mixture, name in self.calibrations()
        ]

    def data_spectra(self: Plan, mixture: str, name: str) -> list[str]:
        """Spectra of the data, one per method."""
        methods = pseudo_settings.methods(self.study, name)
        return [f"{self.base}/hunt/{mixture}/{method}/spectra.h5" for method in methods]

    def pseudo_spectra(self: Plan, name: str, round_: int | None = None) -> list[str]:
        """Spectra of all parts, or of those of one round, of all methods."""
        entry = self.study.pseudo_experiments[name]
        parts = range(entry.n_parts) if round_ is None else entry.parts_of(round_)
        return [
            f"{self.base}/hunt/{pseudo_settings.part_name(entry.mixture, name, part)}/{method}/spectra.h5"
            for method in pseudo_settings.methods(self.study, name)
            for part in parts
        ]

    def round_before(self: Plan, mixture: str, name: str, round_: int) -> list[str]:
        """What was said after the round before, if there was one."""
        return [self._state(mixture, name, round_ - 1)] if round_ else []

    def null_calibration(self: Plan, name: str) -> list[str]:
        """The calibration without signal that the power of injected pseudo-experiments refers to."""
        entry = self.study.pseudo_experiments[name]
        return (
            []
            if entry.against is None
            else [f"{self.base}/infer/{entry.mixture}/{entry.against}/calibration.json"]
        )
