"""`resonaut sbom [--output sbom.cdx.json]`: the bill of materials of the software, as CycloneDX 1.6."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut sbom`."""
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of the terminal")
    parser.add_argument(
        "--lock",
        type=Path,
        metavar="FILE",
        help="locked versions (default: envs/requirements.lock)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write or print the bill."""
    from resonaut import files, sbom

    bill = sbom.bill(arguments.lock)
    if arguments.output is None:
        print(json.dumps(bill, indent=2))
    else:
        files.write_json(arguments.output, bill)
