"""What the Snakefile asks of a study about its archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resonaut.workflow import Plan

STAGES = ("tag", "tune", "generate", "detect", "hunt", "infer", "review")
"""Stages whose targets are all that is made for a reader; the others are made on the way."""


class ArchivePlan:
    """The part of `workflow.Plan` that knows archives."""

    def models(self: Plan) -> list[str]:
        """Taggers as ONNX files."""
        return self.tagger_files("model.onnx")

    def archived(self: Plan) -> list[str]:
        """What must be there before a study is archived: all that its stages make, and the models."""
        return [*(path for stage in STAGES for path in self.targets(stage)), *self.models()]
