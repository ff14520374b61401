"""Variations of Pythia's parton shower as event weights (Mrenna and Skands, arXiv:1605.08352)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from resonaut.errors import nearest

WeightName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
N_MAX = 100
_BRANCHINGS = ("", *(f"{name}:" for name in ("G2GG", "G2QQ", "Q2QG", "X2XG")))
_RANGES = {"muRfac": (0.1, 10.0), "cNS": (-10.0, 10.0)}
_KNOWN = tuple(
    f"{shower}:{branching}{what}"
    for shower in ("isr", "fsr")
    for branching in _BRANCHINGS
    for what in _RANGES
)
_ITEM = re.compile(r"(?P<key>[^=\s]+)=(?P<value>[^=\s]+)")


def _checked(weights: dict[str, str]) -> dict[str, str]:
    """Refuse what Pythia would ignore: an unknown word in a list is a weight that is 1 in every event."""
    if len(weights) > N_MAX:
        raise ValueError(f"{len(weights)} variations are given; at most {N_MAX} are allowed")
    for name, text in weights.items():
        items = text.split()
        if not items:
            raise ValueError(f"'{name}' varies nothing; 'fsr:muRfac=0.707' is a variation")
        for item in items:
            _check_item(name, item)
    return weights


def _check_item(name: str, item: str) -> None:
    match = _ITEM.fullmatch(item)
    key = match["key"] if match else item
    if not match or key not in _KNOWN:
        raise ValueError(
            f"'{name}: {item}' is no variation, 'fsr:muRfac=0.707' is one. {nearest(key, _KNOWN)}"
        )
    low, high = _RANGES[key.rsplit(":", 1)[1]]
    try:
        value = float(match["value"])
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"'{name}: {item}': a number from {low:g} to {high:g} is expected")


ShowerWeights = Annotated[dict[WeightName, str], AfterValidator(_checked)]
"""Name of a weight, and what it varies: `isr:` or `fsr:`, optionally a branching (`G2GG:`), `muRfac` (factor
of the renormalisation scale) or `cNS` (coefficient of the non-singular terms), `=`, a number; several with
spaces."""


def uncertainty_bands(weights: Mapping[str, str]) -> tuple[str, ...]:
    """Settings for `Pythia::readString` that make these weights; none where there are none."""
    if not weights:
        return ()
    entries = ", ".join(f"{name} {' '.join(text.split())}" for name, text in weights.items())
    return ("UncertaintyBands:doVariations = on", f"UncertaintyBands:List = {{{entries}}}")
