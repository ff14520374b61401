"""Progress in a log file: done of total, time left, neither too often nor too seldom; a bar on a terminal."""

from __future__ import annotations

import io
import logging
import os
import pty
import subprocess
import sys

import pytest

from resonaut import logs
from resonaut.nn.records import Record, Records


class Clock:
    """A clock that a loop moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def lines(monkeypatch, caplog):
    """Lines that a loop writes of steps that take some seconds each."""
    clock = Clock()
    monkeypatch.setattr(logs.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(logs.sys, "stderr", io.StringIO())

    def run(seconds, steps, **more):
        caplog.clear()
        seen = []
        with caplog.at_level(logging.INFO, logger="resonaut"):
            for step in logs.progress(steps, "toys", **more):
                seen.append(step)
                clock.now += seconds
        assert seen == list(range(len(seen)))
        return [record.getMessage() for record in caplog.records]

    return run


def test_a_tenth_of_the_way_is_a_line_with_the_time_left(lines):
    found = lines(3.0, range(20))
    assert found[0] == "toys: 2 of 20, 6.0 s, about 54 s left"
    assert found[-2] == "toys: 18 of 20, 54.0 s, about 6 s left"
    assert found[-1] == "toys: 20 of 20, 60.0 s"
    assert len(found) == 10


def test_slow_steps_are_told_each_minute_and_fast_ones_once(lines):
    assert lines(0.01, range(1000))[-1] == "toys: 1000 of 1000, 10.0 s"
    assert len(lines(0.01, range(1000))) == 5
    assert lines(0.001, range(1000)) == []
    slow = lines(7.0, range(1000))
    assert slow[0] == "toys: 9 of 1000, 63.0 s, about 1.9 h left"
    assert len(slow) == 112
    assert lines(2000.0, range(3))[0] == "toys: 1 of 3, 2000.0 s, about 67 min left"


def test_where_the_number_is_not_known_no_time_left_is_told(lines):
    found = lines(4.0, iter(range(7)))
    assert found == ["toys: 3, 12.0 s", "toys: 6, 24.0 s", "toys: 7, 28.0 s"]
    assert lines(4.0, iter(range(2)), total=2)[0] == "toys: 1 of 2, 4.0 s, about 4 s left"
    assert lines(4.0, iter(())) == []


def test_times_left_in_words():
    assert [logs.left(seconds) for seconds in (0, 99, 754, 9000, 90_000)] == [
        *("about 0 s left", "about 99 s left", "about 13 min left", "about 2.5 h left"),
        "about 25.0 h left",
    ]


def test_epochs_say_how_long_the_others_may_take(monkeypatch, caplog, tmp_path):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with (
        caplog.at_level(logging.INFO, logger="resonaut"),
        Records("tag.pfn", 5, 2, tmp_path / "epochs.jsonl") as records,
    ):
        for epoch, seconds in ((3, 10.0), (4, 14.0), (5, 9.0)):
            records.add(Record(epoch, 0.5, 0.4, 1e-3, seconds, 100.0, 1.0, 1, {}))
    found = [record.getMessage().split(", ")[3:] for record in caplog.records]
    assert found == [
        ["10.0 s", "about 20 s left at most"],
        ["14.0 s", "about 12 s left at most"],
        ["9.0 s"],
    ]
    assert "left" not in (tmp_path / "epochs.jsonl").read_text()


def test_a_terminal_shows_one_bar_also_where_loops_are_nested():
    code = (
        "import time\nfrom resonaut.logs import progress\n"
        "for i in progress(range(3), 'outer'):\n"
        "    for j in progress(range(2), 'inner'):\n        time.sleep(0.02)"
    )
    parent, child = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stderr=child, stdout=subprocess.DEVNULL)
    os.close(child)
    text = b""
    while True:
        try:
            part = os.read(parent, 4096)
        except OSError:
            break
        if not part:
            break
        text += part
    assert process.wait() == 0
    os.close(parent)
    shown = text.decode()
    assert "outer" in shown
    assert "3/3" in shown
    assert "inner" not in shown
