"""`resonaut new`: the files that it writes pass their tests and those of all methods, in a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resonaut import clone, registry
from resonaut.cli import main
from resonaut.tools.new import KINDS

NAMES = {kind: f"my_{kind}" for kind in KINDS}


class Copy:
    """A copy of the sources and tests, with a new method of each kind."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        # Machine code that numba keeps beside the sources is taken along.
        for name in ("src", "tests"):
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        for name in ("workflow", "config"):
            shutil.copytree(root / name, folder / name)
        shutil.copy2(root / "pyproject.toml", folder)
        for kind, name in NAMES.items():
            self.run("-m", "resonaut.cli", "new", kind, name)

    def run(self, *words: str) -> str:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return done.stdout

    def files(self) -> list[str]:
        stages = {kind: KINDS[kind].stage for kind in KINDS}
        methods = [f"src/resonaut/{stages[kind]}/methods/{name}.py" for kind, name in NAMES.items()]
        return methods + [
            f"tests/unit/{stages[kind]}/test_{stages[kind]}_{n}.py" for kind, n in NAMES.items()
        ]


@pytest.fixture(scope="module")
def copy(root, tmp_path_factory) -> Copy:
    return Copy(root, tmp_path_factory.mktemp("new") / "clone")


def test_all_are_found_by_the_registry_and_in_style(copy):
    code = "from resonaut import registry\nprint(registry.load({!r}, {!r}).__doc__)"
    for kind, name in NAMES.items():
        text = copy.run("-c", code.format(KINDS[kind].stage, name))
        assert text.startswith("".join(word.capitalize() for word in name.split("_")))
    copy.run("-m", "ruff", "check", *copy.files())
    copy.run("-m", "ruff", "format", "--check", *copy.files())


def test_their_own_tests_pass(copy):
    """Of the quickest; `make test-full` has the others."""
    test = f"tests/unit/stats/test_stats_{NAMES['background']}.py"
    assert " passed" in copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", test)


@pytest.mark.full
def test_the_tests_of_all_kinds_and_those_of_all_methods_pass(copy):
    contracts = [kind.contract.split()[0] for kind in KINDS.values()]
    names = "my_tagger or my_generator or my_detector or my_reader or my_background or methods_are_complete"
    text = copy.run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", names),
        *[file for file in copy.files() if file.startswith("tests")],
        *contracts,
    )
    assert " failed" not in text


def test_files_are_where_the_methods_are(copy):
    for path in copy.files():
        assert (copy.folder / path).exists()
    assert "my_tagger" not in registry.names("tag")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "My-Tagger",
            "lower-case letters, digits and _ are expected, a letter first. Perhaps 'my_tagger'.",
        ),
        ("class", "'class': lower-case letters"),
        ("../../x", "'../../x': lower-case letters, digits and _ are expected, a letter first. Perhaps 'x'."),
        ("pfn", "tag has a method 'pfn' already"),
    ],
)
def test_names_that_cannot_be_are_refused(name, message, capsys):
    assert main(["new", "tagger", name]) == 2
    assert message in capsys.readouterr().err


def test_nothing_is_overwritten_and_an_installation_without_tests_is_told_so(tmp_path, monkeypatch, capsys):
    (tmp_path / "src/resonaut/tag/methods").mkdir(parents=True)
    monkeypatch.setattr(clone, "root", lambda: tmp_path)
    assert main(["new", "tagger", "mine"]) == 3
    assert "no such folder; new methods are written in a clone" in capsys.readouterr().err
    test = tmp_path / "tests/unit/tag/test_tag_mine.py"
    test.parent.mkdir(parents=True)
    test.write_text("mine")
    assert main(["new", "tagger", "mine"]) == 7
    assert test.read_text() == "mine"
    assert list((tmp_path / "src/resonaut/tag/methods").iterdir()) == []
    test.unlink()
    assert main(["new", "tagger", "mine"]) == 0
    assert (
        "class MineTraining(ScheduledTraining):"
        in (tmp_path / "src/resonaut/tag/methods/mine.py").read_text()
    )
