"""Limits that somebody published, beside ours."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import InputError, MissingFileError
from resonaut.infer.spectrum_table import energy_unit, number, read_text, words

FB_PER_UNIT = {"pb": 1000.0, "fb": 1.0}


@dataclass(frozen=True)
class PublishedLimits:
    """Limits against the mass.

    Attributes:
        mass: (n,) GeV, rising.
        observed, expected: (n,) fb; `expected` is NaN where the file has none.
    """

    mass: np.ndarray
    observed: np.ndarray
    expected: np.ndarray

    def at(self, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Observed and expected limit at other masses, straight in the logarithm; NaN outside."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return tuple(  # type: ignore[return-value]
                np.exp(np.interp(mass, self.mass, np.log(values), left=np.nan, right=np.nan))
                for values in (self.observed, self.expected)
            )


def read_limits(path: str) -> PublishedLimits:
    """Read CSV with columns named mass, observed and (if there is one) expected.

    The unit of the limits, pb or fb, stands in a column's name or in a comment line as [pb] or [fb].

    Raises:
        InputError: absent, a column or the unit is missing, or a row holds no positive number.
    """
    if not Path(path).is_file():
        raise MissingFileError(f"{path}: no such file.")
    lines = read_text(Path(path)).splitlines()
    rows = [row for row in csv.reader(line for line in lines if not line.startswith("#")) if row]
    header = rows[0] if rows else []
    places = {
        name: next((place for place, title in enumerate(header) if wanted(title)), None)
        for name, wanted in (
            ("mass", lambda title: "mass" in words(title)),
            ("observed", lambda title: "observed" in words(title)),
            ("expected", lambda title: words(title) <= {"expected", "pb", "fb", "median"}
             and "expected" in words(title)),
        )
    }  # fmt: skip
    for name in ("mass", "observed"):
        if places[name] is None:
            raise InputError(f"{path}: no column '{name}' among {', '.join(map(repr, header)) or 'none'}.")
    comments = " ".join(line for line in lines if line.startswith("#"))
    units = set(re.findall(r"\[(pb|fb)\]", comments)) | words(" ".join(header)) & set(FB_PER_UNIT)
    if len(units) != 1:
        raise InputError(
            f"{path}: the unit of the limits, [pb] or [fb], is expected in a comment or a column."
        )
    scale = FB_PER_UNIT[units.pop()]
    columns = {
        name: np.array([np.nan if place is None else number(row[place]) for row in rows[1:]])
        for name, place in places.items()
    }
    mass = (energy_unit(header[places["mass"] or 0]) or 1.0) * columns["mass"]
    if not ((mass > 0).all() and (columns["observed"] > 0).all() and (np.diff(mass) > 0).all()):
        raise InputError(f"{path}: positive limits at rising masses are expected. Sort or correct the rows.")
    return PublishedLimits(mass, scale * columns["observed"], scale * columns["expected"])


def compared(limits: list[dict[str, Any]], published: PublishedLimits) -> list[dict[str, Any]]:
    """Entries of `limits` with `published_observed_fb`, `published_expected_fb` and our ratios to them."""
    observed, expected = published.at(np.array([entry["mass"] for entry in limits]))
    result = []
    for entry, *pair in zip(limits, observed, expected, strict=True):
        more: dict[str, float | None] = {}
        for name, value in zip(("observed", "expected"), pair, strict=True):
            ours = entry.get(f"{name}_fb")
            known = bool(np.isfinite(value))
            more[f"published_{name}_fb"] = float(value) if known else None
            more[f"{name}_over_published"] = ours / float(value) if known and ours is not None else None
        result.append(entry | more)
    return result
