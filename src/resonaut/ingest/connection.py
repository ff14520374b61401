"""The bytes of one remote file, by ranges."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from resonaut.errors import CorruptFileError, InputError
from resonaut.ingest.remote import RemoteSettings, filesystem, protocol_of, run, submit, tried

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

# More at a time share the line, and then each takes longer than the time-out allows for one.
_AT_A_TIME = 4
_REQUEST_BYTES = 8 * 2**20
_BLOCKS_KEPT = 32


class Connection:
    """The bytes of one remote file.

    Attributes:
        path: the URL.
        size: of the file, bytes.
        n_bytes: transferred so far.
        n_requests: asked so far, failed ones too.
    """

    def __init__(self, path: str, remote: RemoteSettings) -> None:
        """Ask for the size.

        Raises:
            MissingFileError: no such file.
            UnreachableError: the server denies access, or does not answer.
            InputError: a folder, a protocol that cannot be read, or a server without ranges of bytes.
        """
        self.path, self._remote = path, remote
        self._filesystem = filesystem(path, remote)
        self._protocol = protocol_of(path)
        self._name = self._filesystem._strip_protocol(path)
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._counting = threading.Lock()
        self.n_bytes = self.n_requests = 0
        run(self._forget())
        self.size = int(run(self._request(self._size)))

    def close(self) -> None:
        """Let go of what the protocol keeps open, without waiting: garbage is collected on any thread."""
        if self._protocol == "root":
            submit(self._forget())

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`, or to the end of the file."""
        return self.read_ranges([(start, stop)])[0]

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes of several ranges."""
        return run(self.fetch(ranges))

    async def fetch(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """As `read_ranges`, on fsspec's loop.

        Raises:
            UnreachableError: the server does not answer.
            CorruptFileError: the file is shorter than it was.
        """
        pieces = [
            (row, low, min(low + _REQUEST_BYTES, stop, self.size))
            for row, (start, stop) in enumerate(ranges)
            for low in range(start, min(stop, self.size), _REQUEST_BYTES)
        ]
        groups = list(_grouped(pieces, together=self._protocol == "root"))
        answers = await asyncio.gather(*(self._group(group) for group in groups))
        found: list[list[bytes]] = [[] for _ in ranges]
        for group, answer in zip(groups, answers, strict=True):
            for (row, _, _), data in zip(group, answer, strict=True):
                found[row].append(data)
        return [parts[0] if len(parts) == 1 else b"".join(parts) for parts in found]

    async def _group(self, pieces: Sequence[tuple[int, int, int]]) -> list[bytes]:
        """One request."""
        starts, stops = [low for _, low, _ in pieces], [high for _, _, high in pieces]

        async def ask() -> list[bytes]:
            if self._protocol == "root":
                return await self._filesystem._cat_ranges([self._name] * len(starts), starts, stops)
            return [await self._filesystem._cat_file(self._name, start=starts[0], end=stops[0])]

        async with self._turns:
            answer = await self._request(ask)
        for low, high, data in zip(starts, stops, answer, strict=True):
            if len(data) != high - low:
                raise CorruptFileError(
                    f"{self.path}: {len(data)} bytes came where {high - low} at {low} were expected; the "
                    "file has changed while it was read, or its server is broken. Read it again."
                )
        with self._counting:
            self.n_bytes += sum(map(len, answer))
        return answer

    async def _request(self, ask: Callable[[], Awaitable[T]]) -> T:
        def counted() -> Awaitable[T]:
            with self._counting:
                self.n_requests += 1
            return ask()

        return await tried(self.path, self._remote, counted, self._forget)

    async def _forget(self) -> None:
        """Drop the handle that XRootD may keep of this name: it may be another file, or server, by now."""
        if self._protocol == "root":
            with contextlib.suppress(Exception):
                await asyncio.wait_for(asyncio.to_thread(self._filesystem.invalidate_cache, self._name), 1)

    async def _size(self) -> int:
        if self._protocol == "https":
            return await self._size_by_range()
        info = await self._filesystem._info(self._name)
        if info["type"] != "file":
            raise InputError(f"{self.path}: a file is expected, this is a folder.")
        return info["size"]

    async def _size_by_range(self) -> int:
        """The size that a server tells with one byte, which shows that it serves ranges too."""
        session = await self._filesystem.set_session()
        headers = {**self._filesystem.kwargs["headers"], "Range": "bytes=0-0"}
        async with session.get(self._filesystem.encode_url(self._name), headers=headers) as answer:
            if answer.status == 416 or (answer.status == 200 and answer.content_length == 0):
                return 0
            answer.raise_for_status()
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if answer.status != 206 or not total.isdigit():
                raise InputError(
                    f"{self.path}: the server does not serve ranges of bytes, so the file cannot be "
                    "streamed. Copy it to this machine."
                )
            return int(total)


def _grouped(pieces: Sequence[tuple[int, int, int]], together: bool) -> Iterator[list[tuple[int, int, int]]]:
    """Pieces that one request asks for: many where the protocol has vector reads, otherwise one."""
    group: list[tuple[int, int, int]] = []
    n_bytes = 0
    for piece in pieces:
        if group and (not together or n_bytes + piece[2] - piece[1] > _REQUEST_BYTES):
            yield group
            group, n_bytes = [], 0
        group.append(piece)
        n_bytes += piece[2] - piece[1]
    if group:
        yield group


class _Collection:
    """Puts off the collection of garbage while some thread is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = True

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


