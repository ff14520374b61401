"""`resonaut simulate`: make one chunk of a simulated dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    add_settings(parser)
    parser.add_argument("--chunk", type=int, required=True, metavar="N", help="number of the chunk, from 0")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="file to write: .root of jets, .h5 of showers",
    )


def run(arguments: argparse.Namespace) -> None:
    """Make and write one chunk, jets or showers, and the record of the run beside it."""
    from resonaut import provenance, registry
    from resonaut.settings import validate
    from resonaut.simulate.settings import SimulateSlice

    given = validate(SimulateSlice, settings_argument(arguments.settings))
    module = registry.load("simulate", given.source, "source")
    settings = validate(module.Settings, given.settings, f"datasets.{given.dataset}")
    if module.LEVEL == "showers":
        from resonaut.simulate.showers.chunk import simulate_showers as simulate
    else:
        from resonaut.simulate.events import simulate_chunk as simulate
    summary = simulate(given.dataset, given.source, settings, arguments.chunk, arguments.output)
    provenance.write_run_record(
        arguments.output, content_digest=summary.content_digest, n_events=summary.n_accepted
    )
