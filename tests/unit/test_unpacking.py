"""Archives from strangers: each way to be wrong is refused, and nothing is left."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import zipfile

import pytest

from resonaut import unpacking
from resonaut.errors import CorruptFileError, InputError, MissingFileError, OutputError
from resonaut.unpacking import unpack_zip


def archive(path, entries, compression=zipfile.ZIP_DEFLATED):
    """Write entries (name or ZipInfo -> bytes)."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in entries:
            file.writestr(name, data)
    return path


def entry(name, mode=0o100644, **attributes):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    # The writer of the standard library mends names; a stranger does not.
    info.filename = name
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def refused(path, folder, **limits):
    with pytest.raises(InputError) as caught:
        unpack_zip(path, folder, **limits)
    assert not folder.exists()
    assert sorted(p.name for p in folder.parent.iterdir()) == [path.name]
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message


def test_what_was_packed_is_unpacked(tmp_path):
    path = archive(
        tmp_path / "a.zip",
        [
            ("page/index.html", b"<html>"),
            ("empty/", b""),
            ("a.json", b"{}"),
            ("page/ü b.png", bytes(range(256))),
        ],
    )
    folder = tmp_path / "deep" / "out"
    assert unpack_zip(path, folder) == ["a.json", "page/index.html", "page/ü b.png"]
    assert (folder / "page/ü b.png").read_bytes() == bytes(range(256))
    assert (folder / "empty").is_dir()
    assert [item.name for item in folder.parent.iterdir()] == ["out"]


def test_modes_of_the_archive_are_not_taken_over(tmp_path):
    path = archive(tmp_path / "a.zip", [(entry("run.sh", 0o104777), b"#!/bin/sh\n")])
    unpack_zip(path, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/run.sh").stat().st_mode) & 0o7111 == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", r"'\.\.' in its path"),
        ("a/../../evil", r"'\.\.' in its path"),
        ("./a", r"'\.\.' in its path"),
        ("a//b", "an empty part"),
        ("/etc/evil", "an absolute path"),
        ("C:/evil", "a backslash or a colon"),
        ("C:evil", "a backslash or a colon"),
        ("..\\evil", "a backslash or a colon"),
        ("\\\\host\\share", "a backslash or a colon"),
        ("a\nb", "control characters"),
        ("a\x1b[2Jb", "control characters"),
        ("a\u202egnp.exe", "control characters"),
        ("good\x00../evil", "control characters"),
        ("a/" * 40 + "b", "more than 1024 characters or 32 folders"),
        ("x" * 300, "more than 1024 characters"),
    ],
)
def test_a_path_that_leaves_the_folder_or_lies_is_refused(tmp_path, name, reason):
    path = archive(tmp_path / "a.zip", [("good", b"1"), (entry(name), b"evil")])
    message = refused(path, tmp_path / "out")
    assert __import__("re").search(reason, message)
    assert message.endswith("It was not unpacked.")


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010666, 0o140666])
def test_links_and_devices_are_refused(tmp_path, mode):
    path = archive(tmp_path / "a.zip", [(entry("a", mode), b"/etc/passwd"), ("b", b"")])
    assert "'a' is a link or a device" in refused(path, tmp_path / "out")


def test_the_same_file_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path / "a.zip", [("a", b"1"), ("a", b"2")])
    assert "'a' is there twice" in refused(path, tmp_path / "out")
    for first, second in (("README", "readme"), ("\u00e9", "e\u0301")):
        path = archive(tmp_path / "a.zip", [(first, b"1"), (second, b"2")])
        assert "is there twice" in refused(path, tmp_path / "out")
    for first, second in (("a", "a/b"), ("a/b", "A")):
        path = archive(tmp_path / "a.zip", [(first, b"1"), (second, b"2")])
        assert "is a file and a folder" in refused(path, tmp_path / "out")


