"""`resonaut files PATTERN... --output files.json`: write the manifest of the input files of a dataset.

So remote patterns become names once, and a data set that changes afterwards is noticed.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from resonaut.errors import ConfigError, EmptyFileError, MissingBranchError, nearest
from resonaut.filelist import DIGITS, InputFile, write
from resonaut.logs import log, progress

_TREES = ("Events", "Delphes", "CollectionTree", "tree")
_STEP = 50_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "patterns",
        nargs="+",
        metavar="PATTERN",
        help="paths, URLs (root://, https://, s3://) and patterns with * and ** (not https://); quote them",
    )
    parser.add_argument("--output", required=True, help="the manifest that is written (JSON)")
    parser.add_argument(
        "--checksum",
        default="sha256",
        metavar="KIND",
        help="sha256 (default), adler32 (XRootD servers know it without reading the file), md5 or none",
    )
    parser.add_argument("--count-events", action="store_true", help="note the number of events of each file")
    parser.add_argument("--tree", help="tree whose entries are the events (default: the reader's)")
    parser.add_argument("--luminosity-fb", type=float, help="integrated luminosity of all files, 1/fb")
    parser.add_argument("--timeout", type=float, help="longest time for one remote request, s (default 60)")
    parser.add_argument("--retries", type=int, help="tries of each remote request (default 3)")


def run(arguments: argparse.Namespace) -> None:
    """Look at each file, and write the manifest."""
    from resonaut.settings import validate

    kinds = [*DIGITS, "none"]
    if arguments.checksum not in kinds:
        raise ConfigError(
            f"--checksum: unknown kind '{arguments.checksum}'. {nearest(arguments.checksum, kinds)}"
        )
    if arguments.luminosity_fb is not None and not 0 < arguments.luminosity_fb < float("inf"):
        raise ConfigError(f"--luminosity-fb: a positive number is expected, got {arguments.luminosity_fb}.")
    # By name, as the command line finds the stages: this package stands below them.
    sources = importlib.import_module("resonaut.ingest.sources")
    options = {name: getattr(arguments, name) for name in ("timeout", "retries")}
    given = {name: value for name, value in options.items() if value is not None}
    remote = validate(sources.RemoteSettings, given, "--timeout, --retries")
    files = []
    for path in progress(sources.expand(arguments.patterns, remote), "files"):
        kind = arguments.checksum
        files.append(
            InputFile(
                path=path,
                size=sources.size(path, remote),
                checksum=None if kind == "none" else sources.checksum(path, kind, remote),
                n_events=_count(path, arguments.tree, remote) if arguments.count_events else None,
            )
        )
    write(arguments.output, files, arguments.luminosity_fb)
    log.info("%s: %d files, %d bytes", arguments.output, len(files), sum(file.size or 0 for file in files))


def _count(path: str, tree: str | None, remote: Any) -> int:
    """Events of a file: entries of its tree; of other formats what their reader gives."""
    contents = importlib.import_module("resonaut.ingest.contents")
    rootfile = importlib.import_module("resonaut.ingest.rootfile")
    kind = contents.kind_of(path, remote)
    with contents.opened(path, kind, remote) as file:
        if kind == "root":
            found = rootfile.trees(file, path)
            with rootfile.reading(path):
                return int(found[_tree(path, tree, found)].num_entries)
        return _count_by_reader(contents, file, path, kind)


def _tree(path: str, name: str | None, known: dict[str, Any]) -> str:
    """The tree of events: the one named, the only one, or the one that a known format has."""
    if name is not None:
        if name not in known:
            raise MissingBranchError(f"{path}: no tree '{name}'. {nearest(name, known)}")
        return name
    likely = list(known) if len(known) == 1 else [tree for tree in _TREES if tree in known]
    if len(likely) != 1:
        raise MissingBranchError(
            f"{path}: which of the trees {', '.join(sorted(known))} holds the events? Name it with --tree."
        )
    return likely[0]


def _count_by_reader(contents: Any, file: Any, path: str, kind: str) -> int:
    from resonaut import registry

    name = contents.find_reader(contents.contents_of(file, path, kind), "auto")
    try:
        reader = registry.build("ingest", name, {})
    except ConfigError:
        raise ConfigError(
            f"--count-events: {path}: the reader '{name}' counts nothing without its options, which a study "
            "gives. Leave --count-events out."
        ) from None
    try:
        return sum(len(batch) for batch in reader.batches(file, path, None, _STEP))
    except EmptyFileError:
        return 0
