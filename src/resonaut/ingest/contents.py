"""Open a file of any format, and find the reader that knows it by the names that it holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from resonaut import registry
from resonaut.errors import ConfigError, CorruptFileError, EmptyFileError, InputError, nearest
from resonaut.ingest.remote import RemoteSettings
from resonaut.ingest.rootfile import open_root, reading, top_names, trees
from resonaut.ingest.sources import open_bytes

KINDS = {
    "root": "ROOT file",
    "hdf5": "HDF5 file",
    "npz": "npz file",
    "npy": "npy file",
    "parquet": "Parquet file",
    "csv": "CSV file",
}
_MAGIC = {
    b"root": "root",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"PK\x03\x04": "npz",
    b"PK\x05\x06": "npz",
    b"\x93NUMPY": "npy",
    b"PAR1": "parquet",
}
_SUFFIX = {".h5": "hdf5", ".hdf5": "hdf5", ".hdf": "hdf5", ".txt": "csv"}
_SHOWN = 12


@dataclass(frozen=True)
class Contents:
    """What a file holds, by names alone.

    Attributes:
        path: of the file.
        kind: a key of `KINDS`.
        groups: names in each group: branches or fields of each tree of a ROOT file; HDF5 datasets (and the
            columns of compound ones) and groups of each HDF5 group, "" being the top; arrays of an npz
            file under "". Empty for the kinds that hold one table.
    """

    path: str
    kind: str
    groups: Mapping[str, frozenset[str]]

    def __contains__(self, name: str) -> bool:
        return name in self.groups

    def has(self, group: str, *names: str) -> bool:
        """Whether `group` exists and holds all of `names`."""
        return group in self.groups and self.groups[group].issuperset(names)


def kind_of(path: str, remote: RemoteSettings) -> str:
    """The kind of a file, by its first bytes; a CSV file by its name.

    Raises:
        MissingFileError, UnreachableError: it cannot be opened.
        EmptyFileError: it has no bytes.
        CorruptFileError: it is of no known kind.
    """
    with open_bytes(path, remote) as file:
        head = file.read(8)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    suffix = PurePosixPath(path.split("?")[0]).suffix.lower()
    expected = _SUFFIX.get(suffix, suffix[1:])
    if not head:
        raise EmptyFileError(f"{path}: the file is empty (0 bytes). Copy or make it again.")
    if expected == "csv":
        return "csv"
    what = f"not a readable {KINDS[expected]}, or truncated" if expected in KINDS else "of no known format"
    raise CorruptFileError(
        f"{path}: {what} (its first bytes are {head!r}). Files of ROOT, HDF5, npz, npy, Parquet and "
        "CSV (*.csv, *.txt) are read. Copy or make it again."
    )


@contextlib.contextmanager
def opened(path: str, kind: str, remote: RemoteSettings) -> Iterator[Any]:
    """Yield the open file.

    It is an `uproot.ReadOnlyDirectory` (root), an `h5py.File` (hdf5), a `numpy.lib.npyio.NpzFile` (npz), and
    the seekable binary file itself for npy, Parquet and CSV.

    Raises:
        MissingFileError, UnreachableError, CorruptFileError: it cannot be opened.
    """
    if kind == "root":
        with open_root(path, remote) as file:
            yield file
        return
    with open_bytes(path, remote) as raw:
        if kind == "hdf5":
            import h5py

            from resonaut import hdf5_declared

            with reading(path, KINDS[kind]):
                file = h5py.File(raw, "r")
            with file:
                with reading(path, KINDS[kind]):
                    hdf5_declared.check(file, path)
                yield file
        elif kind == "npz":
            import numpy as np

            with reading(path, KINDS[kind]):
                file = np.load(raw, allow_pickle=False)
            with file:
                yield file
        else:
            yield raw


def contents_of(file: Any, path: str, kind: str) -> Contents:
    """What an open file holds.

    Raises:
        CorruptFileError: it cannot be read.
    """
    groups: dict[str, frozenset[str]] = {}
    if kind == "root":
        found = trees(file, path)
        with reading(path):
            groups = {name: frozenset(top_names(tree)) for name, tree in found.items()}
    elif kind == "hdf5":
        with reading(path, KINDS[kind]):
            groups = _hdf5_groups(file)
    elif kind == "npz":
        groups = {"": frozenset(file.files)}
    return Contents(path, kind, groups)


def _hdf5_groups(file: Any) -> dict[str, frozenset[str]]:
    import h5py

    groups = {"": frozenset(file)}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            groups[name] = frozenset(item)
        elif item.dtype.names:
            groups[name] = frozenset(item.dtype.names)

    file.visititems(note)
    return groups


def find_reader(contents: Contents, name: str) -> str:
    """The name of the reader for a file: `name`, or where that is 'auto' the one that knows the format.

    Raises:
        ConfigError: no such reader.
        InputError: the named reader does not read such files; no reader, or more than one, knows the format.
    """
    known = registry.names("ingest")
    if name != "auto":
        if name not in known:
            raise ConfigError(f"reader: unknown reader '{name}'. {nearest(name, ['auto', *known])}")
        kinds = registry.load("ingest", name).KINDS
        if contents.kind not in kinds:
            wanted = " or ".join(KINDS[kind] for kind in kinds)
            raise InputError(
                f"{contents.path}: the reader '{name}' reads a {wanted}, this is a {KINDS[contents.kind]}. "
                "Name another reader, or 'auto'."
            )
        return name
    modules = {reader: registry.load("ingest", reader) for reader in known}
    candidates = {reader: module for reader, module in modules.items() if contents.kind in module.KINDS}
    matching = [reader for reader, module in candidates.items() if module.matches(contents)]
    if len(matching) != 1:
        what = f"the readers {', '.join(matching)} all know" if matching else "no reader knows"
        names = sorted(filter(None, contents.groups)) or sorted(contents.groups.get("", ()))
        held = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        raise InputError(
            f"{contents.path}: {what} this format ({KINDS[contents.kind]}: {held or 'nothing in it'}). "
            f"Readers: {', '.join(known)}; name one with --reader or 'datasets.<name>.reader'; 'flat' and "
            "'table' read any tree or table by names that you give."
        )
    return matching[0]
