"""A clone of the workflow in a temporary folder, and one finished tiny study that tests copy."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COPIED = ("Snakefile", "workflow", "profiles", "config", "src", "envs")


class Clone:
    """A working copy of the repository's workflow, with its own sources."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "study.yaml"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "src"),
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @classmethod
    def create(cls, root: Path, folder: Path) -> Clone:
        folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            if (root / name).is_dir():
                # Machine code that numba keeps beside the sources is taken along: its compilation takes long.
                shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
            else:
                shutil.copy2(root / name, folder / name)
        (folder / "gpu-cluster").symlink_to("profiles/gpu-cluster")
        shutil.copy2(root / "tests/workflow/tiny.yaml", folder / "study.yaml")
        return cls(folder)

    def copy(self, folder: Path) -> Clone:
        shutil.copytree(self.folder, folder, symlinks=True)
        return Clone(folder)

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        # Last, for it takes any number of words.
        command += ["--configfile", "study.yaml"]
        return self._run(command, check)

    def default(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`snakemake` with no configuration named: the default study."""
        return self._run([sys.executable, "-m", "snakemake", "--cores", "2", *arguments], check=True)

    def resonaut(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-m", "resonaut.cli", *arguments], check)

    def _run(self, command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-6000:]}")
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a dry run plans: name of the rule -> number."""
        output = self.snakemake("--dry-run", *arguments).stdout
        if "Nothing to be done" in output:
            return {}
        table = output.split("Job stats:")[1]
        rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
        return {name: int(count) for name, count in rows if name not in ("total", "all")}

    def results(self) -> dict[str, object]:
        """Every JSON result, by its path; records of the run (host, times) are left out."""
        paths = sorted((self.folder / "results").rglob("*.json"))
        return {
            str(path.relative_to(self.folder)): json.loads(path.read_text())
            for path in paths
            if not path.name.endswith(".run.json")
        }

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file; the text must be there."""
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new, 1))


@pytest.fixture
def clone(root, tmp_path) -> Clone:
    """A fresh clone, nothing run."""
    return Clone.create(root, tmp_path / "clone")


@pytest.fixture(scope="session")
def finished_once(root, tmp_path_factory) -> Clone:
    """The tiny study, run once by `resonaut run`. Tests that change anything use `finished`.

    Test processes that run beside each other share it: the first makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    done = folder / "done"
    with (base.parent / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            Clone.create(root, folder / "clone").resonaut("run", "--configfile", "study.yaml", "--cores", "2")
            done.touch()
    return Clone(folder / "clone")


@pytest.fixture
def finished(finished_once, tmp_path) -> Clone:
    """A copy of the finished tiny study, free to be changed."""
    return finished_once.copy(tmp_path / "clone")
