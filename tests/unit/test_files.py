"""Whole files or none, and a clear message where there is no room."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest

from resonaut.errors import InputError, MissingFileError, OutputError, nearest
from resonaut.files import atomic, canonical_json, read_json, sha256, write_json


def write_and_fail(target, error):
    with atomic(target) as part:
        part.write_text("half")
        raise error


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "deep/result.json"
    write_json(target, {"a": 1})
    with pytest.raises(ZeroDivisionError):
        write_and_fail(target, ZeroDivisionError())
    assert read_json(target) == {"a": 1}
    assert [path.name for path in target.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_no_room_is_one_clear_message(tmp_path, code):
    with pytest.raises(OutputError, match=r"result\.h5.*no space left"):
        write_and_fail(tmp_path / "result.h5", OSError(code, os.strerror(code)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"result\.h5.*make the folder writable"):
        write_and_fail(tmp_path / "result.h5", PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def test_a_full_disk_met_while_writing(tmp_path):
    """Every write to /dev/full fails with ENOSPC."""
    target = tmp_path / "x.txt"
    with pytest.raises(OutputError, match="no space left"), atomic(target), open("/dev/full", "w") as full:
        full.write("x" * 100_000)


def test_suffix_of_the_temporary_file_is_kept(tmp_path):
    with atomic(tmp_path / "a.root") as part:
        assert part.suffix == ".root"
        part.write_text("x")
    assert (tmp_path / "a.root").read_text() == "x"


def test_canonical_json_sorts_and_refuses_nan():
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"a": float("nan")})


def test_read_errors(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad\.json"):
        read_json(tmp_path / "bad.json")
    with pytest.raises(MissingFileError, match=r"no\.json"):
        read_json(tmp_path / "no.json")
    with pytest.raises(MissingFileError):
        sha256(tmp_path / "no.json")


def test_sha256_is_that_of_hashlib(tmp_path):
    (tmp_path / "f").write_bytes(b"resonaut" * 1000)
    assert sha256(tmp_path / "f") == hashlib.sha256(b"resonaut" * 1000).hexdigest()


def test_nearest():
    assert nearest("efficiences", ["efficiencies", "bins"]) == "Did you mean 'efficiencies'?"
    assert nearest("zzz", ["a", "b"]) == "Known: a, b."
    assert nearest("zzz", []) == "None is known here."
