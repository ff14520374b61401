"""`resonaut ingest FILE [FILE...] --output store.h5`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the stage."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="ROOT files of one dataset and one format")
    parser.add_argument("--output", required=True, help="the event store that is written (HDF5)")
    parser.add_argument(
        "--settings",
        metavar="JSON",
        help="slice 'ingest' of the configuration: JSON, or a JSON or YAML file; defaults if absent",
    )
    parser.add_argument("--reader", help="reader, instead of the one of the settings (default: auto)")
    parser.add_argument("--collection", help="jet collection of the file (default: jets are clustered)")


def run(arguments: argparse.Namespace) -> int | None:
    """Ingest the files."""
    from resonaut.ingest.convert import convert
    from resonaut.ingest.settings import IngestTask
    from resonaut.settings import validate

    raw = settings_argument(arguments.settings) if arguments.settings else {}
    raw.setdefault("dataset", Path(arguments.files[0]).stem)
    if arguments.reader:
        raw["reader"] = arguments.reader
    if arguments.collection:
        raw["ingest"] = {**(raw.get("ingest") or {}), "collection": arguments.collection}
    convert(arguments.files, arguments.output, validate(IngestTask, raw, "--settings"))
    return None
