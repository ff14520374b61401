"""Networks in fixed point: changes against bits, scores against scores, efficiency against rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonaut.plot.style import add_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TARGET = "#e42536"


@dataclass(frozen=True)
class Change:
    """What a way of rounding changes.

    Attributes:
        filled: whether the markers are.
        bits: (n,) from most to fewest.
        value, standard: (n,) of each.
    """

    label: str
    colour: str
    marker: str
    filled: bool
    bits: Sequence[int]
    value: Sequence[float]
    standard: Sequence[float]


def draw_changes(
    axes: Axes,
    entries: Sequence[Change],
    y_label: str,
    target: float,
    linear_below: float,
    legend_title: str,
) -> None:
    """Changes against bits, beside each other, on an axis that is linear near 0 and logarithmic beyond.

    Args:
        entries: legend in two columns, the first half of the entries in the first.
        target: a change that should not be passed, with its sign, %.
        linear_below: magnitudes up to which the axis is linear.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    all_bits = sorted({bits for entry in entries for bits in entry.bits}, reverse=True)
    place = {bits: number for number, bits in enumerate(all_bits)}
    width = 0.7 / max(1, len(entries))
    for number, entry in enumerate(entries):
        shift = (number - (len(entries) - 1) / 2) * width
        axes.errorbar(
            [place[bits] + shift for bits in entry.bits],
            *(entry.value, entry.standard),
            fmt=entry.marker,
            ms=6,
            color=entry.colour,
            mfc=entry.colour if entry.filled else "white",
            label=entry.label,
        )
    axes.axhline(0, color="black", lw=1.2)
    axes.axhline(target, color=_TARGET, ls="--", lw=1.5)
    axes.annotate(
        f"Target {target:g} %", (len(all_bits) - 0.55, target), (0, 3), textcoords="offset points",
        ha="right", va="bottom", fontsize=12, color=_TARGET,
    )  # fmt: skip
    ends = [value + side * error for entry in entries for value, error, side in _ends(entry)]
    axes.set_yscale("symlog", linthresh=linear_below, linscale=1.0)
    axes.set_ylim(1.3 * min(*ends, target), max(1.3 * max(ends), linear_below))
    axes.yaxis.set_major_locator(
        FixedLocator([sign * 10.0**power for sign in (-1, 1) for power in range(-1, 3)] + [0])
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(range(len(all_bits)), [str(bits) for bits in all_bits])
    axes.xaxis.set_minor_locator(FixedLocator([number + 0.5 for number in range(len(all_bits) - 1)]))
    axes.grid(axis="x", which="minor", color="0.85", lw=1)
    axes.set_xlim(-0.5, len(all_bits) - 0.5)
    axes.set_xlabel("Bits of inputs, weights and activations")
    axes.set_ylabel(y_label)
    options = {"frameon": True, "framealpha": 1, "edgecolor": "none", "columnspacing": 1.0}
    add_legend(axes, below=True, loc="lower left", ncols=2, title=legend_title, **options)


def _ends(entry: Change) -> list[tuple[float, float, int]]:
    return [
        (value, error, side)
        for value, error in zip(entry.value, entry.standard, strict=True)
        for side in (-1, 1)
    ]


@dataclass(frozen=True)
class Pairs:
    """Scores of rows of one class: (n,) of the float network and of the fixed one."""

    label: str
    colour: str
    marker: str
    floats: np.ndarray
    fixed: np.ndarray


def draw_pairs(axes: Axes, lower: Axes, entries: Sequence[Pairs], quantity: str) -> None:
    """Scores of the fixed network against those of the float one, and their differences below."""
    everything = np.concatenate([values for entry in entries for values in (entry.floats, entry.fixed)])
    ends = float(everything.min()), float(everything.max())
    room = 0.03 * (ends[1] - ends[0])
    axes.plot(ends, ends, color="0.5", ls="--", lw=1.2, label="Equal", zorder=1)
    reach = 0.0
    for entry in entries:
        look = {"ls": "none", "marker": entry.marker, "ms": 4, "alpha": 0.6, "color": entry.colour}
        axes.plot(entry.floats, entry.fixed, **look, label=entry.label)
        lower.plot(entry.floats, entry.fixed - entry.floats, **look)
        reach = max(reach, float(np.abs(entry.fixed - entry.floats).max(initial=0.0)))
    lower.axhline(0, color="0.5", ls="--", lw=1.2)
    lower.set_ylim(-1.2 * reach - 1e-9, 1.2 * reach + 1e-9)
    lower.set_xlim(ends[0] - room, ends[1] + room)
    axes.set_ylim(ends[0] - room, ends[1] + room)
    axes.set_ylabel(f"{quantity}, fixed point")
    lower.set_ylabel("Difference", loc="center")
    lower.set_xlabel(f"{quantity}, float")
    # Points near the diagonal leave this corner free.
    axes.legend(loc="upper left")


@dataclass(frozen=True)
class Kept:
    """Efficiency against the rate: (n,) each; the point at the bandwidth has its own."""

    label: str
    colour: str
    marker: str
    rate: np.ndarray
    efficiency: np.ndarray
    standard: np.ndarray
    rate_standard: np.ndarray


def draw_kept(axes: Axes, entries: Sequence[Kept], bandwidth: float) -> None:
    """Signal efficiency against the rate of the background in kHz, with the bandwidth as a line."""
    for entry in entries:
        left = np.minimum(entry.rate_standard, 0.9 * entry.rate)
        axes.errorbar(
            *(entry.rate, entry.efficiency, entry.standard, np.stack([left, entry.rate_standard])),
            fmt=f"{entry.marker}-",
            ms=6,
            lw=1.4,
            mfc=entry.colour if entry.marker == "o" else "white",
            color=entry.colour,
            label=entry.label,
        )
    axes.axvline(bandwidth, color="0.4", ls=":", lw=1.6, label=f"Bandwidth {bandwidth:g} kHz")
    axes.set_xscale("log")
    axes.set_ylim(0.0, 1.03)
    axes.set_xlabel("Rate of the background [kHz]")
    axes.set_ylabel("Efficiency of the signal")
    # Efficiencies rise with the rate and leave this corner free.
    axes.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
