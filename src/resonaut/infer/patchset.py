"""A patch set over the windows of one selection: one background-only workspace, one patch per window.

The background-only workspace has the channels of all windows. A patch keeps those of its window, adds the
signal, and sets the parameters of the measurement, so that what it gives is the workspace of that window
(JSON Patch, RFC 6902; layout of pyhf's patch sets as HEPData archives them).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from resonaut.scan import Window

NO_RECORD = "ins0000000"
"""The layout wants a number of INSPIRE; an analysis that has none yet puts its own here."""
LABELS = ("mass", "low", "high")
OF_BACKGROUND = ("background",)

Json = dict[str, Any]


def background_only(workspaces: Sequence[Json]) -> Json:
    """The channels of all workspaces without signal.

    Args:
        workspaces: of the windows of one selection, at least one.
    """
    first = workspaces[0]
    return {
        "channels": [
            {**channel, "samples": [one for one in channel["samples"] if one["name"] in OF_BACKGROUND]}
            for content in workspaces
            for channel in content["channels"]
        ],
        "observations": [one for content in workspaces for one in content["observations"]],
        "measurements": [
            {"name": first["measurements"][0]["name"], "config": {"poi": "mu", "parameters": []}}
        ],
        "version": first["version"],
    }


def patch_set(workspaces: Mapping[Window, Json], background: Json, description: str) -> Json:
    """The patches that make `workspaces` of `background`.

    Args:
        workspaces: by window, in the order of `background_only`.
        background: of `background_only`.
        description: what a reader should know.
    """
    from pyhf.utils import digest

    patches, first = [], 0
    for window, content in workspaces.items():
        last = first + len(content["channels"])
        patches.append(_patch(window, content, len(background["channels"]), first, last))
        first = last
    return {
        "metadata": {
            "references": {"hepdata": NO_RECORD},
            "digests": {"sha256": digest(background, algorithm="sha256")},
            "labels": list(LABELS),
            "description": description,
        },
        "patches": patches,
        "version": "1.0.0",
    }


def name(window: Window) -> str:
    """`window_3300_3700`: letters, digits and underscores."""
    return re.sub(r"\W", "_", f"window_{window.low:g}_{window.high:g}")


def _patch(window: Window, content: Json, n_channels: int, first: int, last: int) -> Json:
    others = [number for number in reversed(range(n_channels)) if not first <= number < last]
    steps: list[Json] = [
        {"op": "remove", "path": f"/{part}/{number}"}
        for number in others
        for part in ("channels", "observations")
    ]
    for number, channel in enumerate(content["channels"]):
        signal = [one for one in channel["samples"] if one["name"] not in OF_BACKGROUND]
        steps += [
            {"op": "add", "path": f"/channels/{number}/samples/{place}", "value": sample}
            for place, sample in enumerate(signal)
        ]
    parameters = content["measurements"][0]["config"]["parameters"]
    steps.append({"op": "replace", "path": "/measurements/0/config/parameters", "value": parameters})
    values = [(window.low + window.high) / 2, window.low, window.high]
    return {"metadata": {"name": name(window), "values": values}, "patch": steps}
