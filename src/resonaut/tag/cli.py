"""Command line of the stage `tag`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument
from resonaut.tag.decorrelation import cli as decorrelation
from resonaut.tag.explain import cli as explain
from resonaut.tag.response import cli as response
from resonaut.tag.stability import cli as stability
from resonaut.tag.trigger import cli as trigger
from resonaut.tag.uncertainty import cli as uncertainty
from resonaut.tag.weak import cli as weak

KINDS = ("clouds", "features", "images", "showers")
"""Representations that taggers read (`representations.REPRESENTATIONS`)."""


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
    )


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_mutually_exclusive_group(required=True)
    for kind in KINDS:
        kinds.add_argument(f"--{kind}", dest="inputs", nargs="+", metavar="NAME=MANIFEST")


def _add_scored(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scored",
        nargs="+",
        default=[],
        metavar="TAGGER/DATASET=FILE",
        help="files of `tag score`, where scores of taggers are among the inputs",
    )


def _add_varied(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--varied",
        nargs="+",
        default=[],
        metavar="VARIATION/DATASET=MANIFEST",
        help="varied jets that join the training, for `robust.variations`",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions train, evaluate, tune, score, encode, cluster, compare, export and metrics."""
    actions = parser.add_subparsers(dest="action", required=True)
    train = actions.add_parser("train", help="train a tagger and measure it on test jets")
    add_settings(train)
    _add_inputs(train)
    _add_scored(train)
    _add_varied(train)
    train.add_argument("--tuned", type=Path, help="JSON of `tag tune`, whose best parameters are taken")
    train.add_argument("--transfer", type=Path, help="weights of the tagger that the training starts from")
    train.add_argument("--weights", type=Path, required=True, help="safetensors to write")
    train.add_argument("--scores", type=Path, required=True, help="HDF5 to write, scores of the test jets")
    train.add_argument("--training", type=Path, required=True, help="JSON to write: how it went")
    train.add_argument("--epochs", type=Path, help="JSONL to write, a line per epoch while it trains")
    _add_threads(train)
    evaluate = actions.add_parser("evaluate", help="measure a trained tagger on its test jets")
    evaluate.add_argument("--scores", type=Path, required=True, help="HDF5 of `tag train`")
    evaluate.add_argument("--training", type=Path, required=True, help="JSON of `tag train`")
    evaluate.add_argument("--output", type=Path, required=True, help="JSON to write: the metrics")
    tune = actions.add_parser("tune", help="search the best parameters of a tagger")
    add_settings(tune)
    _add_inputs(tune)
    _add_scored(tune)
    _add_varied(tune)
    tune.add_argument("--transfer", type=Path, help="weights of the tagger that trainings start from")
    tune.add_argument("--output", type=Path, required=True, help="JSON to write: the best parameters")
    tune.add_argument("--trials", type=Path, required=True, help="JSON to write: all trials")
    _add_threads(tune)
    score = actions.add_parser("score", help="score all jets of a dataset with trained weights")
    score.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    kinds = score.add_mutually_exclusive_group(required=True)
    for kind in KINDS:
        kinds.add_argument(f"--{kind}", dest="inputs", type=Path, metavar="MANIFEST")
    score.add_argument("--output", type=Path, required=True, help="HDF5 to write")
    _add_scored(score)
    _add_device(score)
    _add_threads(score)
    encode = actions.add_parser("encode", help="write a tagger's latent space as features of events")
    encode.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    encode.add_argument("--input", type=Path, required=True, help="a chunk of what the tagger reads (HDF5)")
    encode.add_argument("--output", type=Path, required=True, help="features to write (HDF5), row by row")
    encode.add_argument("--n-components", type=int, help="principal components; all latent columns if absent")
    encode.add_argument("--reference", type=Path, help="chunk of simulated events that they are found in")
    _add_device(encode)
    _add_threads(encode)
    cluster = actions.add_parser("cluster", help="share out the hits of two overlapping showers")
    add_settings(cluster)
    cluster.add_argument("--showers", type=Path, required=True, metavar="MANIFEST")
    cluster.add_argument("--weights", type=Path, required=True, help="safetensors to write")
    cluster.add_argument("--output", type=Path, required=True, help="JSON to write: how well it separates")
    _add_threads(cluster)
    compare = actions.add_parser("compare", help="compare the taggers of a study on the same jets")
    compare.add_argument("--scores", nargs="+", required=True, metavar="NAME=FILE")
    compare.add_argument("--metrics", nargs="+", required=True, metavar="NAME=FILE")
    compare.add_argument("--output", type=Path, required=True, help="JSON to write")
    compare.add_argument("--table", type=Path, required=True, help="Markdown to write")
    export = actions.add_parser("export", help="write a trained tagger as ONNX, once it agrees with torch")
    export.add_argument("--weights", type=Path, required=True, help="safetensors of `tag train`")
    export.add_argument("--output", type=Path, required=True, help="ONNX to write")
    export.add_argument("--force", action="store_true", help="replace the output if it is there")
    metrics = actions.add_parser("metrics", help="print the metrics of any scores as JSON")
    metrics.add_argument("--scores", type=Path, required=True, help=".npy, (n,) probability of signal")
    metrics.add_argument("--labels", type=Path, required=True, help=".npy, (n,) 1 signal, 0 background")
    uncertainty.add_arguments(actions, _add_inputs)
    trigger.add_arguments(actions)
    response.add_arguments(actions)
    decorrelation.add_arguments(actions)
    explain.add_arguments(actions, _add_inputs)
    stability.add_arguments(actions, _add_inputs)
    weak.add_arguments(actions, _add_inputs)


