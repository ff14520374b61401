"""The figure of one search: what is drawn of its evaluation."""

import json

import numpy as np
import pytest
import review_search as made
from matplotlib.collections import PolyCollection
from scipy.stats import norm

from resonaut.errors import EmptyFileError, InputError
from resonaut.plot import style
from resonaut.review.figures import hunt_evaluate, search_panels

LOOK = style.Look("CMS", "Simulation", ("qcd",))


def write(folder, content):
    (folder / "evaluation.json").write_text(json.dumps(content))
    return {"evaluation": folder / "evaluation.json"}


def draw(folder, content):
    with style.using(LOOK):
        return hunt_evaluate.draw(write(folder, content), LOOK)


def by_x(figure, words):
    """Panels whose x axis says so."""
    return [axes for axes in figure.axes if words in axes.get_xlabel()]


def titles(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_gain_and_rejection_are_those_of_gaussian_scores(tmp_path):
    figure = draw(tmp_path, made.evaluation())
    [background] = by_x(figure, "Background efficiency")
    signal, rejection = by_x(figure, "Signal efficiency")
    x, y = background.get_lines()[0].get_data()
    expected = norm.sf(norm.isf(x) - 2.4)
    np.testing.assert_allclose(y, expected / np.sqrt(x), rtol=1e-9)
    # The curve ends where 25 of 120 000 background events remain, which is shaded beyond and said.
    assert 25 / 120_000 <= x.min() < 1.1 * 25 / 120_000
    cut = background.patches[0]
    assert cut.get_x() + cut.get_width() == pytest.approx(25 / 120_000)
    words = background.get_legend().get_title().get_text()
    assert words == r"At least 25 background events: $\epsilon_B \geq$ $2.1\times 10^{-4}$"
    np.testing.assert_allclose(signal.get_lines()[0].get_data(), [expected, expected / np.sqrt(x)])
    np.testing.assert_allclose(rejection.get_lines()[0].get_data(), [expected, 1 / x])
    assert "AUC 0.955" in rejection.get_legend().get_texts()[0].get_text()
    assert {"770 signal, 120 000 background events", "68 % intervals of 200 bootstrap replicas"} <= titles(
        figure
    )


def test_the_band_of_the_rejection_holds_the_interval_of_the_signal():
    curve = made.curve(2.4, 770, 120_000)
    found = search_panels.rejection_of(curve, "", "red")
    assert (found.lower <= found.y).all()
    assert (found.upper >= found.y).all()
    # At the signal efficiency that the interval of some cut ends at, the band ends at that cut's rejection.
    place = 40
    for end, side in (("low", found.lower), ("high", found.upper)):
        x = curve[f"signal_efficiency_{end}"][place]
        drawn = np.exp(np.interp(x, found.x, np.log(side)))
        assert drawn == pytest.approx(1 / curve["background_efficiency"][place], rel=0.01)


def test_nine_windows_and_their_sculpting(tmp_path):
    content = made.evaluation(9, bias=0.5)
    figure = draw(tmp_path, content)
    [background] = by_x(figure, "Background efficiency")
    named = [line for line in background.get_lines() if "GeV" in line.get_label()]
    assert len(named) == sum(window["truth"] is not None for window in content["windows"]) == 5
    # Five curves: only the window with most signal keeps its band.
    assert sum(isinstance(part, PolyCollection) for part in background.collections) == 1
    [tests] = by_x(figure, "p-value")
    assert [label.get_text() for label in tests.get_yticklabels()][3] == "3300-3700 GeV"
    arrows = [line for line in tests.get_lines() if line.get_marker() == "<" and len(line.get_xdata())]
    np.testing.assert_allclose([line.get_xdata() for line in arrows], 1 / 1001)
    assert "Mean of 9 windows" in titles(figure)
    [bars] = by_x(figure, "Importance")
    every = {name: np.mean([w["importance"][name] for w in content["windows"]]) for name in made.FEATURES}
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], sorted(every.values())[::-1])


