"""`resonaut simulate`: make one chunk of a simulated dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    add_settings(parser)
    parser.add_argument("--chunk", type=int, required=True, metavar="N", help="number of the chunk, from 0")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.root", help="file to write")


def run(arguments: argparse.Namespace) -> None:
    """Generate, detect and write one chunk, and the record of the run beside it."""
    from resonaut import provenance, registry
    from resonaut.settings import validate
    from resonaut.simulate.events import simulate_chunk
    from resonaut.simulate.settings import SimulateSlice

    given = validate(SimulateSlice, settings_argument(arguments.settings))
    model = registry.load("simulate", given.source, "source").Settings
    settings = validate(model, given.settings, f"datasets.{given.dataset}")
    summary = simulate_chunk(given.dataset, given.source, settings, arguments.chunk, arguments.output)
    provenance.write_run_record(
        arguments.output, content_digest=summary.content_digest, n_events=summary.n_accepted
    )
