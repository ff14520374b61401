"""Open ROOT files, and say in one sentence what is wrong with one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from resonaut.errors import (
    CorruptFileError,
    EmptyFileError,
    InputError,
    MissingBranchError,
    MissingFileError,
    ResonautError,
    nearest,
)
from resonaut.failures import out_of_memory
from resonaut.filelist import is_remote
from resonaut.ingest.connection import Connection
from resonaut.ingest.remote import DEFAULTS, RemoteSettings, submit
from resonaut.ingest.rootdeclared import check_tree

_TREES = ("TTree", "ROOT::RNTuple")


@contextlib.contextmanager
def reading(path: str, what: str = "ROOT file") -> Iterator[None]:
    """Turn whatever the decoding of a broken file raises into an `InputError`; lack of memory is none."""
    try:
        yield
    except (ResonautError, MemoryError, GeneratorExit):
        raise
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except KeyError as error:
        raise MissingBranchError(f"{path}: {' '.join(str(error.args[0]).split())[:300]}") from None
    except Exception as error:
        if out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CorruptFileError(
            f"{path}: not a readable {what}, or truncated ({reason}). Copy or make it again."
        ) from error


@contextlib.contextmanager
def open_root(path: str, remote: RemoteSettings = DEFAULTS) -> Iterator[Any]:
    """Yield the open file (`uproot.ReadOnlyDirectory`); of a remote one only what is read is transferred.

    Raises:
        MissingFileError: no such file.
        CorruptFileError: not a ROOT file, or truncated.
        UnreachableError: a server denies access, or does not answer; while the file is read, too.
    """
    import uproot

    options: dict[str, Any] = {}
    if is_remote(path):
        options = {"handler": _source_class(), "connection": Connection(path, remote)}
    elif not Path(path).exists():
        raise MissingFileError(f"{path}: no such file.")
    elif Path(path).is_dir():
        raise InputError(f"{path}: a file is expected, this is a folder.")
    with reading(path):
        file = uproot.open({path: None}, **options)
    with file:
        yield file


@functools.cache
def _source_class() -> type:
    """Where uproot takes the bytes of a remote file from: our connection, and with it our time-outs."""
    from uproot.source.chunk import Chunk, Source
    from uproot.source.coalesce import coalesce_requests
    from uproot.source.futures import TrivialFuture

    class ConnectionSource(Source):
        def __init__(self, file_path: str, connection: Connection, **options: Any) -> None:
            super().__init__()
            self._file_path, self._connection, self._closed = file_path, connection, False

        def chunk(self, start: int, stop: int) -> Chunk:
            return Chunk(self, start, stop, TrivialFuture(self._connection.read(start, stop)))

        def chunks(self, ranges: list[tuple[int, int]], notifications: Any) -> list[Chunk]:
            def ask(merged: list[tuple[int, int]]) -> Any:
                return submit(self._connection.fetch(merged))

            return coalesce_requests(ranges, ask, self, notifications)

        @property
        def num_bytes(self) -> int:
            return self._connection.size

        @property
        def closed(self) -> bool:
            return self._closed

        def __enter__(self) -> ConnectionSource:
            return self

        def __exit__(self, *_: object) -> None:
            self._closed = True
            self._connection.close()

    return ConnectionSource


def trees(file: Any, path: str) -> dict[str, Any]:
    """The trees of an open file, by path: TTrees and RNTuples, in folders too.

    Raises:
        CorruptFileError: it has none.
    """
    with reading(path):
        names = file.keys(cycle=False, filter_classname=list(_TREES))
        found = {name: file[name] for name in names}
    if not found:
        raise CorruptFileError(f"{path}: the file holds no tree; it is truncated, or no file of events.")
    return found


def top_names(tree: Any) -> set[str]:
    """Names of a tree's own branches, or of an RNTuple's own fields."""
    return set(tree.keys(recursive=False))


def tree_of(file: Any, path: str, name: str) -> Any:
    """The tree of events.

    Raises:
        MissingBranchError: no tree of that name.
        EmptyFileError: it has no entries.
        CorruptFileError: it declares what it cannot hold.
    """
    known = trees(file, path)
    if name not in known:
        raise MissingBranchError(f"{path}: no tree '{name}'. {nearest(name, known)}")
    with reading(path):
        n_entries = known[name].num_entries
    if n_entries == 0:
        raise EmptyFileError(
            f"{path}: the tree '{name}' has 0 events, at least 1 is expected. Leave the file out, "
            "or loosen the cuts that made it."
        )
    with reading(path):
        check_tree(known[name], path, name)
    return known[name]


def require(path: str, tree: str, wanted: Iterable[str], present: Collection[str]) -> None:
    """Check branches.

    Raises:
        MissingBranchError: one is absent; the nearest one is named.
    """
    for name in wanted:
        if name not in present:
            close = nearest(name, present) if len(present) <= 20 else _near(name, present)
            raise MissingBranchError(
                f"{path}: the tree '{tree}' has no branch '{name}'. {close} Is '--reader' the right one?"
            )


def _near(name: str, present: Collection[str]) -> str:
    """As `nearest`, but does not list the hundreds of branches of a tree."""
    text = nearest(name, present)
    return text if text.startswith("Did") else f"None of its {len(present)} branches is similar."
