"""What the Snakefile asks of a study about the global significance of all searches of a mixture."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resonaut.workflow import Plan


class GlobalPlan:
    """The part of `workflow.Plan` that knows what is tested together."""

    def searched_mixtures(self: Plan) -> list[str]:
        """Mixtures that any method searches, sorted."""
        return sorted({mixture for mixture, _ in self.study.searches()})

    def global_significances(self: Plan) -> list[str]:
        """The global significance of each mixture."""
        return [f"{self.base}/infer/{mixture}/global.json" for mixture in self.searched_mixtures()]

    def spectra_by_method(self: Plan, mixture: str) -> dict[str, str]:
        """Spectra of all methods of a mixture."""
        names = sorted(set(self.study.mixtures[mixture].methods))
        return {method: f"{self.base}/hunt/{mixture}/{method}/spectra.h5" for method in names}

    def spectra_files(self: Plan, mixture: str) -> list[str]:
        """The same without names."""
        return list(self.spectra_by_method(mixture).values())

    def spectra_arguments(self: Plan, mixture: str) -> str:
        """The same as words of a command line."""
        return shlex.join(f"{method}={path}" for method, path in self.spectra_by_method(mixture).items())

    def masses_file(self: Plan, mixture: str) -> str:
        """Scores of one of the methods: all hold the masses of the events."""
        method = next(iter(self.spectra_by_method(mixture)))
        return f"{self.base}/detect/{mixture}/{method}/scores.h5"
