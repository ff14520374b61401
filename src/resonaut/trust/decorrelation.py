"""What an entry of `decorrelation` reads: scores of the test rows of taggers, and a response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut import references

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan


def taggers(study: Study, name: str) -> list[str]:
    """Taggers of an entry: those that it names, or all of two classes whose rows are jets."""
    found = [
        tagger
        for tagger, settings in sorted(study.tag.items())
        if settings.task == "binary" and settings.rows() == "jets"
    ]
    return list(study.decorrelation[name].tagger) or found


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    response = plan.study.decorrelation[name].response
    return {
        "scores": [
            f"{tagger}={plan.base}/tag/{tagger}/scores.h5" for tagger in sorted(taggers(plan.study, name))
        ],
        "response": [] if response is None else [plan.trust_result("response", response)],
    }


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.decorrelation[name], f"decorrelation.{name}"
    if entry.response is not None:
        references.known(entry.response, study.response, f"{where}.response", "entry of response")
    for tagger in entry.tagger:
        references.known(tagger, study.tag, f"{where}.tagger", "tagger")
        settings = study.tag[tagger]
        if settings.task != "binary" or settings.rows() != "jets":
            raise ValueError(
                f"{where}.tagger: '{tagger}' tells no signal jets from background jets; name one that does"
            )
    if not taggers(study, name):
        raise ValueError(f"{where}: no tagger of signal and background jets stands in 'tag'; add one")
