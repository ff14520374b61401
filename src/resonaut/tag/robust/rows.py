"""Varied rows beside the nominal ones: they train and validate, and are never tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resonaut.errors import ConfigError, nearest
from resonaut.tag.rows.data import Jets

DROPPED = -1


@dataclass(frozen=True)
class Nuisance:
    """Which variation each row is of.

    Attributes:
        group: (n_rows,) int64: 0 nominal, then the variations in the order of the settings.
        value: (n_rows,) float32: standard deviations that the variation stands for; 0 for nominal.
    """

    group: np.ndarray
    value: np.ndarray


def of_variation(
    varied: Mapping[str, Path], variation: str, datasets: list[str], where: str
) -> dict[str, Path]:
    """Manifests of a variation by dataset, from those of all by `variation/dataset`.

    Raises:
        ConfigError: one is not given.
    """
    found = {}
    for dataset in datasets:
        key = f"{variation}/{dataset}"
        if key not in varied:
            raise ConfigError(
                f"{where}.robust.variations: '{key}' is not given; add --varied {key}=MANIFEST. "
                f"{nearest(key, varied)}"
            )
        found[dataset] = varied[key]
    return found


def parts(part: np.ndarray, nuisance: Nuisance) -> np.ndarray:
    """The part of each row, (n_rows,), without varied rows in the test part (2)."""
    return np.where((nuisance.group > 0) & (part == 2), np.int8(DROPPED), part)


def with_value(jets: Jets, value: np.ndarray) -> Jets:
    """The rows with the value of the nuisance parameter as a last input, of every constituent too."""
    from dataclasses import replace

    each = np.repeat(value, np.diff(jets.offsets)).astype(jets.flat.dtype)
    return replace(jets, flat=np.concatenate([jets.flat, each[:, None]], axis=1))
