"""What an entry of `explain` reads: a tagger's weights, its rows, and features beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resonaut import references, registry

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan

_OF_CLASSES = ("observables", "surrogate", "information", "capsules")


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    entry = plan.study.explain[name]
    kind, datasets = plan.inputs_of("tag", entry.tagger)
    found = {
        "weights": [f"{plan.base}/tag/{entry.tagger}/weights.safetensors"],
        kind: [f"{one}={path}" for one, path in plan.manifests(kind, datasets).items()],
    }
    if entry.observables:
        features = plan.manifests("features", datasets)
        found["observables"] = [f"{one}={path}" for one, path in features.items()]
    return found


def methods(plan: Plan, name: str) -> list[tuple[str, str]]:
    """The tagger whose networks are looked at."""
    return [("tag", plan.study.explain[name].tagger)]


def more(study: Study, name: str) -> dict[str, Any]:
    """The slice of the tagger, where it, or an autoencoder of its rows, is trained."""
    entry = study.explain[name]
    if entry.what != "information" and entry.autoencoder is None:
        return {}
    settings = study.tag[entry.tagger].model_dump(mode="json")
    kind = study.kinds["tag"][entry.tagger]
    return {"tag": {"method": entry.tagger, "kind": kind, "settings": settings, "seed": study.seed}}


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.explain[name], f"explain.{name}"
    references.known(entry.tagger, study.tag, f"{where}.tagger", "tagger")
    if entry.what == "information":
        references.trained_plainly(study, entry.tagger, f"{where}.tagger")
    tagger = study.tag[entry.tagger]
    if tagger.taggers_used():
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' reads scores of other taggers; name one that does not"
        )
    kind = study.kinds["tag"][entry.tagger]
    if tagger.task == "regression" and entry.what in _OF_CLASSES:
        raise ValueError(
            f"{where}.what: '{entry.what}' is of classes, and '{entry.tagger}' predicts a quantity; "
            "attributions and latent are of both"
        )
    if entry.what == "capsules" and kind != "capsule":
        raise ValueError(
            f"{where}.tagger: '{entry.tagger}' is of the kind {kind}; a capsule network is expected"
        )
    if entry.of_class is not None or tagger.task == "classes":
        classes = {"binary": ["signal"], "classes": list(tagger.by_class), "regression": []}[tagger.task]
        if entry.of_class is None:
            raise ValueError(f"{where}.of_class: this key is required; one of {', '.join(classes)}")
        references.known(entry.of_class, classes, f"{where}.of_class", "class")
    representation = tagger.representation()
    if representation == "showers" and entry.what == "attributions":
        raise ValueError(
            f"{where}.tagger: attributions are of features, images and clouds; '{entry.tagger}' reads showers"
        )
    if entry.autoencoder is not None and representation not in ("features", "images"):
        raise ValueError(
            f"{where}.autoencoder: {representation} have no fixed length; name a tagger of features or images"
        )
    _gradients(study, name, kind)
    for dataset in tagger.datasets_used() if entry.observables else ():
        references.can_be(study, "features", dataset, f"{where}.observables")


def _gradients(study: Study, name: str, kind: str) -> None:
    """Require gradients where they are asked for, and layers."""
    entry, where = study.explain[name], f"explain.{name}"
    if registry.load("tag", kind).build(study.tag[entry.tagger]).fit is None:
        return
    if entry.what == "attributions" and set(entry.attributions) != {"shap"}:
        raise ValueError(f"{where}.attributions: {kind} have no gradients; only [shap] can be had")
    if entry.what in ("latent", "information") and entry.autoencoder is None:
        raise ValueError(f"{where}.tagger: {kind} have no layers; name a network for '{entry.what}'")
