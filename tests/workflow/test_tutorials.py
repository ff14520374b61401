"""The tutorials of docs/tutorials are run from their own text, so that they stay true.

A block with a title is written to the file of that name, a block of `bash` is run in a clone as a user would
(one of `sh` too, where a Slurm can be started), and each line of a block of `text` must stand in what the
last commands printed. Spaces count as one; numbers with a decimal point agree to 20 %, for processors round
trainings differently.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

TUTORIALS = ("first_search", "own_files", "new_method", "module")
_BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_TOLERANCE = 0.2


def blocks(text: str) -> list[tuple[str, str, str]]:
    """(language, title, text) of the blocks of a page."""
    return _BLOCK.findall(text)


def same(expected: str, found: str) -> bool:
    """Whether two words are equal, or numbers with a decimal point that agree."""
    if expected == found:
        return True
    try:
        wanted, got = float(expected), float(found)
    except ValueError:
        return False
    return "." in expected and abs(wanted - got) <= _TOLERANCE * abs(wanted)


def says(output: str, line: str) -> bool:
    """Whether the words of a line stand one after the other in a line of the output."""
    words = line.split()
    for candidate in map(str.split, output.splitlines()):
        for start in range(len(candidate) - len(words) + 1):
            if all(map(same, words, candidate[start:])):
                return True
    return False


def run_block(text: str, folder: Path, environment: dict[str, str]) -> str:
    """What the commands of a block print; they must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, f"{text}\nended with:\n{done.stdout[-6000:]}"
    return done.stdout


def run_page(page: Path, folder: Path, environment: dict[str, str], has_slurm: bool = False) -> int:
    """Follow a page in `folder`; the number of blocks of commands that were run."""
    output: str | None = ""
    number = 0
    for language, title, text in blocks(page.read_text(encoding="utf-8")):
        if title:
            (folder / title).parent.mkdir(parents=True, exist_ok=True)
            (folder / title).write_text(text, encoding="utf-8")
        elif language == "bash" or (language == "sh" and has_slurm):
            output, number = run_block(text, folder, environment), number + 1
        elif language == "sh":
            output = None
        else:
            assert language == "text", f"{page.name}: a block of '{language}' is neither run nor compared"
            for line in filter(None, map(str.strip, text.splitlines())):
                assert output is None or says(output, line), (
                    f"{page.name}: '{line}' is not in\n{output[-6000:]}"
                )
    return number


def slurm_of_tests(root: Path) -> ModuleType:
    """The throw-away cluster of tests/cluster."""
    spec = importlib.util.spec_from_file_location("slurm_of_tests", root / "tests/cluster/slurm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(clone) -> dict[str, str]:
    """The clone's own code and the commands of this Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**clone.environment, "PATH": path, "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_is_true(name: str, root: Path, clone, environment: dict[str, str]) -> None:
    """Tests of the clone are there too, for the tutorial that adds one, and the clone by its usual name."""
    (clone.folder.parent / "resonaut").symlink_to(clone.folder)
    for path in (
        "tests/conftest.py",
        "tests/unit/detect/conftest.py",
        "tests/unit/detect/test_detect_contract.py",
    ):
        (clone.folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, clone.folder / path)
    shutil.copy2(root / "pyproject.toml", clone.folder)
    assert run_page(root / f"docs/tutorials/{name}.md", clone.folder, environment) > 0


def test_the_tutorial_of_a_cluster_is_true(root: Path, clone, environment: dict[str, str]) -> None:
    """On a real Slurm where there is one; else all but what is sent to it."""
    page = root / "docs/tutorials/cluster.md"
    found = slurm_of_tests(root)
    if found.missing():
        assert run_page(page, clone.folder, environment) == 2
        return
    # The path of a socket is short: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)
        cluster = found.Slurm(Path(folder))
        try:
            cluster.start()
            path = os.pathsep.join([str(Path(folder) / "bin"), environment["PATH"], "/usr/sbin", "/sbin"])
            environment |= {"SLURM_CONF": cluster.environment["SLURM_CONF"], "PATH": path}
            assert run_page(page, clone.folder, environment, has_slurm=True) == 4
        finally:
            cluster.stop()


def test_numbers_and_words_are_compared() -> None:
    assert says("a b  614 5.74 c", "614 5.5 c")
    assert not says("a b  614 5.74 c", "615 5.74")
    assert not says("5.74", "4.0")
    assert not says("one two", "two one")
    assert blocks('x\n```yaml title="a/b.yaml"\nk: 1\n```\n```bash\nls\n```\n') == [
        ("yaml", "a/b.yaml", "k: 1\n"),
        ("bash", "", "ls\n"),
    ]