# h5py holds its lock while it waits for bytes. Were one of its objects collected on the thread that fetches
# them, that thread would wait for the lock, and neither would ever go on.
_collection_put_off = _Collection()


class RemoteFile(io.RawIOBase):
    """A remote file as a seekable binary file: fetched by blocks, of which the last 32 used are kept."""

    def __init__(self, connection: Connection, block_bytes: int) -> None:
        super().__init__()
        self._connection, self._block_bytes = connection, block_bytes
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Close the connection too."""
        if not self.closed:
            self._connection.close()
        super().close()

    def tell(self) -> int:
        """Position in the file, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._connection.size}[whence]
        if base + offset < 0:
            raise ValueError(f"{self._connection.path}: position {base + offset} is before the file begins")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer, or as much of it as there are bytes left."""
        view = memoryview(buffer).cast("B")
        start = self._position
        stop = min(start + len(view), self._connection.size)
        if stop <= start:
            return 0
        with _collection_put_off:
            self._fill(view, start, stop)
        self._position = stop
        return stop - start

    def _fill(self, view: memoryview, start: int, stop: int) -> None:
        numbers = range(start // self._block_bytes, (stop - 1) // self._block_bytes + 1)
        # Many blocks at once are one long read, of which nothing is read again soon.
        if len(numbers) > _BLOCKS_KEPT // 2:
            view[: stop - start] = self._connection.read(start, stop)
            return
        self._load(numbers)
        for number in numbers:
            low = number * self._block_bytes
            first, last = max(start, low), min(stop, low + self._block_bytes)
            view[first - start : last - start] = self._blocks[number][first - low : last - low]

    def _load(self, numbers: range) -> None:
        """Have these blocks, and forget the ones that were used longest ago."""
        absent = [number for number in numbers if number not in self._blocks]
        runs = np.split(absent, np.flatnonzero(np.diff(absent) > 1) + 1) if absent else []
        ranges = [(int(run[0]) * self._block_bytes, int(run[-1] + 1) * self._block_bytes) for run in runs]
        for (start, _), data in zip(ranges, self._connection.read_ranges(ranges), strict=True):
            for low in range(0, len(data), self._block_bytes):
                self._blocks[(start + low) // self._block_bytes] = data[low : low + self._block_bytes]
        for number in numbers:
            self._blocks.move_to_end(number)
        while len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
