"""One HistFactory workspace of several that measure one signal in disjoint events: likelihoods multiply.

The parameter of interest is common, and so are the parameters that are named; every other parameter gets the
tag of its workspace in front of its name. HistFactory correlates by equal names (CERN-OPEN-2012-016), so two
nuisance parameters that happen to be called the same would be one without a word.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, MismatchError, nearest
from resonaut.infer.combine_lumi import LUMI, rewrite

Json = dict[str, Any]
MEASUREMENT = "combined"
_OF_ONE_CHANNEL = {"shapesys", "staterror"}


@dataclass(frozen=True)
class Part:
    """A workspace that is combined.

    Attributes:
        tag: what stands before the names of its own parameters.
        label: file, or archive and member, and patch.
        content: JSON.
        measurement: that is used.
        model, data: pyhf's of this workspace alone.
    """

    tag: str
    label: str
    content: Json
    measurement: str
    model: Any
    data: Any

    @property
    def poi(self) -> str:
        """Parameter of interest."""
        return self.model.config.poi_name

    def has(self, name: str) -> bool:
        """Whether a parameter acts on a bin of this workspace."""
        return name in self.model.config.par_map

    @property
    def parameters(self) -> list[Json]:
        """Settings of the measurement's parameters."""
        measurement = next(item for item in self.content["measurements"] if item["name"] == self.measurement)
        return measurement["config"]["parameters"]


@dataclass(frozen=True)
class Combination:
    """A combined workspace.

    Attributes:
        content: JSON, of one measurement.
        names: new names of all parameters, by tag and old name.
        channels: new names of the channels, by tag and old name.
        shared: tags of the workspaces that have each common parameter.
        rewritten: tags of the workspaces whose `lumi` is another kind of modifier now.
        notes: what a reader should know.
    """

    content: Json
    names: dict[str, dict[str, str]]
    channels: dict[str, dict[str, str]]
    shared: dict[str, list[str]]
    rewritten: tuple[str, ...]
    notes: tuple[str, ...]


def combine(parts: Sequence[Part], shared: Sequence[str] | None = None) -> Combination:
    """Combine workspaces of disjoint events.

    Args:
        parts: two or more; the parameter of interest is called as in the first.
        shared: names of further parameters that are common; `lumi` (where it is) if None.

    Raises:
        ConfigError: a shared parameter is in fewer than two workspaces or belongs to one channel, a private
            `lumi` cannot be rewritten, or tags make equal names.
        MismatchError: shared parameters have other settings in one workspace than in another.
    """
    poi = parts[0].poi
    common = _common(parts, shared)
    of_name = {name: [part for part in parts if part.has(name)] for name in common}
    of_name = {poi: list(parts), **{name: found for name, found in of_name.items() if len(found) > 1}}
    _refuse_clashes(of_name, poi)
    with_lumi = [part.tag for part in parts if part.has(LUMI)]
    rewritten = () if LUMI in of_name else tuple(with_lumi[1:])
    names = {part.tag: _names(part, poi, set(of_name), rewritten) for part in parts}
    _refuse_equal_names(names, of_name)
    channels, notes = _channels(parts)
    spaces = [_renamed(part, names[part.tag], channels[part.tag], rewritten, notes) for part in parts]
    parameters = [_poi_settings(parts, notes)]
    for settings in (item for space in spaces for item in space["measurements"][0]["config"]["parameters"]):
        if settings["name"] not in [known["name"] for known in parameters]:
            parameters.append(settings)
    content = {
        "channels": [channel for space in spaces for channel in space["channels"]],
        "observations": [observed for space in spaces for observed in space["observations"]],
        "measurements": [{"name": MEASUREMENT, "config": {"poi": poi, "parameters": parameters}}],
        "version": parts[0].content["version"],
    }
    tags = {name: [part.tag for part in found] for name, found in of_name.items()}
    return Combination(content, names, channels, tags, rewritten, tuple(notes))


def _common(parts: Sequence[Part], shared: Sequence[str] | None) -> list[str]:
    """Names of the common parameters without that of interest."""
    if shared is None:
        return [LUMI]
    own = {part.poi for part in parts}
    wanted = [name for name in dict.fromkeys(shared) if name not in own]
    for name in wanted:
        having = [part for part in parts if part.has(name)]
        if len(having) < 2:
            known = sorted({other for part in parts for other in part.model.config.par_map})
            where = f"only in {having[0].label}" if having else "in no workspace"
            raise ConfigError(f"--shared: '{name}' is a parameter {where}. {nearest(name, known)}")
        for part in having:
            kinds = {kind for other, kind in part.model.config.modifiers if other == name}
            if kinds & _OF_ONE_CHANNEL:
                raise ConfigError(
                    f"--shared: '{name}' of {part.label} is a {min(kinds)}, which belongs to the bins of one "
                    "channel. Leave it out."
                )
    return wanted


def _settings(part: Part, name: str) -> Json:
    """What has to agree where a parameter is common."""
    group = part.model.config.param_set(name)
    found = {
        "constraint": group.pdf_type if group.constrained else "none",
        "inits": np.asarray(group.suggested_init).tolist(),
        "bounds": np.asarray(group.suggested_bounds).tolist(),
        "fixed": list(group.suggested_fixed),
    }
    if group.constrained:
        found |= {"auxdata": np.asarray(group.auxdata).tolist(), "sigmas": np.asarray(group.width()).tolist()}
    return found


