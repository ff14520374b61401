"""Manifests of input files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut.errors import InputError, MissingFileError
from resonaut.filelist import InputFile, is_remote, read, read_text, to_json, write

SHA = "sha256:" + "0f" * 32
COUNTS = st.none() | st.integers(0, 2**62)
CHECKSUMS = st.none() | st.sampled_from([SHA, "adler32:00000001", "md5:" + "a" * 32])
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=9)


def manifest(folder: Path, files: Any = None, **keys: Any) -> Path:
    path = folder / "files.json"
    path.write_text(
        json.dumps({"schema_version": 1, "files": [{"path": "a.root"}] if files is None else files, **keys})
    )
    return path


@pytest.mark.parametrize("path", ["root://h//a", "https://h/a", "s3://b/a", "HTTP://h/a", "davs+x://h/a"])
def test_remote(path: str) -> None:
    assert is_remote(path)


@pytest.mark.parametrize("path", ["a.root", "/data/a.root", "a:b", "a//b", "://x", "C:/x", Path("a.root")])
def test_local(path: str | Path) -> None:
    assert not is_remote(path)


def test_paths_are_relative_to_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    here = tmp_path / "lists" / "data" / "a.root"
    files = [
        InputFile(str(here), 5, SHA, 2),
        InputFile("/else/b.root"),
        InputFile("root://h//c.root", n_events=0),
    ]
    write("lists/files.json", files, luminosity_fb=59.8)
    stored = json.loads(Path("lists/files.json").read_text())
    assert [item["path"] for item in stored["files"]] == ["data/a.root", "/else/b.root", "root://h//c.root"]
    found = read("lists/files.json")
    assert found.files == (InputFile("lists/data/a.root", 5, SHA, 2), *files[1:])
    assert found.luminosity_fb == 59.8
    # Moved with its data, the manifest still names them.
    os.rename("lists", "moved")
    assert read(tmp_path / "moved" / "files.json").files[0].path == str(tmp_path / "moved/data/a.root")


@given(
    st.lists(
        st.builds(InputFile, PATHS.map(lambda p: f"s3://b/{p}"), COUNTS, CHECKSUMS, COUNTS),
        min_size=1,
        unique_by=lambda item: item.path,
    )
)
def test_text_and_back(files: list[InputFile]) -> None:
    assert read_text(to_json(files)).files == tuple(files)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"path": "a", "sise": 3}, r"files\[1\]: unknown key 'sise'. Did you mean 'size'?"),
        ({"size": 3}, r"files\[1\].path: a path or URL is expected, got None"),
        ({"path": " "}, r"files\[1\].path: a path or URL is expected"),
        ("a.root", r"files\[1\]: a mapping with the key 'path' is expected, got 'a.root'"),
        ({"path": "a", "size": -1}, r"files\[1\].size: a whole number, 0 or more, is expected, got -1"),
        ({"path": "a", "size": True}, r"files\[1\].size: a whole number"),
        ({"path": "a", "n_events": 1.5}, r"files\[1\].n_events: a whole number.*got 1.5"),
        ({"path": "a", "checksum": "sha265:00"}, r"files\[1\].checksum: .*Did you mean 'sha256'?"),
        ({"path": "a", "checksum": "adler32:0000000G"}, r"8 lower-case hexadecimal digits .* got '0000000G'"),
        ({"path": "a", "checksum": 5}, r"checksum: '<algorithm>:<digits>' is expected, got 5"),
        ({"path": "./b.root"}, r"b.root is named twice; its events would count twice"),
    ],
)
def test_wrong_entries(tmp_path: Path, entry: Any, message: str) -> None:
    path = manifest(tmp_path, [{"path": "b.root"}, entry])
    with pytest.raises(InputError, match=f"files.json.*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"luminosity": 3}, "unknown key 'luminosity'. Did you mean 'luminosity_fb'?"),
        ({"luminosity_fb": 0}, "luminosity_fb: a positive number is expected, got 0"),
        ({"luminosity_fb": float("inf")}, "luminosity_fb: a positive number is expected, got inf"),
        ({"luminosity_fb": True}, "luminosity_fb: a positive number is expected, got True"),
        ({"schema_version": 2}, "schema_version: 1 is expected, got 2"),
        ({"files": []}, "files: at least one file is expected"),
        ({"files": {"path": "a"}}, "a manifest of input files with a list 'files' is expected"),
    ],
)
def test_wrong_manifests(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"files\.json: {message}"):
        read(manifest(tmp_path, **keys))


def test_not_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a manifest of input files is expected, this is a folder"):
        read(tmp_path)
    (tmp_path / "files.json").write_text("{")
    with pytest.raises(InputError, match=r"files\.json: not valid JSON"):
        read(tmp_path / "files.json")
    with pytest.raises(MissingFileError, match=r"none\.json: no such file"):
        read(tmp_path / "none.json")
    with pytest.raises(InputError, match="list of files: not valid JSON"):
        read_text("{")


def test_a_file_is_not_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"a\.root is named twice"):
        write("files.json", [InputFile("a.root"), InputFile(str(tmp_path / "a.root"))])
    assert not list(tmp_path.iterdir())
