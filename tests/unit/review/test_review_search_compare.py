"""The figure of all searches: what is drawn of their comparison."""

import json

import numpy as np
import pytest
import review_search as made
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from scipy.stats import norm

from resonaut.errors import EmptyFileError, InputError
from resonaut.plot import style
from resonaut.review.figures import infer_compare

LOOK = style.Look("CMS", "Simulation", ("qcd",))
METHODS = {"cwola": 2.1, "supervised": 3.0, "anode": 1.6}
ORDER = ["supervised", "cwola", "anode"]


def write(folder, content):
    (folder / "comparison.json").write_text(json.dumps(content))
    return folder / "comparison.json"


def draw(folder, content):
    with style.using(LOOK):
        return infer_compare.draw({"comparison": write(folder, content)}, LOOK)


def by_x(figure, words):
    return [axes for axes in figure.axes if words in axes.get_xlabel()]


def named(axes):
    """Lines in the legend, by the first word of their label."""
    lines = {line.get_label().split(":")[0]: line for line in axes.get_lines()}
    return {name: line for name, line in lines.items() if not name.startswith("_")}


def names_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_methods_stand_in_the_order_of_their_gain(tmp_path):
    figure = draw(tmp_path, made.comparison(METHODS))
    [background] = by_x(figure, "Background efficiency")
    lines = named(background)
    assert list(lines) == [*ORDER, "Random"]
    for method, shift in METHODS.items():
        x, y = lines[method].get_data()
        np.testing.assert_allclose(y, norm.sf(norm.isf(x) - shift) / np.sqrt(x), rtol=1e-9)
        assert x.min() >= 25 / 120_000
    bands = [part for part in background.collections if isinstance(part, PolyCollection)]
    assert len(bands) == len(METHODS)
    assert "At least 25 background events" in background.get_legend().get_title().get_text()
    [maxima] = by_x(figure, "Maximum significance improvement")
    assert names_of(maxima) == ORDER
    best = made.truth(3.0, 770, 120_000)["max_improvement"]
    point = maxima.containers[0]
    np.testing.assert_allclose(point.lines[0].get_xydata(), [[best["value"], 0]])
    np.testing.assert_allclose(
        point.lines[2][0].get_segments()[0][:, 0], [best["low"], best["high"]], rtol=1e-12
    )


def test_significance_grows_with_the_injected_signal(tmp_path):
    figure = draw(tmp_path, made.comparison(METHODS))
    loose, tight = by_x(figure, "Injected signal events")
    for axes, slope in ((loose, 0.002), (tight, 0.004)):
        x, y = named(axes)["cwola"].get_data()
        np.testing.assert_array_equal(x, made.INJECTED)
        np.testing.assert_allclose(y, 2.1 * slope * np.array(made.INJECTED))
    [band] = [c for c in tight.collections if c.get_facecolor()[0][:3].tolist() == _rgb(tight, "cwola")]
    at_most = band.get_paths()[0].vertices
    assert at_most[at_most[:, 0] == 2000, 1].max() == pytest.approx(2.1 * 8 + 1)
    assert tight.get_legend().get_title().get_text() == "1 % of the side bands selected"
    assert {"3300-3700 GeV, median and 68 % of 5 draws"} <= {text.get_text() for text in tight.texts}


def _rgb(axes, name):
    return list(to_rgb(named(axes)[name].get_color()))


def test_sculpting_and_largest_significance_are_per_method(tmp_path):
    content = made.comparison(METHODS, injected=False)
    figure = draw(tmp_path, content)
    assert not by_x(figure, "Injected")
    [tests] = by_x(figure, "p-value")
    assert names_of(tests) == ORDER
    entries = {entry["method"]: entry for entry in content["entries"]}
    drawn = [line for line in tests.get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
    expected = [entries[name]["sculpting"][0]["kolmogorov_smirnov"] for name in ORDER]
    np.testing.assert_allclose(drawn[0].get_xdata(), expected)
    [largest] = by_x(figure, "Largest local significance")
    values = [container.lines[0].get_xdata()[0] for container in largest.containers]
    np.testing.assert_allclose(values, [12.0, 8.4, 6.4])
    assert any("in 3300-3700 GeV" in text.get_text() for text in largest.texts)


def test_twenty_methods_stand_in_rows_of_six_that_can_be_told_apart(tmp_path):
    methods = {f"method_{number:02}": 3.0 - 0.12 * number for number in range(20)}
    figure = draw(tmp_path, made.comparison(methods, injected=False))
    rows = by_x(figure, "Background efficiency")
    assert [len(named(axes)) - 2 for axes in rows] == [6, 6, 6, 2]
    looks = [
        (line.get_color(), line.get_linestyle())
        for axes in rows
        for name, line in named(axes).items()
        if name not in ("Random", "Other methods")
    ]
    assert len(set(looks)) == 20
    # All the others stand behind in grey.
    assert [sum(line.get_color() == "0.8" for line in axes.get_lines()) for axes in rows] == [14, 14, 14, 18]
    [maxima] = by_x(figure, "Maximum")
    assert names_of(maxima) == list(methods)


def test_curves_are_of_the_mixture_that_most_methods_know(tmp_path):
    content = made.comparison(METHODS)
    path = tmp_path / "comparison.json"
    assert [block.injected for block in infer_compare.blocks(content, path)] == [None]
    for entry in content["entries"]:
        if entry["injected"] is None:
            entry |= {"curve": None, "max_improvement": None, "max_median_improvement": None}
    [block] = infer_compare.blocks(content, path)
    assert block.injected == 2000
    assert block.title == "Mixture data, 2000 injected"
    # On the median curve of draws its own maximum is marked, not the median of the maxima.
    best = block.known[0]["max_median_improvement"]["value"]
    content_gain = infer_compare.gains_of(block)["supervised"]
    assert content_gain.best[0] <= best <= content_gain.best[1]
    both = made.comparison(METHODS, name="data")["entries"] + made.comparison(METHODS, name="null")["entries"]
    assert [b.name for b in infer_compare.blocks({"entries": both, "injection": []}, path)] == [
        "data",
        "null",
    ]


def test_without_truth_there_are_only_numbers(tmp_path):
    content = made.comparison(METHODS, injected=False)
    for entry in content["entries"]:
        entry |= {
            "curve": None,
            "max_improvement": None,
            "max_median_improvement": None,
            "truth_window": None,
        }
    figure = draw(tmp_path, content)
    assert len(figure.axes) == 2
    for entry in content["entries"]:
        entry |= {"sculpting": [None, None], "significance": [None, None]}
    with pytest.raises(EmptyFileError, match="neither curves nor numbers to draw"):
        draw(tmp_path, content)


def test_comparisons_that_cannot_be_drawn(tmp_path):
    content = made.comparison({f"method_{number}": 2.0 for number in range(25)}, injected=False)
    with pytest.raises(InputError, match=r"25 methods on 'data'; at most 24 can be told apart"):
        draw(tmp_path, content)
    with pytest.raises(EmptyFileError, match="no entries to draw"):
        draw(tmp_path, {**content, "entries": []})
    with pytest.raises(InputError, match="kind 'comparison' is expected, got 'evaluation'"):
        draw(tmp_path, {**content, "kind": "evaluation"})
