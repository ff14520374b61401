"""Slices of the configuration: the part that each rule uses, and nothing else, so that reruns are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resonaut.config import Study


def _simulate(study: Study, dataset: str) -> dict[str, Any]:
    entry = study.datasets[dataset]
    settings = entry.settings.model_dump(mode="json")
    if settings.get("seed") is None:
        settings["seed"] = study.seed
    return {"dataset": dataset, "source": entry.source, "settings": settings}


_OF_FILES = ("reader", "options", "classes", "cross_section", "on_bad_file", "verify")


def _ingest(study: Study, dataset: str) -> dict[str, Any]:
    entry = study.datasets[dataset]
    task = {"dataset": dataset, "label": entry.label, "ingest": study.ingest.model_dump(mode="json")}
    if study.is_simulated(dataset):
        return {**task, "reader": "resonaut"}
    settings = entry.settings.model_dump(mode="json", include=set(_OF_FILES))
    return {**task, **settings, "luminosity": entry.settings.luminosity_fb()}


def _representation(kind: str) -> Any:
    def slice_(study: Study) -> dict[str, Any]:
        whole = study.represent.model_dump(mode="json")
        return {key: whole[key] for key in ("n_jets", "selection", kind)}

    return slice_


def _mix(study: Study, mixture: str) -> dict[str, Any]:
    entry = study.mixtures[mixture]
    return {"mixture": mixture, "datasets": dict(entry.datasets), "draw": entry.seed, "seed": study.seed}


def _method(stage: str) -> Any:
    def slice_(study: Study, method: str) -> dict[str, Any]:
        settings = getattr(study, stage)[method].model_dump(mode="json")
        return {
            "method": method,
            "kind": study.kinds[stage][method],
            "settings": settings,
            "seed": study.seed,
        }

    return slice_


def _tune(study: Study, search: str) -> dict[str, Any]:
    tune = study.tune[search]
    tagger = {**_method("tag")(study, tune.tagger)}
    # What is trained on what counts, and not that the best parameters are for this tagger.
    tagger["settings"] = {**tagger["settings"], "tuned": None}
    return {"name": search, "tune": tune.model_dump(mode="json"), "tag": tagger}


def _detect(study: Study, mixture: str, method: str, windows: str = "") -> dict[str, Any]:
    scan = study.scan.model_dump(mode="json")
    if windows:
        scan["windows"] = [w.model_dump(mode="json") for w in study.parts(method)[windows]]
    return {**_method("detect")(study, method), "mixture": mixture, "scan": scan}


def _hunt(study: Study) -> dict[str, Any]:
    hunt = study.hunt.model_dump(mode="json", exclude={"evaluate"})
    return {"scan": study.scan.model_dump(mode="json"), "hunt": hunt}


def _evaluate_search(study: Study) -> dict[str, Any]:
    evaluate = study.hunt.evaluate.model_dump(mode="json")
    return {"scan": study.scan.model_dump(mode="json"), "evaluate": evaluate, "seed": study.seed}


def _section(stage: str) -> Any:
    return lambda study: {stage: getattr(study, stage).model_dump(mode="json")}


def _review(study: Study) -> dict[str, Any]:
    # All datasets, so that one has the same colour in every figure.
    return {**_section("review")(study), "datasets": sorted(study.datasets)}


def _review_search(study: Study) -> dict[str, Any]:
    return {**_review(study), "unblind": study.hunt.unblind}


SLICES: dict[str, Any] = {
    "simulate": _simulate,
    "ingest": _ingest,
    "features": _representation("features"),
    "images": _representation("images"),
    "clouds": _representation("clouds"),
    "mix": _mix,
    "tag": _method("tag"),
    "tune": _tune,
    "generate": _method("generate"),
    "detect": _detect,
    "hunt": _hunt,
    "evaluate_search": _evaluate_search,
    "infer": _section("infer"),
    "review": _review,
    "review_search": _review_search,
}
