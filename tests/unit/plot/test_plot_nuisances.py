"""Nuisance parameters and flags of the limit figures: what is drawn where."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from resonaut.plot.limits import Scan, draw_limits, draw_p_values
from resonaut.plot.nuisances import N_SHOWN, Ranked, draw_impacts, draw_pulls
from resonaut.plot.style import Row, panels


def test_the_largest_impacts_come_first_and_the_rest_is_counted():
    n = N_SHOWN + 3
    up = np.linspace(-1, -0.1, n)
    down = np.zeros(n)
    down[4] = 9.0
    names = [f"statistics_{number}" for number in range(n)]
    found = Ranked.of(names, np.arange(n) / 10, np.ones(n), up, down)
    assert found.names[:3] == ("statistics 4", "statistics 0", "statistics 1")
    assert len(found.names) == N_SHOWN
    assert found.n_more == 3
    assert found.pulls[0] == 0.4


def test_pulls_and_impacts_stand_where_they_are():
    axes, other = Figure().subplots(1, 2)
    found = Ranked.of(
        ["luminosity", "acceptance"],
        np.array([0.0, -1.5]),
        np.array([1.0, 0.4]),
        np.array([-0.5, 3.0]),
        np.array([0.5, -2.0]),
    )
    draw_pulls(axes, found)
    draw_impacts(other, found)
    [points] = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "o"]
    np.testing.assert_allclose(points.get_xdata(), [-1.5, 0.0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["acceptance", "luminosity"]
    widths = [bar.get_width() for bar in other.patches]
    np.testing.assert_allclose(widths, [3.0, -0.5, -2.0, 0.5])
    assert other.get_xlim()[1] > 3


def scan(**flags):
    low = np.array([3000.0, 3400.0, 3800.0])
    numbers = np.array([0.1, 1e-4, np.nan])
    expected = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[:, None] * np.array([1.0, 1.0, np.nan])
    return Scan("1 %", low, low + 400, numbers, numbers, 3 * np.array([1.0, 1.0, np.nan]), expected, **flags)


def test_toys_have_open_markers_and_failures_are_hatched():
    flags = {"by_toys": np.array([False, True, False]), "failed": np.array([False, False, True])}
    for flagged in (False, True):
        [drawn] = panels([Row((False, False))])[1]
        axes, other = (panel.main for panel in drawn)
        found = scan(**(flags if flagged else {}))
        draw_p_values(axes, [found], ["#112233"])
        draw_limits(other, found, 0.95, "Limit")
        labels = axes.get_legend_handles_labels()[1]
        assert labels == (["A fit failed", "1 %", "1 %, by toys"] if flagged else ["1 %"])
        hatched = [patch for patch in axes.patches if patch.get_hatch()]
        assert [patch.get_x() for patch in hatched] == ([3800.0] if flagged else [])
        faces = [line.get_markerfacecolor() for line in other.lines if line.get_marker() == "o"]
        assert faces == (["black", "white"] if flagged else ["black"])
