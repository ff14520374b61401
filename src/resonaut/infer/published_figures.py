"""Figures of `resonaut infer --spectrum`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.infer.published_scan import BANDS
from resonaut.infer.spectrum_file import SpectrumFile
from resonaut.plot.binned_spectrum import draw_binned_spectrum
from resonaut.plot.mass_scan import draw_limit_curves, draw_local_p_values, draw_ratios
from resonaut.plot.style import FORMATS, Look, Row, add_label, panels, save, using

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _outputs(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{ending}" for ending in FORMATS]


def _column(entries: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([np.nan if entry[name] is None else entry[name] for entry in entries], float)


def draw_all(folder: Path, found: SpectrumFile, result: dict[str, Any], expected: np.ndarray) -> None:
    """Draw spectrum, p-values and limits.

    Args:
        folder: where they go.
        found: the spectrum.
        result: as `published` says.
        expected: (n_bins,) of the chosen fit.
    """
    look = Look(label="")
    title = Path(found.path).name
    with using(look):
        figure, [[panel]] = panels([Row((True,), height=6.4)], width=7.5)
        _spectrum(panel, found, result, expected)
        add_label(panel.main, look, title)
        save(figure, _outputs(folder, "spectrum"))
    draw_tests(folder, result, title)


def draw_tests(folder: Path, result: dict[str, Any], title: str) -> None:
    """Draw p-values and limits.

    Args:
        folder: where they go.
        result: with `scan`, `global`, `limits` and `confidence_level`.
        title: beside the label.
    """
    look = Look(label="")
    with using(look):
        tests = [entry for entry in result["scan"] if "failed" not in entry]
        figure, [[panel]] = panels([Row((False,), height=5.4, right=0.85)], width=7.5)
        overall = result["global"]
        known = overall["p"] is not None
        note = f"Global p-value {overall['p']:.2g} $\\pm$ {overall['error']:.1g}" if known else None
        toys = np.array([entry["method"] == "toys" for entry in tests])
        draw_local_p_values(panel.main, _column(tests, "mass"), _column(tests, "p_local"), toys, note)
        add_label(panel.main, look, title)
        save(figure, _outputs(folder, "p_values"))
        figure = _limits(result, look, title)
        save(figure, _outputs(folder, "limits"))


def _limits(result: dict[str, Any], look: Look, title: str) -> Figure:
    """Limits, and their ratio to published ones where there are any."""
    limits = [entry for entry in result["limits"] if "failed" not in entry]
    published = "published_observed_fb" in limits[0]
    figure, [[panel]] = panels([Row((published,), height=6.4 if published else 5.4)], width=7.5)
    unit = "_fb" if "observed_fb" in limits[0] else ""
    mass = _column(limits, "mass")
    draw_limit_curves(
        panel.main,
        mass,
        _column(limits, f"observed{unit}"),
        np.array([_column(limits, f"{name}{unit}") for name in BANDS]),
        r"Limit on $\sigma \times B \times A$ [fb]" if unit else "Limit on signal events",
        f"{100 * result['confidence_level']:g} % CL upper limits",
        _column(limits, "published_observed_fb") if published else None,
    )
    if published:
        names = ("observed_over_published", "expected_over_published")
        draw_ratios(panel, mass, *(_column(limits, name) for name in names))
    add_label(panel.main, look, title)
    return figure


def _spectrum(panel: Any, found: SpectrumFile, result: dict[str, Any], expected: np.ndarray) -> None:
    chosen = result["chosen"]
    fit = next(
        entry
        for entry in result["fits"]
        if (entry["function"], entry["n_parameters"]) == (chosen["function"], chosen["n_parameters"])
    )
    bump = result["global"]["bumphunter"]
    notes = [f"Deviance {fit['deviance']:.1f} for {fit['degrees_of_freedom']} degrees of freedom"]
    if fit["p_goodness"] is not None:
        notes.append(f"p = {fit['p_goodness']:.2g} (toys)")
    if bump["p"] is not None:
        notes.append(f"Bump hunt: global p = {bump['p']:.2g}")
    draw_binned_spectrum(
        panel,
        found.edges,
        found.counts,
        expected,
        f"{chosen['function']}, {chosen['n_parameters']} parameters",
        None if bump["low"] is None else (bump["low"], bump["high"]),
        notes,
    )
