"""Figures of `uncertainty`: panels follow what was measured, and their numbers are those of the file."""

import json

import numpy as np
import pytest
from review_files import LOOK
from review_uncertainty import make_pulls, make_uncertainty

from resonaut.errors import InputError
from resonaut.plot import style
from resonaut.review.figures import tag_uncertainty


def axes_of(path):
    with style.using(LOOK):
        figure = tag_uncertainty.draw({"uncertainty": path}, LOOK)
        figure.canvas.draw()
    return figure.axes


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_strange_rows_have_the_third_panel(tmp_path):
    main, lower, sizes, told = axes_of(make_uncertainty(tmp_path))
    assert "As trained: ECE (6.00 ± 0.20) %" in labels(main)
    points = lower.containers[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), 0.3 * points.get_xdata() * (1 - points.get_xdata()))
    assert sizes.get_xlabel() == "Training rows"
    assert sizes.get_xscale() == "log"
    assert labels(sizes) == ["Ensemble", "Bayesian network"]
    assert "jes_up, Ensemble: 0.800 ± 0.010" in labels(told)


def test_without_sizes_the_score_and_all_errors_are_drawn(tmp_path):
    _, _, score, errors = axes_of(make_uncertainty(tmp_path, sizes=False, strange=False))
    assert score.get_xlabel() == "Score"
    # The tagger alone has no epistemic uncertainty, so that no line of it can be drawn.
    assert labels(score) == ["Ensemble", "Bayesian network"]
    names = [text.get_text() for text in errors.get_yticklabels()]
    assert names == [
        *("Tagger as it is", "with temperature", "Ensemble", "with temperature"),
        *("Bayesian network", "with temperature"),
    ]


def test_pulls_stand_beside_a_unit_gaussian(tmp_path):
    pulls, sizes, widths = axes_of(make_pulls(tmp_path))
    line = pulls.lines[0]
    assert line.get_ydata().max() == pytest.approx(1 / np.sqrt(2 * np.pi), rel=1e-3)
    assert "As trained: 0.01, 1.30 ± 0.02" in labels(pulls)
    assert sizes.get_ylabel() == "Epistemic uncertainty of what is learnt"
    assert [text.get_text() for text in widths.get_yticklabels()][:2] == ["One network", "with scaled widths"]


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"name": "x"}))
    with pytest.raises(InputError, match=r"other\.json"):
        axes_of(path)
