"""Response and resolution of a calorimeter against incident energy, of generated and simulated showers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.plot.style import Panel, add_legend


@dataclass(frozen=True)
class Points:
    """Values with errors.

    Attributes:
        x, y, error: (n,); `half_width`: (n,) of the bins along x.
    """

    x: np.ndarray
    half_width: np.ndarray
    y: np.ndarray
    error: np.ndarray


def draw_energy_response(
    panel: Panel,
    real: Points,
    generated: Points,
    labels: Sequence[str],
    colours: Sequence[str],
    y_label: str,
    limit: float | None = None,
) -> None:
    """Draw values of real and generated showers in bins of incident energy, and their ratio with its errors.

    Args:
        panel: with lower axes for the ratio.
        real, generated: the same bins.
        labels, colours: of both.
        y_label: what is drawn.
        limit: relative difference that is allowed, as a band around 1.
    """
    axes, lower = panel.main, panel.lower
    for points, label, colour, marker in zip((real, generated), labels, colours, ("s", "o"), strict=True):
        axes.errorbar(
            points.x, points.y, points.error, points.half_width,
            fmt=marker, ms=6, color=colour, label=label, elinewidth=1.4,
        )  # fmt: skip
    ends = [part.y + sign * part.error for part in (real, generated) for sign in (-1, 1)]
    low, high = min(float(part.min()) for part in ends), max(float(part.max()) for part in ends)
    room = 0.15 * (high - low) or 0.1 * abs(high)
    axes.set_ylim(low - room, high + room)
    axes.set_ylabel(y_label)
    ratio = generated.y / real.y
    error = ratio * np.hypot(generated.error / generated.y, real.error / real.y)
    if limit is not None:
        lower.axhspan(1 - limit, 1 + limit, color="0.85", lw=0)
    lower.axhline(1, color="0.4", lw=1)
    lower.errorbar(real.x, ratio, error, real.half_width, fmt="o", ms=5, color=colours[1], elinewidth=1.4)
    reach = 1.15 * max(float((np.abs(ratio - 1) + error).max()), limit or 0.0)
    lower.set_ylim(1 - reach, 1 + reach)
    lower.set_ylabel("Gen. / sim.", loc="center", fontsize=13)
    panel.bottom.set_xlabel("Incident energy [GeV]")
    add_legend(axes)
