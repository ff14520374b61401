"""Figures of what a tagger looks at: each question, its numbers, and files that are not its own."""

import json

import pytest
from review_explain import QUESTIONS, make_explain
from review_files import SETTINGS

from resonaut.cli import main


def run(path, *outputs):
    words = ["review", "tag_explain", "--settings", json.dumps(SETTINGS), "--explain", str(path)]
    return main([*words, "--output", *map(str, outputs)])


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_each_question_has_a_figure(question, tmp_path):
    path = make_explain(tmp_path, question)
    assert run(path, tmp_path / "f.png", tmp_path / "f.json") == 0
    assert (tmp_path / "f.png").stat().st_size > 20_000
    panels = json.loads((tmp_path / "f.json").read_text())["panels"]
    assert 2 <= len(panels) <= 3
    assert all(panel["x_label"] and (panel["y_label"] or panel["y_ticks"]) for panel in panels)


def test_what_is_drawn_is_what_was_found(tmp_path):
    assert run(make_explain(tmp_path, "features"), tmp_path / "f.json") == 0
    left, right = json.loads((tmp_path / "f.json").read_text())["panels"]
    assert [series["x"] for series in left["series"]][:3] == [[0.4, 0.4]] * 3
    assert left["series"][0]["x_low"] == [0.38, 0.38]
    assert [series["label"] for series in right["series"]][:2] == ["background", "signal"]


def test_an_unknown_question_is_named(tmp_path, capsys):
    path = make_explain(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "what": "capsule"}))
    assert run(path, tmp_path / "f.png") == 3
    assert "Did you mean 'capsules'" in capsys.readouterr().err
