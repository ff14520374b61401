"""Servers on the loopback (XRootD, S3 by moto, HTTP with ranges), and a line to them that can break."""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, seconds: float = 30) -> None:
    """Wait until something listens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen on port {port}")


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, env: dict[str, str] | None = None) -> Iterator[None]:
    """Run a server until the block ends."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env)
        try:
            wait_for(port, process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def xrootd_user() -> str | None:
    """Who the server runs as: xrootd refuses root. None where there is nobody to be."""
    if os.geteuid() != 0:
        return getpass.getuser()
    for name in ("xrootd", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


@contextlib.contextmanager
def xrootd_server(folder: Path) -> Iterator[str]:
    """Serve `folder` by XRootD with checksums; yields 'root://127.0.0.1:<port>/'."""
    if shutil.which("xrootd") is None:
        pytest.skip("no XRootD server here (Debian: xrootd-server)")
    if importlib.util.find_spec("XRootD") is None:
        pytest.skip("no XRootD client for Python here (the package xrootd)")
    user = xrootd_user()
    if user is None:
        pytest.skip("xrootd refuses to run as root, and there is no other user")
    port = free_port()
    place = folder / "server"
    place.mkdir()
    config = place / "xrootd.cfg"
    config.write_text(
        f"xrd.port {port}\nall.export {folder / 'data'}\nall.adminpath {place}\nall.pidpath {place}\n"
        "xrd.network nodnr\nxrootd.chksum max 2 adler32\n"
    )
    command = ["xrootd", "-c", str(config), "-l", str(place / "xrootd.log")]
    if os.geteuid() == 0:
        shutil.chown(place, user)
        shutil.chown(folder / "data", user)
        command += ["-R", user]
    with running(command, port, place / "output.txt"):
        yield f"root://127.0.0.1:{port}/"


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Run moto's S3 server, which keeps objects in memory; yields its endpoint."""
    for package in ("moto", "flask", "flask_cors", "s3fs"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the package {package} is not installed")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port, folder / "moto.txt"):
        yield f"http://127.0.0.1:{port}"


class RangeHandler(SimpleHTTPRequestHandler):
    """Serves the files of a folder, whole or by one range of bytes."""

    ranges = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer 200, 206, 403 (below /private) or 404."""
        path = Path(self.translate_path(self.path))
        if self.path.startswith("/private"):
            self.send_error(403)
        elif not path.is_file():
            self.send_error(404)
        else:
            self._send(path)

    def _send(self, path: Path) -> None:
        total = path.stat().st_size
        asked = self.headers.get("Range") if self.ranges else None
        low, high = 0, total - 1
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            low, high = int(first), min(int(last or high), high)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {low}-{high}/{total}")
        self.send_header("Content-Length", str(high - low + 1))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(low)
            self.wfile.write(file.read(high - low + 1))


@contextlib.contextmanager
def http_server(folder: Path, ranges: bool = True, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve `folder` by HTTP, or by HTTPS with a context; yields the port."""
    base = type("Handler", (RangeHandler,), {"ranges": ranges, "protocol_version": "HTTP/1.1"})

    def handler(*arguments: object) -> RangeHandler:
        return base(*arguments, directory=str(folder))

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class Line:
    """A TCP line to a server: counts what comes back, can be cut, and can be silent.

    Attributes:
        port: to connect to.
        n_bytes: that came from the server so far.
        n_connections: accepted so far.
        silent: answer nothing any more, on open connections and on new ones.
    """

    def __init__(self, target: int | None) -> None:
        self._target = target
        self.port = free_port()
        self.n_bytes = self.n_connections = 0
        self.silent = target is None
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections and refuse new ones, as a server that was killed."""
        if self._listener is not None:
            for end in [self._listener, *self._open]:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._open, self._listener = [], None

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.n_connections += 1
                self._open.append(client)
                if not self.silent:
                    server = socket.create_connection(("127.0.0.1", self._target))
                    self._open.append(server)
                    for ends in ((client, server, False), (server, client, True)):
                        threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.silent:
                    continue
                if counted:
                    self.n_bytes += len(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
