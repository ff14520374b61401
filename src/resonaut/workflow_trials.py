"""What the Snakefile asks of a study about the comparison of global p-values on pseudo-experiments."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from resonaut import pseudo_settings

if TYPE_CHECKING:
    from resonaut.workflow import Plan


class TrialsPlan:
    """The part of `workflow.Plan` that knows these comparisons: one per mixture with a null."""

    def trials(self: Plan) -> list[str]:
        """The comparisons of the study."""
        return [f"{self.base}/infer/{mixture}/trials.json" for mixture in self.compared_mixtures()]

    def compared_mixtures(self: Plan) -> list[str]:
        """Mixtures with pseudo-experiments without signal, sorted."""
        entries = self.study.pseudo_experiments.values()
        return sorted({entry.mixture for entry in entries if not entry.inject})

    def _trials_spectra(self: Plan, mixture: str) -> dict[str, str]:
        """Spectra by `<part>/<method>`, of the methods that have pseudo-experiments without signal."""
        names = pseudo_settings.compared(self.study, mixture)
        known = set(pseudo_settings.methods(self.study, names[0]))
        searches = [
            f"{part}/{method}"
            for name in names
            for part in self.study.pseudo_experiments[name].names(name)
            for method in pseudo_settings.methods(self.study, name)
            if method in known
        ]
        return {search: f"{self.base}/hunt/{search}/spectra.h5" for search in searches}

    def trials_files(self: Plan, mixture: str) -> list[str]:
        """Spectra of all parts of the pseudo-experiments that are compared."""
        return list(self._trials_spectra(mixture).values())

    def trials_arguments(self: Plan, mixture: str) -> str:
        """The same as words of a command line: `data:null:part0/cwola=...`."""
        return shlex.join(f"{name}={path}" for name, path in self._trials_spectra(mixture).items())

    def trials_data(self: Plan, mixture: str) -> dict[str, str]:
        """Spectra of the data by method."""
        null = pseudo_settings.compared(self.study, mixture)[0]
        methods = pseudo_settings.methods(self.study, null)
        return {method: f"{self.base}/hunt/{mixture}/{method}/spectra.h5" for method in methods}

    def trials_data_arguments(self: Plan, mixture: str) -> str:
        """The same as words of a command line."""
        return shlex.join(f"{method}={path}" for method, path in self.trials_data(mixture).items())

    def conformal_searches(self: Plan) -> list[str]:
        """Conformal significances of each search, where hunts count."""
        if self.study.hunt.conformal is None:
            return []
        return self.compared_searches("infer/conformal.json")
