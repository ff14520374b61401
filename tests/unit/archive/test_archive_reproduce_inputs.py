"""Inputs that an archive does not hold: found by checksum, placed in the clean folder."""

from __future__ import annotations

import os

import pytest
import small_archive

from resonaut.archive.reproduce_inputs import find, place
from resonaut.cli import main
from resonaut.errors import MismatchError, MissingFileError


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return small_archive.contents()


@pytest.fixture
def data(tmp_path):
    """A folder that holds the input under another name."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "renamed.npy").write_bytes(small_archive.INPUT)
    (folder / "a-of-the-same-size.npy").write_bytes(small_archive.INPUT[::-1])
    return folder


def entry(path, content=small_archive.INPUT, dataset="data") -> dict:
    return {"dataset": dataset, "path": path, "bytes": len(content), "sha256": small_archive.sha(content)}


def test_inputs_that_are_nowhere_are_named(tmp_path, files, capsys) -> None:
    archive = small_archive.write(tmp_path / "a.zip", files)
    twice = [entry("events.npy"), entry("events.npy", dataset="signal")]
    with pytest.raises(MissingFileError, match=r"1 inputs are not in the archive .* events.npy \(20 bytes\)"):
        find(twice, [tmp_path])
    with pytest.raises(MissingFileError, match="--data"):
        find([entry("events.npy")], [tmp_path / "none"])
    (tmp_path / "d").mkdir()
    (tmp_path / "d/events.npy").write_bytes(b"other")
    with pytest.raises(MismatchError, match=r"not the input events\.npy of the archive"):
        find([entry("events.npy")], [tmp_path / "d"])
    assert main(["reproduce", str(archive), "--folder", str(tmp_path / "again")]) == 3
    assert "events.npy" in capsys.readouterr().err


def test_inputs_outside_the_folder_change_the_configuration(tmp_path, data) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    other = b"more"
    (data / "b.npy").write_bytes(other)
    entries = [
        entry("../far/a.npy"),
        entry("/nowhere/b.npy", other),
        entry("root://h//c.root", dataset="far"),
    ]
    configuration = {
        "datasets": {
            "data": {"files": ["../far/*.npy", "/nowhere/b.npy"]},
            "far": {"files": ["root://h//c.root"]},
        }
    }
    placed = place(entries, find(entries, [data]), clone, configuration)
    used = configuration["datasets"]["data"]["files"]
    assert used == ["inputs/000000/a.npy", "inputs/000001/b.npy"]
    assert [(clone / path).read_bytes() for path in used] == [small_archive.INPUT, other]
    assert configuration["datasets"]["far"]["files"] == ["root://h//c.root"]
    assert placed[2].found is None


def test_an_absolute_input_that_is_there_stays(tmp_path, data) -> None:
    path = str(data / "renamed.npy")
    configuration = {"datasets": {"data": {"files": [path]}}}
    (placed,) = place([entry(path)], find([entry(path)], []), tmp_path, configuration)
    assert placed.used == path
    assert configuration["datasets"]["data"]["files"] == [path]
    assert os.listdir(tmp_path) == ["data"]


def test_lists_of_files_cannot_be_moved(tmp_path, data) -> None:
    configuration = {"datasets": {"data": {"manifest": "../far/list.json", "files": []}}}
    entries = [entry("../far/list.json", dataset=None)]
    with pytest.raises(MismatchError, match=r"datasets.data.manifest: .*\.\./far/list.json"):
        place(entries, find(entries, [data]), tmp_path / "clone", configuration)
