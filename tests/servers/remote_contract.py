"""What holds of every protocol. Each test file gives the fixtures `served` and `by_line`."""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from collections.abc import Callable

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from remote_files import Served, columns
from remote_servers import Line

from resonaut.errors import CorruptFileError, MissingFileError, UnreachableError
from resonaut.filelist import InputFile
from resonaut.ingest import sources
from resonaut.ingest.connection import Connection
from resonaut.ingest.remote import RemoteSettings
from resonaut.ingest.rootfile import open_root, reading, tree_of

ByLine = Callable[[Line], str]
SMALL_BLOCKS = RemoteSettings(block_bytes=65536)


class RemoteContract:
    """Tests of one protocol.

    Fixtures of a subclass: `served` the files; `by_line` gives the folder's URL by way of a line, and `put`
    replaces a file on the server.
    """

    def test_two_branches_are_read_and_little_else(
        self, served: Served, line: Callable, by_line: ByLine
    ) -> None:
        counted = line(served.port)
        url = f"{by_line(counted)}/events.root"
        with open_root(url) as file:
            tree = tree_of(file, url, "Events")
            found = tree.arrays(["column3", "column7"], library="np")
        for name, values in found.items():
            np.testing.assert_array_equal(values, columns()[name])
        total = Connection(url, RemoteSettings()).size
        # Two of 24 columns, and the headers and the tree itself.
        assert total / 12 * 0.8 < counted.n_bytes < total / 12 + 120_000

    def test_a_slice_of_hdf5_takes_its_blocks_only(
        self, served: Served, line: Callable, by_line: ByLine
    ) -> None:
        counted = line(served.port)
        url = f"{by_line(counted)}/events.h5"
        with sources.open_bytes(url, SMALL_BLOCKS) as raw, h5py.File(raw, "r") as file:
            np.testing.assert_array_equal(file["column5"][100:200], columns()["column5"][100:200])
            assert list(file) == sorted(columns())
        assert counted.n_bytes < 10 * 65536
        with sources.open_bytes(url, SMALL_BLOCKS) as raw, h5py.File(raw, "r") as file:
            for name, values in columns().items():
                np.testing.assert_array_equal(file[name][:], values)

    def test_parquet(self, served: Served, put: Callable[[str, bytes], None]) -> None:
        table = pa.table(columns())
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        put("events.parquet", sink.getvalue().to_pybytes())
        with sources.open_bytes(f"{served.url}/events.parquet", SMALL_BLOCKS) as raw:
            assert pq.read_table(raw, columns=["column0", "column9"]).equals(
                table.select(["column0", "column9"])
            )

    def test_bytes_are_those_of_the_file(self, served: Served, local: bytes) -> None:
        url = f"{served.url}/events.root"
        assert sources.size(url) == len(local)
        with sources.open_bytes(url, SMALL_BLOCKS) as raw:
            assert raw.read() == local
            for start, stop in ((0, 5), (65530, 65540), (200_000, 400_000), (len(local) - 3, len(local) + 9)):
                raw.seek(start)
                assert raw.read(stop - start) == local[start:stop]
            assert raw.seek(-4, 2) == len(local) - 4
            assert raw.read(10) == local[-4:]
            assert raw.read(1) == b""

    def test_checksums_and_identity(self, served: Served, local: bytes) -> None:
        url = f"{served.url}/events.root"
        assert sources.checksum(url, "sha256") == f"sha256:{hashlib.sha256(local).hexdigest()}"
        assert sources.checksum(url, "adler32") == f"adler32:{zlib.adler32(local):08x}"
        expected = hashlib.sha256(f"{len(local)}:".encode() + local[: 2**20] + local[-(2**20) :])
        assert sources.identity(url) == expected.hexdigest()

    def test_missing_file_is_named(self, served: Served) -> None:
        url = f"{served.url}/absent.root"
        for look in (sources.size, sources.identity):
            with pytest.raises(MissingFileError, match=r"/absent\.root: no such file on the server"):
                look(url)
        with pytest.raises(MissingFileError, match=r"absent\.root"), open_root(url):
            pass

    def test_a_changed_file_of_equal_size_is_noticed(
        self, served: Served, put: Callable[[str, bytes], None]
    ) -> None:
        url = f"{served.url}/changing.bin"
        content = bytes(range(256)) * 40
        put("changing.bin", content)
        known = InputFile(url, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
        sources.verify(known, "checksum")
        put("changing.bin", content[:5000] + b"!" + content[5001:])
        sources.verify(known, "size")
        with pytest.raises(CorruptFileError, match=r"changing\.bin: checksum sha256:\w+, sha256:\w+ is exp"):
            sources.verify(known, "checksum")
        put("changing.bin", content[:-1])
        with pytest.raises(CorruptFileError, match=r"changing\.bin: 10239 bytes, 10240 are expected"):
            sources.verify(known, "size")

    def test_a_server_that_never_answers(
        self, line: Callable, by_line: ByLine, hasty: RemoteSettings
    ) -> None:
        silent = line(None)
        url = f"{by_line(silent)}/events.root"
        start = time.monotonic()
        with pytest.raises(UnreachableError, match=r"events\.root: the server does not answer.*2 times"):
            sources.size(url, hasty)
        # Two tries and one pause of half a second; the rest is the machine's.
        assert time.monotonic() - start < hasty.retries * hasty.timeout + 3
        assert silent.n_connections >= 1

    def test_a_server_that_falls_silent(self, served: Served, line: Callable, by_line: ByLine) -> None:
        tiring = line(served.port)
        url = f"{by_line(tiring)}/events.root"
        with open_root(url, RemoteSettings(timeout=2, retries=1)) as file:
            tree = tree_of(file, url, "Events")
            tiring.silent = True
            start = time.monotonic()
            with pytest.raises(UnreachableError, match=r"events\.root: the server does not.*tried once"):
                tree.arrays(["column11"], library="np")
            assert time.monotonic() - start < 5

    def test_nobody_listens(self, line: Callable, by_line: ByLine, hasty: RemoteSettings) -> None:
        dead = line(None)
        url = f"{by_line(dead)}/events.root"
        dead.cut()
        with pytest.raises(UnreachableError, match=r"events\.root: the server does not answer"):
            sources.size(url, hasty)

    def test_a_server_that_dies_and_comes_back(self, served: Served, line: Callable, by_line: ByLine) -> None:
        breaking = line(served.port)
        url = f"{by_line(breaking)}/events.root"
        with open_root(url, RemoteSettings(timeout=4, retries=4)) as file:
            tree = tree_of(file, url, "Events")
            breaking.cut()
            threading.Timer(1, breaking.mend).start()
            found = tree.arrays(["column11"], library="np")["column11"]
        np.testing.assert_array_equal(found, columns()["column11"])

    def test_a_server_that_dies_for_good(self, served: Served, line: Callable, by_line: ByLine) -> None:
        twice = RemoteSettings(retries=2)
        breaking = line(served.port)
        url = f"{by_line(breaking)}/events.root"
        with open_root(url, twice) as file:
            tree = tree_of(file, url, "Events")
            breaking.cut()
            with pytest.raises(UnreachableError, match=r"events\.root: the server does not"), reading(url):
                tree.arrays(["column11"], library="np")
        breaking.mend()
        with (
            sources.open_bytes(f"{by_line(breaking)}/events.h5", twice) as raw,
            h5py.File(raw, "r") as file,
        ):
            breaking.cut()
            with pytest.raises(UnreachableError, match=r"events\.h5: the server does not"), reading(url):
                file["column20"][:]