def test_shapes_and_features_are_shares_of_events(tmp_path):
    content = made.evaluation(bias=0.5)
    figure = draw(tmp_path, content)
    window = content["windows"][0]
    lower = next(axes for axes in figure.axes if axes.get_ylabel() == "After / before")
    entry = window["sculpting"][0]
    before, after = (np.array(entry[key], float) for key in ("before", "after"))
    used = np.isfinite(before)
    ratio = (after / np.nansum(after))[used] / (before / np.nansum(before))[used]
    np.testing.assert_allclose(lower.containers[0].lines[0].get_ydata(), ratio)
    [feature] = by_x(figure, r"$m_{J1}$ [GeV]")
    counts = np.array(window["selected"]["mj1"]["signal_region"]["selected"][1], float)
    points = feature.containers[-1].lines[0].get_ydata()
    np.testing.assert_allclose(points, (counts / counts.sum())[counts > 0])
    words = [text.get_text() for text in feature.get_legend().get_texts()]
    assert any(word == f"1 %: {int(counts.sum())} events" for word in words)
    main = next(axes for axes in figure.axes if "Share of background" in axes.get_ylabel())
    labels = [text.get_text() for text in main.get_legend().get_texts()]
    assert "10 % selected: $p$(KS) < 0.001, $p$($\\chi^2$) 0.0014" in labels


def test_a_blind_search_shows_side_bands_only(tmp_path):
    content = made.evaluation(3, labelled=False, blind=True)
    figure = draw(tmp_path, content)
    assert not by_x(figure, "efficiency")
    assert "Side bands (blind) 3100-3500 GeV" in titles(figure)
    assert not any(text.startswith("Signal region") for text in titles(figure))
    [feature] = by_x(figure, r"$m_{J1}$ [GeV]")
    counts = np.array(content["windows"][0]["selected"]["mj1"]["side_bands"]["selected"][1], float)
    np.testing.assert_allclose(
        feature.containers[-1].lines[0].get_ydata(), (counts / counts.sum())[counts > 0]
    )
    main = next(axes for axes in figure.axes if "Share of background" in axes.get_ylabel())
    points = main.containers[-1].lines[0].get_xdata()
    assert not ((points > 3100) & (points < 3500)).any()


def test_what_is_not_known_has_no_panel(tmp_path):
    content = made.evaluation(1, labelled=False, features=False)
    content["windows"][0] |= {"importance": None, "selected": {}}
    figure = draw(tmp_path, content)
    assert len(figure.axes) == 2
    content["windows"][0]["sculpting"] = [None, None]
    with pytest.raises(
        EmptyFileError, match=r"evaluation\.json: no truth, no sculpting test and no features"
    ):
        draw(tmp_path, content)


def test_evaluations_that_cannot_be_drawn(tmp_path):
    with pytest.raises(InputError, match=r"kind 'evaluation' is expected, got 'comparison'"):
        draw(tmp_path, {**made.evaluation(), "kind": "comparison"})
    with pytest.raises(EmptyFileError, match="no windows"):
        draw(tmp_path, {**made.evaluation(), "windows": []})
    with pytest.raises(InputError, match="the key 'kind' is expected"):
        draw(tmp_path, {"kinds": 1})


def test_numbers_in_words():
    assert search_panels.with_interval({"value": 13.96, "low": 13.0, "high": 15.2}) == "14.0 $^{+1.2}_{-1.0}$"
    assert search_panels.with_interval({"value": 2.0, "low": None, "high": None}) == "2.0"
    assert search_panels.power(0.000213) == r"$2.1\times 10^{-4}$"
    assert search_panels.p_words(1 / 1001, 1000) == "< 0.001"
    assert search_panels.p_words(0.0342, 1000) == "0.034"
    assert search_panels.ends({"value": 3.0, "low": None, "high": 5.0}) == (3.0, 5.0)
    # The maximum of replicas may lie above that of the curve; the bar still holds the point.
    assert search_panels.ends({"value": 3.0, "low": 3.2, "high": 5.0}) == (3.0, 5.0)
