"""The figure of a detector: closed signal regions stay closed, and importances are drawn."""

import dataclasses
import json

import h5py
import numpy as np
import pytest
from review_files import make_features, make_search

from resonaut import mixtures
from resonaut.plot import style
from resonaut.review.figures import detect

LOOK = style.Look("CMS", "Simulation", ("qcd", "wprime"))
IMPORTANCE = {"2900-3300": {"mj1": 0.2, "dmj": 0.1}, "3300-3700": {"mj1": 0.4}}


@pytest.fixture
def search(tmp_path):
    words = [f"{name}={make_features(tmp_path, name)}" for name in ("qcd", "wprime")]
    found = make_search(tmp_path, words, 15)
    metrics = json.loads(found["metrics"].read_text())
    found["metrics"].write_text(json.dumps({**metrics, "importance": IMPORTANCE}))
    return found


def as_data(search):
    """The same events as data: no dataset has a truth label."""
    mixture = mixtures.read(search["mixture"])
    search["mixture"].unlink()
    mixtures.write(search["mixture"], dataclasses.replace(mixture, labels=("", "")), {})


def draw(search, unblind=False):
    look = dataclasses.replace(LOOK, unblind=unblind)
    with style.using(look):
        return detect.draw(search, look)


def words_of(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_search_with_labels_is_open(search):
    figure = draw(search)
    assert "Signal region" in labels(figure.axes[0])
    assert "Blind" not in figure.axes[0].get_legend().get_title().get_text()


def test_a_search_of_data_is_blind_unless_told_otherwise(search):
    as_data(search)
    figure = draw(search)
    assert labels(figure.axes[0]) == ["Side bands"]
    assert figure.axes[0].get_legend().get_title().get_text() == "Blind: signal region not opened"
    # Windows cover 2900 to 4100 GeV: of the first one's side bands only 2500 to 2900 GeV is in none.
    found = detect.read(search["scores"])
    with h5py.File(search["scores"]) as file:
        mass = file["events/mass"][0][found.rows]
    drawn = sum(patch.get_data().values.sum() for patch in figure.axes[0].patches)
    assert drawn == ((mass >= 2500) & (mass < 2900)).sum() > 50
    assert labels(draw(search, unblind=True).axes[0]) == ["Side bands, scaled", "Signal region"]


def test_a_blind_figure_does_not_depend_on_scores_of_signal_regions(search, tmp_path):
    as_data(search)
    figures = []
    for name in ("before", "after"):
        with style.using(LOOK):
            style.save(draw(search), [tmp_path / f"{name}.png"])
        figures.append((tmp_path / f"{name}.png").read_bytes())
        with h5py.File(search["scores"], "a") as file:
            mass = file["events/mass"][0]
            low = detect.read(search["scores"]).windows[0]["low"]
            inside = (mass >= low) & (mass < low + 400)
            assert inside.sum() > 10
            file["score"][0, 0] = np.where(inside, 50.0, file["score"][0, 0])
    assert figures[0] == figures[1]


def test_importances_are_drawn_with_a_dot_per_window(search):
    figure = draw(search)
    [bars] = [axes for axes in figure.axes if axes.get_xlabel() == detect.IMPORTANCE]
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], [0.3, 0.1])
    assert [label.get_text() for label in bars.get_yticklabels()] == ["mj1", "dmj"]
    assert "cwola, mean of 2 windows" in words_of(figure)


def test_a_detector_without_networks_has_no_losses(search):
    metrics = json.loads(search["metrics"].read_text())
    empty = {"mean": [], "min": [], "max": [], "n_networks": []}
    metrics |= {"n_networks": 0, "train_loss": empty, "validation_loss": empty, "importance": {}}
    search["metrics"].write_text(json.dumps({**metrics, "best_epoch": {"median": None}}))
    assert not [axes for axes in draw(search).axes if axes.get_xlabel() == "Epoch"]
