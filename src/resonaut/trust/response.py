"""What an entry of `response` reads: scores of the nominal and of the varied events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resonaut import references, variation_settings
from resonaut.variation_settings import NOMINAL

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan


def taggers(study: Study, name: str) -> list[str]:
    """Taggers of an entry: those that it names, or all of two classes."""
    binary = [tagger for tagger, settings in sorted(study.tag.items()) if settings.task == "binary"]
    return list(study.response[name].tagger) or binary


def variations(study: Study, name: str) -> list[str]:
    """Variations of an entry: those that it names, or all that change a dataset of its taggers."""
    used = {one for tagger in taggers(study, name) for one in study.tag[tagger].datasets_used()}
    return list(study.response[name].variations) or [
        variation
        for variation in sorted(study.variations)
        if any(variation_settings.applies(study, variation, dataset) for dataset in used)
    ]


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    study = plan.study
    scores, rows = [], []
    for tagger in taggers(study, name):
        settings = study.tag[tagger]
        for variation in (NOMINAL, *variations(study, name)):
            weighted = variation != NOMINAL and study.variations[variation].kind == "weight"
            for dataset in settings.datasets_used():
                key = f"{tagger}/{variation}/{dataset}"
                scores.append(f"{key}={plan.scored_file(tagger, dataset, variation)}")
                if settings.matched or settings.event_weights or weighted:
                    manifest = plan.varied_manifest(settings.representation(), dataset, variation)
                    rows.append(f"{key}={manifest}")
    return {"scores": scores, "manifests": rows}


def more(study: Study, name: str) -> dict[str, Any]:
    """What the rows of the taggers are, and what the variations stand for."""
    chosen = taggers(study, name)
    used = sorted({one for tagger in chosen for one in study.tag[tagger].datasets_used()})
    keys = {"signal", "background", "matched", "event_weights"}
    sources = {
        variation: source
        for source, pair in variation_settings.pairs(variations(study, name)).items()
        for variation in pair
        if variation is not None
    }
    changes = {}
    for variation in variations(study, name):
        entry = study.variations[variation]
        changes[variation] = {
            "kind": entry.kind,
            "source": sources[variation],
            "sigma": variation_settings.signed_sigma(variation, entry),
            "column": getattr(entry.settings, "column", None),
            "largest": getattr(entry.settings, "largest", None),
            "datasets": [one for one in used if variation_settings.applies(study, variation, one)],
        }
    return {
        "taggers": {tagger: study.tag[tagger].model_dump(mode="json", include=keys) for tagger in chosen},
        "variations": changes,
    }


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.response[name], f"response.{name}"
    for tagger in entry.tagger:
        references.known(tagger, study.tag, f"{where}.tagger", "tagger")
        if study.tag[tagger].task != "binary":
            raise ValueError(
                f"{where}.tagger: '{tagger}' has the task '{study.tag[tagger].task}'; one that tells signal "
                "from background is expected"
            )
    if not taggers(study, name):
        raise ValueError(f"{where}: no tagger of signal and background stands in 'tag'; add one")
    for variation in entry.variations:
        references.known(variation, study.variations, f"{where}.variations", "variation")
    if not variations(study, name):
        raise ValueError(f"{where}: no entry of 'variations' changes a dataset of its taggers; add one")
    for tagger in taggers(study, name):
        datasets = study.tag[tagger].datasets_used()
        for variation in variations(study, name):
            changed = [one for one in datasets if variation_settings.applies(study, variation, one)]
            if not changed:
                raise ValueError(
                    f"{where}.variations: '{variation}' changes no dataset of the tagger '{tagger}' "
                    f"({', '.join(datasets)}); leave one of them out"
                )
            for dataset in changed:
                variation_settings.require(study, variation, dataset, f"{where}.variations")
