"""Statistics of several HistFactory workspaces together: `resonaut infer --workspace` with more than one.

The folder gets `workspace.json`, the combination, and `result.json` with the keys of `infer.foreign` except
`workspace` and `patch`, and with

- `workspaces`: of each `tag`, `workspace`, `patch`, `measurement`, `poi`, `channels` and `private` (old
  names of channels and of its own parameters, and their new ones);
- `shared`: of each common parameter the tags of the workspaces that have it;
- `closure`: -2 ln L at the best fit, `combined` and as the `product` of the single likelihoods, each
  constraint of a common parameter once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from resonaut.errors import ConfigError
from resonaut.files import write_json
from resonaut.infer import foreign
from resonaut.infer.combine_workspaces import Combination, Part, combine, product_twice_nll
from resonaut.infer.foreign_files import Located, patched, read_patch, read_workspace
from resonaut.infer.foreign_fits import ForeignFit
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate

SCHEMA_VERSION = 1
NO_PATCH = "none"
PACKAGES = ["iminuit", "numpy", "pyhf", "scipy"]


class CombinationSettings(foreign.LikelihoodSettings):
    """What is asked of several workspaces together."""

    patch: list[str] | None = Field(
        None, description=f"A patch for each workspace, in their order; {NO_PATCH} where there is none."
    )
    measurement: list[str] | None = Field(
        None, description="Name of the measurement of each workspace; the first of each if absent."
    )
    shared: list[str] | None = Field(
        None, description="Common parameters beside the parameter of interest; lumi, where it is, if absent."
    )


def run(workspaces: Sequence[str], output: str | os.PathLike, settings: dict[str, Any]) -> None:
    """Combine workspaces of disjoint events, and test the combination.

    Args:
        workspaces: JSON files, or `archive.tar.gz:member.json`.
        output: folder of `workspace.json` and `result.json`.
        settings: of `CombinationSettings`.

    Raises:
        ConfigError: not one patch or measurement for each workspace, or parameters that cannot be shared.
        InputError: a workspace or a patch cannot be used, or common parameters are set differently.
        FitError: a fit does not converge.
    """
    given = validate(CombinationSettings, settings)
    for option in ("patch", "measurement"):
        values = getattr(given, option)
        if values is not None and len(values) != len(workspaces):
            raise ConfigError(
                f"--{option}: {len(values)} given for {len(workspaces)} workspaces. Give one for each, in "
                f"their order{f' ({NO_PATCH} for no patch)' if option == 'patch' else ''}."
            )
    bases = [read_workspace(name) for name in workspaces]
    parts, inputs = _parts(bases, given)
    made = combine(parts, given.shared)
    label = " + ".join(part.tag for part in parts)
    model, data, measurement = foreign.model_of(made.content, label, None)
    fit = ForeignFit(model, data, label)
    notes = [*made.notes, *foreign.empty_bins(model, data), *fit.notes]
    for note in (*made.notes, *fit.notes):
        log.warning("%s: %s", label, note)
    result = {
        "schema_version": SCHEMA_VERSION,
        "workspaces": [_described(part, base, made) for part, base in zip(parts, bases, strict=True)],
        "shared": made.shared,
        "measurement": measurement,
        **foreign.tested(fit, given),
        "closure": _closure(fit, parts, made),
        "notes": notes,
        "provenance": describe(given.model_dump(), sorted(inputs), PACKAGES),
    }
    target = Path(output) / "result.json"
    write_json(target.with_name("workspace.json"), made.content)
    write_json(target, result)
    write_run_record(target)
    _say(result)


def _parts(bases: Sequence[Located], given: CombinationSettings) -> tuple[list[Part], set[Path]]:
    """Workspaces with their patches, and the files on the disk."""
    tags = [PurePosixPath(base.member or base.path.as_posix()).stem for base in bases]
    if len(set(tags)) < len(tags):
        tags = [f"workspace_{number}" for number in range(1, len(bases) + 1)]
    patches = given.patch or [NO_PATCH] * len(bases)
    measurements = given.measurement or [None] * len(bases)
    parts, inputs = [], set()
    for tag, base, patch, measurement in zip(tags, bases, patches, measurements, strict=True):
        content, label = base.content, base.label
        inputs.add(base.path)
        if patch != NO_PATCH:
            operations, label, path = read_patch(patch, base)
            content = patched(base, operations, label)
            inputs.add(path)
        model, data, name = foreign.model_of(content, label, measurement)
        parts.append(Part(tag, label, content, name, model, data))
    return parts, inputs


def _described(part: Part, base: Located, made: Combination) -> dict[str, Any]:
    return {
        "tag": part.tag,
        "workspace": base.label,
        "patch": None if part.label == base.label else part.label,
        "measurement": part.measurement,
        "poi": part.poi,
        "channels": made.channels[part.tag],
        "private": {old: new for old, new in made.names[part.tag].items() if new not in made.shared},
    }


def _closure(fit: ForeignFit, parts: Sequence[Part], made: Combination) -> dict[str, float]:
    config = fit.model.config
    at = {name: fit.best[config.par_slice(name)] for name in config.par_order}
    return {"combined": fit.best_value, "product": product_twice_nll(parts, made, at)}


def _say(result: dict[str, Any]) -> None:
    private = sum(len(part["private"]) for part in result["workspaces"])
    print(
        f"{len(result['workspaces'])} workspaces: {', '.join(result['shared'])} common, {private} parameters "
        "private"
    )
    foreign.say(result)
