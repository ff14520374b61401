"""What the key `robust` of a tagger must fit: the variations of the study, and what the tagger can learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut import references, variation_settings
from resonaut.nn.settings import ScheduledTraining

if TYPE_CHECKING:
    from resonaut.config import Study

NOT_ROWS = ("weight", "dataset")
"""Kinds of variations that give a jet no other inputs."""


def check(study: Study, method: str) -> None:
    """Check the key `robust` of a tagger against the rest of the study.

    Raises:
        ValueError: an unknown variation, one that gives no other inputs, or a tagger that cannot learn so.
    """
    tagger = study.tag[method]
    robust, where = tagger.robust, f"tag.{method}.robust"
    if robust is None:
        return
    for name in robust.variations:
        references.known(name, study.variations, f"{where}.variations", "variation")
        if study.variations[name].kind in NOT_ROWS:
            raise ValueError(
                f"{where}.variations: '{name}' is of kind {study.variations[name].kind}, which gives jets no "
                "other inputs; name one that shifts jets or adds pile-up"
            )
    if robust.method in ("adversarial", "disco") and not isinstance(tagger.training, ScheduledTraining):
        raise ValueError(
            f"{where}.method: {robust.method} needs a tagger that is trained by gradients, and "
            f"{study.kinds['tag'][method]} is not; use augmentation or planing"
        )
    if robust.method == "parametrised" and not tagger.can_be_parametrised:
        raise ValueError(f"{where}.method: parametrised is known to the taggers dense and pfn alone")
    if (
        robust.method == "parametrised"
        and len({variation_settings.source_of(name) for name in robust.variations}) > 1
    ):
        raise ValueError(
            f"{where}.variations: parametrised takes variations of one source, such as up and down"
        )
    if tagger.task != "binary":
        raise ValueError(f"{where}: it is for taggers of signal and background")
    if tagger.stream and robust.variations:
        raise ValueError(f"{where}: varied jets are read at once; take 'stream' out")
    if tagger.taggers_used() and robust.variations:
        raise ValueError(
            f"{where}: scores of other taggers are inputs, of which there are no varied ones here"
        )
