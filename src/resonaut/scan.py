"""The scan: signal regions and side bands of the resonant mass, shared by detect, hunt and infer."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from resonaut.settings import Settings, validate

MAX_WINDOWS = 1000
"""Windows that a rule may give; more are a slip of the pen."""

_CLOSE = 1e-6
"""GeV; edges nearer than this are the same."""


class Window(Settings):
    """A signal region, low <= mass < high, GeV, and its side bands where they are not the scan's."""

    low: float = Field(gt=0, description="Lower edge, GeV.")
    high: float = Field(gt=0, description="Upper edge, GeV.")
    sideband_width: float | None = Field(
        None, gt=0, description="Width of each side band of this window, GeV; absent: scan.sideband_width."
    )
    sidebands: tuple[tuple[float, float], tuple[float, float]] | None = Field(
        None,
        description="Side bands of this window, `[[low, high], [low, high]]`, GeV, one below and one above; "
        "a gap between them and the window is allowed.",
    )

    @property
    def name(self) -> str:
        """The wildcard `window`: `3300-3700`."""
        return f"{self.low:g}-{self.high:g}"

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.high <= self.low:
            raise ValueError(f"window {self.name}: high must exceed low")
        if self.sidebands is None:
            return self
        if self.sideband_width is not None:
            raise ValueError(f"window {self.name}: give sidebands or sideband_width, not both")
        for low, high in self.sidebands:
            if high <= low:
                raise ValueError(
                    f"window {self.name}: side band {low:g}-{high:g} is empty; high must exceed low"
                )
        (_, below), (above, _) = self.sidebands
        if below > self.low or above < self.high:
            shown = " and ".join(f"{low:g}-{high:g}" for low, high in self.sidebands)
            raise ValueError(
                f"window {self.name}: the side bands {shown} overlap the signal region; the first must end "
                f"at {self.low:g} or below, the second begin at {self.high:g} or above"
            )
        return self


class WindowRule(Settings):
    """Windows that slide: from `first` upwards in steps, as far as they end at or below `last`."""

    first: float = Field(gt=0, description="Lower edge of the first window, GeV.")
    last: float = Field(gt=0, description="No window ends above, GeV.")
    width: float | None = Field(None, gt=0, description="Width of each window, GeV; or `relative_width`.")
    relative_width: float | None = Field(
        None, gt=0, lt=2, description="Width of each window over its centre; needs `round_to`."
    )
    step: float = Field(gt=0, description="From lower edge to lower edge, GeV; below the width they overlap.")
    round_to: float | None = Field(
        None, gt=0, description="Edges are rounded to multiples of this, GeV, so that they lie on bins."
    )
    sideband_width: float | None = Field(
        None, gt=0, description="Width of each side band, GeV; absent: scan.sideband_width."
    )

    @model_validator(mode="after")
    def _one_width(self) -> WindowRule:
        if (self.width is None) == (self.relative_width is None):
            raise ValueError("give one of width and relative_width")
        if self.relative_width is not None and self.round_to is None:
            raise ValueError("relative_width needs round_to: windows end on edges of bins (hunt.bin_width)")
        if (self.last - self.first) / self.step > MAX_WINDOWS:
            raise ValueError(
                f"steps of {self.step:g} GeV give more than {MAX_WINDOWS} windows; use larger steps"
            )
        if not self.windows():
            raise ValueError(
                f"no window fits between first = {self.first:g} and last = {self.last:g} GeV; use narrower "
                "windows"
            )
        return self

    def windows(self) -> list[Window]:
        """The windows, by their lower edges."""
        low = self.first + self.step * np.arange(int((self.last - self.first) / self.step + _CLOSE) + 1)
        if self.width is not None:
            high = low + self.width
        else:
            high = low * (2 + self.relative_width) / (2 - self.relative_width)
        if self.round_to is not None:
            low, high = (np.round(edge / self.round_to) * self.round_to for edge in (low, high))
        # Sums of decimal steps end in noise, which the names of windows and the edges of bins must not carry.
        pairs = np.round(np.stack([low, high], 1), 6)[high <= self.last + _CLOSE]
        return [
            Window(low=low, high=high, sideband_width=self.sideband_width) for low, high in pairs.tolist()
        ]


_Windows = Annotated[tuple[Window, ...], Field(min_length=1)]


class ScanSettings(Settings):
    """Windows and their side bands."""

    mass_min: float = Field(gt=0, description="Lower end of the spectrum that is searched, GeV.")
    mass_max: float = Field(gt=0, description="Upper end, GeV.")
    windows: tuple[Window, ...] = Field(
        min_length=1,
        description="Signal regions: a list, or a rule `{first, last, width, step}` whose windows may "
        "overlap (`relative_width` and `round_to` for a width that grows with the mass).",
    )
    sideband_width: float = Field(500.0, gt=0, description="Width of each side band, GeV.")

    @field_validator("windows", mode="before", json_schema_input_type=_Windows | WindowRule)
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return validate(WindowRule, value, "scan.windows").windows() if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _inside(self) -> ScanSettings:
        if self.mass_max <= self.mass_min:
            raise ValueError(f"mass_max ({self.mass_max:g}) must exceed mass_min ({self.mass_min:g})")
        for window in self.windows:
            self._check(window)
        names = [window.name for window in self.windows]
        if len(set(names)) < len(names):
            raise ValueError(f"two windows are the same: {', '.join(names)}")
        return self

    def _check(self, window: Window) -> None:
        """Refuse a window that is not in the range with both side bands."""
        whole = f"{self.mass_min:g}-{self.mass_max:g}"
        if window.high <= self.mass_min or window.low >= self.mass_max:
            raise ValueError(
                f"window {window.name} lies outside of mass_min-mass_max, {whole}; move the window or widen "
                "the range"
            )
        if window.low <= self.mass_min or window.high >= self.mass_max:
            raise ValueError(
                f"window {window.name} leaves no side band inside {whole}; move the window or widen the range"
            )
        for low, high in window.sidebands or ():
            if low < self.mass_min or high > self.mass_max:
                raise ValueError(
                    f"window {window.name}: side band {low:g}-{high:g} leaves mass_min-mass_max, {whole}; "
                    "shorten it or widen the range"
                )

    def sidebands(self) -> np.ndarray:
        """Side bands of each window, (n_windows, 2, 2) GeV: [[low, high] below, [low, high] above]."""
        return np.array([self._sidebands(window) for window in self.windows])

    def _sidebands(self, window: Window) -> tuple[tuple[float, float], tuple[float, float]]:
        if window.sidebands is not None:
            return window.sidebands
        width = window.sideband_width or self.sideband_width
        below = max(window.low - width, self.mass_min)
        above = min(window.high + width, self.mass_max)
        return (below, window.low), (window.high, above)

    def regions(self, mass: np.ndarray) -> np.ndarray:
        """Region of each event in each window.

        Args:
            mass: (..., n_events) GeV.

        Returns:
            (..., n_windows, n_events) int8: 1 signal region, 0 side band, -1 neither.
        """
        mass = np.asarray(mass)[..., None, :]
        low = np.array([w.low for w in self.windows])[:, None]
        high = np.array([w.high for w in self.windows])[:, None]
        bands = self.sidebands()[..., None]
        near = np.zeros(np.broadcast_shapes(mass.shape, low.shape), bool)
        for side in (0, 1):
            near |= (mass >= bands[:, side, 0]) & (mass < bands[:, side, 1])
        inside = (mass >= low) & (mass < high)
        return np.where(inside, 1, np.where(near, 0, -1)).astype(np.int8)
