"""Slices of the configuration: the part that each rule uses, and nothing else, so that reruns are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resonaut import pseudo_settings, search_variations, variation_settings
from resonaut.asked import asked
from resonaut.trust import plan as trust
from resonaut.variation_settings import NOMINAL

if TYPE_CHECKING:
    from resonaut.config import Study


def _simulate(study: Study, dataset: str) -> dict[str, Any]:
    entry = study.datasets[dataset]
    settings = entry.settings.model_dump(mode="json")
    if settings.get("seed") is None:
        settings["seed"] = study.seed
    return {"dataset": dataset, "source": entry.source, "settings": settings}


_OF_FILES = ("reader", "options", "classes", "cross_section", "on_bad_file", "verify")


def _ingest(study: Study, dataset: str, variation: str = NOMINAL) -> dict[str, Any]:
    entry = study.datasets[dataset]
    task = {"dataset": dataset, "label": entry.label, "ingest": study.ingest.model_dump(mode="json")}
    if variation_settings.applies(study, variation, dataset):
        varied = study.variations[variation]
        task["pileup"] = varied.module.overlay(study, variation, varied.settings)
    if study.is_simulated(dataset):
        return {**task, "reader": entry.source_module.READER}
    settings = entry.settings.model_dump(mode="json", include=set(_OF_FILES))
    return {**task, **settings, "luminosity": entry.settings.luminosity_fb()}


def _representation(kind: str) -> Any:
    def slice_(study: Study, dataset: str = "", variation: str = NOMINAL) -> dict[str, Any]:
        whole = study.represent.model_dump(mode="json")
        varied = variation_settings.of_chunk(study, variation, dataset)
        return {key: whole[key] for key in ("n_jets", "selection", kind)} | (
            {"variation": varied} if varied else {}
        )

    return slice_


def _showers(study: Study) -> dict[str, Any]:
    return {"showers": study.represent.showers.model_dump(mode="json")}


def _mix(study: Study, mixture: str) -> dict[str, Any]:
    entry = study.mixtures[mixture]
    return {"mixture": mixture, "datasets": dict(entry.datasets), "draw": entry.seed, "seed": study.seed}


def _pseudo(study: Study, mixture: str) -> dict[str, Any]:
    name, entry, part = pseudo_settings.of_part(study, mixture)
    first, count = entry.span(part)
    drawn = entry.model_dump(mode="json", include={"source", "n_events", "inject"})
    drawn["datasets"] = list(pseudo_settings.background_of(name, entry))
    # Events that are made are as good as simulated ones: none stands in two pseudo-experiments.
    drawn["source"] = "disjoint" if entry.source == "flow" else entry.source
    family = f"{entry.mixture}:{name}"
    return {"mixture": mixture, "family": family, "first": first, "count": count, "seed": study.seed, **drawn}


def _background_events(study: Study, dataset: str) -> dict[str, Any]:
    name = pseudo_settings.generated(study)[dataset]
    entry = study.pseudo_experiments[name]
    functions = study.hunt.functions()
    return {
        "mixture": entry.mixture,
        "name": dataset,
        "features": list(pseudo_settings.generated_features(study, name)),
        **entry.generate.model_dump(mode="json"),
        "scan": study.scan.model_dump(mode="json"),
        "bin_width": study.hunt.bin_width,
        "background": study.hunt.background,
        "function": functions[max(functions)],
        "seed": study.seed,
    }


def _calibrate(study: Study, mixture: str, experiments: str) -> dict[str, Any]:
    entry = study.pseudo_experiments[experiments]
    stop = None if entry.stop is None else entry.stop.model_dump(mode="json")
    # Without their number: more pseudo-experiments rerun none of the rounds before.
    return {
        "mixture": mixture,
        "name": experiments,
        "stop": stop,
        "inject": dict(entry.inject),
        "infer": _local_test(study),
    }


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


def _tag(study: Study, method: str) -> dict[str, Any]:
    slice_ = _method("tag")(study, method)
    robust = study.tag[method].robust
    if robust is not None and robust.variations:
        sigma = variation_settings.signed_sigma
        slice_["sigma"] = {name: sigma(name, study.variations[name]) for name in robust.variations}
    return slice_


_NOT_OF_TRAINING = {"evaluate", "n_samples"}


def _generate(study: Study, method: str) -> dict[str, Any]:
    settings = study.generate[method].model_dump(mode="json", exclude=_NOT_OF_TRAINING)
    return {**_method("generate")(study, method), "settings": settings}


def _generate_sample(study: Study, method: str) -> dict[str, Any]:
    settings = study.generate[method]
    return {
        "number": settings.n_samples,
        "seed": study.seed,
        "extrapolate": settings.evaluate.extrapolate,
    }


def _generate_time(study: Study, method: str) -> dict[str, Any]:
    return study.generate[method].evaluate.model_dump(mode="json", include={"simulation"})


def _generate_evaluate(study: Study, method: str) -> dict[str, Any]:
    elsewhere = {"timing", "simulation", "extrapolate"}
    settings = study.generate[method].model_dump(
        mode="json", exclude={"training": True, "evaluate": elsewhere}
    )
    return {**_method("generate")(study, method), "settings": settings}


def _generate_dataset(study: Study, dataset: str) -> dict[str, Any]:
    entry = study.datasets[dataset]
    settings = entry.settings.model_dump(mode="json", exclude={"seed"})
    seed = study.seed if entry.settings.seed is None else entry.settings.seed
    return {"dataset": dataset, "label": entry.label, "seed": seed, "settings": settings}


def _cluster(study: Study, name: str) -> dict[str, Any]:
    return {"name": name, "seed": study.seed, "cluster": study.cluster[name].model_dump(mode="json")}


def _amplify(study: Study, name: str) -> dict[str, Any]:
    settings = study.amplification[name].model_dump(mode="json")
    return {"name": name, "seed": study.seed, "amplification": settings}


def _tune(study: Study, search: str) -> dict[str, Any]:
    tune = study.tune[search]
    tagger = {**_tag(study, tune.tagger)}
    # What is trained on what counts, and not that the best parameters are for this tagger.
    tagger["settings"] = {**tagger["settings"], "tuned": None}
    return {"name": search, "tune": tune.model_dump(mode="json"), "tag": tagger}


def _detect(study: Study, mixture: str, method: str, windows: str = "") -> dict[str, Any]:
    scan = study.scan.model_dump(mode="json")
    if windows:
        scan["windows"] = [w.model_dump(mode="json") for w in study.parts(method)[windows]]
    varied = {"varied": search_variations.of_detect(study)} if search_variations.asked(study, mixture) else {}
    return {**_method("detect")(study, method), "mixture": mixture, "scan": scan, **varied}


def _hunt(study: Study) -> dict[str, Any]:
    hunt = study.hunt.model_dump(mode="json", exclude={"evaluate"})
    return {"scan": study.scan.model_dump(mode="json"), "hunt": hunt}


def _templates(study: Study) -> dict[str, Any]:
    scan = study.scan.model_dump(mode="json")
    return {"sources": search_variations.sources(study), "scan": scan, "seed": study.seed}


def _evaluate_search(study: Study) -> dict[str, Any]:
    evaluate = study.hunt.evaluate.model_dump(mode="json")
    return {"scan": study.scan.model_dump(mode="json"), "evaluate": evaluate, "seed": study.seed}


def _trials(study: Study, mixture: str) -> dict[str, Any]:
    null, *others = pseudo_settings.compared(study, mixture)
    return {
        "mixture": mixture,
        "null": null,
        "inject": {name: dict(study.pseudo_experiments[name].inject) for name in others},
        "trials_table": study.infer.trials_table.model_dump(mode="json"),
        "infer": _local_test(study),
        "seed": study.seed,
    }


def _local_test(study: Study) -> dict[str, Any]:
    # Variations are of the events of a search, which only `infer test` reads.
    return study.infer.model_dump(
        mode="json",
        include={"signal", "uncertainties", "envelope"},
        exclude={"uncertainties": {"variations"}},
    )


def _infer(study: Study) -> dict[str, Any]:
    return {"infer": study.infer.of_test(), "seed": study.seed}


def _global(study: Study) -> dict[str, Any]:
    trials = study.infer.trials.model_dump(mode="json")
    # What the file says that it leaves out is of the slice too.
    return {"trials": trials, **_local_test(study), "seed": study.seed}


def _validate(study: Study) -> dict[str, Any]:
    keys = {"confidence_level", "signal", "uncertainties", "envelope", "validation"}
    dumped = study.infer.model_dump(mode="json", include=keys, exclude={"uncertainties": {"variations"}})
    return {"infer": dumped, "seed": study.seed}


def _review(study: Study) -> dict[str, Any]:
    # All datasets, so that one has the same colour in every figure.
    review = study.review.model_dump(mode="json", exclude={"checks"})
    return {"review": review, "datasets": sorted(study.datasets)}


def _checks(study: Study) -> dict[str, Any]:
    return {"checks": study.review.checks.model_dump(mode="json")}


def _review_search(study: Study) -> dict[str, Any]:
    return {**_review(study), "unblind": study.hunt.unblind}


def _page(study: Study) -> dict[str, Any]:
    return {
        "study": study.study,
        "seed": study.seed,
        "label": study.review.label,
        "unblind": study.hunt.unblind,
        "asked": asked(study),
        "events": [study.data_folder(name) for name in sorted(study.datasets) if study.is_simulated(name)],
    }


SLICES: dict[str, Any] = {
    "simulate": _simulate,
    "ingest": _ingest,
    "features": _representation("features"),
    "images": _representation("images"),
    "clouds": _representation("clouds"),
    "showers": _showers,
    "shower_features": _showers,
    "mix": _mix,
    "pseudo": _pseudo,
    "background_events": _background_events,
    "calibrate": _calibrate,
    "trials": _trials,
    "tag": _tag,
    "tune": _tune,
    "generate": _generate,
    "generate_sample": _generate_sample,
    "generate_time": _generate_time,
    "generate_dataset": _generate_dataset,
    "generate_evaluate": _generate_evaluate,
    "cluster": _cluster,
    "amplify": _amplify,
    "detect": _detect,
    "hunt": _hunt,
    "templates": _templates,
    "evaluate_search": _evaluate_search,
    "infer": _infer,
    "validate": _validate,
    "global": _global,
    "review": _review,
    "review_search": _review_search,
    "checks": _checks,
    "page": _page,
    **{section: trust.entry_slice(section) for section in trust.SECTIONS},
}
