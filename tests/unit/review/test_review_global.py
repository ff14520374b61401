"""What the figure of the global significance shows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from review_global import make_global

from resonaut.plot import style
from resonaut.plot.style import Look
from resonaut.review.figures import infer_global

LOOK = Look()


def texts(figure) -> str:
    """All words of a figure, those of legends too."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.fixture
def drawn():
    def drawn_(path):
        with style.using(LOOK):
            return infer_global.draw({"global": path}, LOOK)

    return drawn_


def test_every_test_is_drawn_once_and_the_numbers_are_told(drawn, tmp_path):
    path = make_global(tmp_path)
    figure = drawn(path)
    local, maximum, trials, _ = figure.axes
    words = texts(figure)
    assert "12 tests, worth 11.2 independent ones" in words
    assert r"0.0120 $\pm$ 0.0035" in words
    assert "Fewer than 10 events expected" in words
    assert [text.get_text() for text in local.get_legend().get_texts()][1:] == [
        "anode, 10 %",
        "anode, 1 %",
        "cwola, 10 %",
        "cwola, 1 %",
    ]
    assert maximum.get_xlabel() == "Largest local significance"
    point = next(c for c in trials.containers if c.get_label() == "Data").lines[0]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (3.1, 0.012)


def test_scans_are_ordered_and_failed_tests_are_gaps(tmp_path):
    tests = json.loads(make_global(tmp_path).read_text())["tests"]
    scans = infer_global.scans(tests[::-1])
    assert [scan.low.tolist() for scan in scans] == [[3000.0, 3200.0, 3400.0]] * 4
    assert sum(np.isnan(scan.z).sum() for scan in scans) == 1


def test_beyond_the_replicas_the_correlation_gives_the_number(drawn, tmp_path):
    content = json.loads(make_global(tmp_path).read_text())
    content["bootstrap"] |= {"p_value": 1 / 1001, "gaussian": {"p_value": 2e-7, "error": 1e-9, "z": 5.1}}
    (tmp_path / "g.json").write_text(json.dumps(content))
    assert "2.0e-07" in texts(drawn(tmp_path / "g.json"))


def test_blind_and_without_replicas(drawn, tmp_path):
    assert "Blind: no global significance" in texts(drawn(make_global(tmp_path, blind=True)))
    figure = drawn(make_global(tmp_path, bootstrap=None, distribution=None, curve=None))
    assert len(figure.axes) == 2
