"""What an entry of `stability` reads: the rows of a tagger, which is trained anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resonaut import references

if TYPE_CHECKING:
    from resonaut.config import Study
    from resonaut.workflow import Plan

_OF_TASK = {
    "binary": ("loss", "auc", "rejection"),
    "classes": ("loss", "accuracy"),
    "regression": ("absolute_error",),
}


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    kind, datasets = plan.inputs_of("tag", plan.study.stability[name].tagger)
    return {kind: [f"{one}={path}" for one, path in plan.manifests(kind, datasets).items()]}


def methods(plan: Plan, name: str) -> list[tuple[str, str]]:
    """The tagger whose networks are trained."""
    return [("tag", plan.study.stability[name].tagger)]


def more(study: Study, name: str) -> dict[str, Any]:
    """The slice of the tagger."""
    return {"tag": trained_slice(study, study.stability[name].tagger)}


def trained_slice(study: Study, tagger: str) -> dict[str, Any]:
    """The slice that a tagger is trained with."""
    settings = study.tag[tagger].model_dump(mode="json")
    return {"method": tagger, "kind": study.kinds["tag"][tagger], "settings": settings, "seed": study.seed}


def require_own_training(study: Study, tagger: str, where: str) -> None:
    """Require a tagger that learns from a representation alone.

    Raises:
        ValueError: it is unknown, or reads what other rules make.
    """
    references.known(tagger, study.tag, where, "tagger")
    references.trained_plainly(study, tagger, where)
    settings = study.tag[tagger]
    if settings.taggers_used():
        raise ValueError(f"{where}: '{tagger}' reads scores of other taggers; name one that does not")
    for key in ("transfer", "tuned"):
        if getattr(settings, key) is not None:
            raise ValueError(
                f"{where}: '{tagger}' has the key '{key}', and would not be trained afresh; name a tagger "
                "without it"
            )


def check(study: Study, name: str) -> None:
    """Check an entry against the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    entry, where = study.stability[name], f"stability.{name}"
    require_own_training(study, entry.tagger, f"{where}.tagger")
    quantities = _OF_TASK[study.tag[entry.tagger].task]
    if entry.metric not in quantities:
        raise ValueError(
            f"{where}.metric: '{entry.metric}' is not measured of the task "
            f"'{study.tag[entry.tagger].task}'; one of {', '.join(quantities)} is expected"
        )
