"""What an entry of `weak` reads: the rows of a tagger of two classes, which is trained anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resonaut import registry
from resonaut.trust.stability import require_own_training, trained_slice

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    kind, datasets = plan.inputs_of("tag", plan.study.weak[name].tagger)
    return {kind: [f"{one}={path}" for one, path in plan.manifests(kind, datasets).items()]}


def methods(plan: Plan, name: str) -> list[tuple[str, str]]:
    """The tagger whose networks are trained."""
    return [("tag", plan.study.weak[name].tagger)]


def more(study: Study, name: str) -> dict[str, Any]:
    """The slice of the tagger."""
    return {"tag": trained_slice(study, study.weak[name].tagger)}


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.weak[name], f"weak.{name}"
    require_own_training(study, entry.tagger, f"{where}.tagger")
    settings = study.tag[entry.tagger]
    if settings.task != "binary":
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' has the task '{settings.task}'; one that tells signal from "
            "background is expected"
        )
    if settings.event_weights:
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' has event_weights, and fractions are of numbers of rows; name "
            "a tagger without them"
        )
    kind = study.kinds["tag"][entry.tagger]
    if "llp" in entry.methods and registry.load("tag", kind).build(settings).fit is not None:
        raise ValueError(
            f"{where}.methods: llp needs a network that learns by gradients, and {kind} do not; leave it out"
        )
