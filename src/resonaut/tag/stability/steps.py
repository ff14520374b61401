"""Trainings on fewer rows, or in larger batches, that take as many steps."""

from __future__ import annotations

import math

from resonaut.tag.interface import Tagger
from resonaut.tag.settings import TaggerSettings


def in_as_many_steps(settings: TaggerSettings, tagger: Tagger, factor: float) -> TaggerSettings:
    """A tagger with so many times the epochs, and patience; boosted trees have neither.

    Args:
        factor: by which an epoch has fewer steps; below 1 nothing changes.
    """
    if tagger.fit is not None or factor <= 1:
        return settings
    plan = settings.training
    steps = {"epochs": math.ceil(plan.epochs * factor), "patience": math.ceil(plan.patience * factor)}
    return settings.model_copy(update={"training": plan.model_copy(update=steps)})
