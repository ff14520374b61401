"""What the figure of global p-values on pseudo-experiments shows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from review_trials import make_trials

from resonaut.errors import EmptyFileError
from resonaut.plot import style
from resonaut.plot.style import Look
from resonaut.review.figures import infer_trials

LOOK = Look()


@pytest.fixture
def drawn():
    def drawn_(path):
        with style.using(LOOK):
            return infer_trials.draw({"trials": path}, LOOK)

    return drawn_


def test_points_are_the_rates_and_lines_the_levels(drawn, tmp_path):
    path = make_trials(tmp_path)
    content = json.loads(path.read_text())
    false, power, null = drawn(path).axes
    nominal = [line.get_xdata()[0] for line in false.lines if line.get_ls() == "--"]
    assert nominal == [0.05, 0.01]
    for axes, key in ((false, "false_positive"), (power, "power")):
        wanted = set()
        for row, entry in enumerate(content["entries"]):
            for number, each in enumerate(entry["rates"]):
                found = each[key] if key == "false_positive" else each[key]["injected"]
                if found["value"]:
                    wanted.add((round(found["value"], 9), round(row + 0.24 * (number - 0.5), 9)))
        points = [
            line for line in axes.lines if line.get_marker() in ("o", "s") and len(line.get_xdata()) == 1
        ]
        seen = {(round(float(p.get_xdata()[0]), 9), round(float(p.get_ydata()[0]), 9)) for p in points}
        assert wanted <= seen
        assert [label.get_text() for label in axes.get_yticklabels()] == [
            entry["label"] for entry in content["entries"]
        ]
    # The fraction at or below the median of the null is one half.
    values = np.sort(content["entries"][0]["p_values"]["null"])
    curve = null.lines[0]
    assert curve.get_ydata()[list(curve.get_xdata()).index(values[49])] == 0.5


def test_a_level_that_toys_cannot_reach_has_no_point(tmp_path):
    content = json.loads(make_trials(tmp_path).read_text())
    _, tight = infer_trials.rates_of(content["entries"], content["levels"])
    assert tight.value[2] is None
    assert tight.value[0] is not None
    assert tight.nominal == 0.01


def test_several_methods_are_named_and_have_a_panel_each(drawn, tmp_path):
    figure = drawn(make_trials(tmp_path, ("anode", "cwola")))
    assert len(figure.axes) == 6
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "data, anode" in words
    assert "data, cwola" in words
    assert figure.axes[0].get_xlabel() == "False positives of 100 without signal"
    assert figure.axes[1].get_xlabel() == "Fraction of 50 with signal"


def test_without_p_values_there_is_nothing_to_draw(drawn, tmp_path):
    path = make_trials(tmp_path)
    content = json.loads(path.read_text())
    for entry in content["entries"]:
        for each in entry["rates"]:
            each["false_positive"] = {"count": 0, "n": 0, "value": None, "low": None, "high": None}
    path.write_text(json.dumps(content))
    with pytest.raises(EmptyFileError, match="no p-values"):
        drawn(path)
