"""What was wanted of a generator and what it reaches: a line per target, and the numbers of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resonaut.generate.evaluation.settings import TargetSettings


def _target(name: str, value: float | None, limit: float, **more: Any) -> dict[str, Any]:
    met = None if value is None else bool(value <= limit)
    return {"name": name, "value": value, "limit": limit, "met": met, **more}


def worst(result: Mapping[str, Any]) -> tuple[str, float] | None:
    """The observable with the largest separation power, and that."""
    values = {name: entry["separation"]["value"] for name, entry in result["observables"].items()}
    if not values:
        return None
    name = max(values, key=lambda key: values[key])
    return name, values[name]


def targets(result: Mapping[str, Any], settings: TargetSettings) -> list[dict[str, Any]]:
    """Targets that apply to a generator: name, value, limit, met (null if not measured), and its error.

    Args:
        result: of the evaluation, see `run`.
        settings: the limits.
    """
    found = []
    high_level = result["classifier"]["high_level"]
    if settings.auc_high_level is not None and high_level:
        name, entry = max(high_level.items(), key=lambda pair: pair[1]["auc"])
        more = {"error": entry["error"], "floor": entry["floor"], "by": name}
        found.append(_target("auc_high_level", entry["auc"], settings.auc_high_level, **more))
    largest = worst(result)
    if settings.separation is not None and largest is not None:
        own = result["observables"][largest[0]]["separation"]
        more = {"error": own["error"], "expected": own["expected"], "observable": largest[0]}
        found.append(_target("separation", largest[1], settings.separation, **more))
    wanted = {"visible_energy": ("response", settings.visible_energy)}
    wanted |= {"resolution": ("resolution", settings.resolution)}
    for entry in (result.get("response") or {}).get("energies", []):
        if entry["energy"] not in settings.energies:
            continue
        for name, (key, limit) in wanted.items():
            if limit is not None:
                difference = (entry["difference"] or {}).get(key)
                value = None if difference is None else abs(difference["value"])
                error = None if difference is None else difference["error"]
                found.append(_target(name, value, limit, error=error, energy=entry["energy"]))
    return found
