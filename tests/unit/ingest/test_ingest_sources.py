"""Local input files: patterns, checksums, identity, what has changed; and the manifest of them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut import filelist
from resonaut.cli import main
from resonaut.errors import ConfigError, CorruptFileError, InputError, MissingFileError, UnreachableError
from resonaut.filelist import InputFile
from resonaut.ingest import sources
from resonaut.ingest.connection import RemoteFile
from resonaut.ingest.remote import RemoteSettings, protocol_of


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """b.root, a.root, deep/er/c.root, [x].root and a folder d.root, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "d.root").mkdir()
    for name in ("b.root", "a.root", "deep/er/c.root", "[x].root"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["[ab].root"], ["a.root", "b.root"]),
        (["?.root"], ["a.root", "b.root"]),
        (["**/*.root"], ["[x].root", "a.root", "b.root", "deep/er/c.root"]),
        (["b.root", "[ab].root"], ["b.root", "a.root"]),
        (["[x].root"], ["[x].root"]),
        (["absent.root"], ["absent.root"]),
        (["root://h//a.root", "https://h/a.root?x=[1]*"], ["root://h//a.root", "https://h/a.root?x=[1]*"]),
    ],
)
def test_patterns(files: Path, patterns: list[str], expected: list[str]) -> None:
    if patterns[-1].endswith("*"):
        with pytest.raises(InputError, match="https:// has no listing of files"):
            sources.expand(patterns)
        return
    assert sources.expand(patterns) == expected


def test_home(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(files))
    assert sources.expand(["~/a.root", "~/b*"]) == [str(files / "a.root"), str(files / "b.root")]


def test_nothing_matches(files: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\*\.root: no file matches"):
        sources.expand(["a.root", "none*.root"])


def test_checksums(files: Path) -> None:
    content = np.random.default_rng(1).bytes(9_000_001)
    (files / "big.bin").write_bytes(content)
    assert sources.checksum("big.bin", "sha256") == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert sources.checksum("big.bin", "md5") == f"md5:{hashlib.md5(content).hexdigest()}"
    assert sources.checksum("big.bin", "adler32") == f"adler32:{zlib.adler32(content):08x}"
    (files / "a.bin").write_bytes(b"a")
    # Published: Adler-32 of "Wikipedia" is 11E60398; MD5 of "a" stands in RFC 1321, A.5.
    (files / "w.bin").write_bytes(b"Wikipedia")
    assert sources.checksum("w.bin", "adler32") == "adler32:11e60398"
    assert sources.checksum("a.bin", "md5") == "md5:0cc175b9c0f1b6a831c399e269772661"
    with pytest.raises(ConfigError, match=r"unknown algorithm 'sha265'. Did you mean 'sha256'?"):
        sources.checksum("a.bin", "sha265")


@pytest.mark.parametrize("n_bytes", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_identity(files: Path, n_bytes: int) -> None:
    content = bytearray(np.random.default_rng(2).bytes(n_bytes))
    Path("x.bin").write_bytes(content)
    Path("y.bin").write_bytes(content)
    expected = hashlib.sha256(b"%d:" % n_bytes + content[: 2**20] + content[-(2**20) :]).hexdigest()
    assert sources.identity("x.bin") == sources.identity("y.bin") == expected
    for place in (0, n_bytes - 1):
        if n_bytes:
            changed = bytearray(content)
            changed[place] ^= 1
            Path("y.bin").write_bytes(changed)
            assert sources.identity("y.bin") != expected
    Path("y.bin").write_bytes(content + b"\0")
    assert sources.identity("y.bin") != expected


def test_verify(files: Path) -> None:
    known = InputFile("a.root", 6, sources.checksum("a.root", "adler32"))
    sources.verify(known, "checksum")
    Path("a.root").write_bytes(b"b.root")
    sources.verify(known, "size")
    with pytest.raises(CorruptFileError, match=r"a\.root: checksum adler32:\w{8}, adler32:\w{8} is expected"):
        sources.verify(known, "checksum")
    Path("a.root").write_bytes(b"b.roo")
    with pytest.raises(CorruptFileError, match=r"a\.root: 5 bytes, 6 are expected"):
        sources.verify(known, "size")
    sources.verify(known, "none")
    Path("a.root").unlink()
    sources.verify(known, "none")
    with pytest.raises(MissingFileError, match=r"a\.root: no such file"):
        sources.verify(InputFile("a.root"), "size")
    with pytest.raises(InputError, match=r"b\.root: the manifest has no checksum"):
        sources.verify(InputFile("b.root", 6), "checksum")


def test_what_is_no_file(files: Path) -> None:
    for look in (sources.size, sources.identity):
        with pytest.raises(InputError, match="deep: a file is expected, this is a folder"):
            look("deep")
        with pytest.raises(MissingFileError, match="none: no such file"):
            look("none")
    with pytest.raises(InputError, match=r"gsiftp://h/a: the protocol 'gsiftp://' cannot be read. Known"):
        sources.size("gsiftp://h/a")
    with pytest.raises(InputError, match=r"'roots://' cannot be read. Did you mean 'root'?"):
        protocol_of("roots://h//a")
    with pytest.raises(UnreachableError, match="server does not answer"):
        sources.size("http://127.0.0.1:9/a", RemoteSettings(timeout=1, retries=1))


class Recorded:
    """Bytes in place of a connection: `asked` are the ranges that were fetched."""

    def __init__(self, content: bytes) -> None:
        self.path, self.size, self._content = "memory", len(content), content
        self.asked: list[tuple[int, int]] = []

    def read_ranges(self, ranges: Any) -> list[bytes]:
        self.asked += ranges
        return [self._content[start:stop] for start, stop in ranges]

    def read(self, start: int, stop: int) -> bytes:
        return self.read_ranges([(start, stop)])[0]

    def close(self) -> None:
        self.closed = True


@given(
    st.binary(max_size=5000),
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(0, 5100), st.integers(0, 3000)), max_size=12),
)
def test_blocks_give_the_bytes_of_the_file(content: bytes, block: int, reads: list[tuple[int, int]]) -> None:
    expected = io.BytesIO(content)
    with RemoteFile(Recorded(content), block) as file:
        for start, length in reads:
            assert file.seek(start) == expected.seek(start)
            assert file.read(length) == expected.read(length)
            assert file.tell() == expected.tell()


