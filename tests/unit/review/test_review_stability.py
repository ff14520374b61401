"""Figures of stability, of weak supervision and of the monitor: what they show is what was measured."""

from __future__ import annotations

import numpy as np
import pytest
from review_stability import SIZES, make_monitor, make_stability, make_weak

from resonaut.plot.style import Look, using
from resonaut.review.figures import detect_monitor, tag_stability, tag_weak

LOOK = Look(datasets=("qcd",))


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def points(axes):
    """x and y of each set of points with errors, by label."""
    return {c.get_label(): np.array(c.lines[0].get_data()) for c in axes.containers}


@pytest.mark.parametrize(("status", "folds"), [("converged", True), ("no fall", True), (None, False)])
def test_stability(tmp_path, status, folds):
    with using(LOOK):
        figure = tag_stability.draw({"stability": make_stability(tmp_path, folds=folds, status=status)}, LOOK)
        figure.canvas.draw()
    left, right = figure.axes
    shown = points(left)
    np.testing.assert_allclose(shown["Training rows"][0], SIZES)
    test = next(values for label, values in shown.items() if label.startswith("Test rows"))
    np.testing.assert_allclose(test[1], 0.3 + 4 * np.array(SIZES, float) ** -0.6)
    told = " ".join(labels(left))
    assert ("0.60" in told) == (status == "converged")
    assert ("no fall" in told) == (status == "no fall")
    assert left.get_xscale() == "log"
    assert ("Folds" in labels(right)) == folds


def test_weak(tmp_path):
    with using(LOOK):
        figure = tag_weak.draw({"weak": make_weak(tmp_path)}, LOOK)
        figure.canvas.draw()
    left, right = figure.axes
    shown = points(left)
    # Differences ascend, points of one stand less than 0.02 apart.
    np.testing.assert_allclose(shown["CWoLa"][0], [0.1, 0.4, 0.8], atol=0.01)
    np.testing.assert_allclose(shown["CWoLa"][1], 0.85 - 0.01 / np.array([0.1, 0.4, 0.8]))
    assert [len(values[0]) for values in shown.values()] == [3, 3, 3, 2]
    line = right.lines[0].get_data()
    assert line[1][-1] == pytest.approx(0.85)
    assert line[1][0] == 0.5


def test_monitor(tmp_path):
    with using(LOOK):
        figure = detect_monitor.draw({"monitor": make_monitor(tmp_path)}, LOOK)
        figure.canvas.draw()
    assert len(figure.axes) == 3
    first, _, scale = figure.axes
    assert len(labels(first)) == 5
    assert scale.get_legend() is None
    x, y = points_of(scale)
    # Shifts down are drawn at their size, in percent.
    np.testing.assert_allclose(x, [1, 2, 5])
    np.testing.assert_allclose(y, [0.01, 0.4, 0.99])
    assert "[%]" in scale.get_xlabel()


def points_of(axes):
    return np.array(axes.containers[0].lines[0].get_data())
