"""Figures of generators: what they are drawn from, and that they show it."""

import json

import numpy as np
import pytest
from review_files import LOOK
from review_generate import make_showers, make_training

from resonaut.errors import InputError
from resonaut.plot import style
from resonaut.plot.histograms import Histogram
from resonaut.plot.named_values import Named, draw_named
from resonaut.review.figures import generate, generate_compare, generate_panels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generate")
    return {"evaluation": make_showers(folder, "flow", 1), "training": make_training(folder)}


def test_points_of_the_figure_are_those_of_the_evaluation(files):
    evaluation = json.loads(files["evaluation"].read_text())
    with style.using(LOOK):
        figure = generate.draw(files, LOOK)
    panel = next(axes for axes in figure.axes if axes.get_ylabel() == "Visible / incident energy [%]")
    points = [line.get_ydata() for line in panel.lines if len(line.get_ydata()) == 9][-1]
    wanted = [100 * entry["generated"]["response"]["value"] for entry in evaluation["response"]["bins"]]
    np.testing.assert_allclose(points, wanted)
    labels = {axes.get_xlabel() for axes in figure.axes}
    assert {"Visible energy [GeV]", "Cell energy [GeV]", "Distance from the axis [cells]"} <= labels


def test_a_file_of_another_stage_is_refused(files):
    with pytest.raises(InputError, match=r"training.json: the key 'learn' is expected"):
        generate.draw({"evaluation": files["training"], "training": files["training"]}, LOOK)


def test_words_of_the_table():
    area = {"auc": 0.5612, "error": 0.0071, "floor": 0.5, "floor_error": 0.01}
    entry = {"name": "flow", "n_parameters": 71_000_000, "high_level": area, "low_level": None, "copies": 0.0}
    entry |= {"separation": {"value": 0.0123}, "targets": {"met": 3, "asked": 8}}
    entry["time"] = {"speed_up": {"cpu 1": 12.0, "cpu 1000": 340.0}}
    words = generate_compare.words(entry)
    assert words[2:] == ["0.561 $\\pm$ 0.007", "", "0.012", "0 %", "3 of 8", "340"]


def test_the_ratio_panel_is_as_narrow_as_the_well_filled_bins_allow():
    edges, real = np.arange(4.0), np.array([100.0, 50, 1])
    pair = [Histogram(edges, values, values, values) for values in (real, real * [1.05, 0.98, 3])]
    assert generate_panels._ratio_range(*pair) == (0.9, 1.1)


def test_named_values_stand_from_top_to_bottom():
    with style.using(LOOK):
        _, [[panel]] = style.panels([style.Row((False,), left=3)])
        entries = [Named("one", 0.002, 1e-4, 0.004), Named("two", 0.02)]
        draw_named(panel.main, entries, "Separation power", ("a", "b"), log=True, limit=0.01)
    assert [label.get_text() for label in panel.main.get_yticklabels()] == ["one", "two"]
    assert panel.main.get_yticks()[0] > panel.main.get_yticks()[1]
    assert panel.main.get_xlim() == pytest.approx((1e-3, 0.1))