def test_blocks_are_fetched_once_and_together() -> None:
    source = Recorded(bytes(range(256)) * 10)
    file = RemoteFile(source, 100)
    file.seek(150)
    assert file.read(50) == source._content[150:200]
    assert source.asked == [(100, 200)]
    file.seek(90)
    file.read(400)
    assert source.asked[1:] == [(0, 100), (200, 500)]
    with pytest.raises(ValueError, match="before the file begins"):
        file.seek(-1)


_COLLECTED = """
import gc, sys, h5py
from resonaut.ingest.connection import RemoteFile
from resonaut.ingest.remote import run

class Fetched:
    path, content = "memory", open(sys.argv[1], "rb").read()
    size = len(content)
    def read(self, start, stop):
        return self.read_ranges([(start, stop)])[0]
    def read_ranges(self, ranges):
        async def fetch():
            [[] for _ in range(100_000)]
            return [self.content[start:stop] for start, stop in ranges]
        return run(fetch())
    def close(self):
        pass

file = h5py.File(RemoteFile(Fetched(), 4096), "r")
gc.collect()
garbage = [file["few"]]
garbage.append(garbage)
del garbage
print(file["many"][-1], gc.isenabled())
gc.collect()
file.close()
"""


def test_garbage_of_h5py_does_not_lock_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        file["few"] = [1]
        file["many"] = np.arange(100_000.0)
    done = subprocess.run(
        [sys.executable, "-c", _COLLECTED, str(path)], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.split() == ["99999.0", "True"]


def test_manifest_by_hand(files: Path, simulated: Path, capsys: pytest.CaptureFixture) -> None:
    (files / "a.root").write_bytes(simulated.read_bytes())
    (files / "t.csv").write_text("mass\n1.0\n")
    command = ["files", "a*.root", "--output", "files.json", "--luminosity-fb", "2.5"]
    assert main([*command, "--checksum", "adler32", "--count-events"]) == 0
    content = simulated.read_bytes()
    expected = InputFile("a.root", len(content), f"adler32:{zlib.adler32(content):08x}", 40)
    assert filelist.read("files.json").files == (expected,)
    assert json.loads(Path("files.json").read_text())["luminosity_fb"] == 2.5
    assert main(["files", "a.root", "--output", "plain.json", "--checksum", "none"]) == 0
    assert filelist.read("plain.json").files == (InputFile("a.root", len(content)),)
    for words, message in (
        (["none.root"], "MissingFileError: none.root: no such file"),
        (["a.root", "--checksum", "sha1"], "ConfigError: --checksum: unknown kind 'sha1'"),
        (["a.root", "--luminosity-fb", "-1"], "--luminosity-fb: a positive number is expected"),
        (["a.root", "--count-events", "--tree", "Event"], "no tree 'Event'. Did you mean 'Events'?"),
        (["a.root", "--retries", "0"], "--timeout, --retries.retries: Input should be greater"),
        (["t.csv", "--count-events"], "--count-events: t.csv: the reader 'table' counts nothing without its"),
        (
            ["http://127.0.0.1:9/a", "--timeout", "1", "--retries", "1"],
            "UnreachableError: http://127.0.0.1:9/a",
        ),
    ):
        capsys.readouterr()
        assert main(["files", *words, "--output", "bad.json"]) != 0
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("resonaut files:")]
        assert len(lines) == 1
        assert message in lines[0]
    assert not Path("bad.json").exists()


def test_imports_are_light() -> None:
    code = (
        "import sys, resonaut.filelist, resonaut.ingest.sources, resonaut.tools.files\n"
        "heavy = ('uproot', 'fsspec', 'XRootD', 'aiohttp', 'botocore', 'h5py')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
