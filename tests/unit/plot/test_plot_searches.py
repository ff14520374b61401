"""What the figures of searches draw, read back from their axes."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from resonaut.plot import style
from resonaut.plot.importance import draw_importance, ordered
from resonaut.plot.improvement import Gain, Maximum, draw_gains, draw_maxima
from resonaut.plot.injection import Response, draw_responses
from resonaut.plot.intervals import garwood
from resonaut.plot.sculpting import PValues, Selected, draw_sculpting, draw_tests, shape

BACKGROUND = np.array([1e-3, 1e-2, 0.1, 1.0])
SIGNAL = np.array([0.2, 0.2, 0.6, 1.0])
GAIN = Gain("cwola", "red", BACKGROUND, SIGNAL, SIGNAL / np.sqrt(BACKGROUND))


@pytest.fixture
def panel():
    with style.using(style.Look()):
        _, [[found]] = style.panels([style.Row((True,))])
        yield found


@pytest.fixture
def axes():
    with style.using(style.Look()):
        _, [[found]] = style.panels([style.Row((False,))])
        yield found.main


def line(axes, label):
    [found] = [entry for entry in axes.get_lines() if entry.get_label() == label]
    return found.get_data()


def test_of_cuts_of_one_signal_efficiency_the_tightest_is_drawn():
    x, rows = GAIN.against("signal")
    np.testing.assert_array_equal(x, [0.2, 0.6, 1.0])
    np.testing.assert_array_equal(rows, [0, 2, 3])
    np.testing.assert_array_equal(GAIN.against("background")[1], [0, 1, 2, 3])


def test_gains_with_their_maximum_and_the_cut(axes):
    best = Gain(
        "cwola", "red", BACKGROUND, SIGNAL, GAIN.value, GAIN.value - 1, GAIN.value + 1, "--", (5.0, 8.0)
    )
    other = Gain("", "blue", BACKGROUND, SIGNAL, 100 * GAIN.value)
    draw_gains(axes, [best], others=[other], cut=5e-4, note="At least 25")
    np.testing.assert_allclose(line(axes, "cwola"), [BACKGROUND, SIGNAL / np.sqrt(BACKGROUND)])
    marker = axes.containers[0]
    np.testing.assert_allclose(marker.lines[0].get_xydata(), [[1e-3, 0.2 / np.sqrt(1e-3)]])
    np.testing.assert_allclose(marker.lines[2][0].get_segments()[0][:, 1], [5, 8])
    [excluded] = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert excluded.get_x() + excluded.get_width() == pytest.approx(5e-4)
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == (pytest.approx(3e-4), 1)
    # The other curve leaves the panel; the words stand above all of this one.
    bottom, top = axes.get_ylim()
    assert bottom == 0
    assert 8 < top < 20
    assert axes.get_legend().get_title().get_text() == "At least 25"
    assert "Significance improvement" in axes.get_ylabel()


def test_a_random_choice_gains_the_root_of_its_efficiency(axes):
    draw_gains(axes, [GAIN], "signal")
    x, y = line(axes, "Random")
    np.testing.assert_allclose(y, np.sqrt(x))
    assert axes.get_xlim() == (0, 1)


def test_maxima_stand_in_lines_with_room_for_their_numbers(axes):
    maxima = [
        Maximum("iad", "red", 15.0, 14.0, 17.0, "15 words", 14.5),
        Maximum("cwola", "blue", 10.0, 9.0, 10.0),
    ]
    draw_maxima(axes, maxima, "Maximum", "what", one=True)
    first, second = (container.lines[0].get_xydata().tolist() for container in axes.containers)
    assert (first, second) == ([[15, 0]], [[10, 1]])
    np.testing.assert_allclose(axes.containers[0].lines[2][0].get_segments()[0][:, 0], [14, 17])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["iad", "cwola"]
    assert axes.get_xlim() == (0, pytest.approx(17 / 0.56))
    low, high = axes.get_ylim()
    assert low > 1.5 > -0.5 > high


def test_maxima_below_zero_are_inside(axes):
    draw_maxima(axes, [Maximum("random", "red", -1.0, -2.0, 0.5)], "z")
    assert axes.get_xlim()[0] < -2


def test_injections_from_none_to_many(axes):
    n = np.array([0.0, 100.0, 1000.0])
    wide = Response("cwola", "red", n, np.array([0.1, 1.0, 9.0]), np.array([-0.9, 0.2, 8.0]), n / 100 + 1)
    single = Response("iad", "blue", n, n / 100, n / 100, n / 100)
    strong = Response("supervised", "green", n, n / 10, n / 10, n / 10)
    draw_responses(axes, [wide, single], others=[strong, strong], note="1 %")
    assert axes.get_ylabel() == r"Local significance [$\sigma$]"
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == ["cwola", "iad", "Other methods"]
    # The others leave the panel, whose top is that of the two and of their names.
    assert 11 < axes.get_ylim()[1] < 25
    np.testing.assert_allclose(line(axes, "cwola"), [n, [0.1, 1.0, 9.0]])
    assert len(axes.collections) == 1
    assert axes.get_xscale() == "symlog"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "100", "1000"]
    low, high = axes.get_xlim()
    assert low < 0
    assert high > 1000
    assert axes.get_ylim()[0] == pytest.approx(-0.99)
    assert {text.get_text() for text in axes.texts} == {r"3$\sigma$", r"5$\sigma$"}


def test_no_injection_at_all_is_drawn(axes):
    zero = np.zeros(1)
    draw_responses(axes, [Response("cwola", "red", zero, zero + 0.4, zero, zero + 1)])
    assert axes.get_xlim() == (-1, 1)


def test_importance_is_sorted_by_its_mean_over_windows(axes):
    importance = {"mj1": np.array([0.1, 0.3]), "dmj": np.array([0.5, np.nan]), "tau": np.array([-0.1, 0.1])}
    assert ordered(importance) == ["dmj", "mj1", "tau"]
    draw_importance(axes, importance, "Importance")
    widths = [patch.get_width() for patch in axes.patches]
    np.testing.assert_allclose(widths, [0.5, 0.2, 0.0], atol=1e-12)
    dots = [entry.get_xdata().tolist() for entry in axes.get_lines() if entry.get_marker() == "o"]
    assert dots == [[0.1, 0.3], [-0.1, 0.1]]
    low, high = axes.get_xlim()
    assert low < -0.1
    assert high > 0.5


def test_of_many_features_the_rest_is_counted(axes):
    draw_importance(axes, {f"f{n:02}": np.array([1.0 / (n + 1)]) for n in range(25)}, "x")
    assert len(axes.patches) == 20
    assert "5 more features" in [text.get_text() for text in axes.texts]


def test_a_shape_is_counts_over_their_sum():
    counts = np.array([4, 0, 12])
    found = shape(np.arange(4.0), counts)
    lower, upper = garwood(counts)
    np.testing.assert_allclose(found.values, [0.25, 0, 0.75])
    np.testing.assert_allclose(found.upper, upper / 16)
    np.testing.assert_allclose(found.lower, lower / 16)
    np.testing.assert_array_equal(shape(np.arange(3.0), np.zeros(2)).values, [0, 0])


def test_sculpting_shows_the_ratio_of_shapes(panel):
    edges = np.array([3000.0, 3100.0, 3200.0, 3300.0])
    before, after = np.array([600, 300, 100]), np.array([60, 60, 0])
    draw_sculpting(panel, edges, before, [Selected("10 %", after)], (3100.0, 3200.0), "Background")
    ratio = panel.lower.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(ratio[:2], [[3050, 0.5 / 0.6], [3150, 0.5 / 0.3]])
    low, high = panel.lower.get_ylim()
    assert low < 0.83
    assert high > 1.67
    assert panel.main.get_yscale() == "log"
    shaded = panel.main.patches[0]
    assert (shaded.get_x(), shaded.get_width()) == (3100, 100)
    words = {text.get_text() for text in panel.main.get_legend().get_texts()}
    assert words == {"Signal region", "Before", "10 %"}


def test_p_values_at_the_end_of_the_toys_are_arrows(axes):
    tests = [
        PValues("KS", "red", np.array([0.3, 1 / 1001])),
        PValues("chi2", "blue", np.array([np.nan, 0.9]), hollow=True),
    ]
    draw_tests(axes, ["a", "b"], tests, 1 / 1001)
    drawn = {
        (line.get_marker(), line.get_markerfacecolor()): line.get_xydata()
        for line in axes.get_lines()
        if len(line.get_xdata()) and line.get_marker() != "None"
    }
    np.testing.assert_allclose(drawn["o", "red"], [[0.3, -0.125]])
    np.testing.assert_allclose(drawn["<", "red"], [[1 / 1001, 0.875]])
    np.testing.assert_allclose(drawn["o", "none"], [[0.9, 1.125]])
    assert axes.get_xlim()[0] == pytest.approx(0.5 / 1001)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_names_have_room_where_a_row_says_so():
    figure, [[wide], [usual]] = style.panels([style.Row((False,), left=2.3), style.Row((False,))])
    inches = figure.get_size_inches()[0]
    assert wide.main.get_position().x0 * inches == pytest.approx(2.3)
    assert usual.main.get_position().x0 * inches == pytest.approx(1.15)
    assert wide.main.get_position().x1 == pytest.approx(usual.main.get_position().x1)
