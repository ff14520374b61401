"""What is lost with files that cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resonaut import losses


def store(n_read: list[int], n_skipped: list[int | None], luminosity: float | None = None) -> dict[str, Any]:
    return {
        "files": json.dumps([{"path": "a", "n_generated": n} for n in n_read]),
        "skipped_files": json.dumps([{"path": "b", "reason": "r", "n_events": n} for n in n_skipped]),
        "settings": json.dumps({"luminosity": luminosity}),
    }


def test_nothing_lost() -> None:
    found = losses.of_chunks([store([100, 50], [], 3.0)])
    assert found["lost_events"] == 0
    assert found["lost_fraction"] == 0.0
    assert found["luminosity_fb"] == 3.0
    assert found["skipped_files"] == []


def test_known_sizes() -> None:
    found = losses.of_chunks([store([100, 50], [30], 10.0), store([20], [])])
    assert found["lost_events"] == 30
    assert found["lost_events_estimated"] is False
    assert found["lost_fraction"] == pytest.approx(30 / 200)
    assert found["luminosity_fb"] == pytest.approx(8.5)


def test_an_unknown_size_is_the_mean_of_the_others() -> None:
    found = losses.of_chunks([store([100, 50], [None, 30])])
    # mean of 100, 50 and 30
    assert found["lost_events"] == 30 + 60
    assert found["lost_events_estimated"] is True
    assert found["lost_fraction"] == pytest.approx(90 / 240)
    assert found["luminosity_fb"] is None


def test_everything_lost() -> None:
    found = losses.of_chunks([store([], [None], 10.0)])
    assert found["lost_fraction"] is None
    assert found["luminosity_fb"] is None


def test_sentence() -> None:
    lost = losses.of_chunks([store([100, 50], [30, None], 10.0)])
    lost["skipped_files"][0]["path"] = "root://host//store/a.root"
    assert losses.sentence("qcd", lost) == (
        "qcd: 2 files skipped, about 90 events lost (38 %), 6.25 fb^-1 left: a.root, b"
    )
    assert losses.sentence("qcd", losses.of_chunks([store([1], [])])) == ""
