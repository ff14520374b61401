"""Command line of the stage `generate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions train and sample."""
    actions = parser.add_subparsers(dest="action", required=True)
    train = actions.add_parser("train", help="train a generator, draw samples and evaluate them")
    add_settings(train)
    train.add_argument("--images", nargs="+", required=True, metavar="NAME=MANIFEST")
    train.add_argument("--weights", type=Path, required=True, help="safetensors to write")
    train.add_argument("--samples", type=Path, required=True, help="HDF5 to write")
    train.add_argument("--metrics", type=Path, required=True, help="JSON to write")
    train.add_argument("--epochs", type=Path, help="JSONL to write, a line per epoch while it trains")
    sample = actions.add_parser("sample", help="draw images from trained weights")
    sample.add_argument("--weights", type=Path, required=True, help="safetensors of `generate train`")
    sample.add_argument("--number", type=int, required=True, help="images to draw")
    sample.add_argument("--seed", type=int, required=True, help="another seed gives other images")
    sample.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    for action in (train, sample):
        action.add_argument(
            "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
        )


def run(arguments: argparse.Namespace) -> None:
    """Run one action."""
    if arguments.action == "sample":
        from resonaut.generate import sample

        sample.run(
            *(arguments.weights, arguments.number, arguments.output, arguments.seed), arguments.threads
        )
    else:
        from resonaut.generate import train

        train.run(
            settings_argument(arguments.settings),
            named_paths(arguments.images),
            arguments.weights,
            arguments.samples,
            arguments.metrics,
            arguments.threads,
            arguments.epochs,
        )
