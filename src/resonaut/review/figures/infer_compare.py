"""All methods of a study: what they gain, what they find of injected signal, and whether they sculpt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import EmptyFileError, InputError
from resonaut.plot.improvement import Gain, Maximum, draw_gains, draw_maxima
from resonaut.plot.injection import Response, draw_responses
from resonaut.plot.ranking import DASHES
from resonaut.plot.sculpting import draw_tests
from resonaut.plot.style import PALETTE_6, Look, Panel, Row, add_label, add_title, panels
from resonaut.review.figures.search_panels import (
    ends,
    gain_of,
    of_kind,
    p_values_of,
    per_cent,
    power,
    range_words,
    with_interval,
)
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

N_TOGETHER = 6
"""Methods whose bands can be told apart in one panel; more stand in several rows, by what they gain."""
N_METHODS_MAX = N_TOGETHER * len(DASHES)
_LEFT = 2.3
_ROW_HEIGHT = 0.36
"""Inches of a method's line in the panels of numbers."""


@dataclass(frozen=True)
class Block:
    """What is drawn of one mixture.

    Attributes:
        name: of the mixture, without injections.
        injected: events injected in the entries whose curves are drawn; None for the mixture as it is.
        entries: of the methods, the largest gain first, those without truth last.
        injection: of the same mixture, all methods and efficiencies.
    """

    name: str
    injected: int | None
    entries: list[Mapping[str, Any]]
    injection: list[Mapping[str, Any]]

    @property
    def title(self) -> str:
        """The mixture in words."""
        injected = "" if self.injected is None else f", {self.injected} injected"
        return f"Mixture {self.name}{injected}"

    @property
    def known(self) -> list[Mapping[str, Any]]:
        """Entries with a curve."""
        return [entry for entry in self.entries if entry["curve"] is not None]

    @property
    def methods(self) -> list[str]:
        """Names in the order of the entries."""
        return [entry["method"] for entry in self.entries]

    def look_of(self, method: str) -> tuple[str, str]:
        """Colour and dashes: methods of one row differ in colour, rows in dashes."""
        number = self.methods.index(method)
        return PALETTE_6[number % N_TOGETHER], DASHES[number // N_TOGETHER]


def _gained(entry: Mapping[str, Any]) -> float:
    return -1.0 if entry["curve"] is None else float(entry["max_median_improvement"]["value"])


def blocks(result: Mapping[str, Any], path: Path) -> list[Block]:
    """What is drawn of each mixture.

    Of a mixture with injections the curves are those of the number injected for which most methods have one;
    of equals the mixture as it is comes first, then the largest number.

    Raises:
        EmptyFileError: there are no entries.
        InputError: more methods than lines that can be told apart.
    """
    if not result["entries"]:
        raise EmptyFileError(f"{path}: no entries to draw. Run `infer compare` again.")
    found = []
    for name in sorted({entry["name"] for entry in result["entries"]}):
        own = [entry for entry in result["entries"] if entry["name"] == name]
        with_curve = Counter(entry["injected"] for entry in own if entry["curve"] is not None)
        numbers = {entry["injected"] for entry in own}
        chosen = max(numbers, key=lambda n: (with_curve[n], np.inf if n is None else n))
        entries = [entry for entry in own if entry["injected"] == chosen]
        if len(entries) > N_METHODS_MAX:
            raise InputError(
                f"{path}: {len(entries)} methods on '{name}'; at most {N_METHODS_MAX} can be told apart."
            )
        entries.sort(key=lambda entry: (-_gained(entry), entry["method"]))
        injection = [entry for entry in result["injection"] if entry["name"] == name]
        found.append(Block(name, chosen, entries, injection))
    return found


def gains_of(block: Block) -> dict[str, Gain]:
    """Curves of the methods with truth."""
    found = {}
    for entry in block.known:
        colour, dashes = block.look_of(entry["method"])
        # What is highest on a median curve is its own maximum, not the median of the maxima.
        best = entry["max_median_improvement" if len(entry["draws"]) > 1 else "max_improvement"]
        label = f"{entry['method']}: max. {with_interval(best)}"
        found[entry["method"]] = gain_of(entry["curve"], ("low", "high"), label, colour, dashes, best)
    return found


def responses_of(block: Block, efficiency: float) -> dict[str, Response]:
    """Significance in the window of the signal against injected events, by method, at one efficiency."""
    found = {}
    for entry in block.injection:
        if entry["efficiency"] != efficiency or entry["method"] not in block.methods:
            continue
        known = [number for number, z in enumerate(entry["z"]) if z is not None and z["value"] is not None]
        if not known:
            continue
        z = [entry["z"][number] for number in known]
        colour, dashes = block.look_of(entry["method"])
        sides = np.array([ends(interval) for interval in z])
        injected = np.array([entry["injected"][number] for number in known], float)
        middle = np.array([interval["value"] for interval in z], float)
        found[entry["method"]] = Response(entry["method"], colour, injected, middle, *sides.T, dashes)
    return found


def _cut_of(entries: Sequence[Mapping[str, Any]]) -> tuple[float, str]:
    cuts = [entry["false_positive_cut"] for entry in entries]
    least = min(cut["background_efficiency"] for cut in cuts)
    words = sorted({f"{cut['background_events']:g}" for cut in cuts})
    return least, rf"At least {' or '.join(words)} background events: $\epsilon_B \geq$ {power(least)}"


def _source(entries: Sequence[Mapping[str, Any]]) -> str:
    """What the bands are, in words."""
    draws = max(len(entry["draws"]) for entry in entries)
    return f"Median and 68 % band of {draws} draws" if draws > 1 else "Bands: bootstrap"


def _row_panels(block: Block, efficiencies: Sequence[float]) -> list[tuple[str, float]]:
    """Panels of each row of curves: the axis of the gain, or the efficiency of the injections."""
    curves = [("background", 0.0), ("signal", 0.0)] if block.known else []
    return curves + [("injection", value) for value in efficiencies if responses_of(block, value)]


def _groups(block: Block) -> list[list[str]]:
    """Methods that stand in one row."""
    return [block.methods[start : start + N_TOGETHER] for start in range(0, len(block.methods), N_TOGETHER)]


def _draw_curves(
    row: Sequence[Panel], block: Block, wanted: Sequence[tuple[str, float]], group: list[str]
) -> None:
    gains = gains_of(block)
    for panel, (kind, efficiency) in zip(row, wanted, strict=True):
        curves = responses_of(block, efficiency) if kind == "injection" else gains
        own = [curves[method] for method in group if method in curves]
        others = [curve for method, curve in curves.items() if method not in group]
        if not own:
            panel.main.set_axis_off()
        elif kind == "injection":
            note = f"{per_cent(efficiency)} of the side bands selected"
            draw_responses(panel.main, own, others=others, note=note)
            add_title(panel.main, _injection_words(block, efficiency))
        else:
            cut, note = _cut_of(block.known)
            cut = cut if kind == "background" else None
            draw_gains(panel.main, own, kind, others=others, cut=cut, note=note)
            add_title(panel.main, block.title if kind == "background" else _source(block.known))


def _injection_words(block: Block, efficiency: float) -> str:
    entry = next(entry for entry in block.injection if entry["efficiency"] == efficiency)
    draws = sorted(set(entry["n_draws"]))
    words = f"{draws[0]}" if len(draws) == 1 else f"{draws[0]} to {draws[-1]}"
    place = "" if entry["low"] is None else f"{range_words(entry['low'], entry['high'])}, "
    return f"{place}median and 68 % of {words} draws"


def _maxima(block: Block) -> list[Maximum]:
    """Largest gain of each method."""
    found = []
    for entry in block.known:
        best, colour = entry["max_improvement"], block.look_of(entry["method"])[0]
        words = f"{with_interval(best)} at $\\epsilon_B$ = {power(best['background_efficiency'])}"
        of_median = entry["max_median_improvement"]["value"]
        found.append(Maximum(entry["method"], colour, best["value"], *ends(best), words, of_median))
    return found


def _largest(block: Block, number: int) -> list[Maximum]:
    """Largest local significance of each method at one efficiency."""
    found = []
    for entry in block.entries:
        line = entry["significance"][number] if entry["significance"] else None
        z = None if line is None else line["largest"]
        if z is None or z["value"] is None:
            continue
        words = f"{with_interval(z)} in {range_words(**z['window'])}"
        colour = block.look_of(entry["method"])[0]
        found.append(Maximum(entry["method"], colour, z["value"], *ends(z), words))
    return found


def _numbers(block: Block, efficiencies: Sequence[float]) -> list[str]:
    """Panels of numbers that have something to show."""
    tested = any(line is not None for entry in block.entries for line in entry["sculpting"] or [])
    found = ["maxima"] if block.known else []
    found += ["largest"] if _largest(block, len(efficiencies) - 1) else []
    return found + (["sculpting"] if tested else [])


def _draw_numbers(
    row: Sequence[Panel], block: Block, wanted: Sequence[str], efficiencies: Sequence[float]
) -> None:
    for panel, kind in zip(row, wanted, strict=True):
        if kind == "maxima":
            note = "Points: each draw's maximum; diamonds: maximum of the median curve"
            draw_maxima(panel.main, _maxima(block), "Maximum significance improvement", note, one=True)
            add_title(
                panel.main, f"{block.title}, {_source(block.known)[0].lower()}{_source(block.known)[1:]}"
            )
        elif kind == "largest":
            draw_maxima(
                panel.main, _largest(block, len(efficiencies) - 1), r"Largest local significance [$\sigma$]"
            )
            add_title(panel.main, f"{block.title}, {per_cent(efficiencies[-1])} selected")
        else:
            lines = [entry["sculpting"] or [None] * len(efficiencies) for entry in block.entries]
            draw_tests(panel.main, block.methods, p_values_of(lines, efficiencies))
            add_title(panel.main, f"{block.title}: sculpting")


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw, for each mixture, gains and injections in rows of at most six methods, and numbers of all.

    Raises:
        InputError: not the file of `infer compare`, or too many methods.
        EmptyFileError: nothing in it can be drawn.
    """
    path = inputs["comparison"]
    result = json_with(path, "kind", "efficiencies", "entries", "injection")
    of_kind(result, "comparison", path)
    efficiencies = result["efficiencies"]
    found = blocks(result, path)
    rows: list[Row] = []
    for block in found:
        wanted = _row_panels(block, efficiencies)
        rows += [Row((False,) * len(wanted), height=5.6)] * (len(_groups(block)) if wanted else 0)
        summary = _numbers(block, efficiencies)
        height = max(3.0, _ROW_HEIGHT * len(block.entries) + 1.2)
        rows += [Row((False,) * len(summary), height=height, left=_LEFT)] if summary else []
    if not rows:
        raise EmptyFileError(f"{path}: neither curves nor numbers to draw. Run `infer compare` again.")
    figure, made = panels(rows, width=6.2 if max(len(row.lower) for row in rows) > 1 else 9.0)
    add_label(made[0][0].main, look)
    for block in found:
        wanted = _row_panels(block, efficiencies)
        for group in _groups(block) if wanted else []:
            _draw_curves(made.pop(0), block, wanted, group)
        summary = _numbers(block, efficiencies)
        if summary:
            _draw_numbers(made.pop(0), block, summary, efficiencies)
    return figure
