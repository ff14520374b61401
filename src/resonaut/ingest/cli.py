"""`resonaut ingest FILE [FILE...] --output store.h5`."""

from __future__ import annotations

import argparse
from pathlib import PurePosixPath
from typing import Any

from resonaut.cli import settings_argument

BY_HAND: dict[str, Any] = {"jets": {"n_max": None}, "preselection": {}}
"""Settings of the ingestion without `--settings`: everything that the file has is kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the stage."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="files of one dataset and one format: paths, globs, root://, https:// or s3:// addresses",
    )
    parser.add_argument(
        "--files",
        dest="file_list",
        metavar="JSON",
        help="the files as a manifest: JSON, or the path of one (`resonaut files` writes it)",
    )
    parser.add_argument("--output", required=True, help="the event store that is written (HDF5)")
    parser.add_argument(
        "--minimum-bias",
        nargs="+",
        default=[],
        metavar="FILE",
        help="files of `process: minimum_bias` that the pile-up of the settings is made of",
    )
    parser.add_argument(
        "--settings",
        metavar="JSON",
        help="slice 'ingest' of the configuration: JSON, or a JSON or YAML file; all is kept if absent",
    )
    parser.add_argument("--reader", help="reader, instead of the one of the settings (default: auto)")
    parser.add_argument(
        "--options", metavar="JSON", help="settings of the reader: JSON, or a JSON or YAML file"
    )
    parser.add_argument(
        "--jets",
        metavar="COLLECTION",
        help="jet collection of the file (default: the reader's own, or jets are clustered)",
    )


def run(arguments: argparse.Namespace) -> int | None:
    """Ingest the files, and print what became of their events."""
    from resonaut import filelist
    from resonaut.errors import ConfigError
    from resonaut.ingest.convert import convert
    from resonaut.ingest.settings import IngestTask
    from resonaut.ingest.sources import expand
    from resonaut.settings import validate

    raw = settings_argument(arguments.settings) if arguments.settings else {"ingest": BY_HAND}
    if arguments.reader:
        raw["reader"] = arguments.reader
    if arguments.options:
        raw["options"] = settings_argument(arguments.options, "--options")
    remote = validate(IngestTask, {"dataset": "", **raw}, "--settings").ingest.remote
    if arguments.jets:
        raw["ingest"] = {**(raw.get("ingest") or {}), "collection": arguments.jets}
    files: list[Any] = expand(arguments.files, remote)
    if arguments.file_list:
        given = arguments.file_list
        listed = filelist.read_text(given) if given.lstrip().startswith("{") else filelist.read(given)
        files += listed.files
    if not files:
        raise ConfigError("no files are given: `resonaut ingest FILE... --output store.h5`.")
    raw.setdefault("dataset", PurePosixPath(str(getattr(files[0], "path", files[0]))).stem)
    task = validate(IngestTask, raw, "--settings")
    done = convert(files, arguments.output, task, arguments.minimum_bias)
    lines = [f"  {cut:24}{count:>12}" for cut, count in done.flow.items()]
    rejected = [f"  {reason:24}{count:>12}" for reason, count in done.counts.rejected.items() if count]
    dropped = [f"  {reason:24}{count:>12}" for reason, count in done.counts.dropped_jets.items() if count]
    for title, rows in (
        ("events after each cut", lines),
        ("events rejected, by reason", rejected),
        ("jets dropped, by reason", dropped),
        ("files skipped", [f"  {item.reason}" for item in done.skipped]),
    ):
        if rows:
            print("\n".join([f"{title}:", *rows]))
    return None