def test_more_bytes_than_allowed_are_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [(f"{i}", os.urandom(1000)) for i in range(10)])
    assert unpack_zip(path, tmp_path / "fits", max_bytes=12_000) != []
    (tmp_path / "fits").rename(tmp_path / "kept")
    for file in (tmp_path / "kept").iterdir():
        file.unlink()
    (tmp_path / "kept").rmdir()
    message = refused(path, tmp_path / "out", max_bytes=9_999)
    assert "at most 9999 are allowed" in message
    path = archive(tmp_path / "a.zip", [(f"{i}", bytes(1000)) for i in range(10)])
    assert "unpacks to 10000 bytes or more, at most 9999" in refused(path, tmp_path / "out", max_bytes=9_999)


def test_more_files_than_allowed_are_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [(f"{i}", b"") for i in range(11)])
    assert "holds 11 entries, at most 10 are allowed" in refused(path, tmp_path / "out", max_files=10)
    path = archive(tmp_path / "a.zip", [(f"{i:0200d}", b"") for i in range(2_000)])
    assert "its table of contents takes 492000 bytes" in refused(path, tmp_path / "out", max_files=10)


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    path = archive(tmp_path / "a.zip", [("zeros", bytes(20_000_000))])
    assert path.stat().st_size < 25_000
    assert "at most 200 times as many are allowed" in refused(path, tmp_path / "out")
    assert unpack_zip(archive(tmp_path / "b.zip", [("zeros", bytes(900_000))]), tmp_path / "out") == ["zeros"]


def test_entries_that_share_bytes_are_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [("a", os.urandom(5000)), ("b", b"1")], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 42, 100)
    path.write_bytes(data)
    assert "'a' and 'b' share bytes" in refused(path, tmp_path / "out")


def test_a_declared_size_that_is_a_lie_leaves_nothing(tmp_path):
    path = archive(tmp_path / "a.zip", [("ok", b"1" * 100), ("liar", bytes(500_000))])
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 24, 10)
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="not a whole ZIP archive"):
        unpack_zip(path, tmp_path / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["a.zip"]


def test_broken_archives_are_named_and_leave_nothing(tmp_path):
    whole = archive(tmp_path / "a.zip", [("a", os.urandom(3000)), ("b", b"1" * 3000)]).read_bytes()
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF
    for data in (b"", b"no archive", whole[:-30], whole[:1000], bytes(flipped)):
        (tmp_path / "a.zip").write_bytes(data)
        with pytest.raises(CorruptFileError, match=r"a\.zip: not a whole ZIP archive"):
            unpack_zip(tmp_path / "a.zip", tmp_path / "out")
        assert [item.name for item in tmp_path.iterdir()] == ["a.zip"]
    with pytest.raises(MissingFileError, match="no such file"):
        unpack_zip(tmp_path / "absent.zip", tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_and_encryption_are_refused(tmp_path, method):
    path = archive(tmp_path / "a.zip", [("a", b"1")], method)
    assert "stored and deflated are known" in refused(path, tmp_path / "out")
    data = bytearray(archive(path, [("a", b"1")]).read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    path.write_bytes(data)
    assert "'a' is encrypted" in refused(path, tmp_path / "out")


def test_only_a_new_or_empty_folder_is_filled(tmp_path):
    path = archive(tmp_path / "a.zip", [("a", b"1")])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("full", "full/mine", "link"):
        with pytest.raises(OutputError, match="a new or empty folder is expected"):
            unpack_zip(path, tmp_path / name)
    assert [item.name for item in (tmp_path / "full").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    assert unpack_zip(path, tmp_path / "empty") == ["a"]


def test_a_disk_too_small_is_known_before_a_byte_is_written(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", [("a", b"1" * 1000)])
    usage = unpacking.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: usage._replace(free=999))
    with pytest.raises(OutputError, match="unpacks to 1000 bytes, 999 are free"):
        unpack_zip(path, tmp_path / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["a.zip"]


def test_a_table_of_contents_of_a_gigabyte_takes_no_memory(tmp_path):
    path = tmp_path / "a.zip"
    size = 1_000_000_000
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, size, 0, 0))
    code = (
        "import resource, sys; from resonaut.unpacking import unpack_zip\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400_000_000,) * 2)\n"
        f"unpack_zip({str(path)!r}, {str(tmp_path / 'out')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "its table of contents takes 1000000000 bytes, at most 21400000 are allowed" in done.stderr