def _refuse_clashes(of_name: Mapping[str, Sequence[Part]], poi: str) -> None:
    clashes = []
    for name, found in of_name.items():
        described = [_settings(part, part.poi if name == poi else name) for part in found]
        # Bounds of the signal strength are technical: the widest are taken.
        free = {"inits", "bounds"} if name == poi else set()
        for key in dict.fromkeys(key for settings in described for key in settings if key not in free):
            values = [settings.get(key) for settings in described]
            if any(value != values[0] for value in values):
                each = ", ".join(f"{value} in {part.tag}" for value, part in zip(values, found, strict=True))
                clashes.append(f"{name}: {key} {each}")
    if clashes:
        raise MismatchError(
            "Common parameters have different settings in the workspaces: "
            f"{'; '.join(clashes)}. Make them alike, or leave them out of --shared."
        )


def _names(part: Part, poi: str, shared: set[str], rewritten: Sequence[str]) -> dict[str, str]:
    """New names of the parameters of a workspace."""

    def new(name: str) -> str:
        if name == part.poi:
            return poi
        kept = name == LUMI and part.tag not in rewritten
        return name if kept or name in shared - {poi} else f"{part.tag}_{name}"

    return {name: new(name) for name in part.model.config.par_order}


def _refuse_equal_names(
    names: Mapping[str, Mapping[str, str]], of_name: Mapping[str, Sequence[Part]]
) -> None:
    """Equal names correlate: only those of common parameters may be."""
    counted = Counter(new for of_part in names.values() for new in of_part.values())
    for name, number in counted.items():
        if number > len(of_name.get(name, [name])):
            raise ConfigError(
                f"Different parameters would both be called '{name}': one of them has the name of a "
                "workspace's file in its own. Rename that file."
            )


def _channels(parts: Sequence[Part]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """New names of channels, those that are in several workspaces with a tag; and notes on them."""
    of_name: dict[str, list[Part]] = {}
    for part in parts:
        for channel in part.model.config.channels:
            of_name.setdefault(channel, []).append(part)
    notes = []
    for name, found in of_name.items():
        observed = [
            next(item["data"] for item in part.content["observations"] if item["name"] == name)
            for part in found
        ]
        if len(found) > 1 and any(counts in observed[:number] for number, counts in enumerate(observed)):
            notes.append(
                f"channel {name} of {' and '.join(part.tag for part in found)} has the same counts: the "
                "combination takes events as disjoint"
            )
    return {
        part.tag: {
            name: name if len(of_name[name]) == 1 else f"{part.tag}_{name}"
            for name in part.model.config.channels
        }
        for part in parts
    }, notes


def _renamed(
    part: Part,
    names: Mapping[str, str],
    channels: Mapping[str, str],
    rewritten: Sequence[str],
    notes: list[str],
) -> Any:
    """Workspace with one measurement and new names; settings of parameters without effect are left out."""
    import pyhf

    used = [item for item in copy.deepcopy(part.parameters) if item["name"] in names]
    config = {"poi": part.poi, "parameters": used}
    content = copy.deepcopy(part.content)
    content["measurements"] = [{"name": MEASUREMENT, "config": config}]
    if part.tag in rewritten:
        notes += rewrite(part.label, part.tag, part.model.config.param_set(LUMI), content)
    return pyhf.Workspace(content).rename(modifiers=dict(names), channels=dict(channels))


def _poi_settings(parts: Sequence[Part], notes: list[str]) -> Json:
    """Of the parameter of interest: the start of the first workspace, and the widest bounds."""
    groups = [part.model.config.param_set(part.poi) for part in parts]
    pairs = [tuple(map(float, group.suggested_bounds[0])) for group in groups]
    low, high = min(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    if len(set(pairs)) > 1:
        notes.append(f"bounds of {parts[0].poi} differ: the widest, {low:g} to {high:g}, are taken")
    others = sorted({part.poi for part in parts} - {parts[0].poi})
    if others:
        notes.append(f"{parts[0].poi} is the parameter of interest; it stands for {', '.join(others)} too")
    return {
        "name": parts[0].poi,
        "inits": [float(groups[0].suggested_init[0])],
        "bounds": [[low, high]],
        "fixed": bool(groups[0].suggested_fixed[0]),
    }


def product_twice_nll(parts: Sequence[Part], made: Combination, at: Mapping[str, Sequence[float]]) -> float:
    """-2 ln of the product of the single likelihoods, each constraint of a common parameter once.

    Args:
        parts: what was combined.
        made: the combination.
        at: values of the parameters, by their new names.
    """
    from scipy.stats import norm

    total, counted = 0.0, set()
    for part in parts:
        config, values = part.model.config, []
        for name in config.par_order:
            new, group = made.names[part.tag][name], config.param_set(name)
            value = np.asarray(at[new], float)
            if name == LUMI and part.tag in made.rewritten:
                sigma = float(group.width()[0])
                # A density of lumi in place of one of (lumi - 1) / sigma.
                value, total = 1 + sigma * value, total - 2 * math.log(sigma)
            if group.constrained and new in counted:
                total += 2 * norm.logpdf(group.auxdata, value, group.width()).sum()
            counted |= {new} & set(made.shared)
            values.append(value)
        total -= 2 * float(part.model.logpdf(np.concatenate(values), part.data)[0])
    return float(total)
