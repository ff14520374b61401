"""What the figures of taggers draw, read back from their axes."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from resonaut.plot import style
from resonaut.plot.curves import Curve, draw_rejection
from resonaut.plot.efficiency import draw_efficiencies
from resonaut.plot.matrix import draw_confusion
from resonaut.plot.ranking import Ranked, draw_ranking, draw_table, line_of
from resonaut.plot.reliability import draw_reliability
from resonaut.plot.response import draw_response


@pytest.fixture
def panel():
    with style.using(style.Look()):
        _, [[found]] = style.panels([style.Row((True,), lower_share=0.4)])
        yield found


def points(axes, number):
    """x and y of a series of points."""
    return axes.containers[number].lines[0].get_data()


def test_the_lower_panel_takes_its_share():
    _, [[found]] = style.panels([style.Row((True,), height=5.0, lower_share=0.4)])
    main, lower = found.main.get_position(), found.lower.get_position()
    assert lower.height / (main.y1 - lower.y0) == pytest.approx(0.4)


def test_reliability_shows_bins_and_their_distance(panel):
    bins = {
        "probability": [0.1, 0.5, 0.9], "fraction": [0.15, 0.5, 0.8], "lower": [0.1, 0.4, 0.7],
        "upper": [0.2, 0.6, 0.9],
    }  # fmt: skip
    draw_reliability(panel, bins, "a", "black", "x", "y")
    np.testing.assert_allclose(points(panel.main, 0), [bins["probability"], bins["fraction"]])
    np.testing.assert_allclose(points(panel.lower, 0)[1], [0.05, 0, -0.1], atol=1e-12)
    low, high = panel.lower.get_ylim()
    assert low == -high
    assert high > 0.2


def test_efficiencies_leave_out_bins_of_few_jets(panel):
    def fractions(values):
        ends = {"lower": [v and 0.9 * v for v in values], "upper": [v and 1.1 * v for v in values]}
        return {"total": [100, 9, 0], "efficiency": values, **ends}

    draw_efficiencies(
        panel, [0, 1, 2, 4], {"cut": fractions([0.3, 0.5, None])}, {"cut": fractions([0.02, 0.5, None])}, "x"
    )
    assert points(panel.main, 0)[0].tolist() == [0.5]
    assert points(panel.lower, 0)[1].tolist() == [0.02]
    assert panel.lower.get_ylim() == pytest.approx((0.01, 0.1))


def test_confusion_writes_per_cent_with_errors(panel):
    fraction = [[0.9, 0.1], [None, None]]
    ends = {"lower": [[0.88, 0.08], [None, None]], "upper": [[0.92, 0.12], [None, None]]}
    draw_confusion(panel.main, {"fraction": fraction, **ends}, ["qcd", "top"])
    assert [text.get_text() for text in panel.main.texts] == ["90.0\n$\\pm$2.0", "10.0\n$\\pm$2.0"]
    assert [label.get_text() for label in panel.main.get_yticklabels()] == ["qcd", "top"]
    assert panel.main.yaxis_inverted()


def test_response_shows_resolution_above_median(panel):
    def entry(width):
        return {"resolution": width, "resolution_error": 0.01, "median": 1 + width, "median_error": 0.02}

    nothing = dict.fromkeys(entry(0.1))
    draw_response(
        panel, [0, 10, 20], {"Uncorrected": [entry(0.2), nothing], "Corrected": [entry(0.1), entry(0.3)]}, "x"
    )
    assert points(panel.main, 0)[1].tolist() == [0.2]
    assert points(panel.main, 1)[1].tolist() == [0.1, 0.3]
    assert points(panel.lower, 1)[1].tolist() == [1.1, 1.3]
    assert panel.main.get_ylim()[0] == 0


def test_lines_of_a_comparison_differ():
    lines = [line_of(number, 24) for number in range(24)]
    assert len(set(lines)) == 24
    assert line_of(3, 5) == (style.PALETTE_6[3], "-")


def test_ratios_are_to_the_first_curve(panel):
    x = np.linspace(0.1, 1, 10)
    best = Curve("best", "red", x, 100 / x, 90 / x, 110 / x)
    half = Curve("half", "blue", x, 50 / x)
    draw_ranking(panel, [Ranked(best, "-"), Ranked(half, "--")])
    one, two = panel.lower.get_lines()
    np.testing.assert_allclose(one.get_ydata(), 1)
    np.testing.assert_allclose(two.get_ydata(), 0.5)
    assert two.get_linestyle() == "--"
    assert panel.lower.get_ylabel() == "Ratio to best"


def test_the_table_has_a_line_before_each_row(panel):
    curve = Curve("pfn", "red", np.ones(2), np.ones(2))
    draw_table(panel.main, ("a", "b"), [("pfn", "1")], [Ranked(curve, "--")], (0.5, 0.5))
    assert [text.get_text() for text in panel.main.texts] == ["a", "b", "pfn", "1"]
    line = panel.main.get_lines()[1]
    assert (to_rgba(line.get_color()), line.get_linestyle()) == (to_rgba("red"), "--")
    assert line.get_ydata()[0] == panel.main.texts[2].get_position()[1]


def test_a_band_of_networks_lies_under_the_curve(panel):
    x = np.array([0.2, 0.5, 0.9])
    band = Curve("Range", "0.5", x, 9 / x, 9 / x, 11 / x)
    draw_rejection(panel.main, [Curve("mean", "red", x, 10 / x)], band)
    [drawn] = panel.main.collections
    heights = drawn.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((10, 55))
    assert [text.get_text() for text in panel.main.get_legend().get_texts()] == ["Range", "mean", "Random"]
