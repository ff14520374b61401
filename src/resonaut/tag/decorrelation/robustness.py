"""Rejection of a tagger beside its largest change under variations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def robustness(response: Mapping[str, Any], tagger: str) -> list[dict[str, Any]] | None:
    """What `tag response` says of a tagger, at each efficiency.

    Args:
        response: JSON of `tag response`.
        tagger: its name.

    Returns:
        For each signal efficiency the nominal `rejection`, and the change of largest size over variations,
        relative, with its error and the name of the variation: at the nominal threshold (`fixed`) and at the
        same signal efficiency (`same`). None where the response is not of this tagger.
    """
    entry = response["taggers"].get(tagger)
    if entry is None:
        return None
    found = []
    for number, nominal in enumerate(entry["nominal"]["at"]):
        at = {name: varied["at"][number] for name, varied in entry["varied"].items()}
        changes = {
            "fixed": {name: one["fixed_threshold"]["rejection_change"] for name, one in at.items()},
            "same": {name: one["rejection_change"] for name, one in at.items()},
        }
        found.append(
            {
                "efficiency": nominal["efficiency"],
                "rejection": nominal["rejection"],
                **{key: _largest(of) for key, of in changes.items()},
            }
        )
    return found


def _largest(changes: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any] | None:
    known = {name: change for name, change in changes.items() if change["value"] is not None}
    if not known:
        return None
    name = max(sorted(known), key=lambda name: abs(known[name]["value"]))
    return {"variation": name, **known[name]}
