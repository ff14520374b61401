"""Completion: bash is asked what it would offer, after real command lines."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from resonaut import completing
from resonaut.cli import STAGES, TOOLS, main
from resonaut.tools import completion

BASH = shutil.which("bash")


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "resonaut.bash"
    path.write_text(completing.bash(completion.commands()))
    return path


@pytest.fixture
def offered(script, tmp_path):
    """What bash offers where the last word is completed; a study file, a result and a folder are there."""
    if BASH is None:
        pytest.skip("needs bash")
    for name in (
        "config/demo.yaml",
        "config/dijet.yaml",
        "results/demo/x",
        "results/_data/y",
        "with space.root",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def ask(*words: str) -> set[str]:
        # What bash itself does: it sets COMP_WORDS and COMP_CWORD, and calls the function of the command.
        given = ["resonaut", *words]
        lines = [
            f"source {script}",
            f"COMP_WORDS=({' '.join(map(repr, given))})",
            f"COMP_CWORD={len(given) - 1}",
            "_resonaut resonaut",
            "printf '%s\\n' \"${COMPREPLY[@]}\"",
        ]
        command = [BASH, "--norc", "-c", "\n".join(lines)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return set(filter(None, done.stdout.splitlines()))

    return ask


def test_all_commands_are_offered(offered):
    assert offered("") >= {*STAGES, *TOOLS}
    assert offered("in") == {"infer", "ingest", "init"}
    assert offered("--ver") == {"--version", "--verbose"}


def test_deeper_commands_and_options_are_those_of_the_parsers(offered):
    assert {"train", "tune", "export"} <= offered("tag", "")
    assert offered("tag", "tra") == {"train"}
    assert offered("tag", "train", "--sco") == {"--scored", "--scores"}
    assert "--epochs" in offered("tag", "train", "--settings", "{}", "--")
    # An option of another command is not one of this.
    assert "--epochs" not in offered("tag", "score", "--")


def test_values_are_offered_where_they_are_known(offered):
    assert offered("run", "--configfile", "config/d") == {"config/demo.yaml", "config/dijet.yaml"}
    assert offered("run", "--configfile", "dem") == {"config/demo.yaml"}
    assert offered("config", "dij") == {"config/dijet.yaml"}
    assert offered("status", "") == {"demo"}
    assert offered("completion", "") == {"bash", "zsh", "fish"}
    assert offered("infer", "--unit", "T") == {"TeV"}
    assert offered("new", "de") == {"detector"}
    assert offered("ingest", "wi") == {"with space.root"}
    # Of a number nothing is known.
    assert offered("infer", "--toys", "") == set()


def test_a_parser_is_described_with_its_subcommands():
    parser = argparse.ArgumentParser()
    parser.add_argument("--configfile", help="the study")
    parser.add_argument("--number", type=int)
    parser.add_argument("--json", action="store_true")
    below = parser.add_subparsers().add_parser("deep", help="a deep one")
    below.add_argument("shape", choices=["flat", "round"])
    top, deep = completing.described(["tool"], parser)
    assert top.commands == {"deep": "a deep one"}
    assert top.options["--configfile"] == (completing.CONFIGURATIONS,)
    assert top.options["--number"] == (completing.NOTHING,)
    assert top.options["--json"] == ()
    assert top.helps["--configfile"] == "the study"
    assert (deep.words, deep.positional) == (("tool", "deep"), ("flat", "round"))


def test_other_shells_are_given_the_same_words(capsys):
    assert main(["completion", "fish"]) == 0
    text = capsys.readouterr().out
    train = "-n '__fish_seen_subcommand_from tag; and __fish_seen_subcommand_from train'"
    assert f"complete -c resonaut {train} -l epochs -r -F" in text
    assert main(["completion", "zsh"]) == 0
    assert "bashcompinit" in capsys.readouterr().out
    for shell in ("zsh", "fish"):
        program = shutil.which(shell)
        if program is not None:
            done = subprocess.run(
                [program, "-n"], input=completing.script(shell, completion.commands()), text=True
            )
            assert done.returncode == 0
