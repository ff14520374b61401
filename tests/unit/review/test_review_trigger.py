"""The figure of `trigger`: points are those of the file, at their place, with their errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from review_files import LOOK
from review_trigger import make_trigger

from resonaut.errors import InputError
from resonaut.plot import style
from resonaut.review.figures import tag_trigger


def axes_of(path):
    with style.using(LOOK):
        figure = tag_trigger.draw({"trigger": path}, LOOK)
        figure.canvas.draw()
    return figure.axes


def test_changes_stand_beside_their_bits(tmp_path):
    path = make_trigger(tmp_path)
    variants = json.loads(path.read_text())["variants"]
    axes = axes_of(path)[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16", "8", "4"]
    handles, labels = axes.get_legend_handles_labels()
    assert len(labels) == 4
    drawn = {
        label: np.array(handle.lines[0].get_ydata(), float)
        for handle, label in zip(handles, labels, strict=True)
    }
    wanted = [
        100 * one["auc_change"] for one in variants if one["pruning"] == 0.5 and one["training"] == "post"
    ]
    np.testing.assert_allclose(drawn["50 %, rounded after"], wanted)
    x = np.array(handles[0].lines[0].get_xdata(), float)
    np.testing.assert_array_equal(np.round(x), [0, 1, 2])
    low, high = axes.get_ylim()
    assert low < min(map(min, drawn.values()))
    assert low < tag_trigger.TARGET < 0 < high


def test_scores_and_rates_are_those_of_the_file(tmp_path):
    path = make_trigger(tmp_path)
    result = json.loads(path.read_text())
    _, pairs, difference, kept = axes_of(path)
    count = sum(len(line.get_xdata()) for line in difference.lines if line.get_ls() == "None")
    assert count == len(result["scatter"]["float"])
    signal = np.array(result["scatter"]["signal"])
    np.testing.assert_allclose(pairs.lines[1].get_ydata(), np.array(result["scatter"]["fixed"])[~signal])
    handles, labels = kept.get_legend_handles_labels()
    of_fixed = next(
        handle for handle, label in zip(handles, labels, strict=True) if label.startswith("Fixed")
    )
    np.testing.assert_allclose(
        np.array(of_fixed.lines[0].get_ydata(), float), result["rates"]["fixed"]["curve"]["efficiency"]
    )
    assert "Bandwidth 1 kHz" in labels


def test_a_file_without_variants_is_refused(tmp_path):
    path = tmp_path / "trigger.json"
    path.write_text('{"name": "x"}')
    with pytest.raises(InputError, match="network"):
        axes_of(path)
