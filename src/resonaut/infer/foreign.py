"""Statistics of a HistFactory workspace of any origin: `resonaut infer --workspace`.

`result.json` holds `workspace`, `patch` and `measurement` (what was taken), `poi`, `model` (numbers of
`channels`, `bins`, `parameters`), `best_fit` (`mu`, `error`, `twice_nll`), `discovery` (`q0`, `p_value`,
`z_local`), `tested` (`mu`, `q_tilde`, `q_asimov`, `cls_observed`, and `cls_expected` at -2, -1, 0, 1, 2
standard deviations of the background), `upper_limit` (`confidence_level`, `observed`, `expected` in the same
order; null if not asked for), `pulls` (of each constrained parameter `name`, `pull` and `error`, in standard
deviations of its constraint), `notes` (bounds that were widened or are touched, bins without background) and
`provenance`.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from resonaut.errors import InputError, nearest
from resonaut.files import write_json
from resonaut.infer.foreign_files import patched, read_patch, read_workspace
from resonaut.infer.foreign_fits import ForeignFit
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.settings import Settings, validate

SCHEMA_VERSION = 1


class LikelihoodSettings(Settings):
    """What is asked of a likelihood."""

    mu: float = Field(1.0, gt=0, description="Signal strength that is tested.")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="Of the limits.")
    limits: bool = Field(True, description="Whether upper limits are searched (some 20 fits).")


class WorkspaceSettings(LikelihoodSettings):
    """What is asked of a workspace."""

    patch: str | None = Field(None, description="Patch: a file, patchset.json:NAME, or a NAME beside it.")
    measurement: str | None = Field(None, description="Name of the measurement; the first if absent.")


def run(workspace: str, output: str | os.PathLike, settings: dict[str, Any]) -> None:
    """Test a workspace.

    Args:
        workspace: a JSON file, or `archive.tar.gz:member.json`.
        output: folder of `result.json`.
        settings: of `WorkspaceSettings`.

    Raises:
        InputError: the workspace or the patch cannot be used.
        FitError: a fit does not converge.
    """
    given = validate(WorkspaceSettings, settings)
    base = read_workspace(workspace)
    content, label, inputs = base.content, base.label, {base.path}
    if given.patch is not None:
        operations, patch, path = read_patch(given.patch, base)
        content = patched(base, operations, patch)
        label, inputs = patch, inputs | {path}
    model, data, measurement = model_of(content, label, given.measurement)
    fit = ForeignFit(model, data, label)
    for note in fit.notes:
        log.warning("%s: %s", label, note)
    result = {
        "schema_version": SCHEMA_VERSION,
        "workspace": base.label,
        "patch": None if given.patch is None else label,
        "measurement": measurement,
        **tested(fit, given),
        "notes": [*empty_bins(model, data), *fit.notes],
        "provenance": describe(given.model_dump(), sorted(inputs), ["iminuit", "numpy", "pyhf", "scipy"]),
    }
    target = Path(output) / "result.json"
    write_json(target, result)
    write_run_record(target)
    say(result)


def model_of(content: dict[str, Any], label: str, measurement: str | None) -> tuple[Any, Any, str]:
    """Model, data and the measurement's name.

    Raises:
        InputError: no such measurement, no parameter of interest, or nothing that pyhf can use.
    """
    import jsonschema
    import pyhf

    # Whatever the caller uses elsewhere: 32 bits give q0 = 0 without a word.
    pyhf.set_backend("numpy", precision="64b")
    known = [entry["name"] for entry in content["measurements"]]
    if measurement is not None and measurement not in known:
        raise InputError(f"{label}: no measurement '{measurement}'. {nearest(measurement, known)}")
    name = known[0] if measurement is None else measurement
    try:
        space = pyhf.Workspace(content)
        model = space.model(measurement_name=name)
        data = space.data(model)
    except (pyhf.exceptions.InvalidSpecification, pyhf.exceptions.InvalidModel) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{label}: not a valid HistFactory workspace ({reason}).") from None
    except (jsonschema.ValidationError, KeyError, pyhf.exceptions.InvalidModifier) as error:
        raise InputError(f"{label}: pyhf cannot build the model ({type(error).__name__}: {error}).") from None
    if model.config.poi_name is None:
        raise InputError(f"{label}: measurement '{name}' has no parameter of interest. Choose another.")
    return model, data, name


def tested(fit: ForeignFit, given: LikelihoodSettings) -> dict[str, Any]:
    """`poi`, `model`, `best_fit`, `discovery`, `tested`, `upper_limit` and `pulls` of the result."""
    from scipy.special import ndtr

    from resonaut.stats.asymptotics import log_cls
    from resonaut.stats.limits import BAND

    q, q_asimov = fit.statistics(given.mu)
    root = math.sqrt(q_asimov)
    limit = None
    if given.limits:
        expected = fit.expected_limits(given.confidence_level)
        limit = {
            "confidence_level": given.confidence_level,
            "observed": fit.upper_limit(given.confidence_level, max(fit.signal_strength, 0) + expected[2]),
            "expected": expected,
        }
    config = fit.model.config
    error = float(fit.best_errors[config.poi_index])
    return {
        "poi": config.poi_name,
        "model": {
            "channels": len(config.channels),
            "bins": int(config.nmaindata),
            "parameters": int(config.npars),
        },
        "best_fit": {"mu": fit.signal_strength, "error": error, "twice_nll": fit.best_value},
        "discovery": {
            "q0": fit.q0,
            "p_value": float(ndtr(-math.sqrt(fit.q0))),
            "z_local": math.sqrt(fit.q0),
        },
        "tested": {
            "mu": given.mu,
            "q_tilde": q,
            "q_asimov": q_asimov,
            "cls_observed": float(np.exp(log_cls(np.array(q), np.array(q_asimov)))),
            # Large signals first, as pyhf orders its band: -2 standard deviations of the background.
            "cls_expected": [float(ndtr(n_sigma - root) / ndtr(n_sigma)) for n_sigma in BAND],
        },
        "upper_limit": limit,
        "pulls": _pulls(fit),
    }


def _pulls(fit: ForeignFit) -> list[dict[str, Any]]:
    """Of each constrained parameter, in units of its constraint."""
    found = []
    config = fit.model.config
    for name in config.par_order:
        group = config.param_set(name)
        if not group.constrained:
            continue
        where = config.par_slice(name)
        nominal = np.asarray(group.suggested_init, float)
        widths = np.asarray(group.width(), float)
        labels = [name] if len(nominal) == 1 else [f"{name}[{number}]" for number in range(len(nominal))]
        pulls = (fit.best[where] - nominal) / widths
        errors = fit.best_errors[where] / widths
        found += [
            {"name": label, "pull": float(pull), "error": float(error)}
            for label, pull, error in zip(labels, pulls, errors, strict=True)
            if math.isfinite(pull) and math.isfinite(error)
        ]
    return found


def empty_bins(model: Any, data: Any) -> list[str]:
    """Words for bins in which no background is expected."""
    parameters = list(model.config.suggested_init())
    parameters[model.config.poi_index] = 0.0
    expected = np.asarray(model.expected_actualdata(parameters))
    observed = np.asarray(data)[: model.config.nmaindata]
    notes = []
    for channel in model.config.channels:
        where = model.config.channel_slices[channel]
        for number in np.flatnonzero(expected[where] <= 0):
            seen = observed[where][number]
            notes.append(f"{channel}, bin {number}: no background is expected, {seen:g} events are observed")
    return notes


def say(result: dict[str, Any]) -> None:
    """Print the main numbers."""
    tested, limit = result["tested"], result["upper_limit"]
    print(
        f"{result['poi']} = {tested['mu']:g}: CLs observed {tested['cls_observed']:.4f}, "
        f"expected {tested['cls_expected'][2]:.4f}; local significance {result['discovery']['z_local']:.2f}"
    )
    if limit is not None:
        level = 100 * limit["confidence_level"]
        print(f"{level:g} % limit: observed {limit['observed']:.4g}, expected {limit['expected'][2]:.4g}")
