"""What an entry of `uncertainty` reads: a tagger, its rows, and rows unlike them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut import references

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    entry = plan.study.uncertainty[name]
    kind, datasets = plan.inputs_of("tag", entry.tagger)
    strange = []
    for label in entry.ood:
        if label in plan.study.datasets:
            strange.append(f"{label}/{label}={plan.manifests(kind, [label])[label]}")
        else:
            strange += [f"{label}/{one}={plan.varied_manifest(kind, one, label)}" for one in sorted(datasets)]
    return {
        kind: [f"{one}={path}" for one, path in plan.manifests(kind, datasets).items()],
        "weights": [f"{plan.base}/tag/{entry.tagger}/weights.safetensors"],
        "ood": strange,
    }


def methods(plan: Plan, name: str) -> list[tuple[str, str]]:
    """The tagger whose networks are trained."""
    return [("tag", plan.study.uncertainty[name].tagger)]


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.uncertainty[name], f"uncertainty.{name}"
    references.known(entry.tagger, study.tag, f"{where}.tagger", "tagger")
    references.trained_plainly(study, entry.tagger, f"{where}.tagger")
    tagger = study.tag[entry.tagger]
    if tagger.taggers_used():
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' reads scores of other taggers; name one that does not"
        )
    if tagger.task == "regression" and "laplace" in entry.methods:
        raise ValueError(
            f"{where}.methods: laplace is of classes, and '{entry.tagger}' predicts a quantity; leave it out"
        )
    for label in entry.ood:
        references.known(
            label, {**study.datasets, **study.variations}, f"{where}.ood", "dataset or variation"
        )
        if label in tagger.datasets_used():
            raise ValueError(
                f"{where}.ood: '{entry.tagger}' learns from '{label}'; name what it does not know"
            )
        if label in study.datasets:
            references.can_be(study, tagger.representation(), label, f"{where}.ood")
        elif study.variations[label].kind == "weight":
            raise ValueError(
                f"{where}.ood: '{label}' changes weights only, and no row; name a variation of rows"
            )
