"""One search of a comparison: its name in parts, and the numbers of one window."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_DRAW = re.compile(r"(?P<name>.+?)(?::(?P<injected>\d+))?:seed\d+")
BAND = (16.0, 84.0)
"""Per cent: ends of the band over draws."""

Interval = dict[str, Any]
Range = tuple[float, float]


def split_name(mixture: str) -> tuple[str, int | None]:
    """Name and number of injected events of a mixture: `data:250:seed1` is ("data", 250)."""
    found = _DRAW.fullmatch(mixture)
    if found is None:
        return mixture, None
    injected = found["injected"]
    return found["name"], None if injected is None else int(injected)


@dataclass(frozen=True)
class Draw:
    """A search.

    Attributes:
        name, injected: of the mixture, in parts.
        mixture, method: what was searched, and with what.
        evaluation: of `hunt evaluate`.
        significance: of `infer test`.
    """

    name: str
    injected: int | None
    mixture: str
    method: str
    evaluation: Mapping[str, Any]
    significance: Mapping[str, Any]

    @classmethod
    def of(
        cls, mixture: str, method: str, evaluation: Mapping[str, Any], significance: Mapping[str, Any]
    ) -> Draw:
        """A search with the parts of its name."""
        return cls(*split_name(mixture), mixture, method, evaluation, significance)

    @property
    def key(self) -> str:
        """`mixture/method`."""
        return f"{self.mixture}/{self.method}"

    @property
    def windows(self) -> list[Range]:
        """Low and high of the windows, GeV."""
        return [(window["low"], window["high"]) for window in self.evaluation["windows"]]

    def window(self, wanted: Range | None) -> Mapping[str, Any]:
        """The evaluation of one window; the first where none is named."""
        return self.evaluation["windows"][0 if wanted is None else self.windows.index(wanted)]

    def most_signal(self) -> tuple[float, Range | None]:
        """Signal events of the truth window, and the window; 0 and None without signal."""
        number = self.evaluation["truth_window"]
        if number is None:
            return 0.0, None
        return float(self.evaluation["windows"][number]["n_signal"]), self.windows[number]

    def tests(self, efficiency: float) -> list[Mapping[str, Any]]:
        """Tests of all windows at one efficiency."""
        return [
            entry
            for entry in self.significance["windows"]
            if np.isclose(entry["selection_efficiency"], efficiency, rtol=1e-9)
        ]


def over_draws(values: Sequence[float | None]) -> Interval | None:
    """Median and band of one value per draw; None where none is known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if len(known) == 1:
        return {"value": known[0], "low": None, "high": None, "source": "none"}
    low, high = np.percentile(known, BAND)
    return {"value": float(np.median(known)), "low": float(low), "high": float(high), "source": "draws"}


def combined(intervals: Sequence[Mapping[str, Any] | None]) -> Interval | None:
    """Median and band of the values of several draws, or the bootstrap interval of the one that there is."""
    known = [interval for interval in intervals if interval is not None]
    if len(known) != 1:
        return over_draws([interval["value"] for interval in known])
    return {**{end: known[0][end] for end in ("value", "low", "high")}, "source": "bootstrap"}


def median(values: Sequence[float | None]) -> float | None:
    """Median of what is known."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
