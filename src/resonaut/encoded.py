"""Features that stand in no features file but are made by a tagger's encoder (`resonaut tag encode`).

`pfn:3_j1` is the component 3 of the latent space of the tagger `pfn`, of the lighter of the two leading jets
(`_j2`: the heavier one; without either where the rows of the tagger are events). In files it is the column
`pfn_3_j1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"([a-z][a-z0-9_]*):(\d+)(_j[12])?")
MARK = ":"


@dataclass(frozen=True)
class Encoded:
    """A feature of a tagger's encoder.

    Attributes:
        tagger: its name in the configuration.
        component: number of the component, from 0.
        column: its column in files of `resonaut tag encode`.
    """

    tagger: str
    component: int
    column: str


def parse(feature: str) -> Encoded | None:
    """What a name of a feature says; None for a plain feature.

    Raises:
        ValueError: it has a colon, but not the form `<tagger>:<k>`, `<tagger>:<k>_j1` or `<tagger>:<k>_j2`.
    """
    if MARK not in feature:
        return None
    found = _NAME.fullmatch(feature)
    if found is None:
        raise ValueError(
            f"'{feature}' names no component of a tagger's latent space; <tagger>:<k>_j1 is expected, as "
            "pfn:0_j1"
        )
    return Encoded(found[1], int(found[2]), feature.replace(MARK, "_", 1))


def among(features: Iterable[str]) -> dict[str, Encoded]:
    """The features of encoders among these, by name."""
    found = {name: parse(name) for name in features}
    return {name: encoded for name, encoded in found.items() if encoded is not None}


def of_detector(settings: Any) -> dict[str, Encoded]:
    """The features of encoders that a detector's settings name, in `features` or `inputs`."""
    names = [getattr(settings, key, ()) for key in ("features", "inputs")]
    return among(name for value in names if isinstance(value, tuple) for name in value)
