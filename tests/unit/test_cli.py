"""The command `resonaut`: overview, unknown commands, errors as one message with their exit codes."""

from __future__ import annotations

import pytest

from resonaut import cli
from resonaut.errors import ConfigError, MissingFileError


def test_overview_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in cli.STAGES | cli.TOOLS:
        assert f"  {name} " in shown
    assert cli.main([]) == 2


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"resonaut {cli.__version__}\n"


def test_unknown_command_names_the_nearest(capsys):
    assert cli.main(["infr"]) == 2
    assert "unknown command 'infr'. Did you mean 'infer'?" in capsys.readouterr().err


def test_an_error_is_one_message_and_its_exit_code(capsys, tmp_path):
    assert cli.main(["config", str(tmp_path / "no.yaml")]) == MissingFileError.exit_code
    message = capsys.readouterr().err
    assert "no.yaml: no such configuration file" in message
    assert "Traceback" not in message


def test_config_checks_names_and_slices(capsys, root):
    demo = str(root / "config/demo.yaml")
    assert cli.main(["config", demo]) == 0
    assert "valid: study 'demo', 2 datasets, 2 searches" in capsys.readouterr().out
    assert cli.main(["config", demo, "--slice", "hunt"]) == 0
    assert capsys.readouterr().out.startswith('{"hunt":{"background":"dijet"')
    assert cli.main(["config", demo, "--slice", "hnt"]) == ConfigError.exit_code
    assert "Did you mean 'hunt'?" in capsys.readouterr().err
    assert cli.main(["config", demo, "--slice", "tag"]) == ConfigError.exit_code
    assert "name its --dataset, --mixture, --method," in capsys.readouterr().err
    assert cli.main(["config", demo, "--slice", "tag", "--method", "pfm"]) == ConfigError.exit_code
    assert "'pfm' is not in" in capsys.readouterr().err


def test_settings_argument(tmp_path):
    assert cli.settings_argument('{"a": 1e-3}') == {"a": 1e-3}
    (tmp_path / "s.yaml").write_text("a: 1")
    assert cli.settings_argument(str(tmp_path / "s.yaml")) == {"a": 1}
    with pytest.raises(ConfigError, match="not valid JSON"):
        cli.settings_argument("{a: 1}")
    with pytest.raises(MissingFileError):
        cli.settings_argument(str(tmp_path / "none.yaml"))
    (tmp_path / "list.yaml").write_text("[1]")
    with pytest.raises(ConfigError, match="no mapping"):
        cli.settings_argument(str(tmp_path / "list.yaml"))


def test_named_paths():
    assert {name: str(path) for name, path in cli.named_paths(["a=x/y.json"]).items()} == {"a": "x/y.json"}
    with pytest.raises(ConfigError, match="name=path"):
        cli.named_paths(["x.json"])