def run(arguments: argparse.Namespace) -> None:
    """Run one action."""
    actions = {"train": _train, "evaluate": _evaluate, "tune": _tune, "score": _score}
    actions |= {"encode": _encode, "compare": _compare, "export": _export, "metrics": _metrics}
    actions |= {"cluster": _cluster}
    actions |= {"uncertainty": uncertainty.run}
    actions |= {"trigger": trigger.run}
    actions |= {"response": response.run, "decorrelation": decorrelation.run}
    actions |= {"explain": explain.run}
    actions |= {"stability": stability.run, "weak": weak.run}
    actions[arguments.action](arguments)


def _train(arguments: argparse.Namespace) -> None:
    from resonaut.tag import train

    train.run(
        settings_argument(arguments.settings),
        named_paths(arguments.inputs),
        arguments.weights,
        arguments.scores,
        arguments.training,
        arguments.threads,
        arguments.epochs,
        train.More(
            *(named_paths(arguments.scored), arguments.tuned, arguments.transfer),
            named_paths(arguments.varied),
        ),
    )


def _evaluate(arguments: argparse.Namespace) -> None:
    from resonaut.tag import evaluate

    evaluate.run(arguments.scores, arguments.training, arguments.output)


def _tune(arguments: argparse.Namespace) -> None:
    from resonaut.tag import tune

    tune.run(
        settings_argument(arguments.settings),
        named_paths(arguments.inputs),
        arguments.output,
        arguments.trials,
        arguments.threads,
        named_paths(arguments.scored),
        arguments.transfer,
        named_paths(arguments.varied),
    )


def _score(arguments: argparse.Namespace) -> None:
    from resonaut.tag import score

    score.run(
        *(arguments.weights, arguments.inputs, arguments.output, arguments.threads, arguments.device),
        named_paths(arguments.scored),
    )


def _encode(arguments: argparse.Namespace) -> None:
    from resonaut.tag import encode

    encode.run(
        *(arguments.weights, arguments.input, arguments.output),
        *(arguments.n_components, arguments.reference, arguments.threads, arguments.device),
    )


def _cluster(arguments: argparse.Namespace) -> None:
    from resonaut.tag.segmentation import run

    run.run(
        *(settings_argument(arguments.settings), arguments.showers, arguments.weights, arguments.output),
        arguments.threads,
    )


def _compare(arguments: argparse.Namespace) -> None:
    from resonaut.tag import compare

    compare.run(
        named_paths(arguments.scores), named_paths(arguments.metrics), arguments.output, arguments.table
    )


def _export(arguments: argparse.Namespace) -> None:
    from resonaut.tag import export

    export.run(arguments.weights, arguments.output, force=arguments.force)


def _metrics(arguments: argparse.Namespace) -> None:
    from resonaut.tag.evaluation.metrics import from_files

    print(json.dumps(from_files(arguments.scores, arguments.labels).as_json(), indent=2))
