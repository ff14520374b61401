"""Files that the servers serve, and the servers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import uproot
from remote_files import N_EVENTS, Served, columns, s3_client
from remote_servers import Line, http_server, s3_server, xrootd_server

from resonaut.ingest.remote import RemoteSettings


@pytest.fixture(scope="session")
def served_folder() -> Iterator[Path]:
    """`data/` with a ROOT file, an HDF5 file, and two files for patterns; readable by anyone."""
    folder = Path(tempfile.mkdtemp(prefix="resonaut-servers-"))
    folder.chmod(0o755)
    data = folder / "data"
    (data / "deep" / "er").mkdir(parents=True)
    with uproot.recreate(data / "events.root") as file:
        tree = file.mktree("Events", dict.fromkeys(columns(), np.float32))
        for start in range(0, N_EVENTS, 10_000):
            tree.extend({name: values[start : start + 10_000] for name, values in columns().items()})
    with h5py.File(data / "events.h5", "w") as file:
        for name, values in columns().items():
            file[name] = values
    for name in ("deep/b.root", "deep/a.root", "deep/er/c.root", "deep/notes.txt"):
        (data / name).write_bytes(b"root, but in name only: " + name.encode())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def xrootd(served_folder: Path) -> Iterator[Served]:
    """The files over root://."""
    with xrootd_server(served_folder) as url:
        yield Served(f"{url}{served_folder / 'data'}", int(url.split(":")[2][:-1]), served_folder / "data")


@pytest.fixture(scope="session")
def s3_endpoint(served_folder: Path) -> Iterator[str]:
    """The endpoint of an S3 server with the files in the bucket `events`."""
    with s3_server(served_folder) as endpoint:
        client = s3_client(endpoint)
        client.create_bucket(Bucket="events")
        data = served_folder / "data"
        for path in sorted(item for item in data.rglob("*") if item.is_file()):
            client.upload_file(str(path), "events", str(path.relative_to(data)))
        yield endpoint


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The files over s3://, as the environment says."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return Served("s3://events", int(s3_endpoint.rpartition(":")[2]))


@pytest.fixture(scope="session")
def http(served_folder: Path) -> Iterator[Served]:
    """The files over http://."""
    with http_server(served_folder / "data") as port:
        yield Served(f"http://127.0.0.1:{port}", port, served_folder / "data")


@pytest.fixture(scope="session")
def local(served_folder: Path) -> bytes:
    """The bytes of `events.root`."""
    return (served_folder / "data" / "events.root").read_bytes()


@pytest.fixture
def line() -> Iterator[Callable[[int | None], Line]]:
    """Makes lines to a port; to none, for a server that never answers."""
    lines: list[Line] = []

    def make(port: int | None) -> Line:
        lines.append(Line(port))
        return lines[-1]

    yield make
    for item in lines:
        item.cut()


@pytest.fixture
def hasty() -> RemoteSettings:
    """Two tries of a second each."""
    return RemoteSettings(timeout=1, retries=2)
