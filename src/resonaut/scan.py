"""The scan: signal regions and side bands of the resonant mass, shared by detect, hunt and infer."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from resonaut.settings import Settings


class Window(Settings):
    """A signal region, low <= mass < high, GeV."""

    low: float = Field(gt=0, description="Lower edge, GeV.")
    high: float = Field(gt=0, description="Upper edge, GeV.")

    @property
    def name(self) -> str:
        """The wildcard `window`: `3300-3700`."""
        return f"{self.low:g}-{self.high:g}"


class ScanSettings(Settings):
    """Windows and their side bands."""

    mass_min: float = Field(gt=0, description="Lower end of the spectrum that is searched, GeV.")
    mass_max: float = Field(gt=0, description="Upper end, GeV.")
    windows: tuple[Window, ...] = Field(min_length=1, description="Signal regions.")
    sideband_width: float = Field(500.0, gt=0, description="Width of each side band, GeV.")

    @model_validator(mode="after")
    def _inside(self) -> ScanSettings:
        if self.mass_max <= self.mass_min:
            raise ValueError(f"mass_max ({self.mass_max:g}) must exceed mass_min ({self.mass_min:g})")
        for window in self.windows:
            if window.high <= window.low:
                raise ValueError(f"window {window.name}: high must exceed low")
            if window.low <= self.mass_min or window.high >= self.mass_max:
                raise ValueError(
                    f"window {window.name} leaves no side band inside {self.mass_min:g}-{self.mass_max:g}; "
                    "move the window or widen the range"
                )
        names = [window.name for window in self.windows]
        if len(set(names)) < len(names):
            raise ValueError(f"two windows are the same: {', '.join(names)}")
        return self

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
        near = (mass >= np.maximum(low - self.sideband_width, self.mass_min)) & (
            mass < np.minimum(high + self.sideband_width, self.mass_max)
        )
        inside = (mass >= low) & (mass < high)
        return np.where(inside, 1, np.where(near, 0, -1)).astype(np.int8)
