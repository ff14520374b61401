"""Files of a real XRootD server."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from remote_contract import ByLine, RemoteContract
from remote_files import N_EVENTS, Served
from remote_servers import Line

from resonaut import filelist
from resonaut.cli import main
from resonaut.errors import InputError, MissingFileError
from resonaut.ingest import sources


class TestXRootD(RemoteContract):
    """root://"""

    @pytest.fixture
    def served(self, xrootd: Served) -> Served:
        return xrootd

    @pytest.fixture
    def by_line(self, xrootd: Served) -> ByLine:
        return xrootd.through

    @pytest.fixture
    def put(self, xrootd: Served) -> Callable[[str, bytes], None]:
        def put(name: str, content: bytes) -> None:
            # Another file takes the name, as with a copy; who has the old one open keeps it.
            (xrootd.folder / "new").write_bytes(content)
            (xrootd.folder / "new").rename(xrootd.folder / name)

        return put

    def test_patterns(self, served: Served) -> None:
        deep = f"{served.url}/deep"
        assert sources.expand([f"{deep}/*.root"]) == [f"{deep}/a.root", f"{deep}/b.root"]
        assert sources.expand([f"{deep}/**/*.root"]) == [f"{deep}/{n}.root" for n in ("a", "b", "er/c")]
        assert sources.expand([f"{deep}/b.root", f"{deep}/[ab].root"]) == [f"{deep}/b.root", f"{deep}/a.root"]
        with pytest.raises(MissingFileError, match=r"deep/\*\.h5: no file matches"):
            sources.expand([f"{deep}/*.h5"])
        with pytest.raises(MissingFileError, match=r"nowhere/\*\.root: no file matches"):
            sources.expand([f"{served.url}/nowhere/*.root"])

    def test_folder(self, served: Served) -> None:
        with pytest.raises(InputError, match="deep: a file is expected, this is a folder"):
            sources.size(f"{served.url}/deep")

    def test_the_server_tells_adler32(
        self, served: Served, line: Callable[[int], Line], by_line: ByLine, local: bytes
    ) -> None:
        counted = line(served.port)
        found = sources.checksum(f"{by_line(counted)}/events.root", "adler32")
        assert found == f"adler32:{zlib.adler32(local):08x}"
        assert counted.n_bytes < 2000

    def test_manifest_of_a_pattern(
        self,
        served: Served,
        line: Callable[[int | None], Line],
        by_line: ByLine,
        tmp_path: Path,
        capsys: pytest.CaptureFixture,
    ) -> None:
        target = str(tmp_path / "files.json")
        command = ["files", "--output", target, "--checksum", "adler32"]
        assert main([*command, f"{served.url}/deep/*.root"]) == 0
        found = filelist.read(target).files
        assert [file.path for file in found] == [f"{served.url}/deep/{name}.root" for name in ("a", "b")]
        for file in found:
            content = (served.folder / "deep" / Path(file.path).name).read_bytes()
            assert (file.size, file.checksum) == (len(content), f"adler32:{zlib.adler32(content):08x}")
            sources.verify(file, "checksum")
        capsys.readouterr()
        silent = by_line(line(None))
        assert main([*command, f"{silent}/deep/*.root", "--timeout", "1", "--retries", "1"]) == 3
        errors = [text for text in capsys.readouterr().err.splitlines() if text.startswith("resonaut files:")]
        assert len(errors) == 1
        assert "UnreachableError: root://127.0.0.1" in errors[0]
        assert filelist.read(target).files == found

    def test_events_are_counted(self, served: Served, tmp_path: Path) -> None:
        target = str(tmp_path / "files.json")
        assert main(["files", f"{served.url}/events.root", "--output", target, "--count-events"]) == 0
        assert filelist.read(target).files[0].n_events == N_EVENTS
