"""A workspace in the HEP statistics serialisation standard, HS3 0.2: the same likelihood.

HistFactory's parts are those of pyhf's layout with these differences: parameters are named where they act;
errors of simulated shapes stand with the sample (one factor per bin, Gaussian); the luminosity is a factor
with an auxiliary Gaussian measurement; interpolations are named (pyhf's defaults, `code4` and `code4p`).
"""

from __future__ import annotations

from typing import Any

VERSION = "0.2"
_WIDE = 5.0

Json = dict[str, Any]


def convert(content: Json) -> Json:
    """HS3 of a workspace of `workspaces`.

    Args:
        content: pyhf's layout.
    """
    measurement = content["measurements"][0]
    settings = {one["name"]: one for one in measurement["config"]["parameters"]}
    observations = {one["name"]: one["data"] for one in content["observations"]}
    parameters: dict[str, tuple[float, float, float]] = {}
    distributions, data = [], []
    for channel in content["channels"]:
        observed = observations[channel["name"]]
        axes = [
            {
                "name": f"bin_{channel['name']}",
                "min": 0.0,
                "max": float(len(observed)),
                "nbins": len(observed),
            }
        ]
        samples = [_sample(sample, channel["name"], settings, parameters) for sample in channel["samples"]]
        distributions.append(
            {"name": channel["name"], "type": "histfactory_dist", "axes": axes, "samples": samples}
        )
        data.append({"name": _data(channel["name"]), "type": "binned", "axes": axes, "contents": observed})
    auxiliary = []
    if "lumi" in parameters:
        lumi = settings["lumi"]
        auxiliary.append(
            {
                "name": "luminosity_measurement",
                "type": "gaussian_dist",
                "x": lumi["auxdata"][0],
                "mean": "lumi",
                "sigma": lumi["sigmas"][0],
            }
        )
    likelihood = {
        "name": "likelihood",
        "distributions": [channel["name"] for channel in content["channels"]],
        "data": [one["name"] for one in data],
    }
    if auxiliary:
        likelihood["aux_distributions"] = [one["name"] for one in auxiliary]
    return {
        "metadata": {"hs3_version": VERSION},
        "distributions": [*distributions, *auxiliary],
        "data": data,
        "domains": [
            _domain("parameters_of_interest", {"mu": parameters["mu"]}),
            _domain("nuisance_parameters", {k: v for k, v in parameters.items() if k != "mu"}),
        ],
        "parameter_points": [
            {
                "name": "nominal",
                "parameters": [{"name": name, "value": value[0]} for name, value in parameters.items()],
            }
        ],
        "likelihoods": [likelihood],
        "analyses": [
            {
                "name": measurement["name"],
                "likelihood": "likelihood",
                "parameters_of_interest": ["mu"],
                "domains": ["parameters_of_interest", "nuisance_parameters"],
                "init": "nominal",
            }
        ],
    }


def _data(channel: str) -> str:
    return f"observed_{channel}"


def _domain(name: str, parameters: dict[str, tuple[float, float, float]]) -> Json:
    axes = [{"name": one, "min": low, "max": high} for one, (_, low, high) in parameters.items()]
    return {"name": name, "type": "product_domain", "axes": axes}


def _sample(sample: Json, channel: str, settings: Json, parameters: dict[str, Any]) -> Json:
    """One sample; its parameters are added to `parameters` as (start, lower, upper)."""
    data: Json = {"contents": sample["data"]}
    modifiers = []
    for modifier in sample["modifiers"]:
        kind, name = modifier["type"], modifier["name"]
        if kind in ("normfactor", "lumi"):
            given = settings[name]
            parameters[name] = (given["inits"][0], *given["bounds"][0])
            modifiers.append({"name": name, "type": "normfactor", "parameter": name})
        elif kind in ("normsys", "histosys"):
            bounds = settings.get(name, {"bounds": [[-_WIDE, _WIDE]]})["bounds"][0]
            parameters[f"alpha_{name}"] = (0.0, *bounds)
            modifiers.append(
                {
                    "name": name,
                    "type": kind,
                    "parameter": f"alpha_{name}",
                    "constraint": "Gauss",
                    "data": _variation(kind, modifier["data"]),
                }
            )
        else:
            names = [f"gamma_{name}_{channel}_{number}" for number in range(len(sample["data"]))]
            parameters |= dict.fromkeys(names, (1.0, 0.0, 10.0))
            entry = {"name": name, "type": kind, "parameters": names}
            if kind == "shapesys":
                entry |= {"constraint": "Poisson", "data": {"vals": modifier["data"]}}
            else:
                entry["constraint"] = "Gauss"
                data["errors"] = modifier["data"]
            modifiers.append(entry)
    return {"name": sample["name"], "data": data, "modifiers": modifiers}


def _variation(kind: str, data: Json) -> Json:
    if kind == "normsys":
        return {"hi": data["hi"], "lo": data["lo"], "interpolation": "code4"}
    return {
        "hi": {"contents": data["hi_data"]},
        "lo": {"contents": data["lo_data"]},
        "interpolation": "code4p",
    }
