"""Command line of the stage `tag`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument

KINDS = ("clouds", "features", "images")
"""Representations that taggers read (`representations.REPRESENTATIONS`)."""


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions train, score and metrics."""
    actions = parser.add_subparsers(dest="action", required=True)
    train = actions.add_parser("train", help="train a tagger and measure it on test jets")
    add_settings(train)
    kinds = train.add_mutually_exclusive_group(required=True)
    for kind in KINDS:
        kinds.add_argument(f"--{kind}", dest="inputs", nargs="+", metavar="NAME=MANIFEST")
    train.add_argument("--weights", type=Path, required=True, help="safetensors to write")
    train.add_argument("--scores", type=Path, required=True, help="HDF5 to write, scores of the test jets")
    train.add_argument("--metrics", type=Path, required=True, help="JSON to write")
    _add_threads(train)
    score = actions.add_parser("score", help="score all jets of a dataset with trained weights")
    score.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    kinds = score.add_mutually_exclusive_group(required=True)
    for kind in KINDS:
        kinds.add_argument(f"--{kind}", dest="inputs", type=Path, metavar="MANIFEST")
    score.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    _add_threads(score)
    metrics = actions.add_parser("metrics", help="print the metrics of any scores as JSON")
    metrics.add_argument("--scores", type=Path, required=True, help=".npy, (n,) probability of signal")
    metrics.add_argument("--labels", type=Path, required=True, help=".npy, (n,) 1 signal, 0 background")


def run(arguments: argparse.Namespace) -> None:
    """Run one action."""
    if arguments.action == "metrics":
        from resonaut.tag.metrics import from_files

        print(json.dumps(from_files(arguments.scores, arguments.labels).as_json(), indent=2))
    elif arguments.action == "score":
        from resonaut.tag import score

        score.run(arguments.weights, arguments.inputs, arguments.output, arguments.threads)
    else:
        from resonaut.tag import train

        train.run(
            settings_argument(arguments.settings),
            named_paths(arguments.inputs),
            arguments.weights,
            arguments.scores,
            arguments.metrics,
            arguments.threads,
        )
