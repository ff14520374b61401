"""Files of a web server with ranges of bytes."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from remote_contract import ByLine, RemoteContract
from remote_files import Served, columns
from remote_servers import http_server

from resonaut.errors import EmptyFileError, InputError, UnreachableError
from resonaut.ingest import sources
from resonaut.ingest.contents import kind_of
from resonaut.ingest.remote import RemoteSettings


class TestHTTP(RemoteContract):
    """http://"""

    @pytest.fixture
    def served(self, http: Served) -> Served:
        return http

    @pytest.fixture
    def by_line(self, http: Served) -> ByLine:
        return http.through

    @pytest.fixture
    def put(self, http: Served) -> Callable[[str, bytes], None]:
        return lambda name, content: (http.folder / name).write_bytes(content)

    def test_no_patterns(self, served: Served) -> None:
        with pytest.raises(InputError, match="https:// has no listing of files"):
            sources.expand([f"{served.url}/*.root"])
        assert sources.expand([f"{served.url}/a.root?token=b"]) == [f"{served.url}/a.root?token=b"]

    def test_denied(self, served: Served) -> None:
        with pytest.raises(UnreachableError, match=r"private/a\.root: the server denies access.*netrc"):
            sources.size(f"{served.url}/private/a.root")

    def test_empty(self, served: Served, put: Callable[[str, bytes], None]) -> None:
        put("empty.root", b"")
        assert sources.size(f"{served.url}/empty.root") == 0
        with pytest.raises(EmptyFileError, match=r"empty\.root: the file is empty"):
            kind_of(f"{served.url}/empty.root", RemoteSettings())


def test_without_ranges(served_folder: Path) -> None:
    with (
        http_server(served_folder / "data", ranges=False) as port,
        pytest.raises(InputError, match="does not serve ranges of bytes"),
    ):
        sources.size(f"http://127.0.0.1:{port}/events.root")


_READ = """
import sys
from resonaut.errors import UnreachableError
from resonaut.ingest.rootfile import open_root
try:
    with open_root(sys.argv[1]) as file:
        print(float(file["Events/column0"].array(library="np", entry_stop=1)[0]))
except UnreachableError as error:
    print(error)
"""


def test_https(served_folder: Path, tmp_path: Path) -> None:
    """TLS with a certificate of the test's own; in another process, for trust is read once."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {key.name} -out {certificate.name}".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http_server(served_folder / "data", context=context) as port:

        def read(environment: dict[str, str]) -> str:
            command = [sys.executable, "-c", _READ, f"https://127.0.0.1:{port}/events.root"]
            done = subprocess.run(
                command, env=os.environ | environment, capture_output=True, text=True, check=True
            )
            return done.stdout

        assert float(read({"SSL_CERT_FILE": str(certificate)})) == columns()["column0"][0]
        assert "the server's certificate is not trusted" in read({})
