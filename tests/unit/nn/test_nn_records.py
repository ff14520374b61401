"""Reports of a training: JSONL lines, the bar on a terminal, loggers and their absence."""

import json
import sys
import types

import pytest

from resonaut.errors import ConfigError
from resonaut.nn import records
from resonaut.nn.records import Record, Records
from resonaut.nn.settings import ScheduledTraining


def record(epoch, loss=0.5):
    return Record(epoch, loss, loss + 0.1, 1e-3, 2.0, 50.0, 1.0, 1)


def test_lines_are_json_and_come_back(tmp_path):
    path = tmp_path / "deep" / "epochs.jsonl"
    with Records("tag.toy", 3, 0, path) as lines:
        lines.add(record(1))
        lines.add(record(2, 0.25))
    assert json.loads(path.read_text().splitlines()[1])["train_loss"] == 0.25
    assert records.read(path) == [record(1), record(2, 0.25)]


def test_a_resumed_training_keeps_its_first_lines_only(tmp_path):
    path = tmp_path / "epochs.jsonl"
    with Records("tag.toy", 5, 0, path) as lines:
        for epoch in (1, 2, 3):
            lines.add(record(epoch))
    path.write_text(path.read_text() + '{"epoch": 4, "tr')
    with Records("tag.toy", 5, 2, path) as lines:
        lines.add(record(3, 0.125))
    assert records.read(path) == [record(1), record(2), record(3, 0.125)]
    with Records("tag.toy", 5, 0, path):
        pass
    assert records.read(path) == []


def test_only_the_first_process_writes(tmp_path):
    path = tmp_path / "epochs.jsonl"
    with Records("tag.toy", 3, 0, path, ("tensorboard",), first=False) as lines:
        lines.add(record(1))
    assert not path.exists()


def test_a_terminal_shows_a_bar(monkeypatch, capsys, caplog):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    with Records("tag.toy", 2, 0, None) as lines:
        lines.add(record(1))
        lines.add(record(2))
    shown = capsys.readouterr().err
    assert "tag.toy: training 0.5, validation 0.6" in shown
    assert "100%" in shown
    assert caplog.records == []


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_an_absent_logger_is_named(name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    settings = ScheduledTraining(loggers=[name])
    with (
        pytest.raises(ConfigError, match=rf"tag\.toy\.training\.loggers: '{name}' needs a package"),
        Records("tag.toy", 2, 0, tmp_path / "epochs.jsonl", settings.loggers),
    ):
        pass


def test_loggers_get_the_numbers_and_are_closed(monkeypatch, tmp_path):
    """The interfaces of both packages, as their documentation gives them; neither is installed here."""
    sent = []

    class Writer:
        def __init__(self, folder):
            sent.append(("open", folder))

        def add_scalar(self, name, value, epoch):
            sent.append((name, value, epoch))

        def close(self):
            sent.append(("closed",))

    class Run:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            sent.append(("ended",))

    board = types.ModuleType("torch.utils.tensorboard")
    board.SummaryWriter = Writer
    flow = types.ModuleType("mlflow")
    flow.start_run = lambda run_name: Run()
    flow.log_metrics = lambda numbers, step: sent.append(("mlflow", numbers["train_loss"], step))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    monkeypatch.setitem(sys.modules, "mlflow", flow)
    with Records("tag.toy", 2, 0, tmp_path / "e.jsonl", ("tensorboard", "mlflow")) as lines:
        lines.add(record(1))
    assert sent[0] == ("open", str(tmp_path / "tensorboard" / "tag.toy"))
    assert ("validation_loss", 0.6, 1) in sent
    assert ("mlflow", 0.5, 1) in sent
    assert sent[-2:] == [("ended",), ("closed",)]
