"""The luminosity of one workspace as a parameter of its own, beside others that have one too.

A modifier `lumi` cannot be renamed (pyhf's schema). It becomes a parameter a = (lumi - 1) / sigma with a
normal constraint: `histosys` of 1 +- sigma, the same likelihood up to a constant, or `normsys` for samples
that have a `histosys` already, the same up to sigma^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resonaut.errors import ConfigError

Json = dict[str, Any]
LUMI = "lumi"


def rewrite(label: str, tag: str, group: Any, content: Json) -> list[str]:
    """Rewrite the modifiers and the settings of `lumi` in place.

    Args:
        label, tag: of the workspace.
        group: pyhf's parameter set of `lumi`.
        content: JSON with one measurement.

    Returns:
        Notes on samples where the likelihood is another one.

    Raises:
        ConfigError: its central value is not 1.
    """
    sigma = float(group.width()[0])
    if group.auxdata[0] != 1:
        raise ConfigError(
            f"{label}: lumi has auxdata {group.auxdata[0]:g}; 1 is expected where it is not shared. Share "
            "it, or scale the samples and set it to 1."
        )
    approximate = 0
    for sample in (sample for channel in content["channels"] for sample in channel["samples"]):
        shifted = any(modifier["type"] == "histosys" for modifier in sample["modifiers"])
        for modifier in sample["modifiers"]:
            if modifier["type"] == LUMI:
                approximate += shifted
                modifier |= _rate(sigma) if shifted else _shift(sample["data"], sigma)
    parameters = content["measurements"][0]["config"]["parameters"]
    parameters[:] = [item for item in parameters if item["name"] != LUMI]
    bounds = [[(bound - 1) / sigma for bound in pair] for pair in group.suggested_bounds]
    inits = [(value - 1) / sigma for value in group.suggested_init]
    fixed = bool(group.suggested_fixed[0])
    parameters.append({"name": LUMI, "inits": inits, "bounds": bounds, "fixed": fixed})
    if not approximate:
        return []
    return [
        f"lumi of {tag} is a normsys for {approximate} samples that have a histosys: the same up to "
        f"{sigma**2:.2g} of their rates"
    ]


def _rate(sigma: float) -> Json:
    return {"type": "normsys", "data": {"hi": 1 + sigma, "lo": 1 - sigma}}


def _shift(data: Sequence[float], sigma: float) -> Json:
    up, down = ([scale * value for value in data] for scale in (1 + sigma, 1 - sigma))
    return {"type": "histosys", "data": {"hi_data": up, "lo_data": down}}
