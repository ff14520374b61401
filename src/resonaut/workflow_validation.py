"""What the Snakefile asks of a study about validation: which searches toys test, and what the checks read."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resonaut.workflow import Plan

_DRAW = re.compile(r"(?P<name>.+?)(?::(?P<injected>\d+))?:seed(?P<seed>\d+)")
"""Names that `mixture_settings.Mixture.expanded` gives."""


class ValidationPlan:
    """The part of `workflow.Plan` that knows how the inference is validated and checked."""

    def validated_searches(self: Plan) -> list[tuple[str, str]]:
        """(mixture, method) pairs that toys validate, sorted.

        Toys come from the fitted background, which the draws and injections of one mixture share: of them the
        first draw with the fewest injected events.
        """
        if not self.study.infer.validation.n_toys:
            return []
        first: dict[tuple[str, str], tuple[int, int, str]] = {}
        for mixture, method in self.study.searches():
            found = _DRAW.fullmatch(mixture)
            key = (found["name"] if found else mixture, method)
            rank = (int(found["injected"] or 0), int(found["seed"])) if found else (0, 0)
            first[key] = min((*rank, mixture), first.get(key, (*rank, mixture)))
        return sorted((mixture, method) for (_, method), (_, _, mixture) in first.items())

    def validations(self: Plan) -> list[str]:
        """Results of the toys of these searches."""
        return [f"{self.base}/infer/{m}/{method}/validation.json" for m, method in self.validated_searches()]

    def linearity(self: Plan) -> list[str]:
        """Fitted against true signal, where a mixture has injected signals."""
        found = [_DRAW.fullmatch(mixture) for mixture, _ in self.study.searches()]
        injected = any(name is not None and name["injected"] is not None for name in found)
        return [f"{self.base}/infer/linearity.json"] if injected else []

    def checks(self: Plan) -> list[str]:
        """The page of the checks, where there are searches."""
        return [f"{self.base}/review/checks.html"] if self.study.searches() else []

    def checked_files(self: Plan) -> list[str]:
        """Files that the checks read."""
        names = ("infer/significance.json", "hunt/hunt.json", "hunt/evaluation.json")
        return [path for name in names for path in self.compared_searches(name)] + self.validations()

    def checked_arguments(self: Plan) -> str:
        """The same as words of a command line."""
        pairs = [
            f"{m}/{method}={path}"
            for (m, method), path in zip(self.validated_searches(), self.validations(), strict=True)
        ]
        words = [
            f"--significances {self.named_searches('infer/significance.json')}",
            f"--hunts {self.named_searches('hunt/hunt.json')}",
            f"--evaluations {self.named_searches('hunt/evaluation.json')}",
        ]
        return " ".join([*words, *([shlex.join(["--validations", *pairs])] if pairs else [])])
