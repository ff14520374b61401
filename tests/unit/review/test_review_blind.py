"""Figures of a blind search: no point in any signal region, no p-value, no observed limit."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from review_files import LOOK, WINDOWS, make_hunt, make_infer

from resonaut.files import write_json
from resonaut.plot.style import using
from resonaut.review.figures import hunt, infer


@pytest.fixture
def spectra(tmp_path):
    """Spectra as a blind hunt writes them."""
    path = make_hunt(tmp_path)
    with h5py.File(path, "a") as file:
        closed = file["inside"][:].any(0)
        counts = file["counts"][:]
        counts[..., closed] = -1
        file["counts"][:], file["observed"][:] = counts, -1
        file.attrs["blind"] = True
    return path


@pytest.fixture
def significance(tmp_path):
    """Significances as a blind inference writes them."""
    content = json.loads(make_infer(tmp_path).read_text())
    for entry in content["windows"]:
        entry.update(p_value=None, z_local=None)
        entry["upper_limit"]["observed"] = None
    write_json(tmp_path / "blind.json", {**content, "best": None, "blind": True})
    return tmp_path / "blind.json"


def points(axes):
    """x of everything drawn with error bars."""
    drawn = [container.lines[0].get_xdata() for container in axes.containers if hasattr(container, "lines")]
    return np.concatenate([np.asarray(x, float) for x in drawn]) if drawn else np.array([])


def test_spectra_have_no_points_in_signal_regions(spectra):
    with using(LOOK):
        figure = hunt.draw({"spectra": spectra}, LOOK)
    low, high = WINDOWS[0]["low"], WINDOWS[-1]["high"]
    n_panels = 0
    for axes in figure.axes:
        x = points(axes)
        if len(x):
            n_panels += 1
            assert not ((x > low) & (x < high)).any()
            assert ((x < low) | (x > high)).sum() > 3
            legend = axes.get_legend()
            if legend is not None:
                assert "\nBlind, " in legend.get_title().get_text()
                assert "Events of all signal regions are hidden" in legend.get_title().get_text()
    assert n_panels == 2 + 6


def test_limits_have_no_observation_and_p_values_are_not_drawn(significance):
    with using(LOOK):
        figure = infer.draw({"significance": significance}, LOOK)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        legend = axes.get_legend()
        assert "Blind: expected limits only" in legend.get_title().get_text()
        assert "Observed" not in [text.get_text() for text in legend.get_texts()]
        assert not len(points(axes))
