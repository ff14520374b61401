"""Numbers of figures: what was drawn comes back, by name, whatever it was drawn with."""

import csv
import io
import json

import mplhep
import numpy as np
import pytest

from resonaut.plot import style
from resonaut.plot.numbers import as_csv, numbers


@pytest.fixture
def panel():
    with style.using(style.Look()):
        yield style.panels([style.Row((True,))])[1][0][0]


def series(axes):
    [found] = numbers(axes.figure)["panels"]
    return found["series"]


def test_a_line_keeps_its_numbers_labels_and_scales(panel):
    axes = panel.main
    axes.plot([1, 2, np.nan], [1 / 3, 20, 30], label="Observed", color="red")
    axes.set_yscale("log")
    axes.set_ylabel("Events / 100 GeV")
    panel.lower.set_xlabel("Mass [GeV]")
    style.add_label(axes, style.Look(), "hunt of data")
    found = numbers(axes.figure)
    assert found["kind"] == "figure_numbers"
    [drawn] = found["panels"]
    assert (drawn["x_label"], drawn["y_label"]) == ("Mass [GeV]", "Events / 100 GeV")
    assert (drawn["x_scale"], drawn["y_scale"], drawn["title"]) == ("linear", "log", "hunt of data")
    assert drawn["notes"] == ["resonaut", "Simulation"]
    assert drawn["series"] == [
        {"label": "Observed", "form": "line", "x": [1, 2, None], "y": [0.33333333, 20, 30]}
    ]
    json.dumps(found, allow_nan=False)


def test_error_bars_have_ends_and_take_the_name_of_their_colour(panel):
    axes = panel.main
    mplhep.histplot([4.0, 9.0], [0, 1, 2], ax=axes, histtype="step", color="#5790fc", label="qcd", yerr=False)
    axes.errorbar([0.5, 1.5], [4, 9], [[2, 3], [2.5, 3.5]], fmt="none", ecolor="#5790fc")
    axes.errorbar([1.0], [5.0], xerr=[[0.25], [0.5]], fmt="o", color="black", label="data")
    steps, errors, points = series(axes)
    assert (steps["label"], steps["form"]) == ("qcd", "steps")
    assert (steps["x_low"], steps["x_high"], steps["y"]) == ([0, 1], [1, 2], [4, 9])
    assert (errors["label"], errors["form"], errors["x"]) == ("qcd", "errors", [0.5, 1.5])
    assert (errors["y_low"], errors["y_high"]) == ([2, 6], [6.5, 12.5])
    assert points == {
        "label": "data", "form": "points", "x": [1], "y": [5], "x_low": [0.75], "x_high": [1.5],
    }  # fmt: skip


@pytest.mark.parametrize("n_points", [2, 5])
def test_a_band_has_both_edges(panel, n_points):
    x = np.linspace(1, 2, n_points)
    panel.main.fill_between(x, x**2, -x, label="band")
    [found] = series(panel.main)
    assert (found["form"], found["label"]) == ("band", "band")
    np.testing.assert_allclose(found["x"], x, rtol=1e-7)
    np.testing.assert_allclose(found["y_low"], -x, rtol=1e-7)
    np.testing.assert_allclose(found["y_high"], x**2, rtol=1e-7)


def test_stairs_bars_and_spans(panel):
    axes = panel.main
    axes.stairs([3, 4], [0, 1, 5], baseline=[1, 2], label="band of bins", color="red")
    axes.barh([1.0, 2.0], [10, -20], height=0.5, label="impact", color="blue")
    axes.bar([7], [2], width=1.0, label="count", color="green")
    axes.axvspan(2900, 3300, label="window", color="orange")
    axes.axhline(0.05, label="level", color="black")
    axes.axhline(0.5, color="0.7")
    found = {entry.pop("label"): entry for entry in series(axes)}
    assert found["band of bins"] == {
        "form": "band", "x_low": [0, 1], "x_high": [1, 5], "y_low": [1, 2], "y_high": [3, 4],
    }  # fmt: skip
    assert found["impact"]["y"] == [1, 2]
    assert (found["impact"]["x_low"], found["impact"]["x_high"]) == ([0, 0], [10, -20])
    assert (found["count"]["x_low"], found["count"]["y_high"]) == ([6.5], [2])
    assert found["window"] == {"form": "span", "x_low": [2900], "x_high": [3300]}
    assert found["level"] == {"form": "span", "y": [0.05]}
    assert len(found) == 5


@pytest.mark.parametrize("origin", ["lower", "upper"])
def test_an_image_says_where_each_value_is(panel, origin):
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, np.nan]])
    image = panel.main.imshow(values, origin=origin, extent=(0, 3, -1, 1))
    panel.main.figure.colorbar(image, ax=panel.main)
    [found] = series(panel.main)
    at = dict(zip(zip(found["x"], found["y"], strict=True), found["value"], strict=True))
    assert at[0.5, -0.5 if origin == "lower" else 0.5] == 1
    assert at[2.5, 0.5 if origin == "lower" else -0.5] is None
    assert len(at) == 6


def test_a_mesh_is_an_image_and_a_scatter_is_points(panel):
    panel.main.pcolormesh([0, 1, 3], [0, 2], [[7.0, 8.0]])
    panel.main.scatter([1, 2], [3, 4], c=[5, 6])
    mesh, points = series(panel.main)
    assert (mesh["x"], mesh["y"], mesh["value"]) == ([0.5, 2], [1, 1], [7, 8])
    assert (points["x"], points["y"], points["value"]) == ([1, 2], [3, 4], [5, 6])


def test_names_of_ticks_come_along(panel):
    panel.main.plot([0, 1], [5, 6], "o")
    panel.main.set_xticks([0, 1], ["cwola", "autoencoder"])
    [found] = numbers(panel.main.figure)["panels"]
    assert found["x_ticks"] == {"at": [0, 1], "names": ["cwola", "autoencoder"]}
    assert "y_ticks" not in found


def test_the_table_has_a_row_per_point(panel):
    panel.main.plot([1, 2], [3, 4], label='a "quoted", name')
    panel.main.fill_between([1, 2], [2, 3], [4, 5], color="red", label="band")
    panel.lower.set_xlabel("Mass [GeV]")
    told, _, table = as_csv(numbers(panel.main.figure)).partition("\n")
    assert told == "# panel 1:  | x: Mass [GeV] | y: "
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["series"], row["x"], row["y"], row["y_high"]) for row in rows] == [
        ('a "quoted", name', "1", "3", ""),
        ('a "quoted", name', "2", "4", ""),
        ("band", "1", "", "4"),
        ("band", "2", "", "5"),
    ]


def test_a_figure_is_saved_with_its_numbers_and_the_bytes_are_equal(panel, tmp_path):
    panel.main.plot([1, 2], [3, 4], label="one")
    for folder in ("a", "b"):
        style.save(panel.main.figure, [tmp_path / folder / f"f{ending}" for ending in style.FORMATS])
    for ending in style.FORMATS:
        assert (tmp_path / f"a/f{ending}").read_bytes() == (tmp_path / f"b/f{ending}").read_bytes()
    assert json.loads((tmp_path / "a/f.json").read_text()) == numbers(panel.main.figure)
    assert (tmp_path / "a/f.svg").read_text().startswith("<?xml")
