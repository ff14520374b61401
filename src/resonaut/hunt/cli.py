"""`resonaut hunt`."""

from __future__ import annotations

import argparse
from pathlib import Path

from resonaut.cli import add_settings, named_paths, settings_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions spectra, templates and evaluate."""
    actions = parser.add_subparsers(dest="action", required=True)
    spectra = actions.add_parser("spectra", help="select events and fit the background around each window")
    add_settings(spectra)
    spectra.add_argument(
        "--scores", required=True, type=Path, metavar="HDF5", help="scores of `resonaut detect`"
    )
    spectra.add_argument(
        "--output", required=True, type=Path, metavar="HDF5", help="selected spectra and fits"
    )
    spectra.add_argument("--summary", required=True, type=Path, metavar="JSON", help="the same to read")
    templates = actions.add_parser("templates", help="select a simulated signal, as it is and as it varies")
    add_settings(templates)
    templates.add_argument(
        "--varied", required=True, type=Path, metavar="HDF5", help="scores of varied events, of `detect`"
    )
    templates.add_argument("--scores", required=True, type=Path, metavar="HDF5", help="of `resonaut detect`")
    templates.add_argument("--spectra", required=True, type=Path, metavar="HDF5", help="of `hunt spectra`")
    templates.add_argument("--output", required=True, type=Path, metavar="HDF5", help="selected events")
    templates.add_argument("--summary", required=True, type=Path, metavar="JSON", help="acceptances")
    templates.add_argument("--table", required=True, type=Path, metavar="MD", help="the same as a table")
    templates.add_argument(
        "--response", required=True, type=Path, metavar="JSON", help="changes of the scores"
    )
    evaluate = actions.add_parser("evaluate", help="measure gain, sculpting and what is selected")
    add_settings(evaluate)
    evaluate.add_argument("--scores", required=True, type=Path, metavar="HDF5", help="of `resonaut detect`")
    evaluate.add_argument("--spectra", required=True, type=Path, metavar="HDF5", help="of `hunt spectra`")
    evaluate.add_argument("--mixture", required=True, type=Path, metavar="HDF5", help="of `represent mix`")
    evaluate.add_argument(
        "--features",
        nargs="+",
        default=[],
        metavar="NAME=MANIFEST",
        help="features of each dataset of the mixture, for histograms of what is selected",
    )
    evaluate.add_argument("--metrics", type=Path, metavar="JSON", help="of `detect`, for importances")
    evaluate.add_argument("--output", required=True, type=Path, metavar="JSON", help="the evaluation")


def run(arguments: argparse.Namespace) -> None:
    """Run one action."""
    {"spectra": _spectra, "templates": _templates, "evaluate": _evaluate}[arguments.action](arguments)


def _spectra(arguments: argparse.Namespace) -> None:
    from resonaut.hunt.spectra import hunt

    hunt(settings_argument(arguments.settings), arguments.scores, arguments.output, arguments.summary)


def _templates(arguments: argparse.Namespace) -> None:
    from resonaut.hunt.templates import Outputs, templates

    output = Outputs(arguments.output, arguments.summary, arguments.table, arguments.response)
    inputs = arguments.scores, arguments.varied, arguments.spectra
    templates(settings_argument(arguments.settings), *inputs, output)


def _evaluate(arguments: argparse.Namespace) -> None:
    from resonaut.hunt.evaluate import evaluate
    from resonaut.hunt.search import Inputs

    inputs = Inputs(
        arguments.scores,
        arguments.spectra,
        arguments.mixture,
        named_paths(arguments.features),
        arguments.metrics,
    )
    evaluate(settings_argument(arguments.settings), inputs, arguments.output)
