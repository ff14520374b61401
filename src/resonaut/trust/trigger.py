"""What an entry of `trigger` reads: a dense tagger and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut import references

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    tagger = plan.study.trigger[name].tagger
    kind, datasets = plan.inputs_of("tag", tagger)
    return {
        kind: [f"{one}={path}" for one, path in plan.manifests(kind, datasets).items()],
        "weights": [f"{plan.base}/tag/{tagger}/weights.safetensors"],
    }


def methods(plan: Plan, name: str) -> list[tuple[str, str]]:
    """The tagger whose network is taken."""
    return [("tag", plan.study.trigger[name].tagger)]


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.trigger[name], f"trigger.{name}"
    references.known(entry.tagger, study.tag, f"{where}.tagger", "tagger")
    references.trained_plainly(study, entry.tagger, f"{where}.tagger")
    tagger = study.tag[entry.tagger]
    kind = study.kinds["tag"][entry.tagger]
    if kind != "dense":
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' is of the kind '{kind}', which exporters may get wrong; "
            "name one of kind: dense"
        )
    activation = getattr(tagger, "activation", "relu")
    if activation != "relu":
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' has activation: {activation}, a layer that the exporters do "
            "not know (Linear and ReLU); name a tagger with activation: relu"
        )
    if tagger.task != "binary" or tagger.taggers_used():
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' must tell signal from background and read no scores of other "
            "taggers; name one that does"
        )
    bottleneck = None if entry.autoencoder is None else entry.autoencoder.bottleneck
    if bottleneck is not None and bottleneck >= len(tagger.inputs):
        raise ValueError(
            f"{where}.autoencoder.bottleneck: {bottleneck} numbers hold all of {len(tagger.inputs)} inputs, "
            "and every row is drawn well; make it smaller"
        )
