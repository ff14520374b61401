"""Open ROOT files, and say in one sentence what is wrong with one."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from resonaut import registry
from resonaut.errors import (
    ConfigError,
    CorruptFileError,
    EmptyFileError,
    InputError,
    MissingBranchError,
    MissingFileError,
    ResonautError,
    nearest,
)


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn whatever the decoding of a broken file raises into an `InputError`."""
    try:
        yield
    except (ResonautError, MemoryError, GeneratorExit):
        raise
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file.") from None
    except KeyError as error:
        raise MissingBranchError(f"{path}: {' '.join(str(error.args[0]).split())[:300]}") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CorruptFileError(
            f"{path}: not a readable ROOT file, or truncated ({reason}). Copy or make it again."
        ) from error


@contextlib.contextmanager
def open_root(path: str) -> Iterator[Any]:
    """Yield the open file (`uproot.ReadOnlyDirectory`).

    Raises:
        MissingFileError: no such file.
        CorruptFileError: not a ROOT file, or truncated.
    """
    import uproot

    local = "://" not in path
    if local and not Path(path).exists():
        raise MissingFileError(f"{path}: no such file.")
    if local and Path(path).is_dir():
        raise InputError(f"{path}: a file is expected, this is a folder.")
    with reading(path):
        file = uproot.open({path: None})
    with file:
        yield file


def trees(file: Any, path: str) -> dict[str, Any]:
    """The trees of an open file, by name.

    Raises:
        CorruptFileError: it has none.
    """
    with reading(path):
        names = file.keys(recursive=False, cycle=False, filter_classname="TTree")
        found = {name: file[name] for name in names}
    if not found:
        raise CorruptFileError(f"{path}: the file holds no tree; it is truncated, or no file of events.")
    return found


def tree_of(file: Any, path: str, name: str) -> Any:
    """The tree of events.

    Raises:
        MissingBranchError: no tree of that name.
        EmptyFileError: it has no entries.
    """
    known = trees(file, path)
    if name not in known:
        raise MissingBranchError(f"{path}: no tree '{name}'. {nearest(name, known)}")
    if known[name].num_entries == 0:
        raise EmptyFileError(
            f"{path}: the tree '{name}' has 0 events, at least 1 is expected. Leave the file out, "
            "or loosen the cuts that made it."
        )
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


def find_reader(file: Any, path: str, name: str) -> str:
    """The name of the reader for a file: `name`, or where that is 'auto' the one that knows the format.

    Raises:
        ConfigError: no such reader.
        EmptyFileError: the tree of events has no entries.
        InputError: no reader, or more than one, knows the format.
    """
    known = registry.names("ingest")
    if name != "auto":
        if name not in known:
            raise ConfigError(f"reader: unknown reader '{name}'. {nearest(name, ['auto', *known])}")
        return name
    found = trees(file, path)
    with reading(path):
        branches = {tree: set(item.keys(recursive=False)) for tree, item in found.items()}
    modules = {reader: registry.load("ingest", reader) for reader in known}
    for tree in sorted({module.TREE for module in modules.values()} & set(found)):
        tree_of(file, path, tree)
    matching = [reader for reader, module in modules.items() if module.matches(branches)]
    if len(matching) != 1:
        what = f"the readers {', '.join(matching)} all know" if matching else "no reader knows"
        raise InputError(
            f"{path}: {what} this format (trees: {', '.join(sorted(found))}). "
            f"Readers: {', '.join(known)}; name one with --reader or 'datasets.<name>.reader'."
        )
    return matching[0]
