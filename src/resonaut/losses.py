"""What a dataset lost with the files that could not be read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

NAMES = ("skipped_files", "lost_events", "lost_events_estimated", "lost_fraction", "luminosity_fb")
"""What `of_chunks` returns."""


def of_chunks(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Skipped files of a dataset, and what was lost with them.

    Args:
        attributes: of the event stores of the dataset.

    Returns:
        `skipped_files`: path, reason and number of events (None if unknown) of each;
        `lost_events`: their sum, files of unknown size counted as the mean of the others;
        `lost_events_estimated`: whether a size was unknown;
        `lost_fraction`: of all events of the dataset; None where no file is left to compare with;
        `luminosity_fb`: integrated luminosity of what is left, fb^-1, where the configuration gives one.
    """
    files = [entry for one in attributes for entry in json.loads(one.get("files", "[]"))]
    skipped = [entry for one in attributes for entry in json.loads(one.get("skipped_files", "[]"))]
    n_read = sum(entry["n_generated"] for entry in files)
    known = [entry["n_events"] for entry in skipped if entry["n_events"] is not None]
    n_known, n_files = n_read + sum(known), len(files) + len(known)
    mean = n_known / n_files if n_files else 0.0
    lost = sum(known) + mean * (len(skipped) - len(known))
    fraction: float | None = 0.0
    if skipped:
        fraction = lost / (n_read + lost) if n_known else None
    task = json.loads(attributes[0].get("settings", "{}"))
    luminosity = task.get("luminosity")
    if luminosity is not None:
        luminosity = None if fraction is None else luminosity * (1.0 - fraction)
    return {
        "skipped_files": skipped,
        "lost_events": round(lost),
        "lost_events_estimated": len(known) < len(skipped),
        "lost_fraction": fraction,
        "luminosity_fb": luminosity,
    }


def sentence(dataset: str, lost: Mapping[str, Any]) -> str:
    """What was lost, for people; empty where nothing was.

    >>> sentence("qcd", {"skipped_files": [{"path": "a/b.root"}], "lost_events": 1200,
    ...     "lost_events_estimated": True, "lost_fraction": 0.012, "luminosity_fb": 35.9})
    'qcd: 1 file skipped, about 1 200 events lost (1.2 %), 35.9 fb^-1 left: b.root'
    """
    skipped = lost.get("skipped_files", [])
    if not skipped:
        return ""
    about = "about " if lost["lost_events_estimated"] else ""
    fraction, luminosity = lost["lost_fraction"], lost["luminosity_fb"]
    share = "all" if fraction is None else f"{100 * fraction:.2g} %"
    left = "" if luminosity is None else f", {luminosity:.4g} fb^-1 left"
    names = [entry["path"].rsplit("/", 1)[-1] for entry in skipped[:4]]
    more = f" and {len(skipped) - 4} more" if len(skipped) > 4 else ""
    events = f"{lost['lost_events']:,}".replace(",", " ")
    files = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
    what = f"{files} skipped, {about}{events} events lost ({share}){left}"
    return f"{dataset}: {what}: {', '.join(names)}{more}"
