"""Command line of the stage `generate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.errors import ConfigError

KINDS = ("features", "images", "clouds", "showers")
"""Representations that generators learn (`interface.Kind`)."""


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
    )


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))


def _add_rows(parser: argparse.ArgumentParser, required: bool, text: str) -> None:
    kinds = parser.add_mutually_exclusive_group(required=required)
    for kind in KINDS:
        kinds.add_argument(f"--{kind}", dest="rows", nargs="+", metavar="NAME=MANIFEST", help=text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions train, sample, dataset, time, export, evaluate, compare, amplify and phase_space."""
    actions = parser.add_subparsers(dest="action", required=True)
    train = actions.add_parser("train", help="train a generator")
    add_settings(train)
    _add_rows(train, True, "rows that are learnt")
    train.add_argument("--weights", type=Path, required=True, help="safetensors to write")
    train.add_argument("--training", type=Path, required=True, help="JSON to write: how it went")
    train.add_argument("--epochs", type=Path, help="JSONL to write, a line per epoch while it trains")
    _add_threads(train)
    sample = actions.add_parser("sample", help="draw rows from trained weights")
    _add_weights(sample)
    sample.add_argument("--number", type=int, required=True, help="rows to draw")
    sample.add_argument("--seed", type=int, required=True, help="another seed gives other rows")
    sample.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    sample.add_argument(
        "--conditions",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="numbers (incident_energy=50), lists (=20,50), ranges (=10:100), class=qcd; or one HDF5 file",
    )
    _add_rows(sample, False, "take the conditions of the test rows")
    sample.add_argument(
        "--extrapolate", action="store_true", help="also outside of the training; such rows are marked"
    )
    _add_device(sample)
    _add_threads(sample)
    drawn = actions.add_parser("dataset", help="draw a chunk of a dataset that a generator makes")
    add_settings(drawn)
    _add_weights(drawn)
    drawn.add_argument("--like", nargs=1, metavar="NAME=MANIFEST", help="rows that give the conditions")
    drawn.add_argument("--chunk", required=True, help="number of the chunk, or <shard>/<number>")
    drawn.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    _add_device(drawn)
    _add_threads(drawn)
    timed = actions.add_parser("time", help="measure the time per row and the memory of trained weights")
    add_settings(timed)
    _add_weights(timed)
    _add_rows(timed, False, "take the conditions of the test rows")
    timed.add_argument("--conditions", nargs="+", default=[], metavar="NAME=VALUE", help="see `sample`")
    timed.add_argument("--output", type=Path, required=True, help="JSON to write")
    export = actions.add_parser("export", help="write a generator as ONNX, once it agrees with torch")
    _add_weights(export)
    export.add_argument("--output", type=Path, required=True, help="ONNX to write")
    export.add_argument("--rows", type=int, default=1, help="rows that one pass of the file makes")
    export.add_argument("--force", action="store_true", help="replace the output if it is there")
    evaluate = actions.add_parser("evaluate", help="compare generated rows with those of the test part")
    add_settings(evaluate)
    _add_rows(evaluate, True, "rows that were learnt from, and those of the test part")
    evaluate.add_argument("--samples", type=Path, required=True, help="HDF5 of `generate sample`")
    evaluate.add_argument("--output", type=Path, required=True, help="JSON to write")
    _add_threads(evaluate)
    compare = actions.add_parser("compare", help="one table of several generators")
    for name, required in (("evaluations", True), ("training", False), ("timing", False)):
        compare.add_argument(f"--{name}", nargs="+", required=required, default=[], metavar="NAME=JSON")
    compare.add_argument("--output", type=Path, required=True, help="JSON to write")
    compare.add_argument("--table", type=Path, required=True, help="Markdown to write")
    amplify = actions.add_parser("amplify", help="how many true events generated ones are worth")
    phase_space = actions.add_parser("phase_space", help="compare samplers of a known matrix element")
    for action in (amplify, phase_space):
        add_settings(action)
        action.add_argument("--output", type=Path, required=True, help="JSON to write")
        _add_threads(action)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of `generate train`")


def run(arguments: argparse.Namespace) -> None:
    """Run one action."""
    actions = {"train": _train, "sample": _sample, "dataset": _dataset, "time": _time, "export": _export}
    actions |= {"evaluate": _evaluate, "compare": _compare}
    actions |= {"amplify": _amplify, "phase_space": _phase_space}
    actions[arguments.action](arguments)


def _train(arguments: argparse.Namespace) -> None:
    from resonaut.generate import train

    train.run(
        settings_argument(arguments.settings),
        named_paths(arguments.rows),
        *(arguments.weights, arguments.training, arguments.threads, arguments.epochs),
    )


def _sample(arguments: argparse.Namespace) -> None:
    from resonaut.generate import sample

    asked = (arguments.number, arguments.seed, arguments.extrapolate, arguments.device, arguments.threads)
    sample.run(
        *(arguments.weights, arguments.output, sample.Request(*asked)),
        manifests=named_paths(arguments.rows) if arguments.rows else None,
        words=arguments.conditions,
    )


def _dataset(arguments: argparse.Namespace) -> None:
    from resonaut.generate import dataset

    number = arguments.chunk.rsplit("/", 1)[-1]
    if not number.isdigit():
        raise ConfigError(f"--chunk: a number is expected, got '{arguments.chunk}'.")
    dataset.run(
        *(settings_argument(arguments.settings), arguments.weights, arguments.output, int(number)),
        named_paths(arguments.like or []),
        *(arguments.device, arguments.threads),
    )


def _time(arguments: argparse.Namespace) -> None:
    from resonaut.generate import time

    time.run(
        *(settings_argument(arguments.settings), arguments.weights, arguments.output),
        manifests=named_paths(arguments.rows) if arguments.rows else None,
        words=arguments.conditions,
    )


def _export(arguments: argparse.Namespace) -> None:
    from resonaut.generate import export

    export.run(arguments.weights, arguments.output, arguments.rows, force=arguments.force)


def _evaluate(arguments: argparse.Namespace) -> None:
    from resonaut.generate.evaluation import run

    run.run(
        settings_argument(arguments.settings),
        named_paths(arguments.rows),
        *(arguments.samples, arguments.output, arguments.threads),
    )


def _compare(arguments: argparse.Namespace) -> None:
    from resonaut.generate import compare

    compare.run(
        *(named_paths(words) for words in (arguments.evaluations, arguments.training, arguments.timing)),
        *(arguments.output, arguments.table),
    )


def _amplify(arguments: argparse.Namespace) -> None:
    from resonaut.generate.amplification import run

    run.run(settings_argument(arguments.settings), arguments.output, arguments.threads)


def _phase_space(arguments: argparse.Namespace) -> None:
    from resonaut.generate.phase_space import run

    run.run(settings_argument(arguments.settings), arguments.output, arguments.threads)
