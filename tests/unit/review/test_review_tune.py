"""The figure of a search: what is drawn of its trials, and files that are not of a search."""

import json
from pathlib import Path

import numpy as np
import pytest

from resonaut.errors import EmptyFileError, InputError
from resonaut.plot import style
from resonaut.plot.search import Trials, draw_slice, draw_trials
from resonaut.review.figures import tune

LOOK = style.Look("CMS", "Simulation", ("qcd",))
RANGE = {"low": 1e-4, "high": 1.0, "log": True, "step": None, "choices": None}


def entry(number, state, value, rate, phi):
    parameters = {"training.learning_rate": rate, "phi": phi}
    return {"number": number, "state": state, "value": value, "parameters": parameters}


def write(folder, **more):
    result = {
        "tune": "fast",
        "tagger": "pfn",
        "metric": "validation_loss",
        "direction": "minimize",
        "parameters": {
            "training.learning_rate": RANGE,
            "phi": {**RANGE, "log": False, "choices": [[64, 64], [100, 100]]},
        },
        "trials": [
            entry(1, "completed", 0.6, 1e-3, [64, 64]),
            entry(2, "failed", None, 0.9, [100, 100]),
            entry(3, "pruned", 0.2, 1e-4, [100, 100]),
            entry(4, "completed", 0.4, 1e-2, [100, 100]),
            entry(5, "completed", 0.5, 2e-2, [64, 64]),
        ],
        **more,
    }
    (folder / "trials.json").write_text(json.dumps(result))
    return folder / "trials.json"


def draw(path, *outputs, look=LOOK):
    with style.using(look):
        style.save(tune.draw({"trials": path}, look), outputs)


def toy(small_is_good=True):
    value = np.array([0.6, np.nan, 0.2, 0.4, 0.5])
    completed = np.array([True, False, False, True, True])
    return Trials(np.arange(5) + 1, value, completed, small_is_good)


def test_the_best_so_far_is_that_of_completed_trials():
    np.testing.assert_array_equal(toy().running_best, [0.6, 0.6, 0.6, 0.4, 0.4])
    assert toy().best == 3
    np.testing.assert_array_equal(toy(False).running_best, [0.6] * 5)
    assert toy(False).best == 0
    np.testing.assert_array_equal(toy().pruned, [False, False, True, False, False])


def test_nothing_is_best_before_the_first_completed_trial():
    trials = Trials(np.array([1, 2]), np.array([0.1, 0.3]), np.array([False, True]))
    np.testing.assert_array_equal(trials.running_best, [np.nan, 0.3])


def test_trials_and_places_are_read_from_the_file(tmp_path):
    path = write(tmp_path)
    result = json.loads(path.read_text())
    trials = tune.trials_of(result, path)
    np.testing.assert_array_equal(trials.value, toy().value)
    np.testing.assert_array_equal(trials.number, [1, 2, 3, 4, 5])
    rates = tune.places(result, "training.learning_rate", path)
    np.testing.assert_array_equal(rates, [1e-3, 0.9, 1e-4, 1e-2, 2e-2])
    np.testing.assert_array_equal(tune.places(result, "phi", path), [0, 1, 1, 1, 0])


@pytest.mark.parametrize(("number", "rows"), [(1, [1]), (3, [3]), (4, [2, 2]), (5, [3, 2]), (7, [3, 2, 2])])
def test_panels_are_spread_evenly(number, rows):
    assert tune._rows(number) == rows


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_what_is_drawn_is_what_was_tried(tmp_path):
    with style.using(LOOK):
        figure = tune.draw({"trials": write(tmp_path)}, LOOK)
    history, rate, phi = figure.axes
    drawn = lines_of(history)
    np.testing.assert_array_equal(drawn["Completed"].get_xydata(), [[1, 0.6], [4, 0.4], [5, 0.5]])
    np.testing.assert_array_equal(drawn["Pruned"].get_xydata(), [[3, 0.2]])
    np.testing.assert_array_equal(drawn["Best"].get_xydata(), [[4, 0.4]])
    np.testing.assert_array_equal(drawn["Best so far"].get_ydata(), [0.6, 0.6, 0.6, 0.4, 0.4])
    np.testing.assert_array_equal(drawn["Without a value"].get_xdata(), [2])
    assert rate.get_xscale() == "log"
    np.testing.assert_array_equal(lines_of(rate)["Best"].get_xydata(), [[1e-2, 0.4]])
    assert [text.get_text() for text in phi.get_xticklabels()] == ["64, 64", "100, 100"]
    assert phi.get_xlabel() == "phi"
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert low < 0.2
        assert high > 0.6


def test_values_that_spread_widely_are_on_a_logarithmic_axis():
    trials = Trials(np.arange(3) + 1, np.array([0.1, 0.2, 5.0]), np.ones(3, bool))
    with style.using(LOOK):
        _, [[panel]] = style.panels([style.Row((False,))])
        draw_trials(panel.main, trials, "Loss")
        assert panel.main.get_yscale() == "log"
        _, [[panel]] = style.panels([style.Row((False,))])
        draw_slice(panel.main, toy(), np.array([2.0, 2.0, 2.0, 2.0, 2.0]), "k", "Loss")
        assert panel.main.get_yscale() == panel.main.get_xscale() == "linear"
        assert panel.main.get_xlim() == (1.5, 2.5)


def test_names_of_choices_tell_lists_of_lists():
    assert [tune._name(choice) for choice in ([64, 64], [[8], [8, 9]], "relu", 0.1, None)] == [
        "64, 64",
        "8 | 8, 9",
        "relu",
        "0.1",
        "None",
    ]


@pytest.mark.parametrize("name", ["CMS", "ATLAS"])
def test_equal_files_give_equal_bytes(tmp_path, name):
    path = write(tmp_path)
    files = [tmp_path / f"{number}.{kind}" for number in (1, 2) for kind in ("png", "pdf")]
    draw(path, *files[:2], look=style.Look(name))
    draw(path, *files[2:], look=style.Look(name))
    for first, second in zip(files[:2], files[2:], strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size > 8_000


def test_files_that_cannot_be_drawn(tmp_path):
    with pytest.raises(EmptyFileError, match=r"trials\.json: no completed trial to draw"):
        draw(write(tmp_path, trials=[entry(1, "failed", None, 0.1, [64, 64])]))
    with pytest.raises(
        InputError, match=r"phi is \[7\] in a trial; one of \[64,64\], \[100,100\] is expected"
    ):
        draw(write(tmp_path, trials=[entry(1, "completed", 0.1, 0.1, [7])]))
    (tmp_path / "other.json").write_text('{"auc": 1, "tunes": 2}')
    with pytest.raises(InputError, match=r"other\.json: the key 'tune' is expected. Did you mean 'tunes'"):
        draw(tmp_path / "other.json")
    with pytest.raises(InputError, match="no such file"):
        draw(Path(tmp_path / "absent.json"))
