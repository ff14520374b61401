"""Command line of the stage `detect`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.detect.monitor import cli as monitor
from resonaut.errors import ConfigError

KINDS = ("features", "images", "clouds")
"""Representations that detectors read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions train, background, join and monitor."""
    actions = parser.add_subparsers(dest="action", required=True)
    train = actions.add_parser("train", help="train out of fold and score every event of a mixture")
    add_settings(train)
    train.add_argument("--mixture", type=Path, required=True, help="mixture of `represent mix`")
    for kind in KINDS:
        train.add_argument(f"--{kind}", nargs="+", default=[], metavar="NAME=MANIFEST")
    train.add_argument(
        "--encoded",
        nargs="+",
        default=[],
        metavar="TAGGER/NAME=MANIFEST",
        help="files of `tag encode`, for features <tagger>:<k>_j1",
    )
    train.add_argument(
        "--varied",
        nargs="+",
        default=[],
        metavar="KIND/VARIATION/DATASET=MANIFEST",
        help="simulated signal as variations have it, for nuisance parameters of `infer`",
    )
    train.add_argument("--varied-output", type=Path, help="HDF5 to write: their scores")
    train.add_argument(
        "--output", type=Path, required=True, help="HDF5 to write: a score per window and event"
    )
    train.add_argument("--metrics", type=Path, required=True, help="JSON to write: losses and networks")
    train.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
    )
    text = "make background events from side bands: masses from the fit, features from a flow"
    background = actions.add_parser("background", help=text, description=text)
    add_settings(background)
    background.add_argument("--mixture", type=Path, required=True, help="mixture of `represent mix`")
    background.add_argument("--features", nargs="+", required=True, metavar="NAME=MANIFEST")
    background.add_argument("--output", type=Path, required=True, help="features file (HDF5) to write")
    background.add_argument("--threads", type=int, default=2, help="CPU threads")
    join = actions.add_parser("join", help="join the scores of windows that were trained in several jobs")
    add_settings(join)
    join.add_argument("--scores", type=Path, nargs="+", required=True, help="HDF5 of each job")
    join.add_argument("--parts", type=Path, nargs="+", required=True, help="JSON of each job's `--metrics`")
    join.add_argument("--varied", type=Path, nargs="+", default=[], help="HDF5 of each job, where varied")
    join.add_argument("--varied-output", type=Path, help="HDF5 to write: their scores")
    join.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    join.add_argument("--metrics", type=Path, required=True, help="JSON to write")
    monitor.add_arguments(actions)


def run(arguments: argparse.Namespace) -> None:
    """Run an action."""
    if arguments.action == "monitor":
        monitor.run(arguments)
        return
    settings = settings_argument(arguments.settings)
    if arguments.action == "join":
        from resonaut.detect.join import join

        files = arguments.scores, arguments.parts, arguments.output, arguments.metrics
        join(settings, *files, _with_output(arguments.varied, arguments.varied_output))
        return
    if arguments.action == "background":
        from resonaut.detect.background_events import make
        from resonaut.detect.data import Sources

        sources = Sources(features=named_paths(arguments.features))
        make(settings, arguments.mixture, sources, arguments.output, arguments.threads)
        return
    from resonaut.detect import train
    from resonaut.detect.data import Sources

    train.run(
        settings,
        arguments.mixture,
        Sources(**{kind: named_paths(getattr(arguments, kind)) for kind in (*KINDS, "encoded")}),
        arguments.output,
        arguments.metrics,
        arguments.threads,
        _with_output(named_paths(arguments.varied), arguments.varied_output),
    )


def _with_output(varied: Any, output: Path | None) -> Any:
    """Files of varied events with the one that is written, which holds none where there are none.

    Raises:
        ConfigError: files without one to write.
    """
    if varied and output is None:
        raise ConfigError("--varied: --varied-output, the file of their scores to write, is expected too.")
    return None if output is None else (varied, output)
